"""Liveness over HTTP: the fields as a form and as JSON, the answers, the refusals, and their audit lines."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.standin import StandInAuditSink
from tests.api.test_policies import client_of
from tests.conftest import Small
from tests.pictures import drawn_photo
from vultus.wiring.parts import System

LIVE, ATTACK = drawn_photo(1), drawn_photo(1, liveness=4)
FRAMES = [drawn_photo(1, photo=2 + i, noise=3, liveness=80) for i in range(2)]


def text(photo: bytes) -> str:
    return base64.b64encode(photo).decode()


@pytest.fixture
def enrolled(small_client: TestClient) -> TestClient:
    for collection, policies in (("default", {}), ("door", {"liveness": "require"})):
        small_client.put(f"/collections/{collection}", json={"policies": policies})
        img = drawn_photo(1, photo=1, noise=1)
        assert small_client.post(
            "/enroll", files={"img": img}, data={"subject": "ada", "collection": collection}
        ).is_success
    return small_client


def test_a_form_and_json_are_answered_alike(enrolled: TestClient) -> None:
    form = enrolled.post(
        "/find",
        files=[("img", LIVE), *(("frames", frame) for frame in FRAMES)],
        data={"liveness": "require"},
    ).json()["faces"][0]["liveness"]
    sent = {"img": text(LIVE), "frames": [text(frame) for frame in FRAMES], "liveness": "require"}
    assert enrolled.post("/find", json=sent).json()["faces"][0]["liveness"] == form
    assert form == {
        "decision": "live",
        "score": 0.833333,
        "threshold": 0.5,
        "rule": {"bpcer": 0.01, "source": "card"},
        "model_id": "tiny-live",
        "frames": 3,
        "scores": [0.9, 0.8, 0.8],
        "reason": "the mean liveness score of 3 frames 0.8333 reaches the threshold 0.5000",
    }


def test_each_call_answers_liveness_where_it_was_judged(enrolled: TestClient) -> None:
    report = {"liveness": "report"}
    pair = enrolled.post("/verify", files={"img1": LIVE, "img2": ATTACK}, data=report).json()
    assert pair["verified"]
    assert {image: one["decision"] for image, one in pair["liveness"].items()} == {"img1": "live", "img2": "attack"}
    one = enrolled.post("/verify", files={"img1": LIVE, "img2": ATTACK}, data={**report, "liveness_of": "img1"}).json()
    assert (one["liveness"]["img1"]["decision"], one["liveness"]["img2"]) == ("live", None)
    probe = enrolled.post("/verify", files={"img": ATTACK}, data={**report, "subject": "ada"}).json()
    assert (probe["liveness"]["img1"]["decision"], probe["liveness"]["img2"]) == ("attack", None)
    new = enrolled.post("/enroll", files={"img": ATTACK}, data=report).json()
    assert new["faces"][0]["liveness"]["decision"] == "attack"
    assert new["cautions"][0]["code"] == "presentation_attack_suspected"
    silent = enrolled.post("/verify", files={"img1": LIVE, "img2": ATTACK}).json()
    assert "liveness" not in silent


ATTACKS: list[tuple[str, dict[str, bytes], dict[str, str]]] = [
    ("/verify", {"img1": LIVE, "img2": ATTACK}, {"liveness": "require"}),
    ("/verify", {"img": ATTACK}, {"liveness": "require", "subject": "ada"}),
    ("/verify", {"img": ATTACK}, {"collection": "door", "subject": "ada"}),
    ("/find", {"img": ATTACK}, {"liveness": "require"}),
    ("/find", {"img": ATTACK}, {"collection": "door"}),
    ("/enroll", {"img": ATTACK}, {"collection": "door"}),
]


def test_an_attack_is_refused_and_audited(whole: System, enrolled: TestClient) -> None:
    sink = StandInAuditSink()
    with client_of(System(**{**vars(whole), "audit_sink": sink}), "verify", "find", "enroll") as client:
        answers = [client.post(path, files=images, data=fields) for path, images, fields in ATTACKS]
    for answer, line, (path, *_) in zip(answers, sink.lines, ATTACKS, strict=True):
        assert (answer.status_code, answer.json()["error"]) == (422, "presentation_attack_suspected")
        assert "is taken for a picture of a face" in answer.json()["detail"]
        assert (line.action, line.outcome) == (path[1:], "presentation_attack_suspected")
        assert line.decisions[-1].decision == "attack"
        assert (line.decisions[-1].rule, line.decisions[-1].model_id) == ("liveness", "tiny-live")


def test_without_the_model_the_answer_names_the_command(enrolled: TestClient, small: Small) -> None:
    small.models.liveness_model = None
    for fields in ({"liveness": "report"}, {"collection": "door"}):
        answer = enrolled.post("/find", files={"img": LIVE}, data=fields)
        assert (answer.status_code, answer.json()["error"]) == (501, "model_not_installed")
        assert "vultus models pull tiny-live" in answer.json()["detail"]


REFUSED: list[tuple[str, dict[str, Any], int, str]] = [
    ("/find", {"img": text(LIVE), "liveness": "maybe"}, 400, "should be 'off', 'report' or 'require'"),
    ("/find", {"img": text(LIVE), "frames": []}, 400, "holds no image"),
    ("/find", {"img": text(LIVE), "frames": [text(LIVE)] * 10}, 400, "10 frames were sent, at most 9"),
    ("/find", {"img": text(LIVE), "frames": [text(ATTACK)]}, 400, "frames are for liveness alone"),
    ("/find", {"img": text(LIVE), "frames": [text(ATTACK)], "faces": "all"}, 400, "frames are of one face"),
    ("/find", {"face_id": "a" * 32, "frames": [text(ATTACK)]}, 400, "frames are of one face"),
    ("/verify", {"img1": text(LIVE), "img2": text(LIVE), "frames": [text(ATTACK)]}, 400, "frames are of img"),
    ("/verify", {"img": text(LIVE), "subject": "ada", "liveness_of": "img1"}, 400, "liveness_of is for img1"),
    ("/enroll", {"img": [text(LIVE), text(ATTACK)], "frames": [text(FRAMES[0])]}, 400, "send one img"),
    ("/enroll", {"img": text(LIVE), "face": "all", "frames": [text(ATTACK)]}, 400, "face=all excludes frames"),
]


def test_fields_that_do_not_go_together_are_refused(enrolled: TestClient) -> None:
    for path, sent, status, said in REFUSED:
        answer = enrolled.post(path, json=sent)
        assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.json()


def test_decisions_about_liveness_are_counted(enrolled: TestClient) -> None:
    enrolled.post("/verify", files={"img": ATTACK}, data={"liveness": "report", "subject": "ada"})
    counted = enrolled.get("/metrics").text
    assert 'vultus_decisions_total{decision="attack",operation="verify"} 1.0' in counted
    assert 'vultus_stage_duration_seconds_count{stage="liveness"} 2.0' in counted  # one of an enrolment
