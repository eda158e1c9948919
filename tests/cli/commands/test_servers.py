"""vultus servers: who serves from the database."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.pictures import drawn_photo
from vultus.cli.commands.upkeep import servers
from vultus.storage import tables as t
from vultus.storage.replication.replicas import LIVING_SECONDS, Identity, Replica

OURS = Identity("0.2.0", "model-a", "a" * 64, 2, "b" * 64)


@pytest.fixture
def two(small):
    """One that follows a collection with one face, and one that was killed, of another release."""
    small.service.enrolment.enroll([drawn_photo(1)], subject="anna")
    small.service.identification.find(drawn_photo(1))
    database = small.gallery._database
    living, killed = Replica(database, OURS), Replica(database, replace(OURS, version="0.1.0", calibrations="c" * 64))
    killed.join()
    living.join(alone=True)
    living.beat(small.service.context.index.marks())
    small.service.enrolment.enroll([drawn_photo(2)], subject="berta")
    with database.writing() as connection:
        moment = datetime.now(UTC) - timedelta(seconds=LIVING_SECONDS + 20)
        connection.execute(t.replicas.update().where(t.replicas.c.id == killed.id).values(seen_at=moment))
    return living, killed


def test_they_are_listed_with_their_state_and_how_far_they_follow(run, two):
    done = run("servers")
    assert done.exit_code == 0, done.stderr
    assert re.search(r":\d+ +living +0\.2\.0 .* \d+ s ago +memory +1 of 1", done.stdout), done.stdout
    assert re.search(r":\d+ +not heard of +0\.1\.0 .* 12\d s ago +memory +0 of 0", done.stdout), done.stdout
    assert "1 serve with model model-a, preprocessing 2, files aaaaaaaaaaaa, calibrations bbbbbbbbbbbb" in done.stdout
    assert "1 serve with model model-a, preprocessing 2, files aaaaaaaaaaaa, calibrations cccccccccccc" in done.stdout
    assert "the database is SQLite, which one server uses, alone" in done.stderr


def test_programs_get_the_digests_and_each_collection(run, two):
    killed, living = json.loads(run("servers", "--json").stdout)["servers"]
    assert [one["id"] for one in (living, killed)] == [one.id for one in two]
    assert (living["state"], killed["state"]) == ("living", "not heard of")
    assert (living["model_sha256"], killed["calibrations_sha256"]) == ("a" * 64, "c" * 64)
    assert living["followed"] == [{"collection": "default", "revision": 1, "behind": 1}]


def test_where_none_serves_the_list_is_empty(run, small):
    done = run("servers", "--json")
    assert (done.exit_code, json.loads(done.stdout)) == (0, {"servers": []})
    assert servers.ALONE in done.stderr
