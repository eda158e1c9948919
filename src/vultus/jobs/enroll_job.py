"""The job that enrolls many photos of many people, one or two at a time, on slots that no request waits for.

After each photo its outcome and the progress are stored in one transaction. So a killed job goes on with the photo that
has no outcome; where that one is enrolled already, its bytes are found at its subject, and it is not enrolled twice.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Lock

from vultus.errors import (
    BadInput,
    FaceRefused,
    InvalidImage,
    PolicyLoosened,
    StorageUnavailable,
    SubjectErased,
    TryLater,
)
from vultus.jobs.kinds import JobStopped, Outcome, Progress
from vultus.records.stored import Job, JobItem
from vultus.service.accepted_faces import accept_photo
from vultus.service.bulk.bulk_items import BulkItem, BulkLimits
from vultus.service.bulk.bulk_requests import ZIP, read_urls
from vultus.service.bulk.zip_directory import open_zip
from vultus.service.bulk.zip_listing import list_zip, read_entry
from vultus.service.context import ServiceContext
from vultus.service.enrolment import Enrolment
from vultus.storage.audit import SERVER, Act
from vultus.storage.job_records.job_history import UNFINISHED, JobHistory
from vultus.storage.job_records.uploads import Uploads
from vultus.storage.jobs import ENROLL

PHOTOS_AT_ONCE = 2
ABANDONED_SECONDS = 3600.0  # after which an upload without a job is no longer being sent
PAUSE_SECONDS = 5.0  # before a photo is tried again that could not be stored now
Fetch = Callable[[str], bytes]
Read = Callable[[BulkItem], bytes]


class EnrollJob:
    """Enrolls what `uploads` keeps for the job, and removes it at the end."""

    name = ENROLL

    def __init__(
        self, context: ServiceContext, uploads: Uploads, limits: BulkLimits, fetch: Fetch | None = None
    ) -> None:
        """fetch: gets the photo at an address; None where addresses are refused."""
        self._context, self._uploads, self._limits, self._fetch = context, uploads, limits, fetch

    def run(self, job: Job, progress: Progress) -> Outcome:
        """Enroll what has no outcome yet. Raises what the models and the storage raise."""
        try:
            self._run(job, progress)
        except JobStopped as stopped:
            if stopped.cancelled:
                self._uploads.remove(job.id)
            raise
        self._uploads.remove(job.id)
        return Outcome()

    def _run(self, job: Job, progress: Progress) -> None:
        with self._uploads.opened(job.id) as file, self._listed(job, file) as (items, read):
            photos = _Photos(self._context, job, read, progress)
            with ThreadPoolExecutor(min(PHOTOS_AT_ONCE, self._context.pipeline.background_slots)) as threads:
                self._enroll(threads, photos, items, job, progress)

    def _enroll(
        self, threads: ThreadPoolExecutor, photos: _Photos, items: Sequence[BulkItem], job: Job, progress: Progress
    ) -> None:
        size = min(PHOTOS_AT_ONCE, self._context.pipeline.background_slots)
        for first in range(job.done, len(items), size):
            some = range(first, min(first + size, len(items)))
            outcomes = list(threads.map(lambda number: photos.enroll(number, items[number]), some))
            progress.step(first + len(outcomes), len(items), outcomes)

    @contextmanager
    def _listed(self, job: Job, file: Path) -> Iterator[tuple[Sequence[BulkItem], Read]]:
        """The photos, and how the bytes of one are read."""
        if job.parameters["source"] != ZIP:
            yield read_urls(file), self._fetched
            return
        with open_zip(file, self._limits.items) as archive:
            yield list_zip(archive, self._limits), partial(_unpacked, archive, self._limits, Lock())

    def _fetched(self, item: BulkItem) -> bytes:
        if self._fetch is None:
            raise InvalidImage("image URLs are off; send the photos in an archive")
        return self._fetch(item.source)


def _unpacked(archive: zipfile.ZipFile, limits: BulkLimits, lock: Lock, item: BulkItem) -> bytes:
    with lock:
        return read_entry(archive, item, limits)


class _Photos:
    """Enrolls single photos of a job, on behalf of who made it. Used by several threads."""

    def __init__(self, context: ServiceContext, job: Job, read: Read, progress: Progress) -> None:
        self._context, self._job, self._read, self._progress = context, job, read, progress

    def enroll(self, number: int, item: BulkItem) -> JobItem:
        """The outcome of a photo. Raises errors that concern all photos, such as StorageFailed."""
        outcome = JobItem(number, item.file, item.subject, "refused")
        if item.problem is not None:
            return replace(outcome, error=item.problem.code, detail=item.problem.sentence)
        while True:
            try:
                return self._enrolled(outcome, item)
            except (BadInput, FaceRefused, SubjectErased, PolicyLoosened) as refusal:
                return replace(outcome, error=refusal.code, detail=str(refusal))
            except StorageUnavailable:
                raise
            except TryLater:  # as while the storage of the photos does not answer
                self._progress.wait(PAUSE_SECONDS)

    def _enrolled(self, outcome: JobItem, item: BulkItem) -> JobItem:
        assert self._job.collection is not None
        chosen = self._job.parameters
        # Outcomes are kept, so they name nobody but the subject itself.
        act = Act(self._job.creator or SERVER, request_id=self._job.id, may_read=False, may_find=False)
        context = replace(self._context, gallery=self._context.gallery.acting_as(act), act=act)
        slot = partial(context.pipeline.background_slot, self._progress.check)
        enrolment = Enrolment(context, partial(accept_photo, context.pipeline, context.models, slot=slot))
        result = enrolment.enroll(
            [self._read(item)],
            collection=self._job.collection,
            subject=item.subject,
            name=item.name,
            face=chosen["face"],
            strict=chosen["strict"],
            model_name=chosen["model"],
            asked_after=chosen["asked_after"],
        )
        (photo,) = result.faces
        return replace(
            outcome,
            outcome="enrolled" if photo.created else "already_enrolled",
            face_id=photo.face.id,
            cautions=tuple(dict.fromkeys(caution.code for caution in result.cautions)),
        )


def remove_uploads(uploads: Uploads, jobs: JobHistory) -> bool:
    """Remove the uploads of jobs that have ended, and those that never became one; False: there are no more."""
    kept = dict(uploads.kept())
    states = jobs.states(tuple(kept)) if kept else {}
    for name, age in kept.items():
        state = states.get(name)
        if state not in UNFINISHED and (state is not None or age > ABANDONED_SECONDS):
            uploads.remove(name)
    return False
