"""open_system(settings): builds every part, yields them, closes them in reverse order. The one place that knows all."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta

from vultus.backup.restore import refuse_unfinished
from vultus.config import Settings, variable
from vultus.files import make_folders
from vultus.jobs.sweeper import Sweeper
from vultus.malloc import give_memory_back
from vultus.models.catalogue import known_cards
from vultus.models.repository.digests import FileDigests
from vultus.models.repository.proven_files import FILE_NAME, ProvenFiles
from vultus.models.repository.store import ModelStore
from vultus.service import FaceService, Policy, ServiceContext
from vultus.service.preparation import SearchPreparation
from vultus.storage.audit import Audit
from vultus.storage.audit_writer import BackgroundAuditWriter
from vultus.storage.database import is_sqlite, open_database
from vultus.storage.erasure_ledger.catching_up import open_ledger
from vultus.storage.first_admin_key import GivenKey, make_first_key, store_given_key
from vultus.storage.gallery import Gallery
from vultus.storage.keys import KeyStore
from vultus.storage.migrations.runner import migrate
from vultus.storage.photo_stores.location import open_photos, photo_location
from vultus.storage.photo_stores.s3 import S3PhotoStore
from vultus.storage.photos import LocalPhotoStore, PhotoStore
from vultus.storage.replication.replicas import Replica
from vultus.storage.server_lock import serving_alone
from vultus.vision.decoding.isolated import IsolatedDecoder
from vultus.wiring.background import (
    bulk_runner,
    catch_up_with_ledger,
    erase_expired,
    finish_what_was_begun,
    job_runner,
    sweeps,
    warn_of_spellings,
    webhook_sweeper,
)
from vultus.wiring.heartbeat import identity_of, replicated
from vultus.wiring.networks import decode_limits, open_models, open_pipeline, open_slots, prepare, warm_up
from vultus.wiring.parts import COMMAND_LINE, Duties, System
from vultus.wiring.search_index import open_index, preparation_bytes
from vultus.wiring.settings_check import check_settings

log = logging.getLogger(__name__)


@contextmanager
def open_system(
    settings: Settings, duties: Duties = COMMAND_LINE, *, digests: FileDigests | None = None
) -> Iterator[System]:
    """A ready Vultus: database migrated, models verified, loaded and warm. Closes everything at the end.

    digests: of the model files that were read already.
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
        slots = open_slots(settings)
        index = open_index(settings, database, gallery, duties, slots)
        stack.callback(index.close)
        given_key = _given_key(settings) if duties.first_start else None
        if given_key is not None:
            store_given_key(keys, given_key)
        photos, audit = opened_photos(settings, probed=duties.first_start), Audit(database)
        cards = known_cards(settings.model_dir)
        proven = ProvenFiles(settings.data_dir / FILE_NAME, database.installation_key)
        store = ModelStore(settings.model_dir, cards, proven=proven, digests=digests)
        prepare(store, cards, settings)
        models = open_models(settings, store)
        decoder = stack.enter_context(IsolatedDecoder(decode_limits(settings)))
        pipeline = open_pipeline(settings, models, decoder, slots)
        if duties.serving:
            replica = Replica(database, identity_of(models, store), search=settings.search)
            stack.enter_context(replicated(replica, index, alone=is_sqlite(settings.sqlalchemy_url)))
        service = FaceService(ServiceContext(pipeline, models, gallery, photos, index, _policy(settings)))
        if duties.warm:
            warm_up(pipeline, models)
        if duties.first_start:
            warn_of_spellings(gallery)
            if ledger is not None:
                catch_up_with_ledger(database, ledger, service, settings)
            if isinstance(photos, LocalPhotoStore):  # a bucket is listed only by `vultus check`: that may take hours
                photos.remove_leftovers()
                if is_sqlite(settings.sqlalchemy_url):  # whose folder is this server's alone
                    service.galleries.sweep()
            finish_what_was_begun(service, settings)
        else:
            erase_expired(service)
        if duties.jobs:
            for runner in (job_runner(service), bulk_runner(service, settings)):
                stack.callback(runner.close)
                runner.start()
            for sweeper in (Sweeper(sweeps(service, audit, settings)), webhook_sweeper(service, settings)):
                stack.callback(sweeper.close)
                sweeper.start()
        if duties.serving:
            preparation = SearchPreparation(service.context, preparation_bytes(settings))
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
