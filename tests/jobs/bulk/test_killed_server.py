"""A server that is killed in the middle of a bulk job, and one that tells a receiver of the end: real processes."""

from __future__ import annotations

import json

import pytest

from tests.client.conftest import KEY, serving
from tests.jobs.bulk.archives import people, zip_of
from tests.jobs.bulk.receiver import receiving
from tests.waiting import wait_until
from vultus_client import Client

PEOPLE = 40
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture(params=["sqlite", "postgres"])
def settings(request):
    """Of a server on either database."""
    if request.param == "sqlite":
        yield {}
        return
    server = request.getfixturevalue("postgres")
    name = server.create_database()
    yield {"VULTUS_DATABASE_URL": server.url(name), "VULTUS_PHOTOS_SHARED": "true"}
    server.drop_database(name)


def test_a_killed_server_goes_on_and_enrolls_nobody_twice_and_its_end_is_told(tmp_path, settings):
    with receiving() as receiver:
        settings |= {"VULTUS_WEBHOOK_ADDRESSES": receiver.url, "VULTUS_WEBHOOK_SECRET": SECRET}
        with serving(tmp_path, **settings) as served:
            with served.client() as client:
                job = client.jobs.create(zip_of(people(PEOPLE)), webhook=f"{receiver.url}/hook")
                wait_until(lambda: client.jobs.get(job.job_id).done >= 3, "some photos to be enrolled")
            served.process.kill()
            served.process.wait()
        with serving(tmp_path, **settings) as again, Client(again.url, KEY) as client:
            ended = client.jobs.wait(job.job_id, poll_seconds=0.1)
            assert (ended.state, ended.done, ended.counts.refused) == ("done", PEOPLE, 0)
            items = list(client.jobs.items(job.job_id, page_size=7))
            assert [item.number for item in items] == list(range(PEOPLE))
            assert len({item.face_id for item in items}) == PEOPLE
            assert [one.faces for one in client.subjects.list()] == [1] * PEOPLE
            wait_until(lambda: client.jobs.get(job.job_id).webhook.state == "delivered", "the end to be told")
    assert [path for path, _, _ in receiver.got] == ["/hook"]
    assert json.loads(receiver.got[0][2])["data"]["state"] == "done"
