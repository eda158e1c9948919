"""TOML files of the model folder as pydantic dataclasses, strictly; and calibrations, written."""

from __future__ import annotations

import tomllib
from collections.abc import Hashable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from vultus.errors import ModelInvalid, StorageFailed
from vultus.files import make_folders, write_whole
from vultus.findings import Steps, Wording, sentence_of
from vultus.models.card_fields import dotted, what_to_write
from vultus.models.card_parts import SOURCES

T = TypeVar("T")

UNKNOWN_FIELD = "{place} is not a field of a model card; remove it or correct its spelling"


def parse_toml(text: str, name: str, kind: type[T]) -> T:
    """The text as a `kind`; `name` stands for the file in errors.

    Raises: ModelInvalid naming the file, the first field that is missing, unknown or wrong, and what to write.
    """
    try:
        # By alias alone: a field that has another name in TOML than in code is unknown under the latter.
        found: T = _validator(cast(Hashable, kind)).validate_python(tomllib.loads(text), by_alias=True, by_name=False)
        return found
    except (tomllib.TOMLDecodeError, RecursionError) as exc:  # the latter from brackets nested by the thousand
        raise ModelInvalid(f"model card {name} is no TOML: {exc}; correct that line") from exc
    except ValidationError as exc:
        raise ModelInvalid(f"model card {name}: {sentence_of(exc.errors(), wording_of(kind), at_most=1)}") from exc


def wording_of(kind: type[Any]) -> Wording:
    """The words about a wrong card, or a part of one: the path of the field and what to write there."""
    return Wording(
        place=lambda steps: dotted(_fields(steps)),
        missing="{place} is missing; write {wanted}",
        unknown=UNKNOWN_FIELD,
        wrong="{place} is {value!r}; write {wanted}",
        said="{place} {message}",
        wanted=lambda steps: what_to_write(kind, _fields(steps)),
    )


@cache
def _validator(kind: Any) -> TypeAdapter[Any]:
    # Building one takes longer than reading all cards with it.
    return TypeAdapter(kind)


def _fields(steps: Steps) -> Steps:
    """The steps without the kind of a source, which pydantic puts after its position: sources, 0, url, origin."""
    return tuple(step for i, step in enumerate(steps) if i < 2 or steps[i - 2] != "sources" or step not in SOURCES)


def write_calibration_text(path: Path, text: str) -> None:
    """Write a calibration of any kind, as TOML, whole or not at all. Raises: StorageFailed."""
    try:
        make_folders(path.parent)
        write_whole(path, text.encode())
    except OSError as exc:
        raise StorageFailed(
            f"the calibration could not be written to {path}: {exc.strerror or exc}; choose another place with --out"
        ) from exc
