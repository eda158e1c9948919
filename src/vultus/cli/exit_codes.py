"""Exit codes, and the place where exceptions become one: a sentence on stderr, never a traceback."""

from __future__ import annotations

from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from vultus.cli.output import print_json, say
from vultus.errors import FILE_FAILED, VultusError

REFUSED = 1
PARTLY = 3
NEGATIVE = 4
INTERRUPTED = 130

EXIT_CODES = """**Exit codes**

0: done.

1: refused or failed; the sentence is on stderr, with --json also {"error", "detail"} on stdout.

2: wrong usage.

3: partly done: some photos or models were refused.

4: with --exit-code only: not verified, or nobody found for certain.

130: stopped by Ctrl-C.

Settings come from VULTUS_* variables or a .env file; options override them.
"""


class Guarded(TyperGroup):
    """The commands; every expected failure becomes a sentence and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command of the context."""
        try:
            return super().invoke(ctx)
        except VultusError as exc:
            _refuse(ctx, exc.code, str(exc) or str(type(exc).__doc__))
        except BrokenPipeError:
            raise
        except OSError as exc:
            _refuse(ctx, FILE_FAILED, sentence_of(exc))
        except KeyboardInterrupt:
            say("stopped")
            raise typer.Exit(INTERRUPTED) from None


def sentence_of(exc: OSError) -> str:
    """The refusal of the operating system, with the file where it is known."""
    reason = exc.strerror or type(exc).__name__
    return reason if exc.filename is None else f"{exc.filename}: {reason}; check the path and its permissions"


def _refuse(ctx: typer.Context, code: str, sentence: str) -> NoReturn:
    if ctx.find_root().obj.as_json:
        print_json({"error": code, "detail": sentence})
    say(sentence)
    raise typer.Exit(REFUSED)
