"""Enrolments and erasures of two processes: two `Database` objects on one file."""

from __future__ import annotations

import pytest

from tests.storage.synthetic import DIMENSION, MODEL
from tests.storage.synthetic import new_face as face
from vultus.errors import SubjectErased


def test_an_erasure_by_another_process_stops_an_enrolment_that_was_under_way(gallery, other_gallery):
    gallery.add_faces("people", "ada", [face(1)])
    begun = gallery.begin_enrolment("people", ["bob"])
    other_gallery.add_faces("people", "bob", [face(2)])  # came and went meanwhile
    other_gallery.delete_subject("people", "bob")
    with pytest.raises(SubjectErased):
        gallery.add_faces("people", "bob", [face(3)], begun=begun)
    assert [subject.id for subject in gallery.subjects("people", limit=10)] == ["ada"]


def test_an_erasure_before_the_enrolment_began_or_of_another_subject_is_no_matter(gallery, other_gallery):
    gallery.add_faces("people", "ada", [face(1)])
    gallery.add_faces("people", "eve", [face(2)])
    other_gallery.delete_subject("people", "ada")
    begun = gallery.begin_enrolment("people", ["ada"])
    other_gallery.delete_subject("people", "eve")
    gallery.add_faces("people", "ada", [face(3)], begun=begun)


def test_a_collection_erased_and_made_again_by_another_process_stops_it_too(gallery, other_gallery):
    begun = gallery.begin_enrolment("people", ["ada"])
    other_gallery.delete_collection("people")
    other_gallery.create_collection("people", model_id=MODEL, pipeline_version=1, dimension=DIMENSION)
    with pytest.raises(SubjectErased):
        gallery.add_faces("people", "ada", [face(1)], begun=begun)
