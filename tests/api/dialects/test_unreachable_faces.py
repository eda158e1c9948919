"""A face of a collection that the key does not reach is answered as one that there is not: nobody learns that it is."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from starlette.testclient import TestClient

from tests.api.dialects.rekognition_server import client_of, listening
from tests.conftest import Small
from tests.pictures import drawn_photo
from vultus.records.stored import SCOPES
from vultus.wiring.parts import System

NO_FACE = str(uuid4())
PHOTO = {"file": ("a.jpg", drawn_photo(1), "image/jpeg")}


@pytest.fixture(scope="module")
def secret(shared: System) -> str:
    """A key of the collection people alone."""
    return shared.keys.create("people", SCOPES[:6], collections=["people"])[1]


@pytest.fixture
def foreign(nobody: None, shared_small: Small) -> str:
    """The id of a face of another collection, as a UUID."""
    service = shared_small.service
    service.galleries.create_collection("people")
    enrolled = service.enrolment.enroll([drawn_photo(1)], collection="doors", subject="anna")
    return str(UUID(enrolled.faces[0].face.id))


COMPREFACE: dict[str, tuple[str, str, dict[str, Any]]] = {
    "erase": ("DELETE", "", {}),
    "verify": ("POST", "/verify", {"files": PHOTO}),
    "photo": ("GET", "/img", {}),
}


@pytest.mark.parametrize("call", COMPREFACE)
def test_compreface(http: TestClient, secret: str, foreign: str, call: str) -> None:
    method, after, sent = COMPREFACE[call]
    answers = [
        http.request(method, f"/api/v1/recognition/faces/{face}{after}", headers={"x-api-key": secret}, **sent)
        for face in (foreign, NO_FACE)
    ]
    assert answers[0].status_code == answers[1].status_code
    assert answers[0].content == answers[1].content


def test_deepface(http: TestClient, secret: str, foreign: str) -> None:
    headers = {"authorization": f"Bearer {secret}"}
    answers = [
        http.delete(f"/deepface/faces?id={face.replace('-', '')}", headers=headers) for face in (foreign, NO_FACE)
    ]
    assert answers[0].content == answers[1].content
    assert answers[0].status_code == answers[1].status_code == 400


@pytest.mark.parametrize("operation", ["search_faces", "search_users"])
def test_rekognition(shared: System, secret: str, foreign: str, operation: str) -> None:
    with listening(shared) as url:
        aws = client_of(url, secret, secret)
        said = []
        for face in (foreign, NO_FACE):
            with pytest.raises(aws.exceptions.InvalidParameterException) as refused:
                getattr(aws, operation)(CollectionId="people", FaceId=face)
            said.append(refused.value.response["Error"])
    assert said[0] == said[1]
