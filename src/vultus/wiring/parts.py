"""What an open Vultus consists of, and what a process does with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from vultus.config import Settings
from vultus.model_registry import ModelRegistry
from vultus.records.samples import Sample, Work
from vultus.service import FaceService
from vultus.service.policies import default_fmr
from vultus.status.sampler import Sampler
from vultus.storage.audit import Audit, NoAudit
from vultus.storage.audit_writer import AuditSink, NullAuditSink
from vultus.storage.database import is_sqlite
from vultus.storage.gallery import Gallery
from vultus.storage.keys import KeyStore
from vultus.vision.pipeline import Pipeline


@dataclass(frozen=True)
class Duties:
    """What a process does beside opening the system.

    serving: loads the collections in the background. shared: in segments that it shares with other workers. lock: takes
    the data folder for itself. first_start: refuses an unfinished restore, stores the admin key that is given, sweeps
    what a crash left. jobs: does the work in the background. warm: loads the networks at once, as it will compute.
    """

    serving: bool = False
    shared: bool = False
    lock: bool = False
    first_start: bool = False
    jobs: bool = False
    warm: bool = True


COMMAND_LINE = Duties()
WITHOUT_NETWORKS = Duties(warm=False)  # a command whose child processes compute
SERVER = Duties(serving=True, lock=True, first_start=True, jobs=True)
FIRST_WORKER = Duties(serving=True, shared=True, first_start=True, jobs=True)  # its parent has the lock
REPLACED_FIRST_WORKER = Duties(serving=True, shared=True, jobs=True)
NEXT_WORKER = Duties(serving=True, shared=True)


@dataclass(frozen=True)
class System:
    """An open Vultus."""

    settings: Settings
    service: FaceService
    keys: KeyStore
    gallery: Gallery
    models: ModelRegistry
    pipeline: Pipeline
    ready: bool = True
    audit_sink: AuditSink = field(default_factory=NullAuditSink)
    audit: Audit | NoAudit = field(default_factory=NoAudit)

    @property
    def stuck_seconds(self) -> float:
        """For how long all compute slots have been taken without one coming free; 0 when one is free."""
        return self.pipeline.stuck_seconds

    @cached_property
    def sampler(self) -> Sampler:
        """Takes the samples of what is stored."""
        return Sampler(
            self.gallery,
            self.models,
            data_dir=self.settings.data_dir,
            own_backups=is_sqlite(self.settings.sqlalchemy_url),
        )

    def sample(self) -> Sample:
        """What is stored and how much room there is; may be some seconds old."""
        return self.sampler.sample()

    def work(self) -> Work:
        """How busy this process is, without its requests and connections."""
        load = self.pipeline.load
        return Work(
            ready=self.ready,
            slots=load.slots,
            busy=load.busy,
            waiting=load.waiting,
            queue=load.queue,
            audit_waiting=self.audit_sink.waiting,
            audit_lost=self.audit_sink.lost,
            indexes=self.service.context.index.loaded(),
        )

    def require_database(self) -> None:
        """Raises StorageUnavailable, when the database does not answer."""
        self.keys.any()

    def capabilities(self) -> Mapping[str, Any]:
        """The content of /capabilities: models, detectors, defaults."""
        settings = self.settings
        return {
            "models": self.models.capabilities(),
            "detectors": list(self.pipeline.detectors),
            "detector_aliases": dict.fromkeys(self.pipeline.stood_in_for, settings.default_detector),
            "liveness": self.models.liveness_capabilities(),
            "distance_metrics": ["cosine", "euclidean", "euclidean_l2"],
            "defaults": {
                "model_name": self.models.default,
                "detector_backend": settings.default_detector,
                "distance_metric": "cosine",
                "target_fmr": settings.target_fmr or default_fmr(self.models.served(self.models.default).calibration),
                "target_fpir": settings.target_fpir,
                "min_quality": settings.min_quality,
            },
            "limits": {
                "body_bytes": settings.max_body_bytes,
                "image_bytes": settings.max_image_bytes,
                "image_pixels": settings.max_image_pixels,
                "enroll_images": settings.max_enroll_images,
                "faces_per_image": settings.max_faces,
                "job_archive_bytes": settings.max_job_bytes,
                "job_unpacked_bytes": settings.max_job_unpacked_bytes,
                "job_images": settings.max_job_items,
                "job_upload_seconds": settings.job_upload_seconds,
                "waiting_jobs": settings.max_waiting_jobs,
                "job_days": settings.job_days,
            },
            "image_urls": settings.image_urls,
            "webhooks": bool(settings.webhook_addresses),
        }
