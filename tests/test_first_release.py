"""A data folder of the first release is taken over without loss: people, keys, photos, audit, prepared models."""

from __future__ import annotations

import hashlib
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from tests import pictures
from tests.first_release.folder import (
    ADMIN_SECRET,
    COLLECTION,
    FACES_OF_EACH,
    OLD_SECRET,
    REVOKED_SECRET,
    SUBJECTS,
    FirstReleaseFolder,
    make_first_release_folder,
)
from vultus.backup.create import create_backup
from vultus.backup.integrity import faults
from vultus.backup.restore import restore_backup
from vultus.config import Settings
from vultus.errors import InvalidApiKey
from vultus.models.card import find_card, in_box_cards
from vultus.models.importers import QUANTIZERS
from vultus.models.precision import cpu_flags, int8_weight_bits
from vultus.models.repository.store import ModelStore
from vultus.search.index import FlatIndex
from vultus.storage.audit import Act, Audit
from vultus.storage.gallery import Gallery
from vultus.storage.keys import KeyStore
from vultus.storage.migrations.runner import ready_database
from vultus.storage.photos import LocalPhotoStore
from vultus.wiring.open_system import first_admin_key, open_system
from vultus.wiring.parts import SERVER

NOW = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> FirstReleaseFolder:
    return make_first_release_folder(tmp_path / "data")


def test_people_faces_and_photos_are_there(folder):
    photos = LocalPhotoStore(folder.path / "photos")
    with ready_database(folder.url) as database:
        gallery = Gallery(database)
        assert {one.id: one.name for one in gallery.subjects(COLLECTION, limit=10)} == SUBJECTS
        faces = [face for subject in SUBJECTS for face in gallery.faces(COLLECTION, subject)]
        assert tuple(face.id for face in faces) == folder.face_ids
        for face in faces:
            assert hashlib.sha256(photos.get(face.photo.sha256)).hexdigest() == face.photo.sha256
        assert list(faults(database, photos)) == []


def test_every_face_is_found_with_its_exact_similarity(folder):
    with ready_database(folder.url) as database:
        found = FlatIndex(Gallery(database)).search(COLLECTION, folder.embeddings, 1)
    best = [candidates[0] for candidates in found]
    assert tuple(candidate.face_id for candidate in best) == folder.face_ids
    assert [candidate.similarity for candidate in best] == pytest.approx([1.0] * len(best), abs=1e-6)


def test_keys_still_work_or_still_do_not(folder):
    with ready_database(folder.url) as database:
        keys = KeyStore(database)
        assert keys.authenticate(ADMIN_SECRET, NOW) == keys.authenticate(OLD_SECRET, NOW)
        assert "admin" in keys.authenticate(ADMIN_SECRET, NOW).scopes
        with pytest.raises(InvalidApiKey, match="revoked at 2026-11-01 12:00 UTC"):
            keys.authenticate(REVOKED_SECRET, NOW)


def test_the_audit_goes_on_where_it_was(folder):
    with ready_database(folder.url) as database:
        Gallery(database).acting_as(Act("command")).delete_subject(COLLECTION, "anna")
        lines = Audit(database).lines()
    assert [(line.number, line.action) for line in lines] == [(1, "key.create"), (2, "enroll"), (3, "subject.erase")]
    assert lines[1].at == datetime(2026, 11, 1, 12, tzinfo=UTC)
    assert lines[2].objects == folder.face_ids[:FACES_OF_EACH]


def test_a_backup_of_it_is_restored_whole(folder, tmp_path):
    file, restored = tmp_path / "backup.tar", tmp_path / "restored"
    with ready_database(folder.url) as database:
        create_backup(database, LocalPhotoStore(folder.path / "photos"), file)
    restore_backup(file, restored / "vultus.db", restored / "photos", Act("command"))
    with ready_database(f"sqlite:///{restored / 'vultus.db'}") as database:
        assert tuple(face.id for s in SUBJECTS for face in Gallery(database).faces(COLLECTION, s)) == folder.face_ids
        assert KeyStore(database).authenticate(OLD_SECRET, NOW).name == "admin"


@pytest.mark.real
def test_the_service_starts_on_it_and_enrolls_and_finds(folder, model_dir):
    with open_system(Settings(data_dir=folder.path, model_dir=model_dir), SERVER) as system:
        assert first_admin_key(system.settings) is None
        enrolled = system.service.enrolment.enroll([pictures.astronaut()], subject="eileen", face="largest")
        found = system.service.identification.find(pictures.variants(pictures.astronaut())["mirror"])
    assert enrolled.collection.name == COLLECTION
    assert found.faces[0].matches[0].candidate.subject == "eileen"
    assert found.collection.faces == len(folder.face_ids) + 1


@pytest.mark.real
def test_its_collection_is_embedded_again_in_the_background_and_serves_meanwhile(folder, model_dir):
    settings = Settings(data_dir=folder.path, model_dir=model_dir)
    with open_system(settings) as system:  # by a command, before the server starts
        system.service.enrolment.enroll([pictures.astronaut()], subject="eileen", face="largest")
        assert system.gallery.collection(COLLECTION).pipeline_version == 1
    with open_system(settings, SERVER) as system:
        galleries, jobs = system.service.galleries, system.service.jobs

        def best() -> tuple[str, float]:
            found = system.service.identification.find(pictures.astronaut())
            line = found.faces[0].matches[0].candidate
            return line.subject, round(line.similarity, 2)

        while jobs.page(before=None, limit=1)[0].state in ("queued", "running"):
            assert best() == ("eileen", 1.0)
        (job,) = jobs.page(before=None, limit=9)
        assert (job.state, job.problem) == ("done", None)
        assert galleries.collection(COLLECTION).pipeline_version == 2
        assert best() == ("eileen", 1.0)
        assert system.service.recognition.verify_subject(pictures.astronaut(), "eileen").verified
    with open_system(settings, SERVER) as system:
        assert len(system.service.jobs.page(before=None, limit=9)) == 1


@pytest.mark.real
def test_an_int8_file_of_the_first_release_is_used_only_where_this_processor_computes_it_right(tmp_path, model_dir):
    """The first release wrote 8-bit weights on every processor, which saturate on those without dot products."""
    card = find_card(in_box_cards(), "sface")
    assert card is not None
    ModelStore(model_dir, in_box_cards()).prepare(card)
    models = tmp_path / "models"
    models.mkdir()
    for end in ("", ".json"):
        shutil.copy(model_dir / f"{card.files[0].output}{end}", models)
    first_release = ModelStore(models, [card], quantizer=QUANTIZERS[8])
    first_release.prepare(card)
    assert "weight_bits" not in json.loads((models / "sface-int8.onnx.json").read_text("utf-8"))

    settings = Settings(data_dir=tmp_path / "data", model_dir=models, default_model="sface", precision="int8")
    with open_system(settings, SERVER) as system:
        photos = [pictures.astronaut(), pictures.portrait()]
        vectors = [system.service.recognition.represent(photo)[0].embedding for photo in photos]
    with open_system(settings.model_copy(update={"precision": "fp32"})) as system:
        wanted = [system.service.recognition.represent(photo)[0].embedding for photo in photos]
    assert min(float(np.dot(one, other)) for one, other in zip(vectors, wanted, strict=True)) > 0.98
    assert (models / "sface-int8-7bit.onnx").exists() is (int8_weight_bits(cpu_flags()) == 7)
