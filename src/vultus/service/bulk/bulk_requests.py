"""Queues the enrolment of many photos as a job: the archive or list is checked first, and stored until the job ends."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from vultus.errors import CollectionNotFound, QueueFull, RequestTooLarge
from vultus.identifiers import DEFAULT_COLLECTION
from vultus.records.stored import Job
from vultus.service.accepted_faces import WhichFace
from vultus.service.bulk.bulk_items import BulkItem, BulkLimits, subject_problem
from vultus.service.bulk.zip_directory import open_zip
from vultus.service.bulk.zip_listing import list_zip
from vultus.service.context import ServiceContext
from vultus.storage.job_records.uploads import Uploads
from vultus.storage.jobs import ENROLL

RETRY_SECONDS = 60.0
ZIP, URLS = "zip", "urls"


@dataclass(frozen=True)
class BulkOptions:
    """How the photos of a job are enrolled. webhook: the address that is told of the end; None: nobody."""

    collection: str = DEFAULT_COLLECTION
    face: WhichFace = "largest"
    strict: bool = False
    model_name: str | None = None
    webhook: str | None = None


@dataclass(frozen=True)
class UrlPhoto:
    """A photo that is fetched when its turn comes."""

    url: str
    subject: str
    name: str | None = None


class BulkRequests:
    """Queues jobs, and says how many may wait."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    def require_place(self, most_waiting: int) -> None:
        """Raises QueueFull, when as many jobs wait or run as may."""
        waiting = len(self._context.gallery.job_history.unfinished(ENROLL))
        if waiting >= most_waiting:
            raise QueueFull(
                f"{waiting} jobs wait or run already, as many as may; send this one when one has ended", RETRY_SECONDS
            )

    def start_zip(self, archive: Path, options: BulkOptions, *, limits: BulkLimits, uploads: Uploads) -> Job:
        """Queue the photos of an archive, which `uploads` keeps from then on.

        The same archive sent again by the same caller, while its job is not finished, is that job.
        Raises InvalidRequest, RequestTooLarge; ModelMismatch, ModelNameNotAllowed.
        """
        self._check(options)
        with open_zip(archive, limits.items) as opened:
            count = len(list_zip(opened, limits))
        return self._queue(archive, ZIP, count, options, uploads)

    def start_urls(
        self, photos: Sequence[UrlPhoto], options: BulkOptions, *, limits: BulkLimits, uploads: Uploads
    ) -> Job:
        """Queue photos that are fetched from addresses, one when its turn comes. Raises as `start_zip`."""
        self._check(options)
        if len(photos) > limits.items:
            raise RequestTooLarge(f"{len(photos)} images were sent, the limit is {limits.items}; send them in parts")
        with uploads.new() as file:
            file.write_text(json.dumps([vars(photo) for photo in photos]), "utf-8")
            return self._queue(file, URLS, len(photos), options, uploads)

    def _check(self, options: BulkOptions) -> None:
        """What would refuse each photo alike is refused at once. Raises ModelMismatch, ModelNameNotAllowed."""
        try:
            self._context.bound_collection(options.collection, options.model_name)
        except CollectionNotFound:
            self._context.models.resolve(options.model_name)

    def _queue(self, file: Path, source: str, count: int, options: BulkOptions, uploads: Uploads) -> Job:
        act, job_id = self._context.act, uuid4().hex
        parameters: Mapping[str, object] = {
            "source": source,
            "sha256": _sha256(file),
            "by": None if act is None else act.actor,
            "face": options.face,
            "strict": options.strict,
            "model": options.model_name,
            "webhook_sha256": options.webhook and hashlib.sha256(options.webhook.encode()).hexdigest(),
            "asked_after": self._context.gallery.begin_enrolment(options.collection, []).erasure,
        }
        uploads.keep(file, job_id)
        job = self._context.gallery.jobs.add(
            *(ENROLL, parameters),
            collection=options.collection,
            job_id=job_id,
            total=count,
            webhook=options.webhook,
            action="job.create",
        )
        if job.id != job_id:
            uploads.remove(job_id)
        return job


def read_urls(file: Path) -> tuple[BulkItem, ...]:
    """The photos that `start_urls` stored."""
    photos = [UrlPhoto(**one) for one in json.loads(file.read_text("utf-8"))]
    return tuple(
        BulkItem(one.url, one.subject, one.name, subject_problem(one.subject, one.name, "the subject"), one.url)
        for one in photos
    )


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
