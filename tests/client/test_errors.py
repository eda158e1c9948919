"""One class for each code of the service, and a sentence for whatever else may answer, or not."""

from __future__ import annotations

import json
import pickle

import pytest

import vultus_client
from tests.client.conftest import Answer
from vultus.api.errors import STATUS
from vultus_client import Client, NoAnswer, TryLater, UnexpectedAnswer, Unreachable, VultusError
from vultus_client.errors import error_class, subclasses

ANSWERED_AS_INTERNAL = {"model_invalid", "storage_failed", "settings_invalid"}


@pytest.mark.parametrize("code", sorted(set(STATUS) - ANSWERED_AS_INTERNAL))
def test_every_code_has_a_class_of_its_own(code):
    (kind,) = (kind for kind in subclasses(VultusError) if kind.code == code)
    assert error_class(code, STATUS[code]) is kind
    assert getattr(vultus_client, kind.__name__) is kind


def test_no_class_has_a_code_that_the_service_does_not_have():
    codes = {kind.code for kind in subclasses(VultusError) if not issubclass(kind, NoAnswer)} - {""}
    assert codes == set(STATUS) - ANSWERED_AS_INTERNAL


@pytest.mark.parametrize("status", sorted(set(STATUS.values()) - {501}))
def test_a_code_of_a_later_release_is_of_the_group_of_its_status(status):
    kind = error_class("a_new_code", status)
    known = [error_class(code, status) for code, value in STATUS.items() if value == status]
    assert kind is not VultusError
    assert any(issubclass(one, kind) for one in known)


def test_an_error_has_code_detail_request_id_and_status(client):
    with pytest.raises(vultus_client.CollectionNotFound) as caught:
        client.subjects.get("nobody", collection="nowhere")
    error = caught.value
    assert (error.code, error.status) == ("collection_not_found", 404)
    assert error.detail in str(error)
    assert error.request_id in str(error)
    assert vars(pickle.loads(pickle.dumps(error))) == vars(error)


def refusal(code: str, status: int, **headers: str) -> Answer:
    body = json.dumps({"error": code, "detail": "a sentence", "request_id": "r1"})
    return Answer(status, body, headers)


def raised(url: str, call=lambda client: client.health(), **options: object) -> VultusError:
    with Client(url, "k", max_retries=0, **options) as client, pytest.raises(VultusError) as caught:
        call(client)
    return caught.value


def test_an_unknown_code_is_kept(scripted):
    error = raised(scripted(refusal("too_early", 503, **{"Retry-After": "7"})).url)
    assert (type(error), error.code, error.detail, error.retry_after) == (TryLater, "too_early", "a sentence", 7.0)


HTML = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(502, HTML), "answered 502, saying '502 Bad Gateway'"),
        (Answer(404, "not here"), "answered 404, saying 'not here'"),
        (Answer(403, "[]"), "a proxy or another program answers there"),
        (Answer(400, '{"error": {"code": 5}}'), "a proxy or another program answers there"),
        (Answer(301, "", {"Location": "https://example.org/"}), "redirects to https://example.org/ (301)"),
        (Answer(200, "<html>Log in to the hotel</html>"), "the answer is not JSON"),
        (Answer(200, "[]"), "no object where Health was expected"),
        (Answer(200, "{}"), "lacks Health.status"),
    ],
)
def test_an_answer_of_something_else_is_an_error_with_a_sentence(scripted, answer, words):
    error = raised(scripted(answer).url)
    assert isinstance(error, UnexpectedAnswer)
    assert words in str(error)
    assert error.status == answer.status


def test_nobody_at_the_address(free_port):
    error = raised(f"http://127.0.0.1:{free_port}")
    assert isinstance(error, Unreachable)
    assert f"nothing answers at http://127.0.0.1:{free_port}" in error.detail
    assert not error.sent


def test_an_answer_that_never_comes(scripted):
    error = raised(scripted(Answer(drop=True)).url, lambda client: client.subjects.erase("a"))
    assert isinstance(error, Unreachable)
    assert error.sent
    assert "whether the request was carried out is not known" in error.detail


def test_https_at_a_server_without_it(scripted):
    error = raised(scripted(Answer()).url.replace("http:", "https:"))
    assert "no safe connection to https://127.0.0.1" in error.detail


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://host", "http://", "http://host:port", "http://h/?a=b"])
def test_an_address_that_is_none(url):
    with pytest.raises(vultus_client.InvalidRequest, match="the address"):
        Client(url)


@pytest.mark.parametrize("key", ["two words", "line\n", "schlüssel"])
def test_a_key_that_cannot_be_one_is_refused_and_not_shown(key):
    with pytest.raises(vultus_client.InvalidRequest, match="the key has characters") as caught:
        Client("http://127.0.0.1", key)
    assert key not in str(caught.value)


def test_the_key_is_in_no_representation():
    with Client("http://127.0.0.1", "sk-secret") as client:
        assert "sk-secret" not in f"{client!r} {client._sender.options!r} {client.subjects!r}"
