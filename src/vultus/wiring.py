"""open_system(settings): builds every part, yields them, closes them in reverse order. The one place that knows all."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import numpy as np

from vultus.backup.restore import refuse_unfinished
from vultus.config import Settings, variable
from vultus.errors import ModelInvalid, SettingsInvalid, StorageFailed
from vultus.files import make_folders
from vultus.jobs.job_runner import JobRunner
from vultus.jobs.reembed_job import ReembedJob
from vultus.jobs.sweeper import Sweep, Sweeper
from vultus.malloc import give_memory_back
from vultus.model_registry import ModelRegistry
from vultus.models.card import ModelCard, cards_of, find_card, known_card
from vultus.models.catalogue import known_cards
from vultus.models.operator_calibration import read_operator_calibrations
from vultus.models.precision import PrecisionChoice, best_precision, cpu_flags
from vultus.models.repository.proven_files import FILE_NAME, ProvenFiles
from vultus.models.repository.store import ModelStore
from vultus.records.samples import Sample, Work
from vultus.search.index import FlatIndex
from vultus.search.shared_segments import SharedSegments
from vultus.service import FaceService, Policy, ServiceContext
from vultus.service.policies import default_fmr
from vultus.service.preparation import SearchPreparation
from vultus.status.sampler import Sampler
from vultus.storage.audit import SERVER as THE_SERVER
from vultus.storage.audit import Act, Audit, NoAudit
from vultus.storage.audit_writer import AuditSink, BackgroundAuditWriter, NullAuditSink
from vultus.storage.database import Database, is_sqlite, open_database
from vultus.storage.erasure_ledger.catching_up import catch_up, open_ledger
from vultus.storage.erasure_ledger.ledger import ErasureLedger
from vultus.storage.first_admin_key import GivenKey, make_first_key, store_given_key
from vultus.storage.gallery import Gallery
from vultus.storage.gallery_reader import doubly_spelled_sentence
from vultus.storage.keys import KeyStore
from vultus.storage.migrations.runner import migrate
from vultus.storage.photo_stores.location import open_photos, photo_location
from vultus.storage.photo_stores.s3 import S3PhotoStore
from vultus.storage.photos import LocalPhotoStore, PhotoStore
from vultus.storage.server_lock import serving_alone
from vultus.vision.compute_slots import ComputeSlots, compute_in_calling_thread
from vultus.vision.decoders import decoded_cards
from vultus.vision.decoding.decode import decode
from vultus.vision.decoding.isolated import Decode, IsolatedDecoder
from vultus.vision.decoding.limits import DecodeLimits
from vultus.vision.detect import STOOD_IN_FOR
from vultus.vision.device import DeviceChoice, best_device
from vultus.vision.pipeline import Pipeline
from vultus.vision.session import share_memory, working_providers

log = logging.getLogger(__name__)

WARM_UP_SIDE = 640  # pixels
SECOND, HOUR_SECONDS = 1.0, 3600.0


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


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
        return Sampler(self.gallery, self.models, data_dir=self.settings.data_dir)

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
            },
        }


@contextmanager
def open_system(settings: Settings, duties: Duties = COMMAND_LINE) -> Iterator[System]:
    """A ready Vultus: database migrated, models verified, loaded and warm. Closes everything at the end.

    Raises SettingsInvalid, StorageFailed, ModelInvalid, ModelNotInstalled.
    """
    check_settings(settings)
    with ExitStack() as stack:
        if duties.lock:
            stack.enter_context(serving_alone(settings.data_dir))
        if duties.first_start and is_sqlite(settings.sqlalchemy_url):
            refuse_unfinished(settings.sqlalchemy_url)
        database = open_database(settings.sqlalchemy_url, settings.key_file)
        stack.callback(database.close)
        migrate(database)
        if not database.seals_rows:  # the migration makes it where rows need it; here only model files do
            make_folders(settings.data_dir)
            database.installation_key.make()
        ledger = open_ledger(settings.erasure_ledger, settings.data_dir)
        gallery, keys, audit_sink = Gallery(database, ledger), KeyStore(database), BackgroundAuditWriter(database)
        stack.callback(audit_sink.close)
        given_key = _given_key(settings) if duties.first_start else None
        if given_key is not None:
            store_given_key(keys, given_key)
        photos, audit = opened_photos(settings, probed=duties.first_start), Audit(database)
        cards = known_cards(settings.model_dir)
        proven = ProvenFiles(settings.data_dir / FILE_NAME, database.installation_key)
        store = ModelStore(settings.model_dir, cards, proven=proven)
        prepare(store, cards, settings)
        models = open_models(settings, store)
        decoder = stack.enter_context(IsolatedDecoder(decode_limits(settings)))
        pipeline = open_pipeline(settings, models, decoder)
        index = FlatIndex(
            gallery,
            memory_bytes=settings.index_memory_bytes,
            pq_from_faces=settings.pq_from_faces,
            shared=SharedSegments(settings.shared_index_dir) if duties.shared else None,
        )
        stack.callback(index.close)
        service = FaceService(ServiceContext(pipeline, models, gallery, photos, index, _policy(settings)))
        if duties.warm:
            warm_up(pipeline, models)
        if duties.first_start:
            warn_of_spellings(gallery)
            if ledger is not None:
                _catch_up(database, ledger, service, settings)
            if isinstance(photos, LocalPhotoStore):  # a bucket is listed only by `vultus check`: that may take hours
                photos.remove_leftovers()
                service.galleries.sweep()
            _sweep(service, settings)
        else:
            _erase_expired(service)
        if duties.jobs:
            runner = job_runner(service)
            stack.callback(runner.close)
            runner.start()
            sweeper = Sweeper(sweeps(service, audit, settings))
            stack.callback(sweeper.close)
            sweeper.start()
        if duties.serving:
            preparation = SearchPreparation(service.context, settings.index_memory_bytes)
            stack.callback(preparation.close)
            preparation.start()
        if duties.serving:
            give_memory_back()  # that loading the models took
        system = System(settings, service, keys, gallery, models, pipeline, audit_sink=audit_sink, audit=audit)
        stack.callback(system.sampler.close)
        yield system


def opened_photos(settings: Settings, *, probed: bool = False) -> PhotoStore:
    """The store of the photos. probed: object storage is tried first. Raises SettingsInvalid, StorageFailed."""
    photos = open_photos(photo_location(settings.photo_url, settings.data_dir))
    if probed and isinstance(photos, S3PhotoStore):
        photos.require_usable()
        log.info("photos are stored in %s", photos.place)
    return photos


@contextmanager
def shared_index(settings: Settings) -> Iterator[None]:
    """The folder of the segments that workers share is empty at the beginning, and gone at the end."""
    shutil.rmtree(settings.shared_index_dir, ignore_errors=True)
    try:
        yield
    finally:
        shutil.rmtree(settings.shared_index_dir, ignore_errors=True)


def _catch_up(database: Database, ledger: ErasureLedger, service: FaceService, settings: Settings) -> None:
    """Erase whom the ledger names, where an older copy of the data was put in place."""
    erasures, orphans = catch_up(database, ledger, settings.data_dir, Act(THE_SERVER))
    service.context.remove_photos(orphans)
    if erasures:
        log.warning("%d erasures of the ledger were done again: the data folder was older than its ledger", erasures)


def _sweep(service: FaceService, settings: Settings) -> None:
    """Finish what a stop left half done, and queue what an upgrade asks for."""
    service.context.gallery.corrections.sweep()
    service.reembedding.sweep()
    if settings.reembed == "auto":
        service.acting_as(Act(THE_SERVER)).reembedding.queue_upgrades()


def _erase_expired(service: FaceService) -> None:
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
    found = [
        Sweep("expired subjects", SECOND, lambda: galleries.erase_expired(now())),
        Sweep("subjects that are kept no longer", HOUR_SECONDS, lambda: galleries.erase_not_renewed(now())),
    ]
    if settings.audit_days is not None:
        kept = timedelta(days=settings.audit_days)
        found.append(Sweep("old audit lines", HOUR_SECONDS, lambda: audit.prune_step(now() - kept, act)))
    return found


def check_settings(settings: Settings) -> None:
    """Raises SettingsInvalid when the settings contradict each other."""
    if settings.without_keys and not _is_loopback(settings.host):
        raise SettingsInvalid(
            f"serving without keys is possible only on a loopback address, not on {settings.host}; "
            "set VULTUS_HOST=127.0.0.1 or leave VULTUS_WITHOUT_KEYS out"
        )
    if settings.without_keys and settings.cors_origins:
        raise SettingsInvalid(
            "VULTUS_CORS_ORIGINS needs API keys: without them every page of these origins could do everything; leave "
            "it or VULTUS_WITHOUT_KEYS out"
        )
    if settings.admin_key is not None and settings.admin_key_file is not None:
        raise SettingsInvalid("VULTUS_ADMIN_KEY and VULTUS_ADMIN_KEY_FILE are both set; leave one of them out")
    place = photo_location(settings.photo_url, settings.data_dir)
    if isinstance(place, Path) and not is_sqlite(settings.sqlalchemy_url) and not settings.photos_shared:
        raise SettingsInvalid(
            f"the photos are in {place}, which other servers of this PostgreSQL database may not have; if that folder "
            "is the same for all of them, or this is the only one, set VULTUS_PHOTOS_SHARED=true, or keep them in S3"
        )
    ledger, data_dir = settings.erasure_ledger, settings.data_dir.resolve()
    if ledger is not None and data_dir in ledger.resolve().parents:
        raise SettingsInvalid(
            "VULTUS_ERASURE_LEDGER is in the data folder, which a restore replaces; name a file somewhere else"
        )
    cards = known_cards(settings.model_dir)
    known = find_card(cards, settings.default_model)
    if known is None or known.task != "recognition":
        names = ", ".join(card.id for card in cards_of(cards, "recognition"))
        raise SettingsInvalid(f"VULTUS_DEFAULT_MODEL is {settings.default_model!r}; use one of {names}")
    _check_detectors(settings, cards)


def _check_detectors(settings: Settings, cards: tuple[ModelCard, ...]) -> None:
    served = {card.id: card for card in decoded_cards(cards_of(cards, "detection"), "detection")}
    default = served.get(settings.default_detector)
    if default is None:
        raise SettingsInvalid(
            f"VULTUS_DEFAULT_DETECTOR is {settings.default_detector!r}; use one of {', '.join(served)}"
        )
    if default.fallback is not None and default.fallback not in served:
        raise ModelInvalid(
            f"the card of {default.id} falls back to {default.fallback!r}; write one of {', '.join(served)}"
        )


def prepare(store: ModelStore, cards: tuple[ModelCard, ...], settings: Settings) -> None:
    """Convert and verify what the default pipeline needs; quick when it was done before."""
    store.prepare(known_card(cards, settings.default_model))
    for card in decoded_cards(cards_of(cards, "detection"), "detection"):  # what else has decoders is installed by wish
        store.prepare(card)


def open_models(settings: Settings, store: ModelStore) -> ModelRegistry:
    """The recognition models, none of them loaded yet.

    Raises ModelNameNotAllowed when the default one may not be served, ModelInvalid when a calibration does not fit.
    """
    share_memory()
    device, choice = chosen_arithmetic(settings)
    log.info("models compute on %s: %s", device.device, device.reason)
    log.info("models compute in %s: %s", choice.precision, choice.reason)
    return ModelRegistry(
        store,
        store.cards,
        default=settings.default_model,
        operator_calibrations=read_operator_calibrations(settings.data_dir, settings.model_dir, store.cards),
        device=device.device,
        precision=choice.precision,
        fall_back=settings.precision == "auto",
        allow_noncommercial=settings.allow_noncommercial,
        memory_bytes=settings.model_memory_bytes,
        use_stand_ins=settings.facenet512_stand_in is True,
    )


def chosen_arithmetic(settings: Settings) -> tuple[DeviceChoice, PrecisionChoice]:
    """The device and the arithmetic that these settings choose on this machine, and why.

    Raises SettingsInvalid when a GPU is asked for that is not there.
    """
    providers = () if settings.device == "cpu" else working_providers()
    device = best_device(settings.device, int8=settings.precision == "int8", providers=providers)
    if device.device == "cuda":
        return device, PrecisionChoice("fp32", "on a GPU all models do")
    return device, best_precision(settings.precision, cpu_flags())


def decode_limits(settings: Settings) -> DecodeLimits:
    """What decoding one image may take."""
    return DecodeLimits(settings.max_image_pixels, settings.max_decode_bytes, settings.decode_seconds)


def open_pipeline(settings: Settings, models: ModelRegistry, decoder: Decode | None = None) -> Pipeline:
    """The vision pipeline with all detectors loaded. OpenCV computes in the calling thread from then on.

    decoder: None: photos are decoded in the calling thread, without a limit of time.
    """
    compute_in_calling_thread()
    slots = ComputeSlots(settings.compute_slots, queue=settings.queue_size, wait_seconds=settings.queue_wait_seconds)
    return Pipeline(
        models.open_task("detection", slots),
        default_detector=settings.default_detector,
        fallback=models.card(settings.default_detector).fallback,
        stood_in_for=STOOD_IN_FOR,
        slots=slots,
        decode=decoder or partial(decode, limits=decode_limits(settings)),
        max_faces=settings.max_faces,
    )


def warn_of_spellings(gallery: Gallery) -> None:
    """Log that an earlier release stored ids which are the same text."""
    found = gallery.doubly_spelled()
    if found:
        log.warning("%s", doubly_spelled_sentence(found))


def warm_up(pipeline: Pipeline, models: ModelRegistry) -> None:
    """Run every network of the default pipeline once, so that the first request finds them warm."""
    grey = np.full((WARM_UP_SIDE, WARM_UP_SIDE, 3), 127, np.uint8)
    pipeline.warm_up(grey)
    embedder = models.served(models.default).embedder()
    embedder.embed([embedder.blank()])


def _policy(settings: Settings) -> Policy:
    undo_for = timedelta(hours=settings.undo_hours)
    return Policy(
        settings.target_fmr,
        settings.target_fpir,
        settings.min_quality,
        undo_for,
        refuse_unavailable_models=settings.refuses_unavailable_models,
    )


def _given_key(settings: Settings) -> GivenKey | None:
    if settings.without_keys:
        return None
    if settings.admin_key_file is not None:
        return GivenKey(variable("admin_key_file"), file=settings.admin_key_file)
    secret = settings.admin_key
    return None if secret is None else GivenKey(variable("admin_key"), secret.get_secret_value())


def first_admin_key(settings: Settings) -> str | None:
    """The secret of the first admin key, made now, to be shown at once; None where there is one, or none is wanted."""
    if settings.without_keys:
        return None
    with closing(open_database(settings.sqlalchemy_url, settings.key_file)) as database:
        return make_first_key(KeyStore(database))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
