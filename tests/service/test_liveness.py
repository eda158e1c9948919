"""Liveness in verifications, searches and enrolments: what is refused, what is reported, and what the audit has."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.pictures import drawn_photo, encoded, opened
from vultus.errors import (
    FramesDiffer,
    InvalidRequest,
    LivenessNotJudged,
    ModelNotInstalled,
    NoFaceDetected,
    PolicyLoosened,
    PresentationAttackSuspected,
)
from vultus.records.stored import CollectionPolicies
from vultus.storage.audit import Act, Audit

LIVE, ATTACK = drawn_photo(1), drawn_photo(1, liveness=4)
SMALL = encoded(opened(LIVE).resize((160, 120), 0))


def grey() -> bytes:
    """A photo whose face is grey, within its coloured frame."""
    picture, face = opened(LIVE), (12, 22, 92, 102)
    picture.paste(picture.crop(face).convert("L").convert("RGB"), face[:2])
    return encoded(picture)


@pytest.fixture
def act() -> Act:
    return Act("a key", action="verify")


@pytest.fixture
def service(small, act):
    """The service for an actor, with two people enrolled; a collection `door` requires live faces."""
    small.service.galleries.create_collection("door", policies=CollectionPolicies(liveness="require"))
    for collection in ("default", "door"):
        for person in (1, 2):
            small.service.enrolment.enroll([drawn_photo(person, photo=1)], subject=f"p{person}", collection=collection)
    return small.service.acting_as(act)


def test_what_is_not_asked_for_is_not_judged(service, small):
    small.models.liveness_model = None
    assert service.recognition.verify(LIVE, ATTACK).liveness == ()
    assert service.recognition.verify_subject(ATTACK, "p1").liveness == ()
    assert service.identification.find(ATTACK).faces[0].liveness is None
    assert service.enrolment.enroll([ATTACK]).faces[0].liveness is None


def test_report_answers_and_decides_as_before(service):
    found = service.recognition.verify(LIVE, ATTACK, liveness="report")
    assert found.verified
    assert [(one.image, one.decision, one.score) for one in found.liveness] == [
        ("img1", "live", pytest.approx(0.9)),
        ("img2", "attack", pytest.approx(0.04)),
    ]
    (caution,) = [one for one in found.cautions if one.code == "presentation_attack_suspected"]
    assert (caution.image, caution.detail) == ("img2", "the liveness score 0.0400 is below the threshold 0.5000")


@pytest.mark.parametrize("judged", [("img1", "img2"), ("img2",)])
def test_an_attack_is_never_verified_where_live_faces_are_required(service, act, judged):
    with pytest.raises(PresentationAttackSuspected, match="img2 is taken for a picture of a face") as refused:
        service.recognition.verify(LIVE, ATTACK, liveness="require", liveness_of=judged)
    assert refused.value.code == "presentation_attack_suspected"
    assert [(one.decision, one.rule, one.threshold) for one in act.decisions][-1] == ("attack", "liveness", 0.5)


def test_a_document_need_not_be_live(service):
    found = service.recognition.verify(ATTACK, LIVE, liveness="require", liveness_of=["img2"])
    assert found.verified
    assert [one.image for one in found.liveness] == ["img2"]


def test_the_photo_shown_for_a_subject_is_judged(service):
    assert service.recognition.verify_subject(LIVE, "p1", liveness="require").verified
    with pytest.raises(PresentationAttackSuspected, match="img is taken for"):
        service.recognition.verify_subject(ATTACK, "p1", liveness="require")


def test_a_search_names_nobody_for_an_attack(service):
    assert service.identification.find(LIVE, liveness="require").faces[0].decision == "match"
    with pytest.raises(PresentationAttackSuspected):
        service.identification.find(ATTACK, liveness="require")
    reported = service.identification.find(ATTACK, liveness="report").faces[0]
    assert (reported.decision, reported.liveness.decision) == ("match", "attack")


def test_every_face_of_a_group_is_judged(service, act):
    found = service.identification.find(drawn_photo(1, 2), faces="all", liveness="report")
    assert [(face.liveness.decision, face.liveness.chosen) for face in found.faces] == [("live", 0), ("live", 1)]
    with pytest.raises(PresentationAttackSuspected):
        service.identification.find(drawn_photo(1, 2, liveness=4), faces="all", liveness="require")
    assert [one.chosen for one in act.decisions] == [(0,), (1,)]


def test_an_attack_is_never_enrolled_and_the_audit_has_it(service, small, act):
    with pytest.raises(PresentationAttackSuspected):
        service.enrolment.enroll([ATTACK], subject="new", liveness="require")
    assert [one.decision for one in act.decisions] == ["attack"]
    found = service.enrolment.enroll([ATTACK, LIVE], subject="new", liveness="require")
    assert [(one.index, one.error) for one in found.rejected] == [(0, "presentation_attack_suspected")]
    assert [face.liveness.decision for face in found.faces] == ["live"]
    (line,) = Audit(small.gallery._database).lines(limit=1)
    assert (line.action, [(one.decision, one.rule) for one in line.decisions]) == (
        "enroll",
        [("live", "liveness"), ("attack", "liveness")],
    )


def test_of_a_group_what_is_not_live_is_rejected(service, act):
    with pytest.raises(PresentationAttackSuspected, match="none of the 2 faces was accepted"):
        service.enrolment.enroll_all_faces(drawn_photo(3, 4, liveness=4), liveness="require")
    assert [one.decision for one in act.decisions] == ["attack", "attack"]
    found = service.enrolment.enroll_all_faces(drawn_photo(3, 4, liveness=4), liveness="report")
    assert [face.liveness.decision for face in found.faces] == ["attack", "attack"]
    assert [one.code for one in found.cautions if "attack" in one.code] == ["presentation_attack_suspected"] * 2


def test_the_policy_of_a_collection_holds_for_its_requests(service, small):
    for call in (
        lambda **more: service.recognition.verify_subject(ATTACK, "p1", collection="door", **more),
        lambda **more: service.identification.find(ATTACK, collection="door", **more),
        lambda **more: service.enrolment.enroll([ATTACK], collection="door", **more),
        lambda **more: service.enrolment.enroll_all_faces(ATTACK, collection="door", **more),
    ):
        with pytest.raises(PresentationAttackSuspected):
            call()
        for looser in ("off", "report"):
            with pytest.raises(PolicyLoosened, match=f"is liveness=require, and {looser} is asked for"):
                call(liveness=looser)
    may = Act("an operator", may_override=True)
    assert small.service.acting_as(may).identification.find(ATTACK, collection="door", liveness="off").faces
    assert may.overridden
    stricter = CollectionPolicies(liveness="report")
    small.service.galleries.change_policies("door", {"liveness": stricter.liveness})
    assert service.identification.find(ATTACK, collection="door").faces[0].liveness.decision == "attack"
    with pytest.raises(PresentationAttackSuspected):
        service.identification.find(ATTACK, collection="door", liveness="require")


def test_where_there_is_no_picture_nothing_passes(service, small):
    face = service.enrolment.enroll([LIVE], subject="p1", collection="door").faces[0].face
    vector = small.service.recognition.represent(LIVE)[0].embedding.tolist()
    tiny = {"model_name": "tiny-32"}
    calls = {
        "an enrolled face": lambda **more: service.identification.find_face(face.id, **more),
        "an embedding": lambda **more: service.identification.find_embedding(vector, collection="door", **tiny, **more),
    }
    calls["enroll"] = lambda **more: service.enrolment.enroll_embeddings([vector], collection="door", **tiny, **more)
    for call in calls.values():
        with pytest.raises(PolicyLoosened, match=r"requires a live face, and an .* has no picture"):
            call()
        with pytest.raises(InvalidRequest, match="liveness=report needs a photo"):
            call(liveness="report")


def test_without_the_model_nothing_passes_and_the_command_is_named(service, small):
    small.models.liveness_model = None
    for call in (
        lambda: service.recognition.verify(LIVE, LIVE, liveness="report"),
        lambda: service.recognition.verify_subject(LIVE, "p1", collection="door"),
        lambda: service.identification.find(LIVE, collection="door"),
        lambda: service.enrolment.enroll([LIVE], collection="door"),
        lambda: service.enrolment.enroll_all_faces(LIVE, liveness="report"),
    ):
        with pytest.raises(ModelNotInstalled, match="vultus models pull tiny-live"):
            call()


@pytest.mark.parametrize(
    ("photo", "why"),
    [(SMALL, "the face is 38 px wide, and at least 48"), (grey(), "the photo is grey"), (drawn_photo(), "no face was")],
    ids=["small", "grey", "no face"],
)
def test_what_cannot_be_judged_is_refused_by_name_and_reported_as_such(service, photo, why):
    options = {"enforce_detection": False}
    with pytest.raises(LivenessNotJudged, match=rf"img2 cannot be judged: {why}") as refused:
        service.recognition.verify(LIVE, photo, liveness="require", **options)
    assert refused.value.code == "liveness_not_judged"
    found = service.recognition.verify(LIVE, photo, liveness="report", **options)
    assert (found.liveness[1].decision, found.liveness[1].score) == ("unjudged", None)
    assert [one.image for one in found.cautions if one.code == "liveness_not_judged"] == ["img2"]


def test_little_room_around_a_face_is_a_caution(service):
    near = encoded(opened(LIVE).crop((5, 5, 150, 150)))  # 1.8 times the face
    found = service.recognition.verify(LIVE, near, liveness="require")
    (caution,) = [one for one in found.cautions if one.code == "liveness_uncertain"]
    assert (caution.image, "room for 1.8 times the face" in caution.detail) == ("img2", True)


def frames(*scores: int, person: int = 1) -> list[bytes]:
    return [drawn_photo(person, photo=2 + i, noise=3, liveness=score) for i, score in enumerate(scores)]


def test_the_mean_of_several_frames_decides(service):
    found = service.identification.find(drawn_photo(1, liveness=40), liveness="require", frames=frames(60, 80))
    verdict = found.faces[0].liveness
    assert (verdict.decision, verdict.score, len(verdict.scores)) == ("live", pytest.approx(0.6), 3)
    assert "the mean liveness score of 3 frames 0.6000 reaches" in verdict.reason
    with pytest.raises(PresentationAttackSuspected, match=r"mean liveness score of 3 frames 0\.3667 is below"):
        service.recognition.verify_subject(LIVE, "p1", liveness="require", frames=frames(10, 10))
    enrolled = service.enrolment.enroll([LIVE], subject="new", liveness="require", frames=frames(80, 80))
    assert enrolled.subject.faces == 1  # the frames are not enrolled
    assert len(enrolled.faces[0].liveness.scores) == 3


def test_frames_of_another_face_are_refused(service):
    with pytest.raises(FramesDiffer, match=r"the face in frames\[1\] is another one than that in img"):
        service.identification.find(LIVE, liveness="require", frames=[*frames(80), *frames(81, person=2)])


@pytest.mark.parametrize(
    ("more", "error", "said"),
    [
        ([drawn_photo()], NoFaceDetected, r"no face found in frames\[0\]"),
        ([SMALL], LivenessNotJudged, r"frames\[0\] cannot be judged: the face is 38 px"),
        ([LIVE], InvalidRequest, r"frames\[0\] is the same picture as img"),
        ([ATTACK, ATTACK], InvalidRequest, r"frames\[1\] is the same picture as frames\[0\]"),
    ],
    ids=["no face", "small", "the probe again", "a frame twice"],
)
def test_frames_that_say_nothing_are_refused(service, more, error, said):
    for call in (
        lambda: service.recognition.verify_subject(LIVE, "p1", liveness="require", frames=more),
        lambda: service.identification.find(LIVE, liveness="require", frames=more),
        lambda: service.enrolment.enroll([LIVE], liveness="require", frames=more),
    ):
        with pytest.raises(error, match=said):
            call()


def test_frames_without_liveness_are_refused(service):
    with pytest.raises(InvalidRequest, match="frames are for liveness alone"):
        service.identification.find(LIVE, frames=frames(80))


def test_a_model_without_rates_tells_faces_apart_too(service, small):
    model = small.models._models["tiny-32"]
    small.models._models["tiny-32"] = replace(model, calibration=None)
    options = {"liveness": "require", "threshold": 0.5}
    assert service.identification.find(LIVE, frames=frames(80), **options).faces
    with pytest.raises(FramesDiffer):
        service.identification.find(LIVE, frames=frames(80, person=2), **options)


PROTOCOLS = {
    "CompreFace's recognition": lambda service, photo: service.photo_scores.search(photo, "door", top_k=1),
    "CompreFace's verification": lambda service, photo: service.photo_scores.with_face(photo, door_face(service)),
    "Rekognition's searches": lambda service, photo: service.descriptions.represent(photo, collection="door"),
    "Rekognition's indexing": lambda service, photo: service.indexing.index(photo, collection="door", floor=0),
}
WITHOUT_PICTURE = {
    "CompreFace's embeddings": lambda service: service.photo_scores.search_embeddings([VECTOR], "door", top_k=1),
    "CompreFace's embedding and a face": lambda service: service.photo_scores.embeddings_with_face(
        [VECTOR], door_face(service)
    ),
    "Rekognition's SearchFaces": lambda service: service.face_lists.faces_like_face(
        door_face(service), collection="door", least=0, most=1
    ),
    "Rekognition's SearchUsers": lambda service: service.face_lists.subjects_like_subject(
        "p1", collection="door", least=0, most=1
    ),
}
VECTOR = [1.0] + [0.0] * 31


def door_face(service) -> str:
    return service.context.gallery.faces("door", "p1")[0].id


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_policy_of_a_collection_holds_in_the_protocols_of_other_services(service, small, protocol):
    with pytest.raises(PresentationAttackSuspected):
        PROTOCOLS[protocol](service, ATTACK)
    PROTOCOLS[protocol](service, drawn_photo(1, photo=7))
    small.models.liveness_model = None
    with pytest.raises(ModelNotInstalled, match="vultus models pull"):
        PROTOCOLS[protocol](service, LIVE)


@pytest.mark.parametrize("call", WITHOUT_PICTURE)
def test_what_has_no_picture_is_refused_there_in_other_protocols_too(service, call):
    with pytest.raises(PolicyLoosened, match="has no picture that could be judged"):
        WITHOUT_PICTURE[call](service)
