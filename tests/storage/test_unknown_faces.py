"""Faces of nobody known, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tests.storage.synthetic import DIMENSION, MODEL, new_face
from vultus.errors import NotFound, SealBroken
from vultus.records.review import KeptFace
from vultus.records.seen import Template
from vultus.storage.database import open_database
from vultus.storage.gallery import Gallery
from vultus.storage.migrations.runner import migrate
from vultus.storage.review import unknown_faces
from vultus.storage.review.unknown_faces import UnknownFaceStore

BEFORE_IGNORED = 20  # the schema
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def face(seed: int, crop: bytes | None = b"jpeg") -> KeptFace:
    template = new_face(seed).template
    assert isinstance(template, Template)
    return KeptFace(template, crop, 120)


@pytest.fixture
def store(gallery) -> UnknownFaceStore:
    gallery.change_policies("people", {"keep_unknown_days": 2})
    return gallery.unknown_faces


def keep(store: UnknownFaceStore, seed: int, seen_at: datetime = NOW, space: int = 0) -> bool:
    return store.keep("people", face(seed), space=space, seen_at=seen_at)


def test_a_face_is_read_back_as_it_was_kept(store):
    assert keep(store, 1)
    (found,) = store.faces("people")
    expected = face(1).template
    assert np.array_equal(found.embedding, expected.embedding)
    assert (found.face.box, found.face.score, found.quality) == (
        expected.face.box,
        expected.face.score,
        expected.quality,
    )
    assert np.array_equal(found.face.landmarks, expected.face.landmarks)
    assert (found.seen_at, found.crop_side, store.crop("people", found.id)) == (NOW, 120, b"jpeg")
    assert [crop for _, crop in store.to_assign("people", [found.id])] == [b"jpeg"]


def test_none_is_kept_without_the_policy_or_of_another_space(gallery, store):
    assert not keep(store, 1, space=1)
    gallery.change_policies("people", {"keep_unknown_days": None})
    assert not keep(store, 1)
    assert store.faces("people") == ()


def test_the_newest_are_kept_and_only_recent_ones_compared(store, monkeypatch):
    monkeypatch.setattr(unknown_faces, "MOST_KEPT", 2)
    for seed in range(4):
        keep(store, seed, NOW + timedelta(minutes=seed))
    newest = [found.seen_at.minute for found in store.faces("people")]
    assert newest == [3, 2]
    assert len(store.embeddings_since("people", NOW + timedelta(minutes=3), limit=9)) == 1
    assert len(store.embeddings_since("people", NOW, limit=1)) == 1
    assert store.embeddings_since("people", NOW + timedelta(days=1), limit=9).shape == (0, 16)


def test_ignored_faces_are_listed_apart_and_go_with_the_others(gallery, store):
    for seed, days in ((1, 0), (2, 1), (3, 3)):
        keep(store, seed, NOW - timedelta(days=days))
    first, second, third = (found.id for found in store.faces("people"))
    assert store.ignore("people", [second, third, "f" * 32], ignored=True) == 2
    assert [found.id for found in store.faces("people")] == [first]
    assert [found.id for found in store.faces("people", ignored=True)] == [second, third]
    assert store.ignored_count("people") == 2
    assert len(store.ignored_embeddings("people", NOW)) == 1  # the third is over, and only not erased yet
    store.erase_old(NOW)
    assert [found.id for found in store.faces("people", ignored=True)] == [second]
    assert store.ignore("people", [second], ignored=False) == 1
    assert [found.id for found in store.faces("people")] == [first, second]
    assert store.ignored_embeddings("people", NOW).shape == (0, 16)
    store.ignore("people", [second], ignored=True)
    assert store.erase("people") == 2


def test_what_is_old_or_of_a_policy_taken_away_is_erased(gallery, store):
    keep(store, 1, NOW - timedelta(days=3))
    keep(store, 2, NOW)
    store.erase_old(NOW)
    assert [found.seen_at for found in store.faces("people")] == [NOW]
    gallery.change_policies("people", {"min_quality": 20})
    assert len(store.faces("people")) == 1
    gallery.change_policies("people", {"keep_unknown_days": None})
    assert store.faces("people") == ()


def test_erasing_some_all_and_the_collection(gallery, store):
    for seed in range(3):
        keep(store, seed)
    first = store.faces("people")[0].id
    assert store.erase("people", [first, "f" * 32]) == 1
    with pytest.raises(NotFound):
        store.crop("people", first)
    assert gallery.collections()[0].unknown_faces == 2
    assert store.erase("people") == 2
    keep(store, 1)
    gallery.delete_collection("people")
    with store._database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM unknown_faces").scalar_one() == 0


@pytest.mark.sqlite
def test_a_face_that_was_changed_from_outside_is_not_used(store):
    keep(store, 1)
    with store._database.writing() as connection:
        connection.exec_driver_sql("DROP TRIGGER unknown_faces_sealed_again")
        connection.exec_driver_sql("UPDATE unknown_faces SET embedding = zeroblob(64)")
    with pytest.raises(SealBroken):
        store.faces("people")


@pytest.mark.sqlite
def test_faces_of_the_schema_before_are_sealed_with_the_new_column_and_a_changed_one_stays_broken(url):
    database = open_database(url)
    migrate(database, until=BEFORE_IGNORED)
    gallery = Gallery(database)
    gallery.create_collection("people", model_id=MODEL, pipeline_version=1, dimension=DIMENSION)
    gallery.change_policies("people", {"keep_unknown_days": 2})
    for seed in (1, 2):
        keep(gallery.unknown_faces, seed, NOW - timedelta(hours=seed))
    with database.writing() as connection:
        connection.exec_driver_sql("UPDATE unknown_faces SET seal = zeroblob(32) WHERE pk = 2")
    migrate(database)
    with pytest.raises(SealBroken):
        gallery.unknown_faces.faces("people")
    with database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM unknown_faces WHERE pk = 2")
    (found,) = gallery.unknown_faces.faces("people")
    assert gallery.unknown_faces.ignore("people", [found.id], ignored=True) == 1
    assert len(gallery.unknown_faces.faces("people", ignored=True)) == 1
    database.close()
