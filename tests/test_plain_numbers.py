"""A number is written in one way wherever it is text: in forms, queries, JSON, options, settings and lists."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from typing import Any, get_args

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError
from typer.testing import CliRunner

import vultus.api.routes
import vultus.schemas
from vultus.cli.command_table import COMMANDS, app, load
from vultus.config import Settings
from vultus.plain_numbers import plain_integer, plain_number

NO_NUMBERS = [
    "5_0",
    "+5",
    "0x10",
    "\u0665",  # five in Arabic digits
    "inf",
    "-inf",
    "nan",
    "NaN",
    "Infinity",
    "5.",
    ".5",
    "05",
    "1e",
    "",
    "5 0",
    "1,5",
]
NO_INTEGERS = [*NO_NUMBERS, "5.5", "1e-1", "1e999"]


@pytest.mark.parametrize(
    ("text", "number"), [("5", 5), (" 5 ", 5), ("-0.5", -0.5), ("1e3", 1000.0), ("1E-4", 1e-4), ("0", 0), (7, 7)]
)
def test_a_number_is_read_as_in_json(text: Any, number: float) -> None:
    assert plain_number(text) == number


@pytest.mark.parametrize(("text", "number"), [("5", 5), ("1e3", 1000), ("5.0", 5), (2.0, 2)])
def test_whole_numbers_may_be_written_as_json_writes_them(text: Any, number: int) -> None:
    found = plain_integer(text)
    assert (found, type(found)) == (number, int)


@pytest.mark.parametrize("text", [*NO_NUMBERS, True, "1" * 41])
def test_what_is_no_number_in_json_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match="must be a number"):
        plain_number(text)


def request_fields() -> Iterator[tuple[str, Any, type]]:
    """Every number that a request may have: its place, its field, int or float."""
    for package in vultus.schemas, vultus.api.routes, vultus.api:
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            for shape in vars(import_module(module.name)).values():
                if (
                    isinstance(shape, type)
                    and issubclass(shape, BaseModel)
                    and shape.model_config.get("extra") == "forbid"
                ):
                    yield from numbers_of(shape)


def numbers_of(shape: type[BaseModel]) -> Iterator[tuple[str, Any, type]]:
    for name, field in shape.model_fields.items():
        kinds = flat(field.annotation)
        for kind in (int, float):
            if kind in kinds:
                yield f"{shape.__name__}.{name}", field, kind


def flat(annotation: Any) -> set[Any]:
    """The types in an annotation such as Annotated[float, ...] | None; lists aside."""
    inner = get_args(annotation)
    if not inner or getattr(annotation, "__origin__", None) in (list, tuple, dict):
        return {annotation}
    return set().union(*(flat(one) for one in inner if isinstance(one, type) or get_args(one)))


FIELDS = {place: (field, kind) for place, field, kind in request_fields()}


def test_the_walk_finds_the_numbers_of_all_doors() -> None:
    assert {
        *("EnrollFields.min_quality", "VerifyFields.threshold", "FindFields.top_k", "CompareFields.face_index"),
        *("Page.limit", "AuditQuery.limit", "PhotoQuery.size", "PolicyFields.target_fpir"),
        *("RotationFields.overlap_minutes", "KeyFields.requests_per_minute"),
    } <= set(FIELDS)


@pytest.mark.parametrize("place", FIELDS)
def test_every_number_of_a_request_is_read_plainly(place: str) -> None:
    field, kind = FIELDS[place]
    reader: TypeAdapter[Any] = TypeAdapter(field.rebuild_annotation())
    for text in NO_INTEGERS if kind is int else NO_NUMBERS:
        if text:  # a blank may count as absent
            with pytest.raises(ValidationError):
                reader.validate_python(text)


SETTINGS = {name: kind for name, field in Settings.model_fields.items() for kind in (int, float) if kind in flat(field.annotation)}  # fmt: skip # noqa: E501


@pytest.mark.parametrize("name", SETTINGS)
def test_every_number_of_a_setting_is_read_plainly(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for text in NO_INTEGERS if SETTINGS[name] is int else NO_NUMBERS:
        monkeypatch.setenv(f"VULTUS_{name.upper()}", text)
        with pytest.raises(ValidationError, match="must be a"):
            Settings()


def test_a_setting_may_be_written_as_json_writes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VULTUS_MAX_FACES", "1e2")
    monkeypatch.setenv("VULTUS_TARGET_FMR", " 1e-4 ")
    assert (Settings().max_faces, Settings().target_fmr) == (100, 1e-4)


def options(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, each in getattr(command, "commands", {}).items():
        yield from options(each, (*path, name))
    for option in command.params:
        if option.type_descriptor.annotation in (int, float):
            yield path, option


OPTIONS = [found for name in COMMANDS for found in options(load(name), (name,))]


@pytest.mark.parametrize(("path", "option"), OPTIONS, ids=[f"{' '.join(path)} {one.name}" for path, one in OPTIONS])
def test_every_number_of_an_option_is_read_plainly(path: tuple[str, ...], option: Any) -> None:
    name = option.name.replace("_", "-")
    for text in NO_INTEGERS if option.type_descriptor.annotation is int else NO_NUMBERS:
        answer = CliRunner().invoke(app, [*path, f"--{name}={text}"])
        assert answer.exit_code == 2, (text, answer.output)
        assert f"--{name}" in answer.output, (text, answer.output)


def test_options_keep_their_ranges() -> None:
    answer = CliRunner().invoke(app, ["find", "a.png", "--top-k", "101"])
    assert (answer.exit_code, "--top-k" in answer.output) == (2, True)
    assert len({tuple(path) for path, _ in OPTIONS}) > 5
