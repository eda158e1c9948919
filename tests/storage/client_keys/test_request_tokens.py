"""Tokens of requests, and the labels of images, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.storage.synthetic import new_face
from vultus.records.stored import ImageLabel
from vultus.storage.client_keys.request_tokens import RequestTokens, digest

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def test_a_token_is_known_for_a_day_to_its_caller_alone(database):
    tokens = RequestTokens(database)
    tokens.add("key 1", "token", "f" * 64, NOW)
    assert tokens.find("key 1", "token", NOW + timedelta(hours=23)) == "f" * 64
    assert tokens.find("key 2", "token", NOW) is None
    assert tokens.find("key 1", "token", NOW + timedelta(hours=25)) is None
    tokens.add("key 1", "token", "e" * 64, NOW + timedelta(hours=25))
    assert tokens.find("key 1", "token", NOW + timedelta(hours=25)) == "e" * 64


def test_parts_of_a_digest_do_not_run_together():
    assert digest("a", "b") != digest("ab") != digest("", "ab")


def test_faces_have_the_label_of_their_image_until_they_are_erased(gallery):
    label = ImageLabel("a" * 32, "badge 7")
    gallery.add_faces("people", "anna", [replace(new_face(1), label=label)])
    gallery.add_faces("people", "anna", [new_face(2)])
    labelled, plain = gallery.faces("people", "anna")
    assert (labelled.label, plain.label) == (label, None)
    assert gallery.faces_of_image("people", label.image_id) == (labelled,)
    gallery.corrections.move(labelled.id, "berta", undo_for=timedelta(hours=1))
    assert gallery.face(labelled.id).label == label
    gallery.delete_face(labelled.id)
    assert gallery.faces_of_image("people", label.image_id) == ()
    assert gallery.count_subjects("people", "a") == 1
