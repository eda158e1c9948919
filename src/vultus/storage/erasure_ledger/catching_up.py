"""A data folder and its erasure ledger: what the folder knows of the ledger, and what its database has still to erase.

Up to where a ledger was replayed stands in the database itself, so that an older copy of it, put in place by whatever
tool, says so too. Several servers may keep a ledger each: every one replays its own.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import delete, insert, select

from vultus.errors import StorageFailed
from vultus.files import PRIVATE, read_regular, write_whole
from vultus.storage import tables as t
from vultus.storage.audit import Act
from vultus.storage.database import Database
from vultus.storage.erasure_ledger.ledger import ErasureLedger
from vultus.storage.erasure_ledger.replay import replay
from vultus.storage.lifetimes.erasures import PhotoKeys
from vultus.storage.sealing.seals import sound

MARK = "erasure_ledger.json"
L = t.replayed_ledgers.c


@dataclass(frozen=True)
class Mark:
    """Which ledger a data folder keeps, and how many bytes it had when it was last replayed."""

    ledger: str
    bytes: int = 0


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

    Nothing is read where the database says that the whole ledger was replayed on it. Returns how many erasures there
    were, and the keys of photos that no face uses any more. Raises StorageFailed.
    """
    now = Mark(ledger.key.id, ledger.bytes)  # first: what is added meanwhile is replayed at the next start
    if _replayed_bytes(database, ledger) == now.bytes and _read_mark(data_dir) == now:
        return 0, ()
    done = replay(database, ledger, act)
    _note_replayed(database, now)
    _write_mark(data_dir, now)
    return done


def remember_ledger(data_dir: Path, ledger: ErasureLedger) -> None:
    """Note that the data folder keeps this ledger. Raises StorageFailed."""
    _write_mark(data_dir, Mark(ledger.key.id))


def _replayed_bytes(database: Database, ledger: ErasureLedger) -> int | None:
    """How much of the ledger was replayed on this database; None: nothing."""
    with database.reading() as connection:
        return connection.scalar(select(L.bytes).where(L.ledger == ledger.key.id, sound(t.replayed_ledgers)))


def _note_replayed(database: Database, mark: Mark) -> None:
    with database.writing() as connection:
        connection.execute(delete(t.replayed_ledgers).where(L.ledger == mark.ledger))
        connection.execute(insert(t.replayed_ledgers).values(ledger=mark.ledger, bytes=mark.bytes))


def _read_mark(data_dir: Path) -> Mark | None:
    try:
        found = json.loads(read_regular(data_dir / MARK))
        return Mark(found["ledger"], found["bytes"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as exc:
        raise StorageFailed(f"{data_dir / MARK} cannot be read; remove it, and the ledger is replayed") from exc


def _write_mark(data_dir: Path, mark: Mark) -> None:
    try:
        write_whole(data_dir / MARK, json.dumps(asdict(mark)).encode("ascii"), mode=PRIVATE)
    except OSError as exc:
        problem = f"{data_dir / MARK} cannot be written ({exc.strerror or exc})"
        raise StorageFailed(f"{problem}; let this user write there, and see that there is space") from exc
