"""Replicas: who may be one, whose clock is wrong, and how far the log of erasures is kept for them."""

from __future__ import annotations

import os
import re
import socket
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.storage.synthetic import new_face, unit
from vultus.errors import SettingsInvalid, StorageUnavailable
from vultus.records.server_processes import FollowedCollection
from vultus.search.index import FlatIndex
from vultus.storage import tables as t
from vultus.storage.replication import replicas
from vultus.storage.replication.removal_pruning import NEEDED_SECONDS, RemovalPruning
from vultus.storage.replication.replicas import LIVING_SECONDS, Identity, Replica

OURS = Identity("0.2.0", "model-a", "a" * 64, 2, "b" * 64)


def rows(database, table):
    with database.reading() as connection:
        return connection.execute(table.select()).all()


def not_heard_of(database, replica, seconds):
    """As when it was killed so long ago."""
    with database.writing() as connection:
        moment = datetime.now(UTC) - timedelta(seconds=seconds)
        connection.execute(t.replicas.update().where(t.replicas.c.id == replica.id).values(seen_at=moment))


# --- who may be one -----------------------------------------------------------------------------------------------


def test_replicas_that_are_alike_serve_beside_each_other_whatever_their_version(database, other_database):
    first, second = Replica(database, OURS), Replica(other_database, replace(OURS, version="0.3.0"))
    first.join()
    second.join()
    assert {row.id for row in rows(database, t.replicas)} == {first.id, second.id}
    first.leave()
    assert [row.version for row in rows(database, t.replicas)] == ["0.3.0"]


@pytest.mark.parametrize(
    ("differs", "words"),
    [
        ({"model_id": "model-b"}, "serves with model model-a, preprocessing 2, and this one model-b, 2; set VULTUS_DE"),
        (
            {"pipeline_version": 3},
            "model model-a, preprocessing 2, and this one model-a, 3; .* install the same Vultus",
        ),
        ({"model_sha256": "c" * 64}, "other files of model model-a than this one; use the same model folder"),
        (
            {"calibrations": "c" * 64},
            r"other calibrations of your own than this one; copy the files \*.calibration.toml",
        ),
    ],
)
def test_one_that_would_answer_otherwise_is_refused_by_what_differs(database, other_database, differs, words):
    first, second = Replica(database, OURS), Replica(other_database, replace(OURS, **differs))
    first.join()
    with pytest.raises(SettingsInvalid, match=f"another replica of this database, seen [01] s ago, .*{words}"):
        second.join()
    assert [row.id for row in rows(database, t.replicas)] == [first.id]
    first.leave()
    second.join()


def test_one_that_was_killed_is_in_the_way_for_a_while_and_where_there_is_one_server_not_at_all(database):
    killed, other = Replica(database, OURS), replace(OURS, model_id="model-b")
    killed.join()
    with pytest.raises(SettingsInvalid, match="one that was killed counts for 100 s"):
        Replica(database, other).join()
    Replica(database, other).join(alone=True)
    not_heard_of(database, killed, LIVING_SECONDS + 1)
    Replica(database, other).join()


@pytest.mark.parametrize(("seconds", "way"), [(60, "behind"), (-7, "ahead of")])
def test_a_clock_that_is_wrong_is_refused_and_by_how_much(database, monkeypatch, seconds, way):
    monkeypatch.setattr(replicas, "database_clock", lambda _: datetime.now(UTC) + timedelta(seconds=seconds))
    with pytest.raises(SettingsInvalid, match=rf"is {abs(seconds)}\.\d s {way} that of the database.*within 5 s; set"):
        Replica(database, OURS).join()
    assert rows(database, t.replicas) == []


def test_a_clock_that_is_a_little_off_is_taken_and_noted(database, monkeypatch):
    monkeypatch.setattr(replicas, "database_clock", lambda _: datetime.now(UTC) + timedelta(seconds=2))
    replica = Replica(database, OURS)
    replica.join()
    assert -2.5 < replica.beat(()) < -1.5
    assert -2.5 < rows(database, t.replicas)[0].ahead_seconds < -1.5


# --- which there are ----------------------------------------------------------------------------------------------


def test_each_says_where_it_runs_since_when_and_how_far_it_follows(gallery, other_gallery):
    index, ours = FlatIndex(other_gallery), Replica(gallery._database, OURS)
    theirs = Replica(other_gallery._database, replace(OURS, version="0.3.0"), search="database")
    gallery.add_faces("people", "s0", [new_face(0)])
    ours.join()
    theirs.join()
    found(index, 0)
    ours.beat(index.marks())
    gallery.add_faces("people", "s1", [new_face(1)])
    gallery.add_faces("people", "s2", [new_face(2)])
    first, second = gallery.servers()
    assert (first.id, first.version, first.search, first.living) == (ours.id, "0.2.0", "memory", True)
    assert (first.host, first.process_id) == (socket.gethostname(), os.getpid())
    assert first.followed == (FollowedCollection("people", 1, behind=2),)
    assert (second.id, second.version, second.search, second.followed) == (theirs.id, "0.3.0", "database", ())
    ours.beat(index.marks())
    again = gallery.servers()[0]
    assert again.followed == (FollowedCollection("people", 3, behind=0),)
    assert again.started_at == first.started_at < again.seen_at


def test_one_that_was_killed_is_said_to_be_and_leaves_after_an_hour_also_where_nothing_was_erased(gallery):
    killed = Replica(gallery._database, OURS)
    killed.join()
    not_heard_of(gallery._database, killed, LIVING_SECONDS + 1)
    RemovalPruning(gallery._database).prune()
    assert [(one.id, one.living) for one in gallery.servers()] == [(killed.id, False)]
    not_heard_of(gallery._database, killed, NEEDED_SECONDS + 1)
    RemovalPruning(gallery._database).prune()
    assert gallery.servers() == ()


def test_one_of_the_release_before_is_among_them_with_what_it_reported(gallery):
    Replica(gallery._database, OURS).join()
    with gallery._database.writing() as connection:
        connection.execute(t.replicas.update().values(host=None, process_id=None, started_at=None, search=None))
    (one,) = gallery.servers()
    assert (one.version, one.host, one.process_id, one.started_at, one.search) == ("0.2.0", None, None, None, None)


# --- the log of erasures ------------------------------------------------------------------------------------------


@pytest.fixture
def enrolled(gallery):
    for seed in range(6):
        gallery.add_faces("people", f"s{seed}", [new_face(seed)])
    return gallery


def removals(gallery):
    return len(rows(gallery._database, t.removals))


def found(index, seed):
    return [line.subject for line in index.search("people", unit(seed)[None, :], 10)[0]]


def test_the_log_is_kept_until_every_replica_has_followed_it(enrolled, other_gallery):
    pruning = RemovalPruning(enrolled._database)
    indexes = [FlatIndex(enrolled), FlatIndex(other_gallery)]
    ours = [Replica(one._database, OURS) for one in (enrolled, other_gallery)]
    for replica, index in zip(ours, indexes, strict=True):
        replica.join()
        found(index, 0)
        replica.beat(index.marks())
    enrolled.delete_subject("people", "s0")
    enrolled.delete_subject("people", "s1")
    for _ in range(2):
        pruning.prune()
    assert removals(enrolled) == 2
    ours[0].beat(indexes[0].marks())
    pruning.prune()
    assert removals(enrolled) == 2  # the other one has not followed yet
    ours[1].beat(indexes[1].marks())
    pruning.prune()
    assert removals(enrolled) == 0
    assert all(sorted(found(index, 2)) == ["s2", "s3", "s4", "s5"] for index in indexes)


def test_a_heartbeat_takes_the_erased_out_of_the_memory_of_a_replica_that_is_not_asked(enrolled, other_gallery):
    index = FlatIndex(other_gallery)
    found(index, 0)
    enrolled.delete_subject("people", "s0")
    assert index.held_size("people") == (6, 6)
    (mark,) = index.marks()
    assert mark == enrolled.mark("people")
    assert index.held_size("people") == (5, 5)


def test_a_heartbeat_while_the_database_is_away_keeps_what_is_in_memory(enrolled, monkeypatch):
    index = FlatIndex(enrolled)
    found(index, 0)

    def away(_):
        raise StorageUnavailable("the database does not answer")

    with monkeypatch.context() as patched:
        patched.setattr(enrolled, "mark", away)
        with pytest.raises(StorageUnavailable):
            index.marks()
    assert index.held_size("people") == (6, 6)


def test_a_replica_that_was_away_for_longer_loads_the_collection_again(enrolled, other_gallery):
    away, replica, index = FlatIndex(other_gallery), Replica(other_gallery._database, OURS), FlatIndex(enrolled)
    replica.join()
    found(away, 0)
    replica.beat(away.marks())
    mark = other_gallery.mark("people")
    found(index, 0)
    not_heard_of(enrolled._database, replica, NEEDED_SECONDS + 60)
    enrolled.delete_subject("people", "s0")
    pruning = RemovalPruning(enrolled._database)
    for _ in range(2):
        pruning.prune()
    assert (removals(enrolled), rows(enrolled._database, t.replicas)) == (0, [])
    assert other_gallery.changes_since("people", mark).fresh
    assert not other_gallery.changes_since("people", other_gallery.mark("people")).fresh
    enrolled.add_faces("people", "s9", [new_face(9)])
    assert sorted(found(away, 2)) == ["s1", "s2", "s3", "s4", "s5", "s9"]
    replica.beat(away.marks())
    assert len(rows(enrolled._database, t.replica_marks)) == 1


def test_what_was_erased_since_the_last_time_is_kept_for_whoever_has_loaded_meanwhile(enrolled):
    pruning = RemovalPruning(enrolled._database)
    pruning.prune()
    enrolled.delete_subject("people", "s0")
    pruning.prune()
    assert removals(enrolled) == 1
    enrolled.delete_subject("people", "s1")
    pruning.prune()
    assert removals(enrolled) == 1
    pruning.prune()
    assert removals(enrolled) == 0


def test_the_log_of_a_collection_goes_with_it_and_a_new_one_begins_anew(enrolled):
    pruning = RemovalPruning(enrolled._database)
    enrolled.delete_subject("people", "s0")
    for _ in range(2):
        pruning.prune()
    assert len(rows(enrolled._database, t.pruned_removals)) == 1
    enrolled.delete_collection("people")
    pruning.prune()
    assert rows(enrolled._database, t.pruned_removals) == []


def test_erasures_and_pruning_at_once_lose_no_erasure_for_an_index(enrolled, other_gallery):
    """Each round erases, prunes and searches in another order; the erased are never found."""
    index, pruning = FlatIndex(other_gallery), RemovalPruning(enrolled._database)
    with ExitStack() as stack:
        stack.callback(index.close)
        for seed in range(6):
            steps = [lambda s=seed: enrolled.delete_subject("people", f"s{s}"), pruning.prune, lambda: found(index, 0)]
            for step in steps[seed % 3 :] + steps[: seed % 3]:
                step()
            gone = {f"s{one}" for one in range(seed + 1)}
            assert not gone & set(found(index, seed))


def test_the_rows_say_what_a_person_may_read(database):
    Replica(database, OURS).join()
    (row,) = rows(database, t.replicas)
    assert re.fullmatch("[0-9a-f]{32}", row.id)
    assert (row.model_id, row.pipeline_version) == ("model-a", 2)
