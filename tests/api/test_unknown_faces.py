"""/collections/{collection}/unknown: faces of nobody known are listed, shown, assigned and erased."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.pictures import drawn_photo, opened
from vultus.api.app import create_app

PATH = "/collections/default/unknown"


@pytest.fixture
def door(small_client: TestClient) -> TestClient:
    """Person 1 is enrolled; persons 2 and 3 came by."""
    small_client.post("/enroll", files={"img": drawn_photo(1)}, data={"subject": "ada"})
    policies = {"policies": {"keep_unknown_days": 7}}
    assert small_client.patch("/collections/default", json=policies).json()["policies"]["keep_unknown_days"] == 7
    for person in (2, 3):
        small_client.post("/find", files={"img": drawn_photo(person)})
    return small_client


def kept(client: TestClient) -> dict[str, Any]:
    answer: dict[str, Any] = client.get(PATH).json()
    return answer


def test_strangers_are_listed_shown_assigned_and_erased(door):
    answer = kept(door)
    assert (answer["keep_days"], answer["faces"], len(answer["groups"]), answer["more_groups"]) == (7, 2, 2, False)
    first, second = (group["faces"][0]["id"] for group in answer["groups"])
    assert door.get(f"{PATH}?limit=1").json()["more_groups"]
    picture = door.get(f"{PATH}/{first}/photo")
    assert (picture.headers["content-type"], picture.headers["cache-control"]) == ("image/jpeg", "private, no-cache")
    assert opened(picture.content).width == opened(picture.content).height
    again = door.get(f"{PATH}/{first}/photo", headers={"if-none-match": picture.headers["etag"]})
    assert again.status_code == 304
    assigned = door.post(f"{PATH}/assign", json={"ids": [first], "subject": "new", "name": "New"}).json()
    assert (assigned["subject"], assigned["name"], len(assigned["face_ids"])) == ("new", "New", 1)
    assert door.get(f"/faces/{assigned['face_ids'][0]}").json()["subject"] == "new"
    assert door.get(f"{PATH}/{first}/photo").status_code == 404
    assert door.post(f"{PATH}/erase", json={"ids": [second]}).json() == {"collection": "default", "erased": 1}
    assert kept(door)["groups"] == []


def test_all_are_erased_at_once(door):
    assert door.delete(PATH).json() == {"collection": "default", "erased": 2}
    assert kept(door)["faces"] == 0


def test_ignored_faces_are_listed_apart(door):
    first, second = (group["faces"][0]["id"] for group in kept(door)["groups"])
    answer = door.post(f"{PATH}/ignore", json={"ids": [first, "f" * 32]}).json()
    assert answer == {"collection": "default", "faces": 1, "ignored": True}
    door.post("/find", files={"img": drawn_photo(2)})
    door.post("/find", files={"img": drawn_photo(3)})
    for ignored, ids in (("false", [second]), ("true", [first])):
        listed = door.get(f"{PATH}?ignored={ignored}").json()
        assert ([group["faces"][0]["id"] for group in listed["groups"]], listed["ignored_faces"]) == (ids, 1)
    assert door.get(f"{PATH}?ignored=perhaps").status_code == 400
    assert door.post(f"{PATH}/ignore", json={"ids": [first], "ignored": False}).json()["ignored"] is False
    assert (kept(door)["faces"], kept(door)["ignored_faces"]) == (2, 0)


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({"ids": []}, 400, "invalid_request"),
        ({"ids": ["f" * 32] * 101}, 400, "invalid_request"),
        ({"ids": ["f" * 32], "subject": ""}, 400, "invalid_request"),
        ({"ids": ["f" * 32], "subject": "x"}, 404, "not_found"),
    ],
)
def test_what_cannot_be_assigned_is_refused(door, body, status, error):
    answer = door.post(f"{PATH}/assign", json=body)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


@pytest.mark.parametrize("days", [0, -1, 366, 1.5, "x"])
def test_another_number_of_days_is_refused(door, days):
    answer = door.patch("/collections/default", json={"policies": {"keep_unknown_days": days}})
    assert answer.status_code == 400
    assert "keep_unknown_days" in answer.json()["detail"]


def test_a_key_needs_the_scope_and_the_collection(whole, door):
    face_id = kept(door)["groups"][0]["faces"][0]["id"]
    for scopes, collections, read, assign, erase in (
        (["read"], None, 200, 403, 403),
        (["find"], None, 403, 403, 403),
        (["read", "enroll", "erase"], ["other"], 403, 403, 403),
    ):
        _, secret = whole.keys.create("key", scopes, collections=collections)
        with TestClient(create_app(whole), headers={"x-api-key": secret}) as client:
            assert client.get(PATH).status_code == read
            assert client.get(f"{PATH}/{face_id}/photo").status_code == read
            assert client.post(f"{PATH}/assign", json={"ids": [face_id]}).status_code == assign
            assert client.post(f"{PATH}/ignore", json={"ids": [face_id]}).status_code == assign
            assert client.delete(PATH).status_code == erase
