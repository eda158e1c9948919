"""The audit writer: lines written together, a moment later; kept when the disk refuses, else counted."""

from __future__ import annotations

import logging
import threading

import pytest

from tests.waiting import wait_until
from vultus.records.stored import AuditLine
from vultus.storage.audit import Audit
from vultus.storage.audit_writer import MERGE_SECONDS, BackgroundAuditWriter

NEVER = 3600.0


@pytest.fixture
def audit(database):
    return Audit(database)


def refuse_writes(database, wish: bool) -> None:
    """Make the one pooled connection read-only, or writable again."""
    with database.reading() as connection:
        connection.exec_driver_sql(f"PRAGMA query_only={'ON' if wish else 'OFF'}")


def test_lines_wait_for_the_flush_and_keep_their_order(database, audit):
    audit_sink = BackgroundAuditWriter(database, flush_seconds=NEVER)
    for number in range(5):
        audit_sink.add(AuditLine("k", "find", object_count=number))
    assert audit.lines() == ()
    assert audit_sink.flush()
    assert [line.object_count for line in audit.lines()] == [0, 1, 2, 3, 4]
    audit_sink.close()


def test_a_line_is_written_without_being_asked_for(database, audit):
    audit_sink = BackgroundAuditWriter(database, flush_seconds=0.01)
    audit_sink.add(AuditLine("k", "find"))
    wait_until(audit.lines, "the line to be written")
    assert len(audit.lines()) == 1
    audit_sink.close()


def test_closing_writes_what_waits(database, audit):
    audit_sink = BackgroundAuditWriter(database, flush_seconds=NEVER)
    audit_sink.add(AuditLine("k", "find"))
    audit_sink.close()
    assert len(audit.lines()) == 1


@pytest.mark.sqlite
def test_lines_that_the_disk_refuses_wait_in_their_order(database, audit, caplog):
    audit_sink = BackgroundAuditWriter(database, flush_seconds=NEVER)
    audit_sink.add(AuditLine("k", "find", object_count=1))
    refuse_writes(database, True)
    with caplog.at_level(logging.WARNING):
        assert not audit_sink.flush()
    assert "1 audit lines are not written yet: the database is read-only" in caplog.text
    audit_sink.add(AuditLine("k", "find", object_count=2))
    refuse_writes(database, False)
    assert audit_sink.flush()
    assert [line.object_count for line in audit.lines()] == [1, 2]
    audit_sink.close()


def test_the_oldest_lines_are_given_up_and_counted(database, audit):
    audit_sink = BackgroundAuditWriter(database, flush_seconds=NEVER, max_waiting=2)
    for number in range(5):
        audit_sink.add(AuditLine("k", "find", object_count=number))
    audit_sink.close()
    assert [(line.action, line.object_count) for line in audit.lines()] == [("audit.lost", 3), ("find", 3), ("find", 4)]


def test_many_threads_lose_no_line(database, audit):
    audit_sink = BackgroundAuditWriter(database, flush_seconds=0.001)
    threads = [
        threading.Thread(target=lambda: [audit_sink.add(AuditLine("k", "find")) for _ in range(200)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    audit_sink.close()
    assert len(audit.lines(limit=10_000)) == 800


def crop(*faces: str, actor: str = "k", collection: str = "people") -> AuditLine:
    return AuditLine(actor, "face.crop", collection, faces, len(faces), request_id=f"of {faces[0]}")


def merged(audit: Audit) -> list[tuple[object, ...]]:
    return [(line.actor, line.collection, line.objects, line.object_count, line.request_id) for line in audit.lines()]


def test_small_pictures_read_in_a_while_are_one_line_for_each_actor_and_collection(database, audit):
    writer = BackgroundAuditWriter(database, flush_seconds=NEVER)
    for line in (crop("a"), crop("b"), crop("a"), crop("c", actor="l"), crop("d", collection="guests"), crop("e")):
        writer.add(line)
    assert writer.waiting == 3
    writer.flush()
    assert merged(audit) == [
        ("k", "people", ("a", "b", "e"), 3, None),
        ("l", "people", ("c",), 1, "of c"),
        ("k", "guests", ("d",), 1, "of d"),
    ]
    writer.close()


def test_no_face_is_left_out_of_a_merged_line(database, audit):
    writer = BackgroundAuditWriter(database, flush_seconds=NEVER)
    for number in range(250):
        writer.add(crop(f"f{number}"))
    writer.close()
    assert [line.object_count for line in audit.lines()] == [100, 100, 50]
    assert [face for line in audit.lines() for face in line.objects] == [f"f{number}" for number in range(250)]


def test_reads_are_merged_for_ten_seconds_from_the_first_on(database, audit):
    now = [0.0]
    writer = BackgroundAuditWriter(database, flush_seconds=0.01, clock=lambda: now[0])
    writer.add(crop("a"))
    now[0] = MERGE_SECONDS - 1
    writer.add(crop("b"))
    writer.add(AuditLine("k", "find"))
    wait_until(audit.lines, "the other line to be written")
    assert [line.action for line in audit.lines()] == ["find"]
    now[0] = MERGE_SECONDS + 1
    wait_until(lambda: len(audit.lines()) == 2, "the merged line to be written")
    assert audit.lines()[-1].objects == ("a", "b")
    writer.close()
