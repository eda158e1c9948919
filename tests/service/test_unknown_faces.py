"""Faces that a search found to be of nobody known: kept where a collection asks for it, grouped, assigned, erased."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from tests.conftest import Small
from tests.pictures import drawn_photo, opened
from vultus.errors import NotFound, StorageFailed
from vultus.records.liveness import LivenessRule, LivenessVerdict
from vultus.service.review import unknown_faces as reviewing
from vultus.storage.audit import Act, Audit
from vultus.storage.database import open_database
from vultus.wiring import background

DAYS = {"keep_unknown_days": 3}


@pytest.fixture
def door(small: Small) -> Small:
    """Person 1 is enrolled; unknown faces are kept for three days."""
    small.service.enrolment.enroll([drawn_photo(1)], subject="ada")
    small.service.galleries.change_policies("default", DAYS)
    return small


def kept(small: Small) -> list[list[str]]:
    """The ids of the faces of each group."""
    return [[face.id for face in group.faces] for group in small.service.unknown_faces.groups("default")]


def again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody seen a moment ago is kept again."""
    monkeypatch.setattr(reviewing, "REPEAT", -timedelta(minutes=1))


def test_nothing_is_kept_unless_the_collection_asks_for_it(small):
    small.service.enrolment.enroll([drawn_photo(1)], subject="ada")
    small.service.identification.find(drawn_photo(2))
    assert kept(small) == []
    assert small.gallery.collection("default").unknown_faces == 0


def test_a_stranger_is_kept_and_somebody_known_is_not(door):
    assert door.service.identification.find(drawn_photo(1)).faces[0].decision == "match"
    assert kept(door) == []
    assert door.service.identification.find(drawn_photo(2)).faces[0].decision == "unknown"
    assert [len(group) for group in kept(door)] == [1]
    assert door.gallery.collection("default").unknown_faces == 1


def test_a_stricter_threshold_of_a_caller_makes_nobody_a_stranger(door):
    answer = door.service.identification.find(drawn_photo(1, photo=1, noise=5), threshold=1.0)
    assert answer.faces[0].decision == "unknown"
    assert kept(door) == []


def test_a_stranger_seen_again_a_moment_later_is_not_kept_again(door):
    for noise in (0, 3, 5):
        door.service.identification.find(drawn_photo(2, photo=noise, noise=noise))
    door.service.identification.find(drawn_photo(3))
    assert [len(group) for group in kept(door)] == [1, 1]


def test_faces_of_one_person_are_one_group_the_largest_first(door, monkeypatch):
    again_and_again(monkeypatch)
    door.service.identification.find(drawn_photo(3))
    for noise in (0, 3, 5):
        door.service.identification.find(drawn_photo(2, photo=noise, noise=noise))
    groups = door.service.unknown_faces.groups("default")
    assert [len(group.faces) for group in groups] == [3, 1]
    assert [one.quality.score for one in groups[0].faces] == sorted(
        (one.quality.score for one in groups[0].faces), reverse=True
    )


def test_all_strangers_of_a_group_photo_are_kept(door):
    answer = door.service.identification.find(drawn_photo(1, 2, 3), faces="all")
    unknown = sum(face.decision == "unknown" for face in answer.faces)
    assert unknown
    assert sum(map(len, kept(door))) == unknown


def test_an_embedding_and_an_enrolled_face_are_never_kept(door):
    (face,) = door.service.galleries.subject_faces("default", "ada")
    door.service.identification.find_face(face.id)
    vector = np.eye(32)[0]
    door.service.identification.find_embedding(vector.tolist(), model_name="tiny-32")
    assert kept(door) == []


@pytest.mark.parametrize(
    "junk",
    [
        lambda small: small.service.galleries.change_policies("default", {"min_quality": 100}),
        lambda small: setattr(reviewing, "is_reliable", lambda quality: False),
    ],
    ids=["quality", "reliability"],
)
def test_a_face_that_could_not_be_enrolled_is_not_kept(door, monkeypatch, junk: Callable[[Small], Any]):
    monkeypatch.setattr(reviewing, "is_reliable", reviewing.is_reliable)
    junk(door)
    door.service.identification.find(drawn_photo(2))
    assert kept(door) == []


@pytest.mark.parametrize(("decision", "faces"), [("live", 1), ("attack", 0), ("unjudged", 0)])
def test_what_was_judged_and_is_not_live_is_not_kept(door, decision, faces):
    found = door.service.identification.find(drawn_photo(9))
    door.service.unknown_faces.erase("default")
    rule = LivenessRule("m", 0.5, 0.1, "card")
    judged = replace(found.faces[0], liveness=LivenessVerdict("img", decision, 0.5, rule, ""))
    pipeline, model = door.service.context.pipeline, door.models.resolve(None)
    detected = pipeline.detect(drawn_photo(9))
    (template,) = pipeline.embed([(detected, detected.faces[0])], model.embedder())
    seen = [(detected.faces[0], template, judged, [])]
    door.service.unknown_faces.keep(door.gallery.binding("default"), model, detected, seen, 1)
    assert sum(map(len, kept(door))) == faces


def test_assigned_faces_are_enrolled_and_found_and_unknown_no_more(door, monkeypatch):
    again_and_again(monkeypatch)
    for noise in (0, 3):
        door.service.identification.find(drawn_photo(2, photo=noise, noise=noise))
    ((first, second),) = kept(door)
    subject, added = door.service.unknown_faces.assign("default", [first, second, first], "bob", name="Bob")
    assert (subject.id, subject.name, len(added)) == ("bob", "Bob", 2)
    assert kept(door) == []
    answer = door.service.identification.find(drawn_photo(2)).faces[0]
    assert (answer.decision, answer.matches[0].candidate.subject) == ("match", "bob")
    picture = door.service.galleries.face_crop(added[0].face.id, size=64)
    assert opened(picture).size == (64, 64)
    assert door.service.galleries.forget("default", "bob").photos == 2
    assert list(door.photos.keys()) == [door.gallery.faces("default", "ada")[0].photo.sha256]


def test_the_picture_of_a_face_shows_it_with_room_around(door):
    """The drawn face of 80 pixels is at (12, 22); in a square of 144 (1.8 times 80) it begins at (32, 32)."""
    door.service.identification.find(drawn_photo(2))
    ((face_id,),) = kept(door)
    picture = opened(door.service.unknown_faces.crop("default", face_id))
    (one,) = door.service.unknown_faces.groups("default")[0].faces
    assert (picture.size, one.crop_side, one.face.box) == ((144, 144), 144, (32.0, 32.0, 112.0, 112.0))
    original = opened(drawn_photo(2))
    face, drawn = (np.asarray(image.convert("L"), float) for image in (picture, original))
    assert np.abs(face[32:112, 32:112] - drawn[22:102, 12:92]).mean() < 2
    (seen, *_) = door.detector.detect(np.asarray(original))
    assert np.allclose(one.face.landmarks - one.face.box[:2], seen.landmarks - seen.box[:2], atol=0.01)


def test_no_picture_is_kept_where_the_collection_keeps_no_photos(door):
    door.service.galleries.change_policies("default", {"store_photos": False})
    door.service.identification.find(drawn_photo(2))
    ((face_id,),) = kept(door)
    with pytest.raises(NotFound):
        door.service.unknown_faces.crop("default", face_id)
    _, (added,) = door.service.unknown_faces.assign("default", [face_id], "bob")
    assert added.face.photo is None
    assert door.service.identification.find(drawn_photo(2)).faces[0].decision == "match"


def test_one_face_that_is_gone_assigns_none(door):
    door.service.identification.find(drawn_photo(2))
    ((face_id,),) = kept(door)
    with pytest.raises(NotFound):
        door.service.unknown_faces.assign("default", [face_id, "f" * 32], "bob")
    assert kept(door) == [[face_id]]
    assert [one.id for one in door.gallery.subjects("default", limit=9)] == ["ada"]


def test_faces_go_by_their_age_and_when_the_policy_is_taken_away(door):
    door.service.identification.find(drawn_photo(2))
    now = datetime.now(UTC)
    door.service.unknown_faces.erase_old(now + timedelta(days=2))
    assert len(kept(door)) == 1
    door.service.unknown_faces.erase_old(now + timedelta(days=4))
    assert kept(door) == []
    door.service.identification.find(drawn_photo(2))
    door.service.galleries.change_policies("default", {"keep_unknown_days": None})
    assert door.gallery.collection("default").unknown_faces == 0


def test_a_command_erases_what_is_over_where_no_server_does(door, monkeypatch):
    door.service.identification.find(drawn_photo(2))
    background.erase_expired(door.service)
    assert len(kept(door)) == 1
    monkeypatch.setattr(background, "utc_now", lambda: datetime.now(UTC) + timedelta(days=4))
    background.erase_expired(door.service)
    assert kept(door) == []


def test_what_is_kept_erased_and_assigned_has_its_line(door):
    service = door.service.acting_as(Act("k1"))
    service.identification.find(drawn_photo(2))
    service.identification.find(drawn_photo(3))
    (first,), (second,) = kept(door)
    for ignored in (True, True, False):  # the second changes nothing
        service.unknown_faces.ignore("default", [first], ignored=ignored)
    service.unknown_faces.erase("default", [first])
    service.unknown_faces.assign("default", [second], "bob")
    lines = [
        (one.action, one.objects) for one in Audit(open_database(f"sqlite:///{door.folder / 'vultus.db'}")).lines()
    ]
    assert [action for action, _ in lines] == [
        "unknown.keep",
        "unknown.keep",
        "unknown.ignore",
        "unknown.recall",
        "unknown.erase",
        "enroll",
        "unknown.assign",
    ]
    assert [lines[i][1] for i in (2, 3, 4)] == [(first,)] * 3
    assert lines[6][1] == (second,)


def test_somebody_who_is_ignored_is_not_kept_again_until_the_days_are_over(door, monkeypatch):
    again_and_again(monkeypatch)
    door.service.identification.find(drawn_photo(2))
    ((ignored,),) = kept(door)
    seen_at = door.gallery.unknown_faces.faces("default")[0].seen_at
    assert door.service.unknown_faces.ignore("default", [ignored]) == 1
    for noise in (3, 5):
        door.service.identification.find(drawn_photo(2, photo=noise, noise=noise))
    door.service.identification.find(drawn_photo(3))
    assert [len(group) for group in kept(door)] == [1]  # the other stranger
    (group,) = door.service.unknown_faces.groups("default", ignored=True)
    assert [(face.id, face.seen_at) for face in group.faces] == [(ignored, seen_at)]
    assert door.gallery.collection("default").unknown_faces == 2
    door.service.unknown_faces.erase_old(datetime.now(UTC) + timedelta(days=4))
    door.service.identification.find(drawn_photo(2))
    assert [len(group) for group in kept(door)] == [1]
    assert door.service.unknown_faces.groups("default", ignored=True) == ()


def test_ignored_faces_are_assigned_erased_and_given_up_with_the_policy(door):
    for person in (2, 3, 4):
        door.service.identification.find(drawn_photo(person))
    first, second, _ = (face_id for (face_id,) in kept(door))
    door.service.unknown_faces.ignore("default", [face_id for (face_id,) in kept(door)])
    assert door.service.unknown_faces.assign("default", [first], "bob")[0].id == "bob"
    assert door.service.unknown_faces.erase("default", [second]) == 1
    assert door.service.unknown_faces.ignored_count("default") == 1
    door.service.galleries.change_policies("default", {"keep_unknown_days": None})
    assert door.service.unknown_faces.ignored_count("default") == 0


def test_a_search_is_answered_also_where_its_face_cannot_be_kept(door, monkeypatch):
    def fails(*_: Any, **__: Any) -> None:
        raise StorageFailed("the disk is full")

    monkeypatch.setattr(reviewing.UnknownFaces, "_keep", fails)
    assert door.service.identification.find(drawn_photo(2)).faces[0].decision == "unknown"
