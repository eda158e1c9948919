"""Reads embeddings that the caller kept from a JSON file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from vultus.errors import InvalidRequest
from vultus.files import open_regular
from vultus.json_text import parse_json

MAX_BYTES = 64 * 1024 * 1024  # some 6,000 embeddings of 512 numbers
WRITE = "write an array of numbers, like [0.1, -0.2], or an array of such arrays"

EmbeddingFile = Annotated[
    Path | None,
    typer.Option(
        "--embedding", metavar="FILE.json", help="In place of photos: embeddings that --model made, as JSON arrays."
    ),
]


def read_embeddings(path: Path) -> list[list[float]]:
    """One embedding, or several, each of any length. Raises: OSError; InvalidRequest when the file holds none."""
    with open_regular(path) as file:
        text = file.read(MAX_BYTES + 1)
    if len(text) > MAX_BYTES:
        raise InvalidRequest(f"{path.name} has more than {MAX_BYTES} bytes, the limit; use several files")
    try:
        value = parse_json(text)
    except ValueError as exc:
        raise InvalidRequest(f"{path.name} is not JSON; {WRITE}") from exc
    rows = value if isinstance(value, list) and value and isinstance(value[0], list) else [value]
    if not all(_is_vector(row) for row in rows):
        raise InvalidRequest(f"{path.name} holds something else than embeddings; {WRITE}")
    return rows


def read_embedding(path: Path) -> list[float]:
    """The one embedding of a file. Raises: OSError; InvalidRequest when the file holds none, or several."""
    rows = read_embeddings(path)
    if len(rows) > 1:
        raise InvalidRequest(f"{path.name} holds {len(rows)} embeddings; search with one")
    return rows[0]


def _is_vector(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(one, int | float) and not isinstance(one, bool) for one in value)
    )
