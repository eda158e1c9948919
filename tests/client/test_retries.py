"""What is tried again: only what cannot do anything twice, a bounded number of times, and not before Retry-After."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

import vultus_client
from tests.client.conftest import Answer
from tests.pictures import drawn_photo
from vultus_client import AsyncClient, Client, TryLater, UnexpectedAnswer, Unreachable, VultusError
from vultus_client.request import body_of
from vultus_client.retrying import MOST_WAIT_SECONDS, Retries

OK = Answer()
DROPPED = Answer(drop=True)
HTML = Answer(503, "<html>no upstream</html>")


def refused(code: str, status: int, **headers: str) -> Answer:
    return Answer(status, json.dumps({"error": code, "detail": "later", "request_id": "r"}), headers)


RATE, QUEUE, STARTING = refused("rate_limited", 429), refused("queue_full", 503), refused("not_ready", 503)
BROKEN, WRONG = refused("internal", 500), refused("invalid_request", 400)


@pytest.mark.parametrize("answer", [RATE, QUEUE, STARTING, DROPPED, HTML, Answer(504, "gateway timeout")])
def test_a_call_that_changes_nothing_is_tried_again(scripted, answer):
    server = scripted(answer, answer, OK)
    with Client(server.url) as client:
        assert client.health().status == "ok"
    assert server.asked == ["GET /health"] * 3
    assert len({headers["x-request-id"] for headers in server.headers}) == 3


@pytest.mark.parametrize("answer", [BROKEN, WRONG, refused("invalid_api_key", 401), Answer(404, "what?")])
def test_what_would_fail_again_is_not_tried_again(scripted, answer):
    server = scripted(answer, OK)
    with Client(server.url) as client, pytest.raises(VultusError):
        client.health()
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("answer", "tries"), [(RATE, 2), (QUEUE, 2), (STARTING, 1), (DROPPED, 1), (HTML, 1), (Answer(504), 1)]
)
def test_a_call_that_could_be_done_twice_is_repeated_only_where_it_was_not_done(scripted, answer, tries):
    """not_ready: what was sent may have been stored."""
    undone = Answer(200, json.dumps({"subject": "a", "deleted": {"faces": 1, "photos": 1}}))
    server = scripted(answer, undone)
    with Client(server.url) as client:
        if tries == 2:
            assert client.subjects.erase("a").deleted.faces == 1
        else:
            with pytest.raises((Unreachable, UnexpectedAnswer, TryLater)):
                client.subjects.erase("a")
    assert len(server.asked) == tries


def test_the_tries_are_bounded(scripted):
    server = scripted(DROPPED)
    with Client(server.url, max_retries=1) as client, pytest.raises(Unreachable):
        client.health()
    assert len(server.asked) == 2


def test_retry_after_is_waited_for(scripted):
    server = scripted(refused("rate_limited", 429, **{"Retry-After": "1"}), OK)
    with Client(server.url) as client:
        began = time.monotonic()
        client.health()
    assert time.monotonic() - began >= 1


def test_a_retry_after_of_minutes_is_the_caller_s_to_wait_for(scripted):
    server = scripted(refused("rate_limited", 429, **{"Retry-After": str(int(MOST_WAIT_SECONDS) + 1)}), OK)
    with Client(server.url) as client, pytest.raises(vultus_client.RateLimited) as caught:
        client.health()
    assert caught.value.retry_after == MOST_WAIT_SECONDS + 1
    assert len(server.asked) == 1


@pytest.mark.parametrize(("value", "waits"), [("Wed, 21 Oct 2015 07:28:00 GMT", True), ("soon", True), ("-5", True)])
def test_other_forms_of_retry_after(scripted, value, waits):
    server = scripted(refused("rate_limited", 429, **{"Retry-After": value}), OK)
    with Client(server.url) as client:
        assert client.health().status == "ok"


def test_waits_grow():
    retries = Retries(3, repeatable=True)
    waits = [retries.wait(Unreachable("no answer")) for _ in range(4)]
    assert waits[:3] == sorted(waits[:3])
    assert waits[3] is None


def test_the_client_makes_the_subject_s_id_so_that_a_lost_enrolment_is_the_same_when_it_is_repeated(
    served, monkeypatch
):
    """The first answer is lost after the server has enrolled."""
    with served.client() as client:
        send, lost = client._sender._send_once, []

        def losing(call):
            result = send(call)
            if not lost:
                lost.append(result)
                raise Unreachable("the answer is lost", sent=True)
            return result

        monkeypatch.setattr(client._sender, "_send_once", losing)
        again = client.enroll(drawn_photo(71), collection="lost")
        assert again.subject == lost[0].subject
        assert [face.created for face in again.faces] == [False]
        assert client.collections.get("lost").subjects == 1


def test_all_faces_of_a_photo_are_not_enrolled_twice(scripted):
    server = scripted(DROPPED, OK)
    with Client(server.url) as client, pytest.raises(Unreachable):
        client.enroll(b"photo", face="all")
    assert len(server.asked) == 1


def test_the_async_client_tries_again_too(scripted):
    server = scripted(STARTING, DROPPED, OK)

    async def ask() -> str:
        async with AsyncClient(server.url) as client:
            return (await client.health()).status

    assert asyncio.run(ask()) == "ok"
    assert len(server.asked) == 3


def test_a_list_that_never_ends_is_given_up(scripted):
    page = Answer(200, json.dumps({"jobs": [], "next_cursor": "c"}))
    server = scripted(page)
    with Client(server.url) as client, pytest.raises(UnexpectedAnswer, match="the same page"):
        list(client.jobs.list())
    assert len(server.asked) == 2


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, object(), "\ud800"])
def test_values_that_are_no_json_are_refused_before_anything_is_sent(value):
    with pytest.raises(vultus_client.InvalidRequest):
        body_of([("img", b"photo")], name=value)
