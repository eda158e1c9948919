"""A data folder and its erasure ledger: what the folder knows of the ledger, and what it has still to erase."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from vultus.errors import StorageFailed
from vultus.files import PRIVATE, read_regular, write_whole
from vultus.storage.audit import Act
from vultus.storage.database import Database
from vultus.storage.erasure_ledger.ledger import ErasureLedger
from vultus.storage.erasure_ledger.replay import replay
from vultus.storage.erasure_marks import latest_erasure
from vultus.storage.lifetimes.erasures import PhotoKeys

MARK = "erasure_ledger.json"


@dataclass(frozen=True)
class Mark:
    """Which ledger a data folder keeps, and when it was replayed: its bytes and the erasures of the database then."""

    ledger: str
    bytes: int = 0
    erasures: int = -1


def keeps_ledger(data_dir: Path) -> bool:
    """Whether a data folder has a ledger that it knows. Raises StorageFailed."""
    return _read_mark(data_dir) is not None


def open_ledger(path: Path | None, data_dir: Path, *, may_make: bool = True) -> ErasureLedger | None:
    """The ledger of a data folder; None where none is kept. may_make: whether it is made where there was none.

    Raises StorageFailed, when the folder kept one that is not there now, or is another one, or has lost lines.
    """
    mark = _read_mark(data_dir)
    way_out = f"if it is lost for good, or no longer wanted, remove {data_dir / MARK}"
    if path is None:
        if mark is not None:
            raise StorageFailed(f"this data folder keeps an erasure ledger; set VULTUS_ERASURE_LEDGER; {way_out}")
        return None
    if mark is not None and not path.exists():
        raise StorageFailed(f"the erasure ledger {path} is gone; mount its disk, or put it back; {way_out}")
    if not may_make and not path.exists():
        raise StorageFailed(
            f"the erasure ledger {path} is not there; mount its disk, or put it back. To restore although whoever was "
            "erased since comes back: leave VULTUS_ERASURE_LEDGER out"
        )
    ledger = ErasureLedger(path)
    if mark is not None and (ledger.key.id != mark.ledger or ledger.bytes < mark.bytes):
        problem = "is not that of this data folder" if ledger.key.id != mark.ledger else "has lost lines"
        raise StorageFailed(f"the erasure ledger {path} {problem}; put the right one back; {way_out}")
    return ledger


def catch_up(database: Database, ledger: ErasureLedger, data_dir: Path, act: Act) -> tuple[int, PhotoKeys]:
    """Erase what the ledger names and the database has all the same, as when an older copy of it was put in place.

    Nothing is read where neither has changed since the last time. Returns how many erasures there were, and the keys of
    photos that no face uses any more. Raises StorageFailed.
    """
    if _read_mark(data_dir) == _mark(database, ledger):
        return 0, ()
    done = replay(database, ledger, act)
    _write_mark(data_dir, _mark(database, ledger))
    return done


def remember_ledger(data_dir: Path, ledger: ErasureLedger) -> None:
    """Note that the data folder keeps this ledger. Raises StorageFailed."""
    _write_mark(data_dir, Mark(ledger.key.id))


def _mark(database: Database, ledger: ErasureLedger) -> Mark:
    with database.reading() as connection:
        return Mark(ledger.key.id, ledger.bytes, latest_erasure(connection))


def _read_mark(data_dir: Path) -> Mark | None:
    try:
        return Mark(**json.loads(read_regular(data_dir / MARK)))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as exc:
        raise StorageFailed(f"{data_dir / MARK} cannot be read; remove it, and the ledger is replayed") from exc


def _write_mark(data_dir: Path, mark: Mark) -> None:
    try:
        write_whole(data_dir / MARK, json.dumps(asdict(mark)).encode("ascii"), mode=PRIVATE)
    except OSError as exc:
        problem = f"{data_dir / MARK} cannot be written ({exc.strerror or exc})"
        raise StorageFailed(f"{problem}; let this user write there, and see that there is space") from exc
