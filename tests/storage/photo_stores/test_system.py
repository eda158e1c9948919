"""The whole system with its photos in object storage: enrolled, backed up, restored, checked, refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.storage.photo_stores.object_storage import BUCKET
from tests.storage.synthetic import DIMENSION, MODEL, new_face
from vultus.backup.create import create_backup
from vultus.backup.integrity import faults
from vultus.backup.restore import restore_backup
from vultus.config import Settings
from vultus.errors import NotFound, StorageFailed
from vultus.records.stored import NewFace, Photo
from vultus.storage.audit import Act
from vultus.storage.database import open_database
from vultus.storage.photo_stores.s3 import S3PhotoStore
from vultus.wiring.open_system import open_system
from vultus.wiring.parts import Duties, System

FIRST_START = Duties(first_start=True, warm=False)


@pytest.fixture
def settings(tmp_path, model_dir, s3) -> Settings:
    return Settings(data_dir=tmp_path / "data", model_dir=model_dir, photo_url=f"s3://{BUCKET}/{tmp_path.name}")


def enroll(system: System, subject: str, seed: int) -> str:
    """The key of the photo."""
    system.gallery.create_collection("people", model_id=MODEL, pipeline_version=1, dimension=DIMENSION)
    data = f"photo of {subject}".encode()
    new = new_face(seed, photo=data.decode())
    stored = Photo(new.photo.sha256, new.photo.source_sha256, width=640, height=480, size_bytes=len(data))
    system.gallery.add_faces("people", subject, [NewFace(new.template, stored)])
    return system.service.context.photos.put(data)


def test_erased_photos_leave_the_bucket_and_others_stay(settings):
    with open_system(settings, FIRST_START) as system:
        photos = system.service.context.photos
        anna, berta = enroll(system, "anna", 1), enroll(system, "berta", 2)
        system.service.galleries.forget("people", "anna")
        assert list(photos.keys()) == [berta]
        with pytest.raises(NotFound):
            photos.get(anna)
    assert not (settings.data_dir / "photos").exists()


def test_a_start_lists_no_bucket(settings, monkeypatch):
    """What a bucket holds may take hours to list; `vultus check` does it."""
    monkeypatch.setattr(S3PhotoStore, "keys", lambda self: pytest.fail("the bucket was listed"))
    with open_system(settings, FIRST_START) as system:
        assert enroll(system, "anna", 1)


def test_photos_of_a_bucket_are_in_the_backup_and_restored_into_another(tmp_path, settings):
    with open_system(settings, FIRST_START) as system:
        keys = {enroll(system, "anna", 1), enroll(system, "berta", 2)}
        database, file = system.gallery._database, tmp_path / "saved"
        assert create_backup(database, system.service.context.photos, file).manifest.photos == 2
    new, bucket = tmp_path / "new", S3PhotoStore(BUCKET, f"{tmp_path.name}-new")
    restore_backup(file, new / "vultus.db", new / "photos", Act("command"), store=bucket)
    assert set(bucket.keys()) == keys
    assert {path.name for path in new.iterdir()} == {"vultus.db", "installation.key"}
    restored = open_database(f"sqlite:///{new / 'vultus.db'}")
    assert list(faults(restored, bucket)) == []
    bucket.delete(min(keys))
    assert [fault.kind for fault in faults(restored, bucket)] == ["photos"]
    restored.close()


def test_a_start_is_refused_where_the_bucket_cannot_be_used(settings):
    wrong = settings.model_copy(update={"photo_url": "s3://no-such-bucket/photos"})
    with (
        pytest.raises(StorageFailed, match="the bucket no-such-bucket does not exist"),
        open_system(wrong, FIRST_START),
    ):
        pass
    assert not list(Path(settings.data_dir).glob("photos*"))
