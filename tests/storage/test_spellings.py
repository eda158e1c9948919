"""Composed (NFC) and decomposed (NFD) spellings of an id are one subject; those of an older folder stay reachable."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.storage.synthetic import DIMENSION, MODEL, new_face
from vultus.errors import InvalidRequest, SubjectErased, SubjectExists
from vultus.storage.database import open_database
from vultus.storage.gallery import Gallery
from vultus.storage.migrations.runner import migrate
from vultus.wiring.background import warn_of_spellings

NFC, NFD = "Jos\u00e9", "Jose\u0301"
HOUR = timedelta(hours=1)
MOMENT = "2026-01-01 00:00:00.000000"


def ids(gallery: Gallery) -> list[str]:
    return [one.id for one in gallery.subjects("people", limit=100)]


def test_both_spellings_are_one_subject_stored_composed(gallery):
    gallery.add_faces("people", NFD, [new_face(1)])
    gallery.add_faces("people", NFC, [new_face(2)])
    assert ids(gallery) == [NFC]
    for spelling in (NFC, NFD):
        assert (gallery.subject("people", spelling).id, gallery.subject("people", spelling).faces) == (NFC, 2)
        assert len(gallery.faces("people", spelling)) == 2
    assert [one.id for one in gallery.subjects("people", limit=9, query="jose\u0301")] == [NFC]
    deleted, _ = gallery.delete_subject("people", NFD)
    assert (deleted.subject, deleted.faces, deleted.other_spellings) == (NFC, 2, ())
    assert ids(gallery) == []


def test_corrections_know_both_spellings(gallery):
    gallery.add_faces("people", "anna", [new_face(1)])
    gallery.add_faces("people", NFC, [new_face(2)])
    with pytest.raises(SubjectExists):
        gallery.corrections.rename("people", "anna", NFD, undo_for=HOUR)
    with pytest.raises(InvalidRequest, match="already"):
        gallery.corrections.rename("people", NFC, NFD, undo_for=HOUR)
    face = gallery.faces("people", "anna")[0]
    assert not gallery.corrections.move(face.id, NFD, undo_for=HOUR).created
    gallery.corrections.merge("people", "anna", NFD, undo_for=HOUR)
    gallery.corrections.rename("people", NFD, "Zoe\u0308", undo_for=HOUR)
    assert ids(gallery) == ["Zo\u00eb"]


def test_an_enrolment_by_one_spelling_is_overtaken_by_an_erasure_of_the_other(gallery):
    gallery.add_faces("people", NFC, [new_face(1)])
    begun = gallery.begin_enrolment("people", [NFD])
    gallery.delete_subject("people", NFC)
    with pytest.raises(SubjectErased):
        gallery.add_faces("people", NFD, [new_face(2)], begun=begun)


@pytest.fixture
def older(url) -> Gallery:
    """A gallery of schema 8 with both spellings of one id, and the decomposed one of another, after the upgrade."""
    database = open_database(url)
    migrate(database, until=8)
    with database.writing() as connection:
        collection = (MODEL, DIMENSION, MOMENT)
        connection.exec_driver_sql(
            "INSERT INTO collections (pk, name, model_id, pipeline_version, dimension, revision, created_at) "
            "VALUES (1, 'people', ?, 1, ?, 0, ?)",
            collection,
        )
        for pk, subject in enumerate((NFC, NFD, "Zoe\u0308", "anna"), 1):
            connection.exec_driver_sql(
                "INSERT INTO subjects (pk, collection_pk, id, name, metadata_json, created_at) "
                "VALUES (?, 1, ?, ?, '{}', ?)",
                (pk, subject, subject, MOMENT),
            )
    migrate(database)
    return Gallery(database)


@pytest.mark.sqlite
def test_an_upgrade_composes_ids_and_leaves_those_that_collide(older):
    assert ids(older) == sorted([NFC, NFD, "Zo\u00eb", "anna"])
    zoe = older.subject("people", "Zoe\u0308")
    assert (zoe.id, zoe.name) == ("Zo\u00eb", "Zo\u00eb")
    assert older.doubly_spelled() == (("people", NFD),)
    for spelling in (NFC, NFD):
        assert older.subject("people", spelling).id == spelling
    older.add_faces("people", NFD, [new_face(1)])
    assert (older.subject("people", NFC).faces, older.subject("people", NFD).faces) == (0, 1)
    assert older.look_alikes("people", "ANNA") == ("anna",)


@pytest.mark.sqlite
@pytest.mark.parametrize(("erased", "left"), [(NFC, NFD), (NFD, NFC)])
def test_an_erasure_names_the_other_spelling_which_stays_reachable_by_both(older, erased, left):
    deleted, _ = older.delete_subject("people", erased)
    assert (deleted.subject, deleted.other_spellings) == (erased, (left,))
    assert older.subject("people", NFC).id == older.subject("people", NFD).id == left


@pytest.mark.sqlite
def test_collisions_end_by_a_merge_that_can_be_undone(older):
    merged = older.corrections.merge("people", NFD, NFC, undo_for=HOUR)
    assert older.doubly_spelled() == ()
    older.corrections.undo(merged.undo.id)
    assert older.doubly_spelled() == (("people", NFD),)


@pytest.mark.sqlite
def test_what_is_left_of_a_collision_can_be_renamed_to_its_composed_spelling(older):
    older.delete_subject("people", NFC)
    older.corrections.rename("people", NFD, NFC, undo_for=HOUR)
    assert older.doubly_spelled() == ()


@pytest.mark.sqlite
def test_the_start_of_a_server_logs_collisions_without_their_ids(older, caplog):
    warn_of_spellings(older)
    (record,) = caplog.records
    assert "1 subject ids" in record.getMessage()
    assert "vultus subjects spellings" in record.getMessage()
    assert NFD not in record.getMessage()


@pytest.mark.sqlite
def test_look_alikes_are_looked_up_by_an_index(database):
    with database.reading() as connection:
        for column, index in (("skeleton", "subjects_by_skeleton"), ("canonical", "subjects_by_canonical")):
            plan = f"EXPLAIN QUERY PLAN SELECT id FROM subjects WHERE collection_pk = ? AND {column} = ?"
            (step,) = connection.exec_driver_sql(plan, (1, "x")).all()
            assert f"USING INDEX {index}" in step[-1]
