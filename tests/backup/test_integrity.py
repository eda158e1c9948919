"""Every disagreement is found, named by kind and face, and nothing is found where all agree."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.storage.synthetic import new_face
from vultus.backup.integrity import Fault, faults, unreferenced_photos
from vultus.records.stored import NewFace
from vultus.storage.audit import Act, Audit
from vultus.storage.photos import LocalPhotoStore


@pytest.fixture
def photos(tmp_path) -> LocalPhotoStore:
    return LocalPhotoStore(tmp_path / "data" / "photos")


@pytest.fixture
def face_ids(gallery, photos) -> list[str]:
    """Six faces of two subjects."""
    ids = []
    for seed in range(6):
        data = f"photo {seed}"
        new = new_face(seed, photo=data)
        photos.put(data.encode())
        stored = NewFace(new.template, replace(new.photo, size_bytes=len(data)))
        _, (enrolled,) = gallery.acting_as(Act("command")).add_faces("people", f"s{seed % 2}", [stored])
        face = enrolled.face
        ids.append(face.id)
    return ids


def damage(database, *statements: str) -> None:
    connection = database.engine.raw_connection()
    connection.execute("PRAGMA foreign_keys=OFF")
    for statement in statements:
        connection.execute(statement)
    connection.execute("PRAGMA foreign_keys=ON")
    connection.close()


def test_where_all_agrees_nothing_is_found(database, gallery, photos, face_ids):
    gallery.delete_face(face_ids[0])
    gallery.photos.remove_strays(tuple(photos.keys()), photos.delete)
    assert list(faults(database, photos)) == []


def test_an_empty_gallery_is_sound(database, photos):
    assert list(faults(database, photos)) == []


DAMAGES = [
    ("DELETE FROM embeddings WHERE face_pk = 1", "rows", "1 faces without an embedding"),
    ("UPDATE collections SET space = 1", "rows", "6 faces without an embedding"),
    ("INSERT INTO embeddings_b SELECT * FROM embeddings", "rows", "6 faces with an embedding in a space that"),
    ("DELETE FROM subjects WHERE pk = 1", "rows", "belong to nothing"),
    ("UPDATE faces SET collection_pk = 9 WHERE pk = 2", "rows", "another collection than their subject"),
    ("UPDATE collections SET revision = 5", "revisions", "1 faces newer than the revision"),
    ("INSERT INTO removals VALUES (1, 1, 99, 1, NULL)", "revisions", "removals newer than their revision: people"),
    ("UPDATE faces SET revision = 1 WHERE pk = 2", "revisions", "a revision that two subjects share: people"),
    ("UPDATE embeddings SET embedding = zeroblob(64) WHERE face_pk = 3", "embeddings", "1 embeddings are damaged"),
    ("UPDATE embeddings SET embedding = zeroblob(4) WHERE face_pk = 3", "embeddings", "1 embeddings are damaged"),
    ("UPDATE codes SET codes = zeroblob(24) WHERE face_pk = 4", "codes", "search codes that are not their embedding's"),
    ("UPDATE codes SET codes = x'00' WHERE face_pk = 4", "codes", "search codes that are not their embedding's"),
    (
        "UPDATE codes SET codes = (SELECT codes FROM codes WHERE face_pk = 5) WHERE face_pk = 4",
        "codes",
        "1 faces have search codes",
    ),
    ("DROP TRIGGER audit_keeps_lines", "audit", "no longer append-only"),
    ("INSERT INTO schema_version VALUES (99)", "database", "has schema 99, this Vultus knows"),
]


def test_the_embeddings_beside_those_of_the_collection_are_compared_too(database, photos, face_ids):
    damage(
        database,
        "INSERT INTO other_spaces VALUES (1, 'm', 1, 3, 'filling', NULL)",
        "INSERT INTO embeddings_b VALUES (1, zeroblob(12), NULL)",
        "INSERT INTO embeddings_b VALUES (2, x'0000803f0000000000000000', NULL)",
    )
    (fault,) = faults(database, photos)
    assert "1 embeddings are damaged" in fault.sentence
    assert face_ids[0] in fault.sentence


@pytest.mark.parametrize(("statement", "kind", "words"), DAMAGES)
def test_every_disagreement_of_the_rows_is_found(database, photos, face_ids, statement, kind, words):
    damage(database, statement)
    found = list(faults(database, photos))
    assert any(fault.kind == kind and words in fault.sentence for fault in found), found
    assert not any(fault.repairable for fault in found)


def test_a_face_without_codes_is_sound_as_the_search_makes_them(database, photos, face_ids):
    damage(database, "DELETE FROM codes WHERE face_pk = 1")
    assert list(faults(database, photos)) == []


def test_lines_taken_out_of_the_middle_of_the_audit_are_noticed(database, photos, face_ids):
    damage(database, "DROP TRIGGER audit_goes_only_by_prune", "DELETE FROM audit WHERE pk IN (2, 3)")
    sentences = [fault.sentence for fault in faults(database, photos) if fault.kind == "audit"]
    assert any("2 lines are missing from the middle" in sentence for sentence in sentences)


def test_lines_taken_off_the_beginning_of_the_audit_are_noticed(database, photos, face_ids):
    damage(database, "DROP TRIGGER audit_goes_only_by_prune", "DELETE FROM audit WHERE pk IN (1, 2)")
    sentences = [fault.sentence for fault in faults(database, photos) if fault.kind == "audit"]
    assert any("2 lines are missing from the beginning" in sentence for sentence in sentences)


def test_a_pruned_audit_is_sound(database, photos, face_ids):
    audit = Audit(database)
    audit.prune(audit.lines()[3].at, Act("command"))
    assert list(faults(database, photos)) == []


# --- photos -------------------------------------------------------------------------------------------------------


def path_of(photos: LocalPhotoStore, tmp_path, key: str):
    return tmp_path / "data" / "photos" / key[:2] / key[2:4] / key


@pytest.mark.parametrize(
    ("data", "words"),
    [(None, "is missing"), (b"photo", "has 5 bytes instead of 7"), (b"photo X", "is damaged")],
)
def test_a_photo_that_is_not_what_its_face_says_is_named_by_the_face(
    tmp_path, database, gallery, photos, face_ids, data, words
):
    path = path_of(photos, tmp_path, gallery.face(face_ids[4]).photo.sha256)
    path.unlink() if data is None else path.write_bytes(data)
    (fault,) = faults(database, photos)
    assert fault == Fault("photos", f"the photo of face {face_ids[4]} {words}; restore a backup, or erase the face")
    assert (list(faults(database, photos, digests=False)) == []) is (words == "is damaged")


def test_a_photo_of_no_face_is_repairable_and_repairing_takes_no_other(database, gallery, photos, face_ids):
    key = photos.put(b"left by a crash")
    (fault,) = faults(database, photos)
    assert (fault.kind, fault.repairable) == ("unreferenced", True)
    assert unreferenced_photos(database, photos) == (key,)
    assert gallery.photos.remove_strays(unreferenced_photos(database, photos), photos.delete) == 1
    assert list(faults(database, photos)) == []


def test_an_erasure_during_the_check_is_no_fault(database, gallery, photos, face_ids, tmp_path):
    class Slow(LocalPhotoStore):
        def size(self, key: str) -> int | None:
            _, orphans = gallery.delete_subject("people", "s0") if gallery.collection("people").faces == 6 else (0, ())
            gallery.photos.remove(orphans, self.delete)
            return super().size(key)

    assert list(faults(database, Slow(tmp_path / "data" / "photos"))) == []


def test_no_sentence_names_a_person(database, gallery, photos):
    gallery.add_faces("people", "Anna", [new_face(1)], name="Anna")
    with database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM embeddings")
    sentences = [fault.sentence for fault in faults(database, photos)]
    assert len(sentences) == 2  # no embedding, no photo
    assert "Anna" not in str(sentences)
