"""Half of a surrogate pair, or bytes that are not UTF-8, anywhere in a request: a sentence, never a 500."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from tests.api.test_lists import enroll
from tests.pictures import drawn_photo

HALF = "\\ud800"
VECTOR = "[1, 0]"
BODIES = {
    "compare, id of a vector": (
        "/compare",
        f'{{"embedding": {VECTOR}, "vectors": [{{"id": "{HALF}", "vector": [1]}}]}}',
    ),
    "enroll, subject": ("/enroll", f'{{"img": "QQ==", "subject": "{HALF}"}}'),
    "enroll, name": ("/enroll", f'{{"img": "QQ==", "name": "a{HALF}"}}'),
    "enroll, metadata, deep": ("/enroll", f'{{"img": "QQ==", "metadata": {{"a": [{{"b": "{HALF}"}}]}}}}'),
    "enroll, metadata, key": ("/enroll", f'{{"img": "QQ==", "metadata": {{"{HALF}": 1}}}}'),
    "enroll, model": ("/enroll", f'{{"img": "QQ==", "model_name": "{HALF}"}}'),
    "enroll, image": ("/enroll", f'{{"img": "{HALF}"}}'),
    "find, collection": ("/find", f'{{"img": "QQ==", "collection": "{HALF}"}}'),
    "find, face": ("/find", f'{{"face_id": "{HALF}"}}'),
    "verify, subject": ("/verify", f'{{"img": "QQ==", "subject": "{HALF}"}}'),
    "represent, detector": ("/represent", f'{{"img": "QQ==", "detector_backend": "{HALF}"}}'),
    "a field of no call": ("/detect", f'{{"{HALF}": 1}}'),
    "rename": ("/collections/default/subjects/ada/rename", f'{{"subject": "{HALF}"}}'),
    "merge": ("/collections/default/subjects/ada/merge", f'{{"into": "{HALF}"}}'),
    "keys, name": ("/keys", f'{{"name": "{HALF}", "scopes": ["find"]}}'),
    "keys, collections": ("/keys", f'{{"name": "a", "scopes": ["find"], "collections": ["{HALF}"]}}'),
}
PATHS = [
    "/collections/%ED%A0%80",
    "/collections/default/subjects/%ED%A0%80",
    "/collections/default/subjects/%FF/faces",
    "/faces/%ED%A0%80",
    "/collections/default/subjects?q=%ED%A0%80",
    "/collections/default/subjects?%FF=1",
    "/audit?key=%FF",
]


def refusal(answer) -> str:
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    return str(answer.json()["detail"])


@pytest.fixture
def client(small_client: TestClient) -> TestClient:
    enroll(small_client, "ada", 1)
    return small_client


@pytest.mark.parametrize(("path", "body"), BODIES.values(), ids=BODIES.keys())
def test_in_json(client, path, body):
    assert "half of a surrogate pair" in refusal(client.post(path, content=body))


@pytest.mark.parametrize("path", ["/enroll", "/compare"])
def test_as_bytes_in_json(client, path):
    assert "JSON" in refusal(client.post(path, content=b'{"subject": "\xed\xa0\x80"}'))


@pytest.mark.parametrize(
    ("path", "field", "text"),
    [
        ("/enroll", "metadata", f'{{"a": "{HALF}"}}'),
        ("/enroll", "subjects", f'["{HALF}"]'),
        ("/compare", "vectors", f'[{{"id": "{HALF}", "vector": [1]}}]'),
    ],
)
def test_in_json_of_a_form(client, path, field, text):
    answer = client.post(path, files={"img": drawn_photo(1)}, data={field: text})
    assert f'field "{field}": holds half of a surrogate pair' in refusal(answer)


def test_as_bytes_in_a_form(client):
    assert "not UTF-8" in refusal(
        client.post("/enroll", files={"img": drawn_photo(1), "subject": (None, b"\xed\xa0\x80")})
    )


@pytest.mark.parametrize("path", PATHS)
def test_in_the_path_and_in_the_query(client, path):
    assert "not percent-encoded UTF-8" in refusal(client.get(path))


def test_in_headers(client):
    answer = client.get("/collections", headers={b"x-request-id": b"\xed\xa0\x80", b"accept-language": b"\xff"})
    assert answer.status_code < 500


def test_whole_pairs_pass(client):
    answer = client.post("/collections/default/subjects/ada/rename", content=r'{"subject": "\ud842\udfb7"}')
    assert answer.json()["subject"] == "\U00020bb7"
