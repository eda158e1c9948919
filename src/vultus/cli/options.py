"""The options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from vultus import identifiers
from vultus.cli.context import context_of
from vultus.plain_numbers import plain_integer, plain_number
from vultus.records.liveness import LivenessMode


def _remember_json(ctx: typer.Context, value: bool) -> bool:
    if not ctx.resilient_parsing:
        context_of(ctx).as_json = value
    return value


def _checked(check: Callable[[str], str], value: str | list[str] | None) -> str | list[str] | None:
    """Refuses as wrong usage whatever the HTTP calls would refuse."""
    try:
        return check(value) if isinstance(value, str) else value and [check(one) for one in value]
    except ValueError as exc:
        raise typer.BadParameter(str(exc)) from exc


def check_collection(value: str | None) -> str | list[str] | None:
    """Callback of --collection."""
    return _checked(identifiers.check_collection, value)


def check_subject(value: str | None) -> str | list[str] | None:
    """Callback of --subject."""
    return _checked(identifiers.check_subject, value)


def check_known_subject(value: str | None) -> str | list[str] | None:
    """Callback of an id that is enrolled."""
    return _checked(identifiers.check_known_subject, value)


def check_name(value: str | None) -> str | list[str] | None:
    """Callback of --name."""
    return _checked(identifiers.check_name, value)


def read_numbers_plainly(command: Any) -> None:
    """Let the number options of a command, and of its sub-commands, read text as JSON does: 5_0 is no number."""
    for option in command.params:
        read = {int: plain_integer, float: plain_number}.get(option.type_descriptor.annotation)
        if read is not None:
            option.process_value = partial(_processed, option, read, option.process_value)
    for each in getattr(command, "commands", {}).values():
        read_numbers_plainly(each)


def _processed(
    option: Any, read: Callable[[Any], Any], process: Callable[..., Any], ctx: typer.Context, value: Any
) -> Any:
    try:
        number = read(value)
    except ValueError as exc:
        raise typer.BadParameter(str(exc), ctx=ctx, param=option) from exc
    return process(ctx, number)


def check_rate(value: float | None) -> float | None:
    """Callback of an error rate."""
    if value is not None and not 0 < value < 1:
        raise typer.BadParameter("must be between 0 and 1, without the ends")
    return value


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.", callback=_remember_json, is_eager=True)]
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Folder of the database and the photos.", rich_help_panel="Settings"),
]
ModelDir = Annotated[
    Path | None, typer.Option("--model-dir", help="Folder of the prepared models.", rich_help_panel="Settings")
]
OnDevice = Annotated[
    Literal["cpu", "cuda", "auto"] | None,
    typer.Option("--device", help="What computes the networks; cuda is a GPU.", rich_help_panel="Settings"),
]
InCollection = Annotated[str, typer.Option("--collection", help="Name of the collection.", callback=check_collection)]
ModelName = Annotated[str | None, typer.Option("--model", "--model-name", help="Recognition model, by id or alias.")]
AcceptLowQuality = Annotated[
    bool, typer.Option("--accept-low-quality", help="Decide on a photo that is too damaged all the same.")
]
Strict = Annotated[
    bool,
    typer.Option("--strict", help="Refuse a face that fits another subject of the collection, instead of a caution."),
]
Liveness = Annotated[
    LivenessMode | None,
    typer.Option("--liveness", help="Whether the face is live: report it, or require it. Needs the model minifasnet."),
]
OtherService = Literal["compreface", "deepface", "rekognition"]  # those whose galleries `vultus import` reads
FromService = Annotated[
    OtherService | None,
    typer.Option(
        "--from",
        metavar="SERVICE",
        help="The people of another service; compreface: FOLDER is its address; deepface: the folder that it searches; "
        "rekognition: a CSV of photos with file, external_image_id and user_id.",
    ),
]
AsExitCode = Annotated[bool, typer.Option("--exit-code", help="Exit with 4 when the answer is no.")]
