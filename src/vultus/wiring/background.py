"""What a server does beside its requests: jobs, sweeps, and what a stop or a restore left to be done."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from vultus.config import Settings
from vultus.errors import StorageFailed
from vultus.jobs.job_runner import JobRunner
from vultus.jobs.reembed_job import ReembedJob
from vultus.jobs.sweeper import Sweep
from vultus.service import FaceService
from vultus.storage.audit import SERVER as THE_SERVER
from vultus.storage.audit import Act, Audit
from vultus.storage.database import Database
from vultus.storage.erasure_ledger.catching_up import catch_up
from vultus.storage.erasure_ledger.ledger import ErasureLedger
from vultus.storage.gallery import Gallery
from vultus.storage.gallery_reader import doubly_spelled_sentence

log = logging.getLogger(__name__)


SECOND, PHOTO_SECONDS, MINUTE, HOUR_SECONDS = 1.0, 10.0, 60.0, 3600.0


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def catch_up_with_ledger(database: Database, ledger: ErasureLedger, service: FaceService, settings: Settings) -> None:
    """Erase whom the ledger names, where an older copy of the data was put in place."""
    erasures, orphans = catch_up(database, ledger, settings.data_dir, Act(THE_SERVER))
    service.context.remove_photos(orphans)
    if erasures:
        log.warning("%d erasures of the ledger were done again: the data folder was older than its ledger", erasures)


def finish_what_was_begun(service: FaceService, settings: Settings) -> None:
    """Finish what a stop left half done, and queue what an upgrade asks for."""
    service.context.gallery.corrections.sweep()
    service.reembedding.sweep()
    if settings.reembed == "auto":
        service.acting_as(Act(THE_SERVER)).reembedding.queue_upgrades()


def erase_expired(service: FaceService) -> None:
    """What a server would have done in the meantime; a command may be all that runs."""
    galleries = service.acting_as(Act(THE_SERVER)).galleries
    try:
        while galleries.erase_expired(utc_now()):
            pass
    except StorageFailed as exc:  # a full disk must not keep anyone from searching, who finds no expired subject
        log.warning("expired subjects are not erased yet: %s", exc)


def job_runner(service: FaceService) -> JobRunner:
    """Runs the jobs in the background of this service; not started yet."""
    ours = service.acting_as(Act(THE_SERVER))
    return JobRunner(ours.jobs, [ReembedJob(ours.context)])


def sweeps(
    service: FaceService, audit: Audit, settings: Settings, *, now: Callable[[], datetime] = utc_now
) -> Sequence[Sweep]:
    """What the server repeats for as long as it serves."""
    act = Act(THE_SERVER)
    galleries = service.acting_as(act).galleries
    removals = service.context.gallery.removal_pruning()
    found = [
        Sweep("expired subjects", SECOND, lambda: galleries.erase_expired(now())),
        Sweep("photos of erased faces", PHOTO_SECONDS, galleries.remove_erased_photos),
        Sweep("followed removals", MINUTE, removals.prune),
        Sweep("subjects that are kept no longer", HOUR_SECONDS, lambda: galleries.erase_not_renewed(now())),
    ]
    if settings.audit_days is not None:
        kept = timedelta(days=settings.audit_days)
        found.append(Sweep("old audit lines", HOUR_SECONDS, lambda: audit.prune_step(now() - kept, act)))
    return found


def warn_of_spellings(gallery: Gallery) -> None:
    """Log that an earlier release stored ids which are the same text."""
    found = gallery.doubly_spelled()
    if found:
        log.warning("%s", doubly_spelled_sentence(found))
