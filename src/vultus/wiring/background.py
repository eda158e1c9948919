"""What a server does beside its requests: jobs, sweeps, and what a stop or a restore left to be done."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from vultus.config import Settings
from vultus.errors import StorageFailed
from vultus.jobs.duplicates_job import DuplicatesJob
from vultus.jobs.enroll_job import EnrollJob, remove_uploads
from vultus.jobs.job_runner import JobRunner
from vultus.jobs.reembed_job import ReembedJob
from vultus.jobs.sweeper import Sweep, Sweeper
from vultus.jobs.webhooks import Webhooks
from vultus.outgoing.image_fetch import Fetcher
from vultus.outgoing.webhook_sender import WebhookSender
from vultus.outgoing.webhook_signature import secrets_of
from vultus.service import FaceService
from vultus.service.bulk.bulk_items import BulkLimits
from vultus.service.reembedding import REEMBED
from vultus.storage.audit import SERVER as THE_SERVER
from vultus.storage.audit import Act, Audit
from vultus.storage.database import Database, is_sqlite
from vultus.storage.erasure_ledger.catching_up import catch_up
from vultus.storage.erasure_ledger.ledger import ErasureLedger
from vultus.storage.gallery import Gallery
from vultus.storage.gallery_reader import doubly_spelled_sentence
from vultus.storage.job_records.upload_place import open_uploads
from vultus.storage.job_records.uploads import Uploads
from vultus.storage.jobs import ENROLL, Lane

log = logging.getLogger(__name__)


BULK = frozenset({ENROLL})
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
    ours = service.acting_as(Act(THE_SERVER))
    try:
        while ours.galleries.erase_expired(utc_now()):
            pass
        ours.unknown_faces.erase_old(utc_now())
    except StorageFailed as exc:  # a full disk must not keep anyone from searching, who finds no expired subject
        log.warning("expired subjects are not erased yet: %s", exc)


def job_runner(service: FaceService) -> JobRunner:
    """Runs the jobs in the background of this service, but bulk jobs; not started yet."""
    ours = service.acting_as(Act(THE_SERVER))
    return JobRunner(ours.jobs, [ReembedJob(ours.context), DuplicatesJob(ours.context)], lane=Lane(BULK))


def bulk_runner(service: FaceService, settings: Settings) -> JobRunner:
    """Runs the bulk jobs, beside the others; not started yet."""
    ours = service.acting_as(Act(THE_SERVER))
    job = EnrollJob(ours.context, uploads_of(settings), bulk_limits(settings), fetcher_of(settings))
    return JobRunner(ours.jobs, [job], lane=Lane(BULK, others=False))


def uploads_of(settings: Settings) -> Uploads:
    """Where what bulk jobs enroll is stored. Raises SettingsInvalid."""
    one_server = is_sqlite(settings.sqlalchemy_url)
    return open_uploads(settings.photo_url, settings.data_dir, one_server=one_server)


def bulk_limits(settings: Settings) -> BulkLimits:
    """The limits of a bulk job."""
    return BulkLimits(settings.max_job_items, settings.max_image_bytes, settings.max_job_unpacked_bytes)


def fetcher_of(settings: Settings) -> Callable[[str], bytes] | None:
    """Gets the photo at an address, each with its own time; None unless the operator allows it."""
    if not settings.image_urls:
        return None
    fetcher = Fetcher(settings.max_image_bytes, settings.max_body_bytes, settings.image_url_seconds)
    return lambda url: fetcher.budget().fetch(url)


def webhook_sweeper(service: FaceService, settings: Settings) -> Sweeper:
    """Tells who wants to know that a job has ended, in a thread of its own: a receiver may be slow."""
    secret = settings.webhook_secret
    webhooks = Webhooks(
        *(service.context.gallery.webhooks, WebhookSender(), settings.webhook_addresses),
        secrets=() if secret is None else secrets_of(secret.get_secret_value()),
        leads=service.jobs.leads,
        now=utc_now,
    )
    return Sweeper([Sweep("webhooks", SECOND, webhooks.step)])


def sweeps(
    service: FaceService, audit: Audit, settings: Settings, *, now: Callable[[], datetime] = utc_now
) -> Sequence[Sweep]:
    """What the server repeats for as long as it serves."""
    act = Act(THE_SERVER)
    ours = service.acting_as(act)
    galleries, unknown = ours.galleries, ours.unknown_faces
    removals = service.context.gallery.removal_pruning()
    found = [
        Sweep("expired subjects", SECOND, lambda: galleries.erase_expired(now())),
        Sweep("photos of erased faces", PHOTO_SECONDS, galleries.remove_erased_photos),
        Sweep("followed removals", MINUTE, removals.prune),
        Sweep("unknown faces that are kept no longer", HOUR_SECONDS, lambda: unknown.erase_old(now())),
        Sweep("subjects that are kept no longer", HOUR_SECONDS, lambda: galleries.erase_not_renewed(now())),
    ]
    history, job_days = service.context.gallery.job_history, timedelta(days=settings.job_days)
    uploads = uploads_of(settings)
    found += [
        Sweep("uploads of ended jobs", PHOTO_SECONDS, lambda: remove_uploads(uploads, history)),
        Sweep("old jobs", HOUR_SECONDS, lambda: history.prune_step(now() - job_days, keep_last=[REEMBED])),
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
