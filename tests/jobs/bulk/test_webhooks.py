"""Webhooks: signed, to listed addresses only, tried a bounded number of times, also by the next process."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
from datetime import UTC, datetime, timedelta

import pytest

from tests.jobs.bulk.receiver import Receiver, receiving
from vultus.jobs.webhooks import Webhooks
from vultus.outgoing.webhook_sender import WebhookSender
from vultus.outgoing.webhook_signature import secrets_of, signed_headers
from vultus.records.stored import JobItem
from vultus.storage.job_records.webhook_queue import DELAYS, WebhookQueue
from vultus.storage.jobs import ENROLL, JobStore

SECRETS = (b"s" * 32, b"t" * 24)


class Clock:
    """A clock that is set forward by hand."""

    def __init__(self):
        self.now = datetime.now(UTC)

    def __call__(self):
        return self.now

    def forward(self, **passed):
        self.now += timedelta(**passed)


@pytest.fixture(scope="module")
def server():
    with receiving() as server:
        yield server


@pytest.fixture
def receiver(server: Receiver) -> Receiver:
    server.statuses, server.got = [204], []
    return server


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def jobs(database, clock):
    return JobStore(database, clock=clock)


@pytest.fixture
def webhooks(database, receiver, clock):
    return made(database, clock, [receiver.url])


def made(database, clock, allowed, **options):
    sender = WebhookSender(**options)
    return Webhooks(WebhookQueue(database), sender, allowed, SECRETS, leads=lambda: True, now=clock)


def ended(jobs, address, state="done"):
    """A job of two photos that has ended."""
    job = jobs.add(ENROLL, {"to": address}, collection="staff", webhook=address)
    jobs.start_next()
    items = [JobItem(0, "anna/1.jpg", "anna", "enrolled", "f" * 32), JobItem(1, "anna/2.jpg", "anna", "refused")]
    jobs.advance(job.id, 2, 2, items)
    jobs.end(job.id, state)
    return job


def told(jobs, job):
    return jobs.details(job.id).webhook


def test_the_end_of_a_job_is_told_once_signed_and_without_names(jobs, webhooks, receiver, clock):
    job = ended(jobs, f"{receiver.url}/hooks?a=b")
    assert webhooks.step()
    assert not webhooks.step()
    ((path, headers, body),) = receiver.got
    assert path == "/hooks?a=b"
    message = json.loads(body)
    assert message["type"] == "job.done"
    assert message["data"]["counts"] == {"enrolled": 1, "refused": 1, "erased": 0}
    known = ("job_id", "kind", "collection", "state", "done", "total")
    assert [message["data"][name] for name in known] == [job.id, "enroll", "staff", "done", 2, 2]
    assert b"anna" not in body
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = [base64.b64encode(hmac.new(one, signed, hashlib.sha256).digest()).decode() for one in SECRETS]
    assert headers["webhook-signature"] == " ".join(f"v1,{one}" for one in expected)
    assert abs(int(headers["webhook-timestamp"]) - clock.now.timestamp()) <= 1
    shown = told(jobs, job)
    assert (shown.state, shown.attempts, shown.status, shown.problem, shown.next_at) == (
        "delivered",
        1,
        204,
        None,
        None,
    )


def test_the_signature_is_that_of_the_standard():
    """The example of the reference implementations, standardwebhooks.com."""
    (secret,) = secrets_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = signed_headers("msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}', [secret])
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_a_job_that_failed_or_was_cancelled_is_told_too(jobs, webhooks, receiver, state):
    ended(jobs, receiver.url, state)
    webhooks.step()
    assert json.loads(receiver.got[0][2])["type"] == f"job.{state}"


def test_nothing_is_told_before_the_end(jobs, webhooks, receiver):
    jobs.add(ENROLL, {}, webhook=receiver.url)
    jobs.start_next()
    assert not webhooks.step()
    assert receiver.got == []


def test_a_refusal_is_tried_again_later_by_whichever_process(database, jobs, webhooks, receiver, clock):
    receiver.statuses = [500, 503, 200]
    job = ended(jobs, receiver.url)
    assert webhooks.step()
    shown = told(jobs, job)
    assert (shown.state, shown.attempts, shown.status) == ("waiting", 1, 500)
    assert shown.problem == "it answered with status 500"
    assert shown.next_at == clock.now + DELAYS[0]
    assert not webhooks.step(), "not before its time"
    for attempt in (2, 3):
        clock.forward(seconds=DELAYS[attempt - 2].total_seconds())
        assert made(database, clock, [receiver.url]).step()
        assert told(jobs, job).attempts == attempt
    assert told(jobs, job).state == "delivered"
    ids = {(headers["webhook-id"], body) for _, headers, body in receiver.got}
    assert len(ids) == 1, "the same message, so that its receiver knows a repetition"


def test_attempts_are_bounded(jobs, webhooks, receiver, clock):
    receiver.statuses = [500]
    job = ended(jobs, receiver.url)
    for _ in range(30):
        webhooks.step()
        clock.forward(days=1)
    assert (told(jobs, job).state, len(receiver.got)) == ("given_up", len(DELAYS) + 1)


def test_a_process_that_dies_in_an_attempt_has_made_it(database, jobs, receiver, clock):
    job = ended(jobs, receiver.url)
    assert WebhookQueue(database).take(clock()).attempt == 1
    assert WebhookQueue(database).take(clock()) is None
    clock.forward(minutes=1)
    assert made(database, clock, [receiver.url]).step()
    assert (told(jobs, job).attempts, told(jobs, job).state) == (2, "delivered")


def test_redirects_are_not_followed_and_gone_is_believed(jobs, webhooks, receiver):
    receiver.statuses = [302, 410]
    moved, gone = ended(jobs, receiver.url), ended(jobs, f"{receiver.url}/gone")
    assert webhooks.step()
    assert webhooks.step()
    assert "redirects are not followed" in told(jobs, moved).problem
    assert [path for path, _, _ in receiver.got] == ["/", "/gone"]
    assert told(jobs, gone).state == "given_up"


def test_an_address_that_was_taken_off_the_list_is_told_nothing(database, jobs, receiver, clock):
    job = ended(jobs, receiver.url)
    assert made(database, clock, ["https://hr.example"]).step()
    assert receiver.got == []
    assert (told(jobs, job).state, told(jobs, job).problem) == ("given_up", "the operator no longer lists the address")


def test_a_receiver_that_does_not_answer_costs_some_seconds_only(database, jobs, receiver, clock):
    receiver.answering.clear()
    job = ended(jobs, receiver.url)
    made(database, clock, [receiver.url], seconds=0.3).step()
    receiver.answering.set()
    assert told(jobs, job).problem == "no answer within 0.3 s"


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "::1", "0.0.0.0", "::ffff:127.0.0.1", "224.0.0.1"])
def test_a_name_that_leads_to_this_machine_or_to_a_metadata_service_is_refused(receiver, address):
    sender = WebhookSender(resolve=lambda host, port: [address])
    answer = sender.post(f"http://hr.example:{receiver.server_port}/", b"{}", {})
    assert (answer.status, answer.problem) == (None, "it could not be reached (PermissionError)")
    assert receiver.got == []


def test_the_connection_goes_to_the_address_that_was_checked_and_the_name_stays(receiver):
    asked = []

    def resolve(host, port):
        asked.append(host)
        return ["10.1.2.3"]  # private, which is fine for a listed host

    def connect(address, port, seconds):
        asked.append(address)
        return socket.create_connection(("127.0.0.1", receiver.server_port), seconds)

    answer = WebhookSender(resolve=resolve, connect=connect).post("http://hr.example:9000/x", b"{}", {})
    assert (answer.status, asked) == (204, ["hr.example", "10.1.2.3"])
    assert receiver.got[0][1]["host"] == "hr.example:9000"
