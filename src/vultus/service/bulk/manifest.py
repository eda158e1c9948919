"""manifest.csv of an archive: whose photo each file is. Columns: file, subject, and name if wanted."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO

from vultus.errors import InvalidRequest

MANIFEST = "manifest.csv"
MAX_MANIFEST_BYTES = 8 << 20
NEEDED = ("file", "subject")


@dataclass(frozen=True)
class Row:
    """subject: the id of the person. name: what the person is called; None where the cell is empty."""

    subject: str
    name: str | None


def read_manifest(content: bytes) -> Mapping[str, Row]:
    """The rows by the names of their files. Raises InvalidRequest, with the line and without its content."""
    try:
        reader = csv.DictReader(StringIO(content.decode("utf-8-sig"), newline=""), restval="")
        missing = [name for name in NEEDED if name not in (reader.fieldnames or ())]
        if missing:
            raise InvalidRequest(f"{MANIFEST} lacks the column {', '.join(missing)}; its first line is: file,subject")
        rows: dict[str, Row] = {}
        for row in reader:
            file, subject = row["file"].strip(), row["subject"].strip()
            if not file or not subject:
                raise InvalidRequest(f"line {reader.line_num} of {MANIFEST} has no file or no subject; fill it in")
            if file in rows:
                raise InvalidRequest(f"line {reader.line_num} of {MANIFEST} lists a file again; list each once")
            rows[file] = Row(subject, (row.get("name") or "").strip() or None)
        return rows
    except (UnicodeDecodeError, csv.Error) as exc:
        raise InvalidRequest(f"{MANIFEST} is no CSV in UTF-8; save it as such") from exc
