"""Policies of collections over HTTP: who may set, change and loosen them, and what the audit says of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.standin import StandInAuditSink
from tests.conftest import Small
from tests.pictures import drawn_photo
from vultus.api.app import create_app
from vultus.records.stored import Scope
from vultus.storage.audit import Audit
from vultus.vision.quality import QUALITY_VERSION
from vultus.wiring.parts import System

NONE = {
    "min_quality": None,
    "target_fmr": None,
    "target_fpir": None,
    "store_photos": True,
    "retention_days": None,
    "liveness": None,
    "keep_unknown_days": None,
}
STRICT = {"min_quality": 30, "target_fmr": 1e-4, "target_fpir": 1e-3}


def client_of(whole: System, *scopes: Scope, **limits: Any) -> TestClient:
    _, secret = whole.keys.create("a key", scopes, **limits)
    return TestClient(create_app(whole), headers={"x-api-key": secret})


def put(client: TestClient, **policies: Any) -> Any:
    return client.put("/collections/staff", json={"policies": policies})


def patch(client: TestClient, **policies: Any) -> Any:
    return client.patch("/collections/staff", json={"policies": policies})


def test_a_new_collection_takes_policies_and_shows_them(small_client: TestClient) -> None:
    made = put(small_client, **STRICT)
    assert (made.status_code, made.json()["policies"]) == (201, {**NONE, **STRICT})
    assert small_client.get("/collections/staff").json() == made.json()
    assert small_client.get("/collections").json() == {"collections": [made.json()]}


def test_a_collection_without_policies_says_so(small_client: TestClient) -> None:
    for body in {}, {"policies": None}:
        assert small_client.put("/collections/staff", json=body).json()["policies"] == NONE


def test_the_same_put_again_changes_nothing_and_another_is_refused(small_client: TestClient) -> None:
    put(small_client, min_quality=30)
    assert small_client.put("/collections/staff").status_code == 200
    assert put(small_client, min_quality=30, target_fmr=None, store_photos=True).status_code == 200
    for other in {}, {"min_quality": 31}, {"min_quality": 30, "target_fmr": 0.1}:
        answer = put(small_client, **other)
        assert (answer.status_code, answer.json()["error"]) == (409, "collection_exists")
        assert "change them with PATCH" in answer.json()["detail"]


def test_patch_changes_what_is_sent_and_null_takes_away(small_client: TestClient) -> None:
    put(small_client, **STRICT)
    changed = patch(small_client, target_fmr=None, min_quality=50)
    assert (changed.status_code, changed.json()["policies"]) == (200, {**NONE, "min_quality": 50, "target_fpir": 1e-3})
    assert small_client.get("/collections/staff").json() == changed.json()


@pytest.mark.parametrize(
    ("policies", "words"),
    [
        ({"min_quality": -1}, 'field "policies.min_quality"'),
        ({"min_quality": 100.1}, 'field "policies.min_quality"'),
        ({"min_quality": True}, 'field "policies.min_quality"'),
        ({"min_quality": "nan"}, 'field "policies.min_quality"'),
        ({"min_quality": [1]}, 'field "policies.min_quality"'),
        ({"target_fmr": 0}, 'field "policies.target_fmr": input should be greater than 0'),
        ({"target_fmr": 1}, 'field "policies.target_fmr": input should be less than 1'),
        ({"target_fpir": -0.1}, 'field "policies.target_fpir"'),
        ({"target_fpir": "inf"}, 'field "policies.target_fpir"'),
        ({"store_photos": "maybe"}, "must be true or false"),
        ({"blur": 0.5}, "unknown parameter 'policies.blur'"),
        ({"liveness": 0.5}, 'field "policies.liveness"'),
        ({"liveness": "always"}, "should be 'off', 'report' or 'require'"),
        ("min_quality", "must be a JSON object"),
        ([], "must be a JSON object"),
        (float("nan"), "not valid JSON"),
        ({"min_quality": float("nan")}, "not valid JSON"),
        ({"target_fmr": float("inf")}, "not valid JSON"),
    ],
)
def test_what_is_no_policy_is_refused_in_words_and_changes_nothing(
    small_client: TestClient, policies: Any, words: str
) -> None:
    small_client.put("/collections/staff")
    for method, path in (("PUT", "/collections/new"), ("PATCH", "/collections/staff")):
        answer = small_client.request(
            method, path, content=json.dumps({"policies": policies}), headers={"content-type": "application/json"}
        )
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        assert words in answer.json()["detail"]
    assert small_client.get("/collections/staff").json()["policies"] == NONE
    assert small_client.get("/collections/new").status_code == 404


@pytest.mark.parametrize("body", [{}, {"policies": None}, {"policies": {}}, {"model": "tiny-32"}])
def test_a_patch_without_a_policy_is_refused(small_client: TestClient, body: Any) -> None:
    small_client.put("/collections/staff")
    assert small_client.patch("/collections/staff", json=body).status_code == 400


def test_a_form_cannot_hold_policies(small_client: TestClient) -> None:
    answer = small_client.put("/collections/staff", files={"policies": (None, '{"min_quality": 40}')})
    assert "must be a JSON object" in answer.json()["detail"]


def test_only_an_admin_key_of_the_collection_changes_policies(whole: System) -> None:
    everything_else: tuple[Scope, ...] = ("enroll", "verify", "find", "represent", "read", "erase", "override")
    with client_of(whole, *everything_else) as client:
        assert put(client, min_quality=30).status_code == 201
        assert patch(client, min_quality=40).json()["error"] == "scope_not_allowed"
    with client_of(whole, "admin", collections=["other"]) as client:
        assert patch(client, min_quality=40).json()["error"] == "collection_not_allowed"
    with client_of(whole, "admin", collections=["staff"]) as client:
        assert patch(client, min_quality=40).status_code == 200


def test_an_unknown_collection_has_no_policies_to_change(small_client: TestClient) -> None:
    assert patch(small_client, min_quality=40).json()["error"] == "collection_not_found"


LOOSER = [
    ("/enroll", {"subject": "ada", "min_quality": 10}),
    ("/verify", {"subject": "ada", "target_fmr": 1e-2}),
    ("/verify", {"subject": "ada", "threshold": 0.9}),
    ("/find", {"target_fpir": 0.5}),
    ("/find", {"threshold": 0.1}),
]


def send(client: TestClient, path: str, fields: dict[str, Any]) -> Any:
    photo = drawn_photo(1, photo=2, noise=5)
    return client.post(path, files={"img": photo}, data={"collection": "staff", **fields})


@pytest.fixture
def strict(whole: System) -> System:
    """The system with ada in a collection that has policies."""
    with client_of(whole, "admin") as client:
        put(client, **STRICT)
        client.post("/enroll", files={"img": drawn_photo(1)}, data={"collection": "staff", "subject": "ada"})
    return whole


@pytest.mark.parametrize(("path", "fields"), LOOSER)
def test_only_the_scope_override_loosens_a_policy(strict: System, path: str, fields: dict[str, Any]) -> None:
    with client_of(strict, "enroll", "verify", "find") as client:
        answer = send(client, path, fields)
        assert (answer.status_code, answer.json()["error"]) == (403, "policy_loosened")
        assert 'use a key that has the scope "override"' in answer.json()["detail"]
    for scopes in ("enroll", "verify", "find", "override"), ("admin",):
        with client_of(strict, *scopes) as client:
            assert send(client, path, fields).status_code in (200, 201)


@pytest.mark.parametrize(("path", "fields"), LOOSER)
def test_a_server_without_keys_lets_everybody_loosen(strict: System, path: str, fields: dict[str, Any]) -> None:
    settings = strict.settings.model_copy(update={"without_keys": True})
    app = create_app(System(**{**vars(strict), "settings": settings}))
    with TestClient(app, base_url="http://localhost") as client:
        assert send(client, path, fields).status_code in (200, 201)


def test_the_scope_override_alone_opens_no_call(whole: System) -> None:
    with client_of(whole, "override") as client:
        for method, path in (("GET", "/collections"), ("POST", "/find"), ("POST", "/enroll"), ("GET", "/keys")):
            assert client.request(method, path).json()["error"] == "scope_not_allowed"


def test_an_override_has_its_own_audit_line_and_a_refusal_its_code(strict: System, small: Small) -> None:
    sink = StandInAuditSink()
    strict = System(**{**vars(strict), "audit_sink": sink})
    fields = {"subject": "ada", "target_fmr": 1e-2}
    with client_of(strict, "verify") as client:
        send(client, "/verify", fields)
        send(client, "/verify", {"subject": "ada"})
    with client_of(strict, "verify", "override") as client:
        send(client, "/verify", {"subject": "ada"})
        found = send(client, "/verify", fields)
        assert found.status_code == 200
        send(client, "/verify", {**fields, "subject": "nobody"})
    lines = [(line.action, line.outcome, line.collection) for line in sink.lines]
    assert lines == [
        ("verify", "policy_loosened", "staff"),
        ("verify", "ok", "staff"),
        ("verify", "ok", "staff"),
        ("verify", "ok", "staff"),
        ("policy.override", "ok", "staff"),
        ("verify", "subject_not_found", "staff"),
    ]
    override = sink.lines[4]
    assert (override.objects, override.request_id) == (sink.lines[3].objects, sink.lines[3].request_id)
    assert len(override.objects) == 1


def test_a_change_of_policy_is_audited_once_and_an_empty_one_as_unchanged(whole: System, small: Small) -> None:
    sink = StandInAuditSink()
    with client_of(System(**{**vars(whole), "audit_sink": sink}), "admin") as client:
        client.put("/collections/staff")
        patch(client, min_quality=40)
        patch(client, min_quality=40)
    lines = [(line.action, line.collection, line.objects) for line in Audit(small.gallery._database).lines()]
    assert lines == [("collection.create", "staff", ()), ("collection.policy", "staff", ())]
    assert [(line.action, line.outcome) for line in sink.lines] == [("collection.policy", "unchanged")]


def test_a_face_says_which_rule_made_its_quality(small_client: TestClient) -> None:
    enrolled = small_client.post("/enroll", files={"img": drawn_photo(1)}, data={"subject": "ada"}).json()["faces"][0]
    face = small_client.get(f"/faces/{enrolled['face_id']}").json()
    assert face["quality_version"] == QUALITY_VERSION
    assert face["quality"] == enrolled["quality"]


def test_the_api_page_shows_policies_and_the_scope(small_client: TestClient) -> None:
    document = small_client.get("/openapi.json").json()
    for method in "put", "patch":
        body = document["paths"]["/collections/{collection}"][method]["requestBody"]["content"]["application/json"]
        shown = body["schema"]["properties"]["policies"]
        shown = next((kind for kind in shown.get("anyOf", []) if "properties" in kind), shown)
        assert set(shown["properties"]) == set(NONE)
        assert shown["additionalProperties"] is False
    assert "override" in str(document["components"]["schemas"]["KeyAnswer"])
