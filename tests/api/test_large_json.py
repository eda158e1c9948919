"""Large JSON: bounded before it is parsed, in a body and in the text of a form alike."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from vultus.api.body import parse_fields
from vultus.errors import InvalidRequest, RequestTooLarge
from vultus.json_text import LARGE, MAX_CONTAINERS, MAX_NAMES, MAX_VALUES
from vultus.schemas.comparison import CompareFields
from vultus.schemas.field_types import ImageLimits

LIMITS = ImageLimits(1_000_000, 20)
ROW = [0.01] * 512
TOO_MANY = {
    "numbers": "[" + ",".join(["1"] * (MAX_VALUES + 2)) + "]",
    "arrays": "[" + ",".join(["[]"] * (MAX_CONTAINERS + 1)) + "]",
    "objects": "[" + ",".join(["{}"] * (MAX_CONTAINERS + 1)) + "]",
    "names": "{" + ",".join(f'"{i}":1' for i in range(MAX_NAMES + 1)) + "}",
    "depth": "[" * (MAX_CONTAINERS + 1) + "]" * (MAX_CONTAINERS + 1),
}


def form_of(text: str) -> tuple[bytes, str]:
    part = f'--B\r\nContent-Disposition: form-data; name="vectors"\r\n\r\n{text}\r\n--B--\r\n'
    return part.encode(), "multipart/form-data; boundary=B"


def body_of(text: str) -> tuple[bytes, str]:
    return f'{{"vectors":{text}}}'.encode(), "application/json"


@pytest.mark.parametrize("sent", [form_of, body_of])
@pytest.mark.parametrize("text", TOO_MANY.values(), ids=TOO_MANY)
def test_too_many_values_are_refused_with_the_limit(sent: Callable[[str], tuple[bytes, str]], text: str) -> None:
    with pytest.raises(RequestTooLarge, match=r"the limit is \d+; send fewer"):
        parse_fields(*sent(text), CompareFields, LIMITS)


@pytest.mark.parametrize("sent", [form_of, body_of])
def test_as_many_embeddings_as_fit_are_read(sent: Callable[[str], tuple[bytes, str]]) -> None:
    with pytest.raises(InvalidRequest, match="one source is needed"):  # all of them were validated before
        parse_fields(*sent(json.dumps([ROW] * (MAX_VALUES // 512 - 1))), CompareFields, LIMITS)


@pytest.mark.parametrize("value", ['"a"', "true", "null", "{}", "1" + "0" * 400])
def test_a_long_array_of_what_is_no_number_is_one_short_refusal(value: str) -> None:
    text = "[" + ",".join([value] * (MAX_CONTAINERS - 10)) + "]"
    with pytest.raises(InvalidRequest) as refused:
        parse_fields(*body_of(text), CompareFields, LIMITS)
    assert len(str(refused.value)) < 300


def test_a_large_body_is_answered_as_a_small_one(client: TestClient) -> None:
    for count in (2, LARGE * 2):
        answer = client.post(
            "/compare", content=json.dumps({"source_vector": [1] * count, "x": 1}, separators=(",", ":"))
        )
        assert answer.json()["error"] in ("invalid_request", "request_too_large")


class Counted:
    """A lock that counts who takes it."""

    taken = 0

    async def __aenter__(self) -> None:
        self.taken += 1

    async def __aexit__(self, *_: object) -> None:
        pass


def test_only_large_bodies_wait_for_each_other(small_client: TestClient) -> None:
    app: Any = small_client.app
    lock = app.state.vultus.large_input = Counted()
    few, many = [[0.6, 0.8]], [[0.6, 0.8]] * (LARGE // 2)
    for targets, taken in ((few, 0), (many, 1), (few, 1)):
        small_client.post("/compare", json={"source_vector": [0.6, 0.8], "target_vectors": targets})
        assert lock.taken == taken
