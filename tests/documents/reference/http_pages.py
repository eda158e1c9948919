"""The pages of calls: for each one Python, curl, JavaScript, and the answer."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from tests.documents.reference.examples import ReferencePage
from tests.documents.reference.recording import Recorded
from tests.documents.reference.shortened import answer_of, sent

CUT = '"...'  # where a list was cut
JSON_HEADER = "Content-Type: application/json"

BEGINNING = """\
# {title}

Made from the code by `python -m tests.documents.reference`. Every call was made on a server with the default model.
This is what it answered. Long lists are cut, and say how long they are. Ids, digests and times are samples.
Capitals such as `FACE_ID` stand for a value of an earlier answer.

The examples need these variables. [First calls](../start/first-calls.md) says where the key comes from.

```sh
export VULTUS_URL=http://127.0.0.1:8000 VULTUS_KEY=...
```

Those in Python begin with

```python
from vultus_client import Client

vultus = Client()
```

and those in JavaScript, for Node 20 or newer, with

```javascript
import {{ readFile }} from "node:fs/promises"; // in a browser: a File of <input type="file"> in place of photo(...)

const url = process.env.VULTUS_URL;
const headers = {{ Authorization: `Bearer ${{process.env.VULTUS_KEY}}` }};
const photo = async (path) => new Blob([await readFile(path)]);
```

What each field means is in [the HTTP contract](../http-api.md); what an error asks for, in [errors](errors.md).
"""


def page_of(page: ReferencePage, calls: Sequence[Recorded], document: Any) -> str:
    """A whole page. document: of OpenAPI."""
    text = BEGINNING.format(title=page.title)
    before = None
    for call in calls:
        path = route_of(call, document)
        if (call.method, path) != before:
            described = document["paths"][path][call.method.lower()].get("description", "").strip()
            text += f"\n## {call.method} {path}\n\n{_paragraphs(described)}\n"
        text += f"\n{_blocks(call)}"
        before = (call.method, path)
    return text


def _paragraphs(described: str) -> str:
    """Without the line for curl that some have for /docs."""
    lines = [line.strip() for line in described.splitlines() if not line.startswith("curl ")]
    return "\n".join(lines).strip()


def route_of(call: Recorded, document: Any) -> str:
    """The path of OpenAPI that took the call: the one with the fewest parameters that fits."""
    fitting = [path for path in document["paths"] if _fits(path, call)]
    return min(fitting, key=lambda path: path.count("{"))


def _fits(path: str, call: Recorded) -> bool:
    wanted, given = path.split("/"), call.path.split("/")
    return len(wanted) == len(given) and all(a.startswith("{") or a == b for a, b in zip(wanted, given, strict=True))


def _blocks(call: Recorded) -> str:
    answer, language = answer_of(call)
    return (
        f"```python\n{call.example.python}\n```\n\n"
        f"```sh\n{curl(call)}\n```\n\n"
        f"```javascript\n{javascript(call)}\n```\n\n"
        f"{call.status} {HTTPStatus(call.status).phrase}\n\n"
        f"```{language}\n{answer}\n```\n"
    )


def _address(call: Recorded) -> str:
    return call.path + (f"?{call.query}" if call.query else "")


def curl(call: Recorded) -> str:
    """The call for a shell."""
    words = ["curl", "-H", '"Authorization: Bearer $VULTUS_KEY"']
    if call.method != ("POST" if call.form else "GET"):
        words += ["-X", call.method]
    for name, value in call.form:
        text = f"{name}=@{value.name}" if isinstance(value, Path) else f"{name}={_cut(value)}"
        words += ["-F", shlex.quote(text)]
    if call.body is not None:
        words += ["-H", f'"{JSON_HEADER}"', "-d", shlex.quote(json.dumps(sent(call.body)))]
    if call.content_type in ("image/jpeg", "application/zip"):
        words += ["-o", "face.jpg" if "jpeg" in call.content_type else "anna.zip"]
    return " ".join([*words, f'"$VULTUS_URL{_address(call)}"'])


def _cut(text: str) -> str:
    """Of a form field: with its long lists cut, where it is JSON."""
    return json.dumps(sent(json.loads(text))) if text.startswith("[") else text


def javascript(call: Recorded) -> str:
    """The call for Node or a browser."""
    lines, options = [], ["headers"]
    if call.form:
        lines.append("const form = new FormData();")
        for name, value in call.form:
            given = f'await photo("{value.name}")' if isinstance(value, Path) else json.dumps(_cut(value))
            lines.append(f'form.append("{name}", {given});')
        options.append("body: form")
    if call.body is not None:
        options[0] = 'headers: { ...headers, "Content-Type": "application/json" }'
        options.append(f"body: JSON.stringify({json.dumps(sent(call.body))})")
    if call.method != "GET":
        options.insert(0, f'method: "{call.method}"')
    lines.append(f"const answer = await fetch(`${{url}}{_address(call)}`, {{ {', '.join(options)} }});")
    read = {"application/json": "json", "image/jpeg": "blob", "application/zip": "blob"}.get(call.content_type, "text")
    return "\n".join([*lines, f"console.log(answer.status, await answer.{read}());"])
