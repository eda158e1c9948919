"""The README's quickstart over real HTTP on a loopback port, with the real models."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import httpx
import pytest
import uvicorn

from tests import pictures
from tests.waiting import patient, wait_until
from vultus.api.app import create_app
from vultus.records.stored import SCOPES

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def client(real) -> Iterator[httpx.Client]:
    _, secret = real.keys.create("quickstart", SCOPES)
    server = uvicorn.Server(uvicorn.Config(create_app(real), port=0, log_level="error", access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started, "the server to start")
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {secret}"}) as http:
        yield http
    server.should_exit = True
    thread.join(timeout=patient())


def post(client: httpx.Client, path: str, expected: int = 200, **form: bytes | str) -> dict:
    files = {name: ("photo", value) for name, value in form.items() if isinstance(value, bytes)}
    data = {name: value for name, value in form.items() if isinstance(value, str)}
    answer = client.post(path, files=files, data=data)
    assert answer.status_code == expected, answer.text
    return answer.json()


def test_enroll_verify_find_erase_find(client):
    mine, again = pictures.astronaut(), pictures.variants(pictures.astronaut())["mirror"]
    enrolled = post(client, "/enroll", 201, img=mine, subject="anna", name="Anna")
    assert enrolled["faces"][0]["created"]
    post(client, "/enroll", 201, img=pictures.portrait(), subject="ben")
    assert not post(client, "/enroll", 200, img=mine, subject="anna")["faces"][0]["created"]

    assert post(client, "/verify", img1=mine, img2=again)["verified"] is True
    assert post(client, "/verify", img1=mine, img2=pictures.portrait())["verified"] is False
    assert post(client, "/verify", img=again, subject="anna")["verified"] is True

    (face,) = post(client, "/find", img=again)["faces"]
    assert (face["decision"], face["matches"][0]["subject"], face["matches"][0]["name"]) == ("match", "anna", "Anna")
    stranger = post(client, "/find", img=pictures.group())["faces"][0]
    assert stranger["decision"] == "unknown"

    photo = client.get(f"/faces/{enrolled['faces'][0]['face_id']}/photo")
    assert photo.headers["content-type"] == "image/jpeg"
    deleted = client.delete("/collections/default/subjects/anna").json()
    assert deleted == {"subject": "anna", "deleted": {"faces": 1, "photos": 1}}
    (face,) = post(client, "/find", img=again)["faces"]
    assert "anna" not in [match["subject"] for match in face["matches"]]


def test_represent_answers_a_bare_array_with_a_unit_vector(client):
    (item,) = post(client, "/represent", img=pictures.astronaut())
    assert len(item["embedding"]) == 640
    assert sum(value * value for value in item["embedding"]) == pytest.approx(1, abs=1e-4)
    assert item["facial_area"]["left_eye"][0] > item["facial_area"]["right_eye"][0]  # the person's own left


def test_refusals_over_http(client):
    assert post(client, "/enroll", 422, img=pictures.no_face())["error"] == "no_face_detected"
    assert post(client, "/enroll", 422, img=pictures.group())["error"] == "multiple_faces"
    assert post(client, "/enroll", 400, img=b"text in a file called photo.jpg")["error"] == "invalid_image"
    assert post(client, "/enroll", 400, img=pictures.astronaut()[:5000])["error"] == "invalid_image"


def test_the_examples_of_the_page_are_answered_as_they_stand(client):
    paths = client.get("/openapi.json").json()["paths"]
    for path in ("/enroll", "/verify", "/find", "/represent", "/detect", "/compare"):
        example = paths[path]["post"]["requestBody"]["content"]["application/json"]["example"]
        answer = client.post(path, json=example)
        assert answer.status_code in (200, 201), answer.text
    client.delete("/collections/default/subjects/anna-1")
