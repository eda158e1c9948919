"""pydantic's findings as one sentence, for requests, settings and model cards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Steps = tuple[int | str, ...]  # from the whole input to a field: names, and positions in lists

MAX_PATH_CHARACTERS = 60  # of a name that the caller chose
# pydantic's error types for a field that is not in the model: of a BaseModel, of a dataclass.
_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")


class FieldError(ValueError):
    """Raised by a validator of several fields, for one of them.

    field: its name, or the steps to it. message: as of any ValueError; empty where `kind` is enough.
    """

    def __init__(
        self, field: str | Steps, message: str = "", *, kind: Literal["missing", "unknown", "said"] = "said"
    ) -> None:
        super().__init__(message)
        self.steps: Steps = (field,) if isinstance(field, str) else field
        self.kind = kind


@dataclass(frozen=True)
class Wording:
    """The words of the sentences about one kind of input, as templates for `str.format`.

    place: the name of a field in a sentence; empty for the whole input.
    missing, unknown: about a field that is absent, or that there is not. wrong: where pydantic refused the value; said:
    where a validator raised ValueError. They may use {place}; {path}, the dotted steps; {message}, without the value;
    {value}, only where it may be repeated; {wanted}, what to write instead.
    skipped: steps that are not part of a path.
    """

    place: Callable[[Steps], str]
    missing: str
    unknown: str
    wrong: str
    said: str
    wanted: Callable[[Steps], str] = lambda steps: ""
    skipped: tuple[str, ...] = ()


def sentence_of(errors: Sequence[Any], wording: Wording, *, at_most: int | None = None) -> str:
    """The first findings of a ValidationError's `errors()`, joined by semicolons."""
    return "; ".join(_finding(error, wording) for error in errors[:at_most])


def _finding(error: Mapping[str, Any], wording: Wording) -> str:
    steps = tuple(step for step in error["loc"] if step not in wording.skipped)
    kind = "unknown" if error["type"] in _UNKNOWN else error["type"]
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, FieldError):
        steps, kind = (*steps, *cause.steps), cause.kind
    text = str(cause) if isinstance(cause, ValueError) else str(error["msg"])
    place = wording.place(steps)
    if kind == "missing":
        template = wording.missing
    elif kind == "unknown":
        template = wording.unknown
    elif not place:
        return text
    else:
        template = wording.said if isinstance(cause, ValueError) else wording.wrong
    return template.format(
        place=place,
        path=".".join(map(str, steps))[:MAX_PATH_CHARACTERS],
        message=text[:1].lower() + text[1:],
        value=error.get("input"),
        wanted=wording.wanted(steps),
    )
