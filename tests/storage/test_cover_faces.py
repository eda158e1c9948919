"""The face that shows a subject, and the counts beside it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.storage.synthetic import MODEL, new_face, unit
from vultus.errors import FaceNotFound, InvalidRequest
from vultus.records.seen import ModelEmbedding, Quality, Template
from vultus.records.stored import NewFace
from vultus.storage.gallery import Gallery


def of_quality(seed: int, score: float, *, version: int = 1, photo: str | None = None) -> NewFace:
    face = new_face(seed, photo=photo)
    assert isinstance(face.template, Template)
    return replace(face, template=replace(face.template, quality=Quality(score, {}, version)))


def enrolled(gallery: Gallery, subject: str, *faces: NewFace) -> list[str]:
    _, added = gallery.add_faces("people", subject, faces)
    return [one.face.id for one in added]


def cover(gallery: Gallery, subject: str) -> str | None:
    return gallery.subject("people", subject).cover_face


def test_a_subject_is_shown_by_its_face_of_the_best_quality(gallery):
    ids = enrolled(gallery, "anna", of_quality(1, 50), of_quality(2, 80), of_quality(3, 80))
    assert cover(gallery, "anna") == ids[1]
    gallery.delete_face(ids[1])
    assert cover(gallery, "anna") == ids[2]


def test_scores_of_an_older_rule_do_not_count_against_those_of_a_newer(gallery):
    ids = enrolled(gallery, "anna", of_quality(1, 90, version=1), of_quality(2, 60, version=2))
    assert cover(gallery, "anna") == ids[1]


def test_a_face_without_a_photo_shows_nobody(gallery):
    enrolled(gallery, "anna", NewFace(ModelEmbedding(unit(1), MODEL), digest="d" * 64))
    assert cover(gallery, "anna") is None
    assert gallery.subject("people", "anna").photos == 0


def test_photos_are_counted_once_each(gallery):
    enrolled(gallery, "anna", of_quality(1, 50, photo="a"), of_quality(2, 50, photo="a"), of_quality(3, 50, photo="b"))
    subject = gallery.subject("people", "anna")
    assert (subject.faces, subject.photos) == (3, 2)


def test_a_chosen_face_shows_the_subject_until_the_choice_is_taken_away(gallery):
    ids = enrolled(gallery, "anna", of_quality(1, 50), of_quality(2, 80))
    assert gallery.update_subject("people", "anna", cover_face=ids[0]).cover_face == ids[0]
    assert gallery.update_subject("people", "anna", name="Anna").cover_face == ids[0]
    assert gallery.update_subject("people", "anna", cover_face="").cover_face == ids[1]


def test_a_chosen_face_that_is_erased_or_moved_no_longer_shows_the_subject(gallery):
    ids = enrolled(gallery, "anna", of_quality(1, 50), of_quality(2, 80), of_quality(3, 60))
    gallery.update_subject("people", "anna", cover_face=ids[0])
    moved = gallery.corrections.move(ids[0], "berta", undo_for=timedelta(hours=1))
    assert (cover(gallery, "anna"), cover(gallery, "berta")) == (ids[1], ids[0])
    gallery.corrections.undo(moved.undo.id)
    assert cover(gallery, "anna") == ids[0]
    gallery.delete_face(ids[0])
    assert cover(gallery, "anna") == ids[1]


def test_only_a_face_of_the_subject_with_a_photo_can_be_chosen(gallery):
    (own,) = enrolled(gallery, "anna", of_quality(1, 50))
    (bare,) = enrolled(gallery, "anna", NewFace(ModelEmbedding(unit(2), MODEL), digest="d" * 64))
    (other,) = enrolled(gallery, "berta", of_quality(3, 50))
    gallery.update_subject("people", "anna", cover_face=own)
    for wrong, error in ((other, FaceNotFound), ("f" * 32, FaceNotFound), (bare, InvalidRequest)):
        with pytest.raises(error):
            gallery.update_subject("people", "anna", name="changed", cover_face=wrong)
    assert (cover(gallery, "anna"), gallery.subject("people", "anna").name) == (own, None)


def test_each_subject_of_a_page_has_its_own_cover(gallery):
    ids = {name: enrolled(gallery, name, of_quality(seed, 50)) for seed, name in enumerate(("anna", "berta", "carl"))}
    assert {one.id: [one.cover_face] for one in gallery.subjects("people", limit=9)} == ids


@pytest.mark.parametrize("order", ["id", "name", "newest"])
def test_the_pages_of_each_order_hold_every_subject_once(gallery, order):
    for seed, name in enumerate(("Zoe", "", "ada", "Ada", "", "Étienne")):
        gallery.add_faces("people", f"s{seed}", [of_quality(seed, 50)], name=name or None)
    whole = gallery.subject_page("people", order=order, limit=9)
    place, found = None, []
    while page := gallery.subject_page("people", order=order, after=place, limit=2):
        found += [one.id for one, _ in page]
        place = page[-1][1]
    assert found == [one.id for one, _ in whole]
    assert sorted(found) == [f"s{seed}" for seed in range(6)]
    expected = {"id": "012345", "name": "231405", "newest": "543210"}[order]
    assert found == [f"s{one}" for one in expected]
