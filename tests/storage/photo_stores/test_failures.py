"""Object storage that refuses, fails, is slow or away: each by a sentence that says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

import pytest

from tests.storage.photo_stores.object_storage import FailingServer, failing_server
from vultus.errors import NotReady, SettingsInvalid, StorageFailed
from vultus.storage.photo_stores import s3
from vultus.storage.photo_stores.location import S3Location, photo_location
from vultus.storage.photo_stores.s3 import S3PhotoStore

KEY = sha256(b"a photo").hexdigest()


@pytest.fixture
def server(monkeypatch) -> Iterator[FailingServer]:
    variables = {"ACCESS_KEY_ID": "the-key", "SECRET_ACCESS_KEY": "the-secret", "REGION": "x", "ALLOW_HTTP": "true"}
    for name, value in variables.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    with failing_server() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        yield server


def store() -> S3PhotoStore:
    return S3PhotoStore("bucket", "503")  # a prefix that no refusal may be read out of


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (403, "AccessDenied", "no rights in the bucket bucket; allow GetObject, PutObject"),
        (403, "InvalidAccessKeyId", "does not know the access key; see AWS_ACCESS_KEY_ID"),
        (403, "SignatureDoesNotMatch", "refuses the secret; see AWS_SECRET_ACCESS_KEY"),
        (403, "RequestTimeTooSkewed", "the clock of this machine"),
        (401, "", "wants credentials; set AWS_ACCESS_KEY_ID"),
        (301, "", "is in another region; name it in AWS_REGION"),
        (400, "AuthorizationHeaderMalformed", "is in another region; name it in AWS_REGION"),
        (404, "NoSuchBucket", "the bucket bucket does not exist"),
        (507, "XMinioStorageFull", "is full"),
        (400, "InvalidRequest", r"refused a request about the bucket bucket \(InvalidRequest\)"),
    ],
)
def test_what_is_refused_is_said_in_words_and_quotes_no_key(server, status, code, words):
    server.status, server.body = status, f"<Error><Code>{code}</Code><Key>the-key</Key></Error>".encode()
    for method in (store().require_usable, lambda: store().get(KEY)):
        with pytest.raises(StorageFailed, match=words) as caught:
            method()
        assert "the-" not in str(caught.value)
        assert caught.value.__cause__ is None


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_failing_storage_is_tried_a_few_times_and_then_to_be_asked_later(server, status):
    server.status = status
    with pytest.raises(NotReady, match="does not answer; try again") as caught:
        store().get(KEY)
    assert server.requests == 1 + s3.MAX_RETRIES
    assert caught.value.retry_after_seconds > 0


def test_a_slow_storage_is_given_up(server, monkeypatch):
    monkeypatch.setattr(s3, "REQUEST_SECONDS", 0.2)
    monkeypatch.setattr(s3, "MAX_RETRIES", 1)
    server.seconds = 30
    with pytest.raises(NotReady, match="does not answer; try again"):
        store().get(KEY)
    assert server.requests == 2


def test_a_storage_that_is_away_is_refused_at_start_and_waited_for_later(server, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(NotReady, match="does not answer; try again"):
        store().put(b"a photo")
    with pytest.raises(StorageFailed, match="see that it runs, and that AWS_ENDPOINT_URL and AWS_REGION name it"):
        store().require_usable()


def test_http_is_refused_unless_it_is_allowed(server, monkeypatch):
    monkeypatch.delenv("AWS_ALLOW_HTTP")
    with pytest.raises(StorageFailed, match="the endpoint is http, which is refused; use https"):
        store().require_usable()
    assert server.requests == 0


def test_without_obstore_the_way_to_it_is_said(monkeypatch):
    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(s3, "import_module", absent)
    with pytest.raises(SettingsInvalid, match=r"need obstore; run: .venv/bin/pip install obstore"):
        store()


# --- VULTUS_PHOTO_URL -------------------------------------------------------------------------------------------------


def test_places_that_a_url_names(tmp_path):
    assert photo_location(None, tmp_path) == tmp_path / "photos"
    assert str(photo_location("file:///srv/my%20photos", tmp_path)) == "/srv/my photos"
    assert photo_location("s3://bucket", tmp_path) == S3Location("bucket", "")
    assert photo_location("s3://bucket/a/b/", tmp_path) == S3Location("bucket", "a/b")
    assert str(photo_location("s3://bucket/a/b/", tmp_path)) == "s3://bucket/a/b"


@pytest.mark.parametrize(
    "wrong",
    [
        "", "photos", "/srv/photos", "file://", "file:///", "file://host/photos", "s3://", "s3:///prefix", "s3://B",
        "s3://the-key:the-secret@bucket/p", "s3://bucket:9000/p", "s3://bucket/p?endpoint=x", "s3://bucket/../p",
        "s3://bucket/a//b", "http://host/bucket", "gs://bucket",
    ],
)  # fmt: skip
def test_a_url_that_names_no_place_is_refused_and_not_quoted(tmp_path, wrong):
    with pytest.raises(SettingsInvalid, match="VULTUS_PHOTO_URL") as caught:
        photo_location(wrong, tmp_path)
    assert "the-secret" not in str(caught.value)
