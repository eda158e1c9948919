"""Reads a list that the operator gives as a CSV file: groups of people, pairs of photos."""

from __future__ import annotations

import csv
from io import TextIOWrapper
from pathlib import Path

from vultus.errors import InvalidRequest
from vultus.files import open_regular


def read_rows(path: Path, needed: set[str]) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV with their line numbers, cells stripped; UTF-8, with or without a byte-order mark.

    needed: columns that must be there. Raises InvalidRequest when one is not, or when the file cannot be read.
    """
    try:
        with TextIOWrapper(open_regular(path), "utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="")
            absent = needed - set(reader.fieldnames or ())
            if absent:
                raise InvalidRequest(f"{path.name} lacks the column {', '.join(sorted(absent))}; add it in line 1")
            return [(reader.line_num, {key: row[key].strip() for key in reader.fieldnames or ()}) for row in reader]
    except OSError as exc:
        raise InvalidRequest(f"the list {path} cannot be read ({exc.strerror}); give an existing CSV file") from exc
    except (UnicodeDecodeError, csv.Error) as exc:
        raise InvalidRequest(f"the list {path} is no CSV in UTF-8; save it as such") from exc
