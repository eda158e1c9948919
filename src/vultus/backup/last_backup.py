"""What is known of the last verified backup: a small file in the data folder, for those who watch over its age."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from vultus.files import PRIVATE, read_regular, write_whole

FILE_NAME = "last_backup.json"


@dataclass(frozen=True)
class LastBackup:
    """The last backup that was verified after it was written.

    at: when its content was copied, aware. file: its name, without the folder. bytes: of the file. sha256: of the file,
    64 hex digits.
    """

    at: datetime
    file: str
    bytes: int
    sha256: str


def write_last_backup(data_dir: Path, backup: LastBackup) -> None:
    """Put it in the place of the one before. Raises: OSError."""
    values = {**asdict(backup), "at": backup.at.isoformat(timespec="seconds")}
    write_whole(data_dir / FILE_NAME, json.dumps(values, indent=2).encode("ascii") + b"\n", mode=PRIVATE)


def read_last_backup(data_dir: Path) -> LastBackup | None:
    """The last verified backup of this data folder; None where none is known, or the file cannot be read."""
    try:
        values = json.loads(read_regular(data_dir / FILE_NAME))
        at = datetime.fromisoformat(values["at"])
        backup = LastBackup(at, str(values["file"]), int(values["bytes"]), str(values["sha256"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return backup if at.tzinfo is not None else None
