"""The files of the console: each with its type and its ETag, read once."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

FOLDER = Path(__file__).parent / "static"
PAGE = "index.html"
# By the end of the name. A module with another type is not run, as all answers say nosniff.
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
INLINE_SCRIPT = re.compile(rb"<script[^>]*>(.+?)</script>", re.DOTALL)


@dataclass(frozen=True)
class StaticFile:
    """The bytes of a file, its media type, and the tag that changes with the bytes."""

    content: bytes
    media_type: str
    tag: str


class ConsoleFiles:
    """All files below a folder, by their path in it. A path that is none of them leads nowhere."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder

    def get(self, path: str) -> StaticFile | None:
        """path: like `app/main.mjs`. None where there is no such file."""
        return self._files.get(path)

    @cached_property
    def policy(self) -> str:
        """The content security policy of the page: our own files, and its import map by the hash.

        No inline style, no eval, no other host; `blob:` for photos that were chosen here or fetched with the key.
        """
        scripts = "".join(f" '{digest(found)}'" for found in INLINE_SCRIPT.findall(self._files[PAGE].content))
        return (
            f"default-src 'none'; script-src 'self'{scripts}; style-src 'self'; img-src 'self' blob: data:; "
            "media-src blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
            "require-trusted-types-for 'script'; trusted-types 'none'"
        )

    @cached_property
    def _files(self) -> dict[str, StaticFile]:
        paths = (path for path in self._folder.rglob("*") if path.suffix in TYPES)
        return {path.relative_to(self._folder).as_posix(): _read(path) for path in paths}


def digest(script: bytes) -> str:
    """The hash of an inline script, as a policy names it (CSP Level 3, section 2.3.1)."""
    return "sha256-" + b64encode(hashlib.sha256(script).digest()).decode("ascii")


def _read(path: Path) -> StaticFile:
    content = path.read_bytes()
    return StaticFile(content, TYPES[path.suffix], f'"{hashlib.sha256(content).hexdigest()[:32]}"')
