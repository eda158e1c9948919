"""The replicas of a database: each says by a heartbeat what it serves with, and how far it follows each collection.

Replicas answer alike only with the same model, preprocessing and calibrations, and their clocks decide together what
has expired; so one that differs from a living one is refused before it serves.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sqlalchemy import Connection, Row, delete, func, insert, select

from vultus.errors import SettingsInvalid
from vultus.records.server_processes import SearchKind
from vultus.search.source import Mark
from vultus.storage import tables as t
from vultus.storage.database import Database

BEAT_SECONDS = 30.0
LIVING_SECONDS = 100.0  # three heartbeats, and some time for a busy machine
MOST_SKEW_SECONDS = 5.0
R = t.replicas.c


@dataclass(frozen=True)
class Identity:
    """What all replicas must have in common, besides version: of Vultus, which an upgrade changes one by one.

    model_sha256: of what the default model is made from. calibrations: the digest of the operator's calibrations.
    """

    version: str
    model_id: str
    model_sha256: str
    pipeline_version: int
    calibrations: str


class Replica:
    """This process among the replicas. Every method may raise StorageFailed."""

    def __init__(self, database: Database, identity: Identity, *, search: SearchKind = "memory") -> None:
        self.id = uuid4().hex
        self._database, self._identity, self._search = database, identity, search
        self._started_at: datetime | None = None

    def join(self, *, alone: bool = False) -> None:
        """Be one of the replicas from now on. Raises: SettingsInvalid, where it cannot be.

        alone: no other server can have this database, so a row of another is that of one that was killed.
        """
        with self._database.writing() as connection:  # of two that start at once, one comes first
            now, ahead = _clocks(connection)
            if abs(ahead) > MOST_SKEW_SECONDS:
                way = "ahead of" if ahead > 0 else "behind"
                raise SettingsInvalid(
                    f"the clock of this machine is {abs(ahead):.1f} s {way} that of the database, and the replicas "
                    f"must agree within {MOST_SKEW_SECONDS:.0f} s; set both clocks by NTP"
                )
            alive = R.seen_at > now - timedelta(seconds=LIVING_SECONDS)
            for other in () if alone else connection.execute(select(t.replicas).where(alive).order_by(R.seen_at)):
                _require_alike(other, self._identity, (now - other.seen_at).total_seconds())
            self._write(connection, (), now, ahead)

    def beat(self, marks: Sequence[Mark]) -> float:
        """Say that this one lives, and what it has in memory; by how many seconds its clock is ahead."""
        with self._database.locking_rows() as connection:
            now, ahead = _clocks(connection)
            self._write(connection, marks, now, ahead)
        return ahead

    def leave(self) -> None:
        """Be none of the replicas any more."""
        with self._database.locking_rows() as connection:
            connection.execute(delete(t.replicas).where(R.id == self.id))

    def _write(self, connection: Connection, marks: Sequence[Mark], now: datetime, ahead: float) -> None:
        connection.execute(delete(t.replicas).where(R.id == self.id))
        self._started_at = self._started_at or now
        row = {"id": self.id, **asdict(self._identity), "ahead_seconds": ahead, "seen_at": now}
        place = {"host": socket.gethostname(), "process_id": os.getpid(), "started_at": self._started_at}
        connection.execute(insert(t.replicas).values(**row, **place, search=self._search))
        held = {mark.collection_pk: mark.revision for mark in marks}
        rows = [{"replica_id": self.id, "collection_pk": pk, "revision": held[pk]} for pk in sorted(held)]
        if rows:
            connection.execute(insert(t.replica_marks), rows)


def database_clock(connection: Connection) -> datetime:
    """What time it is by the database, which is the same for all replicas."""
    if connection.dialect.name != "postgresql":  # it has no clock of its own
        return datetime.now(UTC)
    now: datetime = connection.execute(select(func.clock_timestamp(type_=t.UtcDateTime()))).scalar_one()
    return now


def _clocks(connection: Connection) -> tuple[datetime, float]:
    """The clock of the database, and by how many seconds ours is ahead, whatever the question took."""
    before = datetime.now(UTC)
    now = database_clock(connection)
    after = datetime.now(UTC)
    ahead = (before - now).total_seconds() if before > now else min(0.0, (after - now).total_seconds())
    return now, ahead


def _require_alike(other: Row[tuple[object, ...]], ours: Identity, seconds: float) -> None:
    """Raises: SettingsInvalid, naming what differs."""
    theirs = other._mapping
    served = (theirs["model_id"], theirs["pipeline_version"])
    if served != (ours.model_id, ours.pipeline_version):
        differs = f"model {served[0]}, preprocessing {served[1]}, and this one {ours.model_id}, {ours.pipeline_version}"
        advice = "set VULTUS_DEFAULT_MODEL alike, and install the same Vultus"
    elif theirs["model_sha256"] != ours.model_sha256:
        differs = f"other files of model {ours.model_id} than this one"
        advice = "use the same model folder and cards on both"
    elif theirs["calibrations"] != ours.calibrations:
        differs = "other calibrations of your own than this one"
        advice = "copy the files *.calibration.toml from the data folder of one to that of the other"
    else:
        return
    raise SettingsInvalid(
        f"another replica of this database, seen {max(0.0, seconds):.0f} s ago, serves with {differs}; {advice}, or "
        f"stop the other one first (one that was killed counts for {LIVING_SECONDS:.0f} s)"
    )
