"""A database of an earlier version, with data in it, goes on with this one."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from tests.storage.synthetic import DIMENSION, MODEL, new_face, unit
from vultus.backup.integrity import faults
from vultus.search.index import FlatIndex
from vultus.storage.audit import Act, Audit
from vultus.storage.database import open_engine, writing
from vultus.storage.gallery import Gallery
from vultus.storage.keys import KeyStore
from vultus.storage.migrations import MIGRATIONS, migrate
from vultus.storage.photos import LocalPhotoStore

SECRET = "vk_made_by_the_version_before"


def test_keys_and_faces_of_version_2_get_audit_and_rotation(tmp_path, url):
    engine = open_engine(url)
    migrate(engine, MIGRATIONS[:2])
    gallery = Gallery(engine)
    gallery.create_collection("people", model_id=MODEL, pipeline_version=1, dimension=DIMENSION)
    _, (enrolled,) = gallery.add_faces("people", "anna", [new_face(1)], name="Anna")
    face = enrolled.face
    digest = hashlib.sha256(SECRET.encode()).hexdigest()
    key = ("k" * 32, "door", digest, '["find"]', None, "2026-01-01 00:00:00.000000", None, None, None, None)
    with writing(engine) as connection:
        connection.exec_driver_sql(f"INSERT INTO api_keys VALUES ({', '.join('?' * 10)})", key)
    engine.dispose()

    engine = open_engine(url)
    assert migrate(engine) == len(MIGRATIONS)
    gallery, keys, audit = Gallery(engine), KeyStore(engine), Audit(engine)
    assert gallery.face(face.id) == face
    assert FlatIndex(gallery).search("people", unit(1)[None, :], 1)[0][0].face_id == face.id
    now = datetime.now(UTC)
    rotation = keys.acting_as(Act("command")).rotate("k" * 32, overlap=timedelta(hours=1))
    assert keys.authenticate(SECRET, now) == keys.authenticate(rotation.secret, now) == rotation.key
    gallery.acting_as(Act("command")).delete_subject("people", "anna")
    assert [(line.action, line.objects) for line in audit.lines()] == [
        ("key.rotate", ("k" * 32,)),
        ("subject.erase", (face.id,)),
    ]
    assert list(faults(engine, LocalPhotoStore(tmp_path / "photos"))) == []
