"""Rename, merge, move and undo over HTTP."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.test_lists import enroll
from tests.conftest import Small
from tests.pictures import drawn_photo
from vultus.api.app import create_app
from vultus.service import FaceService
from vultus.storage.audit import Audit
from vultus.wiring.parts import System

SUBJECTS = "/collections/default/subjects"


def best(client: TestClient, person: int) -> str:
    """The subject that a search for this person finds first."""
    answer = client.post("/find", files={"img": drawn_photo(person)}).json()
    return str(answer["faces"][0]["matches"][0]["subject"])


def subjects(client: TestClient) -> list[str]:
    return [one["subject"] for one in client.get(SUBJECTS).json()["subjects"]]


def test_a_rename_answers_the_subject_and_how_to_undo_it(small_client):
    enroll(small_client, "ana", 1, "Anna")
    before = datetime.now(UTC)
    answer = small_client.post(f"{SUBJECTS}/ana/rename", json={"subject": "a/b"}).json()
    assert (answer["subject"], answer["name"], answer["faces"]) == ("a/b", "Anna", 1)
    until = datetime.fromisoformat(answer["undo"]["until"])
    assert before + timedelta(hours=24) <= until <= datetime.now(UTC) + timedelta(hours=24)
    assert best(small_client, 1) == "a/b"
    undone = small_client.post(f"/undo/{answer['undo']['id']}")
    assert undone.status_code == 200
    assert (undone.json()["undone"], undone.json()["subject"]["subject"], undone.json()["moved"]) == (
        "subject.rename",
        "ana",
        0,
    )
    assert best(small_client, 1) == "ana"


def test_an_id_that_is_taken_is_a_conflict(small_client):
    for person, subject in enumerate(("ana", "anna"), 1):
        enroll(small_client, subject, person)
    answer = small_client.post(f"{SUBJECTS}/ana/rename", json={"subject": "anna"})
    assert (answer.status_code, answer.json()["error"]) == (409, "subject_exists")
    assert "merge" in answer.json()["detail"]


def test_a_merge_is_seen_by_the_next_search_and_undone(small_client):
    enroll(small_client, "ana", 1, "Ana")
    enroll(small_client, "anna", 2)
    assert best(small_client, 1) == "ana"
    answer = small_client.post(f"{SUBJECTS}/ana/merge", json={"into": "anna"}).json()
    assert (answer["subject"], answer["name"], answer["faces"], answer["moved"]) == ("anna", "Ana", 2, 1)
    assert best(small_client, 1) == best(small_client, 2) == "anna"
    assert small_client.get(f"{SUBJECTS}/ana").status_code == 404
    undone = small_client.post(f"/undo/{answer['undo']['id']}").json()
    assert (undone["undone"], undone["subject"]["subject"], undone["moved"]) == ("subject.merge", "ana", 1)
    assert undone["other"] == "anna"
    assert best(small_client, 1) == "ana"
    assert small_client.get(f"{SUBJECTS}/anna").json()["name"] is None


def test_a_moved_face_is_found_under_its_new_subject_and_moved_back(small_client):
    face = enroll(small_client, "ana", 1)
    answer = small_client.post(f"/faces/{face}/move", json={"subject": "new"}).json()
    assert (answer["face_id"], answer["subject"], answer["created"]) == (face, "new", True)
    assert best(small_client, 1) == "new"
    assert small_client.get(f"{SUBJECTS}/ana").json()["faces"] == 0
    undone = small_client.post(f"/undo/{answer['undo']['id']}").json()
    assert (undone["undone"], undone["subject"]["subject"], undone["moved"]) == ("face.move", "ana", 1)
    assert undone["other"] == "new"
    assert (best(small_client, 1), subjects(small_client)) == ("ana", ["ana"])


def test_what_changed_since_is_a_conflict_and_what_was_undone_is_gone(small_client):
    face = enroll(small_client, "ana", 1)
    first, second = (
        small_client.post(f"/faces/{face}/move", json={"subject": subject}).json()["undo"]["id"] for subject in "bc"
    )
    refused = small_client.post(f"/undo/{first}")
    assert (refused.status_code, refused.json()["error"]) == (409, "undo_not_possible")
    assert "moved again" in refused.json()["detail"]
    assert [small_client.post(f"/undo/{one}").status_code for one in (second, second, first, first)] == [
        200,
        404,
        200,
        404,
    ]


def test_an_erased_subject_does_not_come_back(small_client):
    enroll(small_client, "ana", 1)
    enroll(small_client, "anna", 2)
    undo = small_client.post(f"{SUBJECTS}/ana/merge", json={"into": "anna"}).json()["undo"]["id"]
    small_client.delete(f"{SUBJECTS}/anna")
    answer = small_client.post(f"/undo/{undo}")
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
    assert "erased" in answer.json()["detail"]
    assert subjects(small_client) == []


@pytest.fixture
def without_time(whole: System) -> TestClient:
    """A client of a service whose changes can be undone for no time."""
    context = whole.service.context
    service = FaceService(replace(context, policy=replace(context.policy, undo_for=timedelta(0))))
    _, secret = whole.keys.create("test", ["admin"])
    return TestClient(create_app(System(**{**vars(whole), "service": service})), headers={"x-api-key": secret})


def test_after_its_time_nothing_is_undone(without_time: TestClient):
    enroll(without_time, "ana", 1)
    undo = without_time.post(f"{SUBJECTS}/ana/rename", json={"subject": "anna"}).json()["undo"]["id"]
    answer = without_time.post(f"/undo/{undo}")
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
    assert subjects(without_time) == ["anna"]


BAD: list[tuple[str, Any, int, str]] = [
    (f"{SUBJECTS}/ana/rename", {}, 400, "invalid_request"),
    (f"{SUBJECTS}/ana/rename", {"subject": ""}, 400, "invalid_request"),
    (f"{SUBJECTS}/ana/rename", {"subject": "ana"}, 400, "invalid_request"),
    (f"{SUBJECTS}/ana/rename", {"subject": "x" * 257}, 400, "invalid_request"),
    (f"{SUBJECTS}/ana/rename", {"subject": "a\u0000"}, 400, "invalid_request"),
    (f"{SUBJECTS}/ana/rename", {"subject": "new", "name": "x"}, 400, "invalid_request"),
    (f"{SUBJECTS}/nobody/rename", {"subject": "new"}, 404, "subject_not_found"),
    ("/collections/none/subjects/ana/rename", {"subject": "new"}, 404, "collection_not_found"),
    (f"{SUBJECTS}/ana/merge", {"into": "ana"}, 400, "invalid_request"),
    (f"{SUBJECTS}/ana/merge", {"into": "nobody"}, 404, "subject_not_found"),
    (f"{SUBJECTS}/ana/merge", {"subject": "x"}, 400, "invalid_request"),
    (f"{SUBJECTS}/ana/merge?into=x", {"into": "x"}, 400, "invalid_request"),
    ("/faces/nothing/move", {"subject": "x"}, 404, "face_not_found"),
    ("/undo/nothing", {}, 404, "not_found"),
    ("/undo/%00", {}, 400, "invalid_request"),
]


@pytest.mark.parametrize(("path", "body", "status", "code"), BAD)
def test_bad_input_changes_nothing(small_client, path, body, status, code):
    face = enroll(small_client, "ana", 1)
    answer = small_client.post(path, json=body)
    assert (answer.status_code, answer.json()["error"]) == (status, code), answer.text
    assert small_client.get(f"/faces/{face}").json()["subject"] == "ana"
    assert subjects(small_client) == ["ana"]


def test_a_face_is_not_moved_to_its_own_subject(small_client):
    face = enroll(small_client, "ana", 1)
    assert small_client.post(f"/faces/{face}/move", json={"subject": "ana"}).status_code == 400


def test_a_key_of_another_collection_neither_moves_nor_undoes(whole: System, small_client):
    face = enroll(small_client, "ana", 1)
    undo = small_client.post(f"{SUBJECTS}/ana/rename", json={"subject": "anna"}).json()["undo"]["id"]
    _, other = whole.keys.create("other", ["enroll", "read", "erase"], collections=["staff"])
    _, own = whole.keys.create("own", ["enroll"], collections=["default"])
    for path, body in ((f"/faces/{face}/move", {"subject": "x"}), (f"/undo/{undo}", None)):
        answer = small_client.post(path, json=body, headers={"x-api-key": other})
        assert (answer.status_code, answer.json()["error"]) == (403, "collection_not_allowed")
    assert subjects(small_client) == ["anna"]
    assert small_client.post(f"/undo/{undo}", headers={"x-api-key": own}).status_code == 200


def test_pages_of_faces_go_on_across_merges(small_client):
    ids = [enroll(small_client, f"s{person}", person) for person in range(1, 6)]
    first = small_client.get("/collections/default/faces?limit=2").json()
    small_client.post(f"{SUBJECTS}/s1/merge", json={"into": "s5"})
    small_client.post(f"/faces/{ids[4]}/move", json={"subject": "s2"})
    rest = small_client.get(f"/collections/default/faces?limit=9&cursor={first['next_cursor']}").json()
    assert [face["face_id"] for face in (*first["faces"], *rest["faces"])] == ids


def test_each_change_has_one_line_in_the_audit(small: Small, small_client):
    face = enroll(small_client, "ana", 1)
    undo = small_client.post(f"{SUBJECTS}/ana/rename", json={"subject": "anna"}).json()["undo"]["id"]
    small_client.post(f"/undo/{undo}")
    small_client.post(f"/faces/{face}/move", json={"subject": "anna"})
    small_client.post(f"{SUBJECTS}/ana/merge", json={"into": "anna"})
    lines = Audit(small.gallery._database).lines()
    assert [(line.action, line.collection, line.objects, line.outcome) for line in lines[-4:]] == [
        ("subject.rename", "default", (face,), "ok"),
        ("undo", "default", (face,), "ok"),
        ("face.move", "default", (face,), "ok"),
        ("subject.merge", "default", (), "ok"),
    ]
