"""DeepFace's protocol: what fails outside of its calls has its shape too, and keys of other services do not open it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.test_audit import gates
from tests.pictures import drawn_photo
from vultus.api.app import create_app
from vultus.api.body import parse_fields
from vultus.api.dialects.deepface import DEEPFACE
from vultus.api.dialects.deepface.fields import RegisterFields
from vultus.api.middleware.overload import OVERLOADED
from vultus.schemas.field_types import ImageLimits
from vultus.wiring.parts import System

TOKEN = "deepface-token-0123456789"
IMAGE = base64.b64encode(drawn_photo(1)).decode()

READ, CHANGE = False, True
ACTIONS = {
    "deepface_represent": ("deepface.represent", READ),
    "deepface_verify": ("deepface.verify", READ),
    "deepface_analyze": ("deepface.analyze", READ),
    "deepface_register": ("deepface.register", CHANGE),
    "deepface_search": ("deepface.search", READ),
    "deepface_build_index": ("deepface.index", READ),
    "deepface_remove": ("deepface.erase", CHANGE),
    "deepface_faces": (None, READ),
}


@pytest.fixture
def client(whole: System) -> Iterator[TestClient]:
    whole.keys.register("deepface", "door", TOKEN, ["represent", "find"], collections=["people"])
    headers = {"authorization": f"Bearer {TOKEN}"}
    with TestClient(create_app(whole), headers=headers, raise_server_exceptions=False) as http:
        yield http


def failure(answer: Any) -> tuple[int, str]:
    ((field, sentence),) = answer.json().items()
    assert sentence
    return answer.status_code, field


def test_keys_of_other_services_are_refused(client: TestClient, whole: System) -> None:
    uuid = "00000000-0000-0000-0000-00000000000a"
    whole.keys.register("compreface-recognition", "faces", uuid, ["represent"], collections=["people"])
    answer = client.post("/deepface/represent", json={"img": IMAGE}, headers={"authorization": f"Bearer {uuid}"})
    assert failure(answer) == (401, "message")
    assert uuid not in answer.text
    assert client.post("/deepface/represent", json={"img": IMAGE}).status_code == 200


def test_a_key_of_several_collections_names_none(client: TestClient, whole: System) -> None:
    _, secret = whole.keys.create("both", ["find"], collections=["people", "staff"])
    answer = client.post("/deepface/search", json={"img": IMAGE}, headers={"authorization": f"Bearer {secret}"})
    assert failure(answer) == (403, "message")


def test_a_server_without_keys_asks_for_none(whole: System) -> None:
    settings = whole.settings.model_copy(update={"without_keys": True})
    with TestClient(create_app(replace(whole, settings=settings)), base_url="http://localhost") as http:
        assert http.post("/deepface/represent", json={"img": IMAGE}).status_code == 200


def test_a_server_that_starts_and_one_that_is_overloaded(whole: System) -> None:
    starting = TestClient(create_app(replace(whole, ready=False))).post("/deepface/verify")
    assert failure(starting) == (503, "error")
    assert starting.headers["retry-after"]
    app = create_app(whole)

    async def overloaded(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "state": {OVERLOADED: True}}, receive, send)

    assert failure(TestClient(overloaded).post("/deepface/verify")) == (503, "error")


def test_a_fault_of_the_server_has_status_500_and_no_traceback(client: TestClient, small: Any) -> None:
    small.detector.detect = None  # calling it is a TypeError
    answer = client.post("/deepface/represent", json={"img": IMAGE})
    assert failure(answer) == (500, "error")
    assert "TypeError" not in answer.text


@pytest.mark.parametrize(
    ("img", "sent", "name"),
    [
        ("https://photos.example/anna.jpg", {}, "https://photos.example/anna.jpg"),
        ("https://photos.example/anna.jpg", {"img_name": "anna"}, "anna"),
        ("https://photos.example/anna", {}, None),
        (f"https://photos.example/{'a' * 250}.jpg", {}, None),
    ],
)
def test_an_address_names_the_face_as_in_deepface(img: str, sent: dict[str, str], name: str | None) -> None:
    limits = ImageLimits(1000, 1, fetch=lambda address: b"photo")
    parts = "".join(f'"{key}": "{value}", ' for key, value in sent.items())
    fields = parse_fields(f'{{{parts}"img": "{img}"}}'.encode(), "application/json", RegisterFields, limits)
    assert (fields.img, fields.img_name) == (b"photo", name)


def test_every_call_has_its_own_action_which_the_operations_page_names(whole: System) -> None:
    routes = gates(create_app(whole, dialects=[DEEPFACE]))
    said = {route.endpoint.__name__: (gate.action, gate.changes) for route, gate in routes}
    assert {name: action for name, action in said.items() if name.startswith("deepface_")} == ACTIONS
    page = Path(__file__).parents[3].joinpath("docs", "operations.md").read_text("utf-8")
    assert [action for action, _ in ACTIONS.values() if action and f"`{action}`" not in page] == []
