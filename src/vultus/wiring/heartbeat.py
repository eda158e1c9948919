"""This process among the replicas of a database: what it serves with, and its heartbeat."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from vultus import __version__
from vultus.errors import StorageFailed
from vultus.jobs.sweeper import Sweep, Sweeper
from vultus.model_registry import ModelRegistry
from vultus.models.repository.store import ModelStore
from vultus.search.index import SearchIndex
from vultus.storage.replication.replicas import BEAT_SECONDS, MOST_SKEW_SECONDS, Identity, Replica

log = logging.getLogger(__name__)


def identity_of(models: ModelRegistry, store: ModelStore) -> Identity:
    """What this process serves with. Which arithmetic it computes in is its own: fp32 and int8 compare."""
    card = models.served(models.default).card
    made_of = [(one.id, one.fused, [file.sha256 for file in one.files]) for one in store.members(card)]
    calibrations = sorted(models.operator_calibrations.items()), sorted(models.operator_liveness.items())
    return Identity(__version__, card.id, _digest(made_of), card.pipeline_version, _digest(calibrations))


@contextmanager
def replicated(replica: Replica, index: SearchIndex, *, alone: bool) -> Iterator[None]:
    """Be one of the replicas within the block. Raises: SettingsInvalid, StorageFailed."""
    replica.join(alone=alone)

    def beat() -> bool:
        ahead = replica.beat(index.marks())
        if abs(ahead) > MOST_SKEW_SECONDS:
            log.warning("the clock of this machine is %.1f s off that of the database; set both by NTP", ahead)
        return False

    heart = Sweeper([Sweep("heartbeats", BEAT_SECONDS, beat)])
    heart.start()
    try:
        yield
    finally:
        heart.close()
        with suppress(StorageFailed):  # then it counts as killed
            replica.leave()


def _digest(content: object) -> str:
    return hashlib.sha256(repr(content).encode()).hexdigest()
