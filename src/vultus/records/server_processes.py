"""The server processes of a database, as each reports itself by its heartbeats."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

SearchKind = Literal["memory", "database"]


@dataclass(frozen=True)
class FollowedCollection:
    """A collection in the memory of a server process, as of its last heartbeat.

    revision: up to which it has followed the changes. behind: how many later ones the collection has now.
    """

    collection: str
    revision: int
    behind: int


@dataclass(frozen=True)
class ServerProcess:
    """A process that serves from the database; with VULTUS_WORKERS each worker is one.

    living: whether it was heard of lately. process_id: on its host. started_at, seen_at: by the clock of the database.
    ahead_seconds: of its own clock. model_sha256: of what the default model is made from. calibrations: the digest of
    the operator's. followed: by name of the collection; none with `search` "database", which holds none. None: of a
    release that did not report it.
    """

    id: str
    host: str | None
    process_id: int | None
    living: bool
    version: str
    started_at: datetime | None
    seen_at: datetime
    ahead_seconds: float
    search: SearchKind | None
    model_id: str
    model_sha256: str
    pipeline_version: int
    calibrations: str
    followed: tuple[FollowedCollection, ...] = ()
