"""Failures of Rekognition's operations: each has the name that boto3's users catch, and nothing is half done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from starlette.testclient import TestClient

from tests.api.dialects.rekognition_server import ID, SECRET, client_of, serving
from tests.pictures import drawn_photo
from vultus.api.app import create_app
from vultus.api.middleware.overload import OVERLOADED

ANNA = {"Bytes": drawn_photo(1)}
EMPTY = {"Bytes": drawn_photo()}
IN_S3 = {"S3Object": {"Bucket": "bucket", "Name": "anna.jpg"}}
UNKNOWN = "00000000-0000-4000-8000-000000000000"
TARGET = "RekognitionService.ListCollections"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, str]]:
    with serving(tmp_path_factory.mktemp("served")) as both:
        yield both


@pytest.fixture(scope="module")
def aws(served: tuple[Any, str]) -> Any:
    client = client_of(served[1])
    client.create_collection(CollectionId="staff")
    client.create_user(CollectionId="staff", UserId="anna")
    return client


def code_of(client: Any, call: Callable[[], Any]) -> str:
    with pytest.raises(client.exceptions.ClientError) as refused:
        call()
    assert refused.value.response["Error"]["Message"]
    assert refused.value.response["ResponseMetadata"]["RequestId"]
    return str(refused.value.response["Error"]["Code"])


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("create_collection", {"CollectionId": "staff"}, "ResourceAlreadyExistsException"),
    ("create_collection", {"CollectionId": "no spaces"}, "InvalidParameterException"),
    ("describe_collection", {"CollectionId": "none"}, "ResourceNotFoundException"),
    ("delete_collection", {"CollectionId": "none"}, "ResourceNotFoundException"),
    ("list_collections", {"NextToken": "no token"}, "InvalidPaginationTokenException"),
    ("index_faces", {"CollectionId": "none", "Image": ANNA}, "ResourceNotFoundException"),
    ("index_faces", {"CollectionId": "staff", "Image": {"Bytes": b"text"}}, "InvalidImageFormatException"),
    ("index_faces", {"CollectionId": "staff", "Image": {"Bytes": bytes(5_242_881)}}, "ImageTooLargeException"),
    ("index_faces", {"CollectionId": "staff", "Image": IN_S3}, "InvalidS3ObjectException"),
    ("index_faces", {"CollectionId": "staff", "Image": ANNA, "ExternalImageId": "a b"}, "InvalidParameterException"),
    ("index_faces", {"CollectionId": "staff", "Image": ANNA, "QualityFilter": "SOME"}, "InvalidParameterException"),
    ("search_faces", {"CollectionId": "staff", "FaceId": UNKNOWN}, "InvalidParameterException"),
    ("search_faces", {"CollectionId": "staff", "FaceId": "x"}, "InvalidParameterException"),
    ("search_faces_by_image", {"CollectionId": "staff", "Image": EMPTY}, "InvalidParameterException"),
    ("compare_faces", {"SourceImage": EMPTY, "TargetImage": ANNA}, "InvalidParameterException"),
    ("create_user", {"CollectionId": "staff", "UserId": "anna"}, "ConflictException"),
    ("delete_user", {"CollectionId": "staff", "UserId": "none"}, "ResourceNotFoundException"),
    ("associate_faces", {"CollectionId": "staff", "UserId": "none", "FaceIds": [UNKNOWN]}, "ResourceNotFoundException"),
    ("search_users", {"CollectionId": "staff", "UserId": "none"}, "ResourceNotFoundException"),
    ("search_users", {"CollectionId": "staff"}, "InvalidParameterException"),
    ("detect_labels", {"Image": ANNA}, "UnknownOperationException"),
    ("list_stream_processors", {}, "UnknownOperationException"),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "members", "code"), REFUSED)
def test_a_refusal_has_the_name_that_clients_catch(
    aws: Any, operation: str, members: dict[str, Any], code: str
) -> None:
    assert code_of(aws, lambda: getattr(aws, operation)(**members)) == code
    assert aws.describe_collection(CollectionId="staff")["FaceCount"] == 0


def test_the_words_that_double_take_looks_for(aws: Any) -> None:
    with pytest.raises(aws.exceptions.InvalidParameterException, match="no faces"):
        aws.search_faces_by_image(CollectionId="staff", Image=EMPTY)


def test_a_page_token_is_of_one_list(aws: Any) -> None:
    for user in ("b", "c"):
        aws.create_user(CollectionId="staff", UserId=user)
    token = aws.list_users(CollectionId="staff", MaxResults=1)["NextToken"]
    assert (
        code_of(aws, lambda: aws.list_faces(CollectionId="staff", NextToken=token)) == "InvalidPaginationTokenException"
    )


def test_a_user_has_a_hundred_faces_at_most(served: tuple[Any, str], aws: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("vultus.service.loose_faces.face_groups.MOST_FACES", 1)
    aws.create_collection(CollectionId="full")
    answer = aws.index_faces(CollectionId="full", Image={"Bytes": drawn_photo(1, 2)}, QualityFilter="NONE")
    ids = [one["Face"]["FaceId"] for one in answer["FaceRecords"]]
    aws.create_user(CollectionId="full", UserId="anna")
    call: dict[str, Any] = {"CollectionId": "full", "UserId": "anna", "FaceIds": ids}
    assert code_of(aws, lambda: aws.associate_faces(**call)) == "ServiceQuotaExceededException"
    assert aws.list_users(CollectionId="full")["Users"][0]["UserStatus"] == "CREATED"


def test_scopes_collections_and_rates(served: tuple[Any, str]) -> None:
    system, url = served
    reader = ("AKIAREADERREADER0001", "r" * 40)
    system.keys.register("aws", "reader", reader[1], ["read"], access_key_id=reader[0], collections=["mine"])
    client = client_of(url, *reader)
    assert code_of(client, lambda: client.create_collection(CollectionId="mine")) == "AccessDeniedException"
    assert code_of(client, lambda: client.list_faces(CollectionId="staff")) == "AccessDeniedException"
    slow = ("AKIASLOWSLOWSLOW0001", "s" * 40)
    system.keys.register("aws", "slow", slow[1], ["read"], access_key_id=slow[0], requests_per_minute=1)
    client = client_of(url, *slow)
    client.list_collections()
    assert code_of(client, client.list_collections) == "ProvisionedThroughputExceededException"


def test_a_native_key_is_id_and_secret_at_once(served: tuple[Any, str]) -> None:
    _, secret = served[0].keys.create("trial", ["read"])
    client = client_of(served[1], secret, secret)
    assert client.list_collections()["ResponseMetadata"]["HTTPStatusCode"] == 200
    other = client_of(served[1], secret, "another secret of forty characters......")
    assert code_of(other, other.list_collections) == "InvalidSignatureException"


def test_a_server_without_keys_takes_any_signature(tmp_path: Any) -> None:
    with serving(tmp_path, without_keys=True) as (_, url):
        client = client_of(url, "AKIANOBODYNOBODY0001", "x" * 40)
        client.create_collection(CollectionId="staff")
        client.create_user(CollectionId="staff", UserId="anna")
        assert client.list_users(CollectionId="staff")["Users"][0]["UserId"] == "anna"
        assert code_of(client, lambda: client.create_user(CollectionId="staff", UserId="anna")) == "ConflictException"


def test_unknown_and_revoked_keys(served: tuple[Any, str]) -> None:
    client = client_of(served[1], "AKIANOBODYNOBODY0001", "x" * 40)
    assert code_of(client, client.list_collections) == "UnrecognizedClientException"
    gone = ("AKIAGONEGONEGONE0001", "g" * 40)
    key = served[0].keys.register("aws", "gone", gone[1], ["read"], access_key_id=gone[0])
    served[0].keys.revoke(key.id)
    client = client_of(served[1], *gone)
    assert code_of(client, client.list_collections) == "UnrecognizedClientException"
    wrong = client_of(served[1], ID, "x" * 40)
    assert code_of(wrong, wrong.list_collections) == "InvalidSignatureException"


# --- signatures, by hand ----------------------------------------------------------------------------------------------


def signed(url: str, body: bytes = b"{}", *, age: timedelta = timedelta(0), **headers: str) -> dict[str, str]:
    """The headers of a request as botocore signs it, some time ago."""
    request = AWSRequest("POST", url + "/", data=body, headers={"X-Amz-Target": TARGET, **headers})
    request.context["timestamp"] = (datetime.now(UTC) - age).strftime("%Y%m%dT%H%M%SZ")
    signer = SigV4Auth(Credentials(ID, SECRET), "rekognition", "eu-west-1")
    request.headers["X-Amz-Date"] = request.context["timestamp"]
    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    signer._inject_signature_to_request(request, signature)
    return dict(request.headers)


def answered(url: str, headers: dict[str, str], body: bytes = b"{}") -> str:
    answer = httpx.post(url + "/", content=body, headers=headers)
    assert answer.headers["content-type"] == "application/x-amz-json-1.1"
    assert answer.headers["x-amzn-requestid"]
    return "ok" if answer.status_code == 200 else str(answer.json()["__type"])


def without_signing(headers: dict[str, str], name: str) -> dict[str, str]:
    return {**headers, "Authorization": headers["Authorization"].replace(f";{name}", "").replace(f"{name};", "")}


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda h: h, "ok"),
        (lambda h: {**h, "X-Amz-Target": "RekognitionService.ListFaces"}, "InvalidSignatureException"),
        (lambda h: {**h, "Authorization": h["Authorization"][:-1] + "~"}, "InvalidSignatureException"),
        (lambda h: {**h, "Authorization": "AWS4-HMAC-SHA256 Credential=x"}, "IncompleteSignatureException"),
        (lambda h: {**h, "Authorization": "Bearer x"}, "IncompleteSignatureException"),
        (lambda h: {**h, "Authorization": h["Authorization"].replace("/rek", "/s3")}, "InvalidSignatureException"),
        (lambda h: {**h, "X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}, "InvalidSignatureException"),
        (lambda h: {**h, "X-Amz-Content-SHA256": "0" * 64}, "InvalidSignatureException"),
        (lambda h: {**h, "X-Amz-Date": "yesterday"}, "IncompleteSignatureException"),
        (lambda h: {"X-Amz-Target": TARGET}, "MissingAuthenticationTokenException"),
        (lambda h: without_signing(h, "host"), "InvalidSignatureException"),
        (lambda h: without_signing(h, "x-amz-date"), "InvalidSignatureException"),
        (lambda h: without_signing(h, "x-amz-target"), "InvalidSignatureException"),
    ],
)  # fmt: skip
def test_a_signature_covers_the_request(served: tuple[Any, str], change: Any, name: str) -> None:
    assert answered(served[1], change(signed(served[1]))) == name


@pytest.mark.parametrize(
    ("minutes", "name"),
    [
        (4, "ok"),
        (-4, "ok"),
        (6, "InvalidSignatureException"),
        (-6, "InvalidSignatureException"),
        (16, "RequestExpired"),
    ],
)
def test_a_request_is_signed_just_now(served: tuple[Any, str], minutes: int, name: str) -> None:
    assert answered(served[1], signed(served[1], age=timedelta(minutes=minutes))) == name


def test_another_body_is_refused(served: tuple[Any, str]) -> None:
    assert answered(served[1], signed(served[1]), b'{"MaxResults": 1}') == "InvalidSignatureException"


def test_a_presigned_request_is_refused_by_name(served: tuple[Any, str]) -> None:
    request = AWSRequest("POST", served[1] + "/", data=b"{}", headers={"X-Amz-Target": TARGET})
    SigV4QueryAuth(Credentials(ID, SECRET), "rekognition", "eu-west-1").add_auth(request)
    answer = httpx.post(request.url, content=b"{}", headers={"X-Amz-Target": TARGET})
    assert answer.json()["__type"] == "InvalidSignatureException"
    assert "presigned" in answer.json()["Message"]


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b"no json", "SerializationException"),
        (b"[]", "SerializationException"),
        (b'{"MaxResult": 1}', "InvalidParameterException"),
        (b'{"MaxResults": "1"}', "InvalidParameterException"),
        (b"{" + b" " * 14_000_001 + b"}", "ImageTooLargeException"),
    ],
)
def test_bodies_that_are_no_request(served: tuple[Any, str], body: bytes, name: str) -> None:
    assert answered(served[1], signed(served[1], body), body) == name


def test_a_plain_request_at_the_root_stays_native(served: tuple[Any, str]) -> None:
    assert httpx.post(served[1] + "/").json()["error"] == "invalid_request"
    assert httpx.get(served[1] + "/").status_code == 307
    answer = httpx.get(served[1] + "/", headers={"X-Amz-Target": TARGET})
    assert answer.status_code in (307, 400)


def test_overload_and_start_are_tried_again_by_clients(served: tuple[Any, str]) -> None:
    system, _ = served
    sent = {"X-Amz-Target": TARGET}
    starting = TestClient(create_app(replace(system, ready=False))).post("/", headers=sent)
    assert (starting.status_code, starting.json()["__type"]) == (503, "ServiceUnavailableException")
    app = create_app(system)

    async def overloaded(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "state": {OVERLOADED: True}}, receive, send)

    answer = TestClient(overloaded).post("/", headers=sent)
    assert (answer.status_code, answer.json()["__type"]) == (500, "ThrottlingException")
    off = system.settings.model_copy(update={"dialects": ()})
    plain = TestClient(create_app(replace(system, settings=off))).post("/", headers=sent)
    assert plain.json()["error"] == "invalid_request"
