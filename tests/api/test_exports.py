"""All that is held on one person, as a zip."""

from __future__ import annotations

import io
import json
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
from starlette.testclient import TestClient

from tests.conftest import Small
from tests.pictures import drawn_photo
from vultus.api.app import create_app
from vultus.records.stored import SCOPES
from vultus.storage.audit import Audit
from vultus.storage.audit_writer import BackgroundAuditWriter
from vultus.wiring.parts import System

PATH = "/collections/default/subjects/anna/export"


@pytest.fixture
def audited(small: Small, whole: System) -> System:
    database = small.gallery._database
    parts: Any = {"audit": Audit(database), "audit_sink": BackgroundAuditWriter(database)}
    return System(**{**vars(whole), **parts})


@pytest.fixture
def client(audited: System) -> Any:
    _, secret = audited.keys.create("boss", SCOPES)
    with TestClient(create_app(audited), headers={"x-api-key": secret}) as client:
        yield client


def enroll(client: TestClient, subject: str, person: int, **fields: str) -> str:
    answer = client.post("/enroll", files={"img": drawn_photo(person)}, data={"subject": subject, **fields})
    return str(answer.json()["faces"][0]["face_id"])


def exported(content: bytes) -> dict[str, Any]:
    """By name: the bytes of photos, the values of JSON, the lists of JSON lines."""
    found: dict[str, Any] = {}
    with ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        for name in archive.namelist():
            data = archive.read(name)
            if name.endswith(".json"):
                found[name] = json.loads(data)
            elif name.endswith(".jsonl"):
                found[name] = [json.loads(line) for line in data.splitlines()]
            else:
                found[name] = data
    return found


def test_the_export_holds_all_and_of_this_person_only(client: TestClient, small: Small, audited: System) -> None:
    faces = [enroll(client, "anna", 1, name="Anna", metadata='{"team": "lab"}'), enroll(client, "anna", 2)]
    enroll(client, "ben", 3, name="Benjamin")
    client.post("/subjects/merge", json={})
    audited.audit_sink.flush()  # type: ignore[attr-defined]
    answer = client.get(PATH)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    assert "anna" not in answer.headers["content-disposition"]
    found = exported(answer.content)
    assert (found["subject.json"]["id"], found["subject.json"]["name"]) == ("anna", "Anna")
    assert found["subject.json"]["metadata"] == {"team": "lab"}
    assert found["subject.json"]["expires_at"] is None
    assert [face["id"] for face in found["faces.jsonl"]] == faces
    assert found["faces.jsonl"][0]["quality"]["score"] > 0
    embeddings = {one["face_id"]: one["embedding"] for one in found["embeddings.jsonl"]}
    ids, stored = small.gallery.embeddings("default", "anna")
    np.testing.assert_array_equal([embeddings[one] for one in ids], stored.tolist())
    assert {one["model_id"] for one in found["embeddings.jsonl"]} == {found["subject.json"]["model_id"]}
    keys = [face["photo"]["sha256"] for face in found["faces.jsonl"]]
    assert {name: data for name, data in found.items() if name.startswith("photos/")} == {
        f"photos/{key}.jpg": small.photos.get(key) for key in keys
    }
    assert [line["action"] for line in found["audit.jsonl"]] == ["enroll", "enroll"]
    assert found["left_out.json"] == []
    assert "Benjamin" not in str(found)


def test_what_can_still_be_undone_is_held_too(client: TestClient) -> None:
    enroll(client, "anna", 1)
    enroll(client, "an", 2, name="An")
    client.post("/collections/default/subjects/an/merge", json={"into": "anna"})
    (entry,) = exported(client.get(PATH).content)["subject.json"]["undo"]
    assert (entry["kind"], entry["removed"]["name"]) == ("subject.merge", "An")


def test_embeddings_of_both_spaces_are_held(client: TestClient, small: Small) -> None:
    face = enroll(client, "anna", 1)
    row = small.gallery.embeddings("default", "anna")[1][0]
    with small.gallery._database.writing() as connection:
        connection.exec_driver_sql("INSERT INTO other_spaces VALUES (1, 'newer', 2, 32, 'filling', NULL)")
        connection.exec_driver_sql("INSERT INTO embeddings_b VALUES (1, ?, NULL)", (row.tobytes(),))
    found = exported(client.get(PATH).content)["embeddings.jsonl"]
    assert [(one["face_id"], one["model_id"]) for one in found] == [(face, "tiny-32"), (face, "newer")]


def test_a_photo_that_is_missing_is_named_and_the_rest_is_there(client: TestClient, small: Small) -> None:
    enroll(client, "anna", 1)
    enroll(client, "anna", 2)
    lost = next(iter(small.photos.keys()))
    small.photos.delete(lost)
    found = exported(client.get(PATH).content)
    assert found["left_out.json"] == [lost]
    assert len([name for name in found if name.startswith("photos/")]) == 1


def test_many_faces_are_all_there(client: TestClient, small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vultus.storage.lifetimes.holdings.EMBEDDINGS_AT_ONCE", 2)
    monkeypatch.setattr("vultus.storage.lifetimes.holdings.LINES_AT_ONCE", 2)
    faces = [enroll(client, "anna", person) for person in range(1, 6)]
    found = exported(client.get(PATH).content)
    assert [one["face_id"] for one in found["embeddings.jsonl"]] == faces
    assert len(found["audit.jsonl"]) == 5


def test_it_needs_admin_and_is_audited(client: TestClient, audited: System) -> None:
    face = enroll(client, "anna", 1)
    for scopes, collections, status in (
        (["read", "erase"], None, 403),
        (["admin"], ["other"], 403),
        (["admin"], None, 200),
    ):
        _, secret = audited.keys.create("key", scopes, collections=collections)
        assert client.get(PATH, headers={"x-api-key": secret}).status_code == status
    assert client.get(PATH.replace("anna", "nobody")).json()["error"] == "subject_not_found"
    audited.audit_sink.flush()  # type: ignore[attr-defined]
    lines = [line for line in audited.audit.lines() if line.action == "subject.export"]  # type: ignore[union-attr]
    outcomes = [(line.outcome, line.objects) for line in lines]
    assert outcomes[:2] == [("scope_not_allowed", ()), ("collection_not_allowed", ())]
    assert outcomes[2:] == [("ok", (face,)), ("subject_not_found", ())]
