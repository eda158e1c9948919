"""Audit lines of calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from tests.api.standin import StandInSystem, photo
from tests.conftest import Small
from tests.pictures import drawn_photo
from vultus.api.app import create_app
from vultus.api.auth import Gate
from vultus.config import Settings
from vultus.storage.audit import Audit
from vultus.storage.audit_writer import BackgroundAuditWriter
from vultus.storage.database import open_database
from vultus.wiring.parts import System

ID = "123e4567-e89b-42d3-a456-426614174000"
READ, CHANGE = False, True
ACTIONS = {
    "verify": ("verify", READ),
    "find": ("find", READ),
    "represent": ("represent", READ),
    "compare": ("compare", READ),
    "detect": ("detect", READ),
    "get_photo": ("face.photo", READ),
    "export": ("subject.export", READ),
    "enroll": ("enroll", CHANGE),
    "put_collection": ("collection.create", CHANGE),
    "patch_collection": ("collection.policy", CHANGE),
    "delete_collection": ("collection.erase", CHANGE),
    "rename_subject": ("subject.rename", CHANGE),
    "create_job": ("job.create", CHANGE),
    "cancel_job": ("job.cancel", CHANGE),
    "start_reembedding": ("reembed", CHANGE),
    "finish_reembedding": ("reembed.finish", CHANGE),
    "abandon_reembedding": ("reembed.abandon", CHANGE),
    "search_duplicates": ("duplicates", CHANGE),
    "dismiss_duplicate": ("duplicates.dismiss", CHANGE),
    "get_unknown_photo": ("unknown.photo", READ),
    "assign_unknown": ("unknown.assign", CHANGE),
    "ignore_unknown": ("unknown.ignore", CHANGE),
    "erase_unknown": ("unknown.erase", CHANGE),
    "erase_all_unknown": ("unknown.erase", CHANGE),
    "merge_subject": ("subject.merge", CHANGE),
    "move_face": ("face.move", CHANGE),
    "undo_change": ("undo", CHANGE),
    "patch_subject": ("subject.update", CHANGE),
    "delete_subject": ("subject.erase", CHANGE),
    "delete_face": ("face.erase", CHANGE),
    "create_key": ("key.create", CHANGE),
    "revoke_key": ("key.revoke", CHANGE),
    "rotate_key": ("key.rotate", CHANGE),
}
NOT_AUDITED = {
    "get_face",
    "list_faces",
    "get_subject",
    "list_subjects",
    "get_collection",
    "list_collections",
    "list_collection_faces",
    "list_keys",
    "show_own_key",
    "list_audit",
    "list_jobs",
    "get_job",
    "get_reembedding",
    "list_duplicates",
    "list_unknown",
}


def audited(system: StandInSystem) -> list[tuple[object, ...]]:
    return [(line.actor, line.action, line.collection, line.objects, line.outcome) for line in system.audit_sink.lines]


def test_the_operations_page_names_every_action():
    page = Path(__file__).parents[2].joinpath("docs", "operations.md").read_text("utf-8")
    named = next(line for line in page.splitlines() if line.startswith("| action |"))
    assert [action for action, _ in ACTIONS.values() if f"`{action}`" not in named] == []


def test_a_comparison_is_audited_with_the_key_and_the_request(client: TestClient, system: StandInSystem) -> None:
    client.post("/verify", files={"img1": photo(), "img2": photo()}, headers={"x-request-id": ID})
    assert audited(system) == [("k0", "verify", None, (), "ok")]
    assert system.audit_sink.lines[0].request_id == ID


def test_a_search_is_audited_with_the_faces_that_matched(client: TestClient, system: StandInSystem) -> None:
    client.put("/collections/staff", json={})
    client.post("/find", files={"img": photo()}, data={"collection": "staff"})
    assert audited(system)[-1] == ("k0", "find", "staff", ("f1",), "ok")


REFUSED: list[tuple[str, str, dict[str, Any], str, str]] = [
    ("POST", "/verify", {"files": {"img1": photo("none"), "img2": photo()}}, "verify", "no_face_detected"),
    ("POST", "/enroll", {"files": {"img": b"no image"}}, "enroll", "invalid_image"),
    ("POST", "/enroll", {"json": {"imgs": []}}, "enroll", "invalid_request"),
    ("POST", "/find", {"files": {"img": photo()}, "data": {"collection": "none"}}, "find", "collection_not_found"),
    ("POST", "/verify", {"files": {"img1": photo("crash"), "img2": photo()}}, "verify", "internal"),
    ("DELETE", "/faces/none", {}, "face.erase", "face_not_found"),
    ("GET", "/faces/none/photo", {}, "face.photo", "face_not_found"),
    ("DELETE", "/collections/a%20b", {}, "collection.erase", "invalid_request"),
    ("DELETE", "/keys/none", {}, "key.revoke", "not_found"),
]


@pytest.mark.parametrize(("method", "path", "sent", "action", "outcome"), REFUSED)
def test_a_refusal_is_audited_with_its_code(
    system: StandInSystem,
    key: Callable[..., str],
    method: str,
    path: str,
    sent: dict[str, Any],
    action: str,
    outcome: str,
) -> None:
    with TestClient(create_app(system), raise_server_exceptions=False) as client:
        client.request(method, path, headers={"x-api-key": key("admin")}, **sent)
    assert [(line.action, line.outcome) for line in system.audit_sink.lines] == [(action, outcome)]


def test_a_call_without_the_scope_is_audited_and_one_without_a_key_is_not(
    anonymous: TestClient, key: Callable[..., str], system: StandInSystem
) -> None:
    anonymous.post("/enroll", headers={"x-api-key": key("find")})
    for headers in ({}, {"x-api-key": "guessed"}):
        anonymous.post("/enroll", headers=headers)
    assert audited(system) == [("k0", "enroll", None, (), "scope_not_allowed")]


def test_calls_over_the_rate_are_not_audited(
    anonymous: TestClient, key: Callable[..., str], system: StandInSystem
) -> None:
    headers = {"x-api-key": key("enroll", requests_per_minute=1)}
    for _ in range(3):
        anonymous.post("/enroll", headers=headers)
    assert len(system.audit_sink.lines) == 1


def test_a_subject_of_a_caller_is_in_no_line(client: TestClient, system: StandInSystem) -> None:
    client.post("/enroll", files={"img": photo()}, data={"subject": "Anna", "name": "Anna", "metadata": '{"a":"Anna"}'})
    client.get("/collections/default/subjects/Anna")
    client.patch("/collections/default/subjects/Anna", json={"name": "Anna"})
    client.post("/verify", files={"img": photo()}, data={"subject": "Anna"})
    client.delete("/collections/default/subjects/Anna")
    client.delete("/collections/default/subjects/Anna")
    assert len(system.audit_sink.lines) == 5
    assert "Anna" not in str(system.audit_sink.lines)


def gates(app: FastAPI) -> Iterator[tuple[APIRoute, Gate]]:
    for route in app.state.routes:
        if isinstance(route, APIRoute):
            yield from ((route, one.call) for one in route.dependant.dependencies if isinstance(one.call, Gate))


def test_every_gate_says_its_action_and_whether_it_is_a_change(system: StandInSystem) -> None:
    routes = list(gates(create_app(system, dialects=[])))
    said = {route.endpoint.__name__: (gate.action, gate.changes) for route, gate in routes}
    assert said == ACTIONS | dict.fromkeys(NOT_AUDITED, (None, False))
    assert all(route.methods == {"GET"} for route, gate in routes if gate.action is None)


# --- with a database ----------------------------------------------------------------------------------------------


@pytest.fixture
def audit(small: Small) -> Audit:
    return Audit(open_database(f"sqlite:///{small.folder / 'vultus.db'}"))


@pytest.fixture
def audit_sink(small: Small) -> BackgroundAuditWriter:
    return BackgroundAuditWriter(open_database(f"sqlite:///{small.folder / 'vultus.db'}"), flush_seconds=3600)


@pytest.fixture
def whole(small: Small, audit_sink: BackgroundAuditWriter, settings: Settings) -> System:
    parts: Any = small
    return System(
        settings.model_copy(update={"max_body_bytes": 10**6, "max_image_bytes": 10**6}),
        parts.service,
        parts.keys,
        parts.gallery,
        parts.models,
        parts.service.context.pipeline,
        audit_sink=audit_sink,
    )


def test_a_change_and_its_line_are_there_together_and_a_repetition_changes_nothing(
    small: Small, whole: System, audit_sink: BackgroundAuditWriter, audit: Audit
) -> None:
    made, secret = small.keys.create("admin", ["admin"])
    with TestClient(create_app(whole), headers={"x-api-key": secret}) as client:
        enrolled = client.post("/enroll", files={"img": drawn_photo(1)}, data={"subject": "anna"}).json()
        (face,) = (face["face_id"] for face in enrolled["faces"])
        created, written = audit.lines()
        assert (created.action, created.collection) == ("collection.create", "default")
        assert (written.actor, written.action, written.objects) == (made.id, "enroll", (face,))
        client.post("/enroll", files={"img": drawn_photo(1)}, data={"subject": "anna"})
        client.post("/verify", files={"img": drawn_photo(1)}, data={"subject": "anna"})
        client.post("/find", files={"img": drawn_photo(1)})
        client.delete("/collections/default/subjects/anna")
        audit_sink.close()
    written = [(line.action, line.outcome, line.objects) for line in audit.lines()][2:]
    assert written == [
        ("subject.erase", "ok", (face,)),
        ("enroll", "unchanged", (face,)),
        ("verify", "ok", (face,)),
        ("find", "ok", (face,)),
    ]


def test_why_a_door_opened_is_answered_by_the_request_id(
    small: Small, whole: System, audit_sink: BackgroundAuditWriter, audit: Audit
) -> None:
    made, secret = small.keys.create("admin", ["admin"])
    with TestClient(create_app(replace(whole, audit=audit)), headers={"x-api-key": secret}) as client:
        enrolled = client.post("/enroll", files={"img": drawn_photo(1)}, data={"subject": "anna"}).json()
        (face,) = (face["face_id"] for face in enrolled["faces"])
        answer = client.post("/find", files={"img": drawn_photo(1)}, headers={"x-request-id": ID}).json()
        audit_sink.close()
        (line,) = client.get("/audit", params={"request_id": ID}).json()["lines"]
        assert client.get("/audit", params={"decision": "match", "face_id": face}).json()["lines"] == [line]
        assert client.get("/audit", params={"decision": "unknown"}).json()["lines"] == []
    (searched,) = answer["faces"]
    best = searched["matches"][0]
    assert (line["actor"], line["action"], line["objects"]) == (made.id, "find", [face])
    assert line["decisions"] == [
        {
            "decision": "match",
            "similarity": pytest.approx(best["similarity"], abs=1e-3),
            "score": pytest.approx(best["score"], abs=1e-3),
            "threshold": pytest.approx(best["threshold"], abs=1e-3),
            "rule": "target_fpir",
            "expected": 0.01,
            "model_id": answer["model_id"],
            "face_ids": [face],
            "chosen": [0],
        }
    ]
    assert "anna" not in str(line)


DECIDING: list[tuple[str, dict[str, Any], list[tuple[str, tuple[int | None, ...]]]]] = [
    ("/verify", {"files": {"img1": photo(), "img2": photo()}}, [("verified", (0, 0))]),
    ("/find", {"files": {"img": photo()}}, [("match", (0,))]),
    ("/compare", {"json": {"source_vector": [1.0, 0.0], "target_vector": [1.0, 0.0]}}, [("verified", ())]),
]


@pytest.mark.parametrize(("path", "sent", "decided"), DECIDING)
def test_every_call_that_decides_is_audited_with_its_decisions(
    client: TestClient, system: StandInSystem, path: str, sent: dict[str, Any], decided: list[object]
) -> None:
    client.put("/collections/default", json={})
    assert client.post(path, **sent).status_code == 200
    line = system.audit_sink.lines[-1]
    assert [(one.decision, one.chosen) for one in line.decisions] == decided


def test_keys_made_rotated_and_revoked_over_http_are_audited(small: Small, whole: System, audit: Audit) -> None:
    _, secret = small.keys.create("admin", ["admin"])
    with TestClient(create_app(whole), headers={"x-api-key": secret}) as client:
        made = client.post("/keys", json={"name": "state", "scopes": ["read"]}).json()
        rotated = client.post(f"/keys/{made['id']}/rotate", json={"overlap_minutes": 1})
        assert rotated.status_code == 200
        assert rotated.headers["cache-control"] == "no-store"
        for key in (made["key"], rotated.json()["key"]):
            assert client.get("/collections", headers={"x-api-key": key}).status_code == 200
        client.delete(f"/keys/{made['id']}")
        for key in (made["key"], rotated.json()["key"]):
            assert client.get("/collections", headers={"x-api-key": key}).status_code == 401
    assert [line.action for line in audit.lines()] == ["key.create", "key.rotate", "key.revoke"]


def test_an_admin_key_is_neither_made_nor_rotated_over_http(small: Small, whole: System) -> None:
    admin, secret = small.keys.create("admin", ["admin"])
    with TestClient(create_app(whole), headers={"x-api-key": secret}) as client:
        made = client.post("/keys", json={"name": "second", "scopes": ["admin", "read"]})
        rotated = client.post(f"/keys/{admin.id}/rotate")
    assert (made.status_code, rotated.status_code) == (400, 400)
    assert "vultus keys create NAME --scope admin" in made.json()["detail"]
    assert f"vultus keys rotate {admin.id}" in rotated.json()["detail"]
    assert small.keys.keys()[0].id == admin.id
    assert len(small.keys.keys()) == 1


# --- clocks -------------------------------------------------------------------------------------------------------


def test_a_key_expires_by_the_wall_clock_wherever_that_jumps(small: Small, whole: System) -> None:
    now = datetime.now(UTC)
    _, secret = small.keys.create("state", ["read"], expires_at=now + timedelta(hours=1), requests_per_minute=100)
    jumps = {timedelta(0): 200, timedelta(hours=2): 401, timedelta(days=-700): 200, timedelta(days=700): 401}
    moment = now
    app = create_app(whole, now=lambda: moment)
    with TestClient(app, headers={"x-api-key": secret}) as client:
        for jump, status in jumps.items():
            moment = now + jump
            assert client.get("/collections").status_code == status
        moment = now
        answer = client.get("/collections")
    assert (answer.status_code, answer.headers["ratelimit-remaining"]) == (200, "97")  # 3 requests were let in
