"""The page of the command line, from the commands themselves."""

from __future__ import annotations

import re
from typing import Any

from vultus.cli.command_table import COMMANDS, load

BEGINNING = """\
# All commands and options

Made from the code by `python -m tests.documents.reference`. What the commands are for is in
[the command line](../cli.md). Every command has `--help`.
Settings such as `--data-dir` may also be environment variables: [settings](../settings.md).
"""


def commands_page() -> str:
    """The whole page."""
    text = BEGINNING
    for name in COMMANDS:
        command = load(name)
        inner = getattr(command, "commands", None) or {}
        text += f"\n## vultus {name}\n\n{_plain(command.help)}\n"
        text += "".join(_of_one(f"vultus {name} {sub}", one, "###") for sub, one in inner.items())
        text += "" if inner else _usage(f"vultus {name}", command)
    return text


def _of_one(called: str, command: Any, level: str) -> str:
    return f"\n{level} {called}\n\n{_plain(command.help)}\n{_usage(called, command)}"


def _usage(called: str, command: Any) -> str:
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option" and not one.hidden]
    words = " ".join([called, *(_argument(one) for one in arguments), *(["[OPTIONS]"] if options else [])])
    rows = [f"| `{_argument(one)}` |  | {_cell(one.help)} |" for one in arguments]
    rows += [f"| {_names(one)} | {_default(one)} | {_cell(one.help)} |" for one in options]
    table = "\n| Argument or option | Default | Meaning |\n|---|---|---|\n" + "\n".join(rows) + "\n" if rows else ""
    return f"\n```\n{words}\n```\n{table}"


def _argument(one: Any) -> str:
    name = str(one.metavar or one.name).upper().strip("[].")
    name += "..." if one.nargs == -1 else ""
    return name if one.required else f"[{name}]"


def _names(option: Any) -> str:
    return ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))


def _default(option: Any) -> str:
    shown = option.default if isinstance(option.default, int | float | str) and option.default != "" else None
    return "" if shown is None or isinstance(shown, bool) else f"`{shown}`"


def _cell(text: str | None) -> str:
    return _plain(text).replace("\n", " ").replace("|", "\\|")


def _plain(text: str | None) -> str:
    """Help as the command line has it, in the lines that it has."""
    return "\n".join(line.rstrip() for line in re.sub(r"\x08", "", text or "").strip().splitlines())
