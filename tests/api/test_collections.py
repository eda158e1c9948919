"""Collections, subjects, faces and photos."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from tests.api.standin import StandInService, photo
from vultus.records.answers import Deleted


def enroll(client: TestClient, subject: str, collection: str = "staff") -> str:
    fields = {"subject": subject, "collection": collection, "name": "Anna"}
    answer = client.post("/enroll", files={"img": photo()}, data=fields)
    return str(answer.json()["faces"][0]["face_id"])


def test_a_collection_is_made_once(client: TestClient) -> None:
    first, second = client.put("/collections/staff", json={"model": "Facenet"}), client.put("/collections/staff")
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == client.get("/collections/staff").json()
    assert first.json() == {
        "collection": "staff",
        "model": "tiny",
        "dimension": 2,
        "subjects": 1,
        "faces": 1,
        "created_at": "2026-01-02T03:04:05Z",
        "search": {
            "kind": "pq",
            "recall": 0.998,
            "recall_mated": 1.0,
            "recall_non_mated": 0.998,
            "indexed_faces": 4,
            "candidates": 2,
            "building": False,
            "terms_behind": 0,
        },
        "policies": {
            "min_quality": None,
            "target_fmr": None,
            "target_fpir": None,
            "store_photos": True,
            "retention_days": None,
            "liveness": None,
            "keep_unknown_days": None,
        },
    }
    assert client.get("/collections").json() == {"collections": [first.json()]}


def test_an_erased_collection_is_gone(client: TestClient) -> None:
    client.put("/collections/staff")
    erased = client.delete("/collections/staff").json()
    assert erased == {"collection": "staff", "deleted": {"subjects": 1, "faces": 2, "photos": 2}}
    assert client.get("/collections/staff").json()["error"] == "collection_not_found"


def test_a_subject_is_read_changed_and_erased(client: TestClient) -> None:
    enroll(client, "anna-1")
    path = "/collections/staff/subjects/anna-1"
    assert client.get(path).json()["name"] == "Anna"
    changed = client.patch(path, json={"metadata": {"team": "lab"}}).json()
    assert (changed["name"], changed["metadata"]) == ("Anna", {"team": "lab"})
    assert client.patch(path, json={"name": ""}).json()["name"] is None
    assert "nothing to change" in client.patch(path, json={}).json()["detail"]
    assert client.delete(path).json() == {"subject": "anna-1", "deleted": {"faces": 2, "photos": 1}}
    assert client.get(path).json()["error"] == "subject_not_found"


@pytest.mark.parametrize("subject", ["a/b", "a%2Fb", "100%", "a b?#c", "Ünï ☺", "a/faces", "//", "a\\b", "+"])
def test_a_subject_of_any_allowed_characters_is_reachable_by_path(client: TestClient, subject: str) -> None:
    enroll(client, subject)
    path = f"/collections/staff/subjects/{quote(subject, safe='')}"
    assert client.get(path).json()["subject"] == subject
    assert len(client.get(path + "/faces").json()["faces"]) == 1


@pytest.mark.parametrize("subject", ["a%00b", "%20a", "a" * 1500])
def test_a_path_with_an_impossible_subject_is_refused(client: TestClient, subject: str) -> None:
    answer = client.get(f"/collections/staff/subjects/{subject}")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert answer.json()["detail"].startswith('field "subject": must')


def test_pages_follow_each_other_to_the_end(client: TestClient) -> None:
    for subject in ("a", "b/ü", "c"):
        enroll(client, subject)
    seen, cursor = [], None
    while True:
        query = {"limit": "1"} if cursor is None else {"limit": "1", "cursor": cursor}
        page = client.get("/collections/staff/subjects", params=query).json()
        seen += [one["subject"] for one in page["subjects"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        assert cursor.isascii()
        assert "/" not in cursor
    assert seen == ["a", "b/ü", "c"]


@pytest.mark.parametrize("cursor", ["!", "ü", "YQ=a", "_w", "", "IGE"])
def test_a_cursor_of_our_making_only(client: TestClient, cursor: str) -> None:
    answer = client.get("/collections/staff/subjects", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_a_face_its_photo_and_its_end(client: TestClient) -> None:
    face_id = enroll(client, "anna-1")
    face = client.get(f"/faces/{face_id}").json()
    assert (face["face_id"], face["subject"], face["collection"]) == (face_id, "anna-1", "staff")
    assert client.get("/collections/staff/subjects/anna-1/faces").json() == {"faces": [face]}
    stored = client.get(f"/faces/{face_id}/photo")
    assert (stored.content, stored.headers["content-type"]) == (b"\xff\xd8jpeg", "image/jpeg")
    assert stored.headers["cache-control"] == "no-store"
    assert client.delete(f"/faces/{face_id}").json() == {"face_id": face_id, "deleted": {"faces": 1, "photos": 1}}
    assert client.get(f"/faces/{face_id}/photo").json()["error"] == "face_not_found"


def test_an_erasure_says_how_many_photos_could_not_be_removed_yet(client: TestClient, service: StandInService) -> None:
    service.galleries.forget = lambda *_: Deleted(1, 2, 1, photos_left=3)
    service.galleries.delete_collection = lambda _: Deleted(1, 2, 1, photos_left=3)
    enroll(client, "anna-1")
    left = {"faces": 2, "photos": 1, "photos_left": 3}
    assert client.delete("/collections/staff/subjects/anna-1").json()["deleted"] == left
    assert client.delete("/collections/staff").json()["deleted"] == {**left, "subjects": 1}
