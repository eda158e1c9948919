"""Keys, the public calls, the OpenAPI page."""

from __future__ import annotations

import base64
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.standin import JPEG, StandInSystem, photo
from vultus.api.app import create_app
from vultus.api.examples import EXAMPLE_PHOTO
from vultus.errors import SettingsInvalid, StorageUnavailable

COMPUTE = ("/enroll", "/verify", "/find", "/represent", "/compare", "/detect")


def test_a_key_is_made_shown_once_used_and_revoked(client: TestClient) -> None:
    made = client.post("/keys", json={"name": "state", "scopes": ["read"], "requests_per_minute": 9})
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    secret, key_id = made.json()["key"], made.json()["id"]
    listed = client.get("/keys")
    assert key_id in [key["id"] for key in listed.json()["keys"]]
    assert secret not in listed.text
    assert client.get("/collections", headers={"x-api-key": secret}).status_code == 200
    assert client.delete(f"/keys/{key_id}").json()["revoked_at"] is not None
    assert client.get("/collections", headers={"x-api-key": secret}).status_code == 401


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"name": ""}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["root"]}, "scopes"),
        ({"collections": ["a b"]}, "collections"),
        ({"scopes": ["admin"], "collections": ["a"]}, "admin"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "2999-01-01T00:00:00"}, "expires_at"),
        ({"expires_at": "9999-12-31T23:59:59-23:59"}, "expires_at"),
        ({"requests_per_minute": 0}, "requests_per_minute"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused_by_name(client: TestClient, change: dict[str, Any], named: str) -> None:
    answer = client.post("/keys", json={"name": "state", "scopes": ["read"], **change})
    assert answer.status_code == 400
    assert named in answer.json()["detail"]


def test_the_public_calls(anonymous: TestClient, system: StandInSystem) -> None:
    assert anonymous.get("/health").json() == {"status": "ok"}
    assert anonymous.get("/readiness").json() == {"status": "ready"}
    dialects = ["compreface", "deepface", "rekognition"]
    assert anonymous.get("/capabilities").json() == {**system.capabilities(), "dialects": dialects}
    assert anonymous.get("/", follow_redirects=False).headers["location"] == "docs"


@pytest.mark.parametrize("hosts", [[], ["http://10.0.0.7"]])
def test_capabilities_name_the_limits_of_bulk_jobs(whole: Any, hosts: list[str]) -> None:
    changed = {"max_job_bytes": 7, "max_job_unpacked_bytes": 8, "max_job_items": 9, "job_upload_seconds": 1.5}
    changed |= {"max_waiting_jobs": 2, "job_days": 3, "image_urls": bool(hosts), "webhook_addresses": hosts}
    found = replace(whole, settings=whole.settings.model_copy(update=changed)).capabilities()
    limits = [
        found["limits"][f"job_{name}"] for name in ("archive_bytes", "unpacked_bytes", "images", "upload_seconds")
    ]
    assert limits == [7, 8, 9, 1.5]
    assert (found["limits"]["waiting_jobs"], found["limits"]["job_days"]) == (2, 3)
    assert (found["image_urls"], found["webhooks"]) == (bool(hosts), bool(hosts))


def test_strangers_who_ask_for_capabilities_use_one_thread(anonymous: TestClient, system: StandInSystem) -> None:
    at_once: list[int] = []
    inside = [0]
    described = system.capabilities

    def capabilities() -> Any:
        inside[0] += 1
        at_once.append(inside[0])
        time.sleep(0.01)  # long enough for the others to come in, were they let
        inside[0] -= 1
        return described()

    system.capabilities = capabilities  # type: ignore[method-assign]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: anonymous.get("/capabilities").status_code, range(8)))
    assert (answers, at_once) == ([200] * 8, [1] * 8)


def test_no_origin_is_invited(client: TestClient) -> None:
    answer = client.options("/verify", headers={"origin": "http://x", "access-control-request-method": "POST"})
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_the_docs_page_loads_nothing_from_elsewhere(anonymous: TestClient) -> None:
    page = anonymous.get("/docs").text
    assert not re.findall(r"(?:src|href|url)\s*[=:]\s*[\"'](?:https?:)?//", page)
    assert "validatorUrl: null" in page
    for path in re.findall(r"(?:src|href)=\"(/[^\"]+)\"", page):
        assert anonymous.get(path).status_code == 200


# --- OpenAPI ------------------------------------------------------------------------------------------------------


@pytest.fixture
def document(anonymous: TestClient) -> dict[str, Any]:
    page: dict[str, Any] = anonymous.get("/openapi.json").json()
    return page


def _references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [ref for one in node for ref in _references(one)]
    if isinstance(node, dict):
        own = [node["$ref"]] if "$ref" in node else []
        return own + [ref for one in node.values() for ref in _references(one)]
    return []


def test_every_reference_of_the_document_resolves(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    references = _references(document)
    assert references
    for reference in references:
        node: Any = document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


def test_every_call_documents_its_failures_with_the_one_shape(document: dict[str, Any]) -> None:
    assert "HTTPValidationError" not in document["components"]["schemas"]
    for calls in document["paths"].values():
        for call in calls.values():
            for status, answer in call["responses"].items():
                if status == "default" or int(status) >= 400:
                    shape = answer["content"]["application/json"]["schema"]["$ref"]
                    assert shape == "#/components/schemas/ErrorBody"


def test_both_key_headers_are_documented_as_alternatives(document: dict[str, Any]) -> None:
    assert document["paths"]["/verify"]["post"]["security"] == [{"bearer": []}, {"x-api-key": []}]
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert document["components"]["securitySchemes"]["x-api-key"]["in"] == "header"


@pytest.mark.parametrize("path", COMPUTE)
def test_compute_calls_document_form_and_json_with_the_same_fields(document: dict[str, Any], path: str) -> None:
    content = document["paths"][path]["post"]["requestBody"]["content"]
    form = content["multipart/form-data"]["schema"]["properties"]
    text = content["application/json"]["schema"]["properties"]
    assert list(form) == list(text)
    image = form.get("img1") or form["img"]
    assert "binary" in str(image)
    assert "binary" not in str(text)
    assert not [rule for rule in ("'gt':", "'lt':", "'ge':", "'le':") if rule in str(content)]


NOT_OF_THE_STAND_IN = ("{subject}", "{face_id}", "{key_id}", "/jobs", "/duplicates", "/unknown")


def test_the_examples_can_be_sent_as_they_are(client: TestClient, document: dict[str, Any]) -> None:
    assert base64.b64decode(EXAMPLE_PHOTO).startswith(JPEG)
    sent = 0
    for path, calls in document["paths"].items():
        for method, call in calls.items():
            body = call.get("requestBody", {}).get("content", {}).get("application/json")
            if body is None or any(one in path for one in NOT_OF_THE_STAND_IN):
                continue
            sent += 1
            answer = client.request(method, path.replace("{collection}", "c"), json=body["example"])
            assert answer.status_code in (200, 201, 202), answer.text
    assert sent == len(COMPUTE) + 4


def test_a_service_whose_database_is_away_is_not_ready_and_says_so_without_its_address(
    anonymous: TestClient, system: StandInSystem
) -> None:
    system.unavailable = StorageUnavailable("nothing answers at the host db.internal", 5.0)
    answer = anonymous.get("/readiness")
    assert (answer.status_code, answer.json()["error"], answer.headers["retry-after"]) == (503, "not_ready", "5")
    assert "db.internal" not in answer.text
    assert anonymous.get("/health").status_code == 200
    system.unavailable = None
    assert anonymous.get("/readiness").status_code == 200


def test_a_service_whose_slots_do_not_come_free_is_not_ready(anonymous: TestClient, system: StandInSystem) -> None:
    system.stuck_seconds = 29.0  # three decodings of 10 s may take so long
    assert anonymous.get("/readiness").status_code == 200
    system.stuck_seconds = 31.0
    answer = anonymous.get("/readiness")
    assert (answer.status_code, answer.json()["error"]) == (503, "not_ready")
    assert "no compute slot has come free for 31 s, longer than the 30 s" in answer.json()["detail"]
    assert anonymous.get("/health").status_code == 200


@pytest.mark.parametrize("path", ["/vultus/docs", "/docs"], ids=["passed on as it came", "taken off by the proxy"])
def test_behind_a_path_prefix_the_page_names_its_files_with_it(system: StandInSystem, path: str) -> None:
    system.settings = system.settings.model_copy(update={"root_path": "/vultus"})
    with TestClient(create_app(system)) as client:
        page = client.get(path).text
        named = set(re.findall(r"['\"](/[^'\"]*?(?:openapi\.json|\.js|\.css))['\"]", page))
        assert named
        assert all(name.startswith("/vultus/") for name in named)
        assert {client.get(name).status_code for name in named} == {200}
        assert client.get("/openapi.json").json()["servers"] == [{"url": "/vultus"}]
        assert client.get("/vultus", follow_redirects=False).headers["location"] == "/vultus/docs"
        assert client.get("/vultus/health").json() == {"status": "ok"}
        assert client.get("/vultusx/health").status_code == 404


def test_a_prefix_that_begins_like_a_call_is_refused(system: StandInSystem) -> None:
    system.settings = system.settings.model_copy(update={"root_path": "/faces/app"})
    with pytest.raises(SettingsInvalid, match="the calls below /faces cannot be told"):
        create_app(system)


def test_forms_are_blank_where_a_field_may_be_left_out(client: TestClient, document: dict[str, Any]) -> None:
    """Pages that fill in forms send what they show, an empty text for a blank field."""
    shown = {"img": ("a.png", photo()), "img1": ("a.png", photo()), "img2": ("a.png", photo())}
    for path in COMPUTE:
        schema = document["paths"][path]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
        fields = {name: field for name, field in schema["properties"].items() if "binary" not in str(field)}
        values = {name: str(field.get("example", field.get("default"))) for name, field in fields.items()}
        assert "None" not in values.values()
        sent = ("img1", "img2") if path == "/verify" else ("img",)
        answer = client.post(path, data=values, files={name: shown[name] for name in sent})
        assert answer.status_code in (200, 201), answer.text
