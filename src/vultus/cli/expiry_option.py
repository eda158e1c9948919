"""The option that says when a subject is erased."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from vultus.schemas.field_types import FutureMoment


def read_coming_moment(value: str) -> datetime:
    """Parser of a moment with time zone that has not come yet."""
    try:
        return _COMING.validate_python(value)
    except ValidationError as exc:
        raise typer.BadParameter(exc.errors()[0]["msg"].removeprefix("Value error, ")) from None


_COMING: TypeAdapter[datetime] = TypeAdapter(FutureMoment)
ExpiresAt = Annotated[
    datetime | None,
    typer.Option(
        "--expires-at",
        metavar="MOMENT",
        help="When the subject is erased, like 2027-01-31T00:00:00Z.",
        parser=read_coming_moment,
    ),
]
