from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests import pictures
from vultus.records.stored import AuditLine
from vultus.storage.audit import Audit
from vultus.storage.database import open_database

T = datetime(2030, 1, 1, 10, 30, tzinfo=UTC)


@pytest.fixture
def audit(small):
    """Three lines, a day apart."""
    audit = Audit(open_database(f"sqlite:///{small.folder / 'vultus.db'}"))
    audit.add(AuditLine("k1", "find", "staff", ("f1", "f2"), 2, request_id="r-1", at=T))
    audit.add(AuditLine("k2", "enroll", "staff", outcome="low_quality", at=T + timedelta(days=1)))
    audit.add(AuditLine("k1", "collection.erase", "staff", object_count=7, at=T + timedelta(days=2)))
    return audit


def shown(run, *arguments: object) -> list[dict]:
    return json.loads(run("audit", *arguments, "--json").stdout)["lines"]


def test_the_table_has_a_row_a_line(run, audit):
    text = run("audit").stdout
    assert all(words in text for words in ("2030-01-01 10:30:00", "f1 and 1 more", "low_quality", "collection.erase"))


def test_lines_are_chosen_by_every_option(run, audit):
    assert [line["number"] for line in shown(run)] == [1, 2, 3]
    assert [line["number"] for line in shown(run, "--since", "2030-01-02")] == [2, 3]
    assert [line["number"] for line in shown(run, "--since", "2030-01-02T10:30:01")] == [3]
    assert [line["number"] for line in shown(run, "--key", "k1")] == [1, 3]
    assert [line["number"] for line in shown(run, "--action", "enroll")] == [2]
    assert [line["number"] for line in shown(run, "--limit", 1)] == [3]


@pytest.mark.parametrize(("limit", "more"), [(2, True), (3, False)])
def test_it_says_whether_the_limit_left_out_lines(run, audit, limit, more):
    answer = run("audit", "--limit", limit)
    assert ("there are older lines; show more of them by --limit" in answer.stderr) is more
    assert json.loads(run("audit", "--limit", limit, "--json").stdout)["more"] is more


def test_json_has_all_of_a_line(run, audit):
    (line,) = shown(run, "--action", "find")
    assert len(line.pop("chain")["digest"]) == 64
    assert [line] == [
        {
            "actor": "k1",
            "action": "find",
            "collection": "staff",
            "objects": ["f1", "f2"],
            "object_count": 2,
            "outcome": "ok",
            "request_id": "r-1",
            "at": "2030-01-01T10:30:00+00:00",
            "number": 1,
            "decisions": [],
        }
    ]


def test_pruning_says_how_many_went_and_is_a_line_itself(run, audit):
    assert run("audit", "prune", "--before", "2030-01-02").stdout == "1 lines are erased\n"
    lines = shown(run)
    assert [line["number"] for line in lines] == [2, 3, 4]
    assert (lines[-1]["actor"], lines[-1]["action"], lines[-1]["object_count"]) == ("command", "audit.prune", 1)


def test_lines_older_than_some_days_go(run, small):
    audit = Audit(open_database(f"sqlite:///{small.folder / 'vultus.db'}"))
    for days in (92, 91, 89):
        audit.add(AuditLine("k1", "find", at=datetime.now(UTC) - timedelta(days=days)))
    assert json.loads(run("audit", "prune", "--older-than", 90, "--json").stdout) == {"erased": 2}
    assert [line["number"] for line in shown(run)] == [3, 4]


@pytest.mark.parametrize("arguments", [(), ("--before", "2030-01-01", "--older-than", "3"), ("--older-than", "0")])
def test_a_prune_needs_one_end(run, audit, arguments):
    assert run("audit", "prune", *arguments).exit_code == 2
    assert len(shown(run)) == 3


def test_lines_about_a_subject(run, small, audit):
    small.service.enrolment.enroll([pictures.drawn_photo(1)], subject="anna")
    face = small.service.galleries.subject_faces("default", "anna")[0].id
    audit.add(AuditLine("k1", "find", "default", (face,), 1))
    assert [line["objects"] for line in shown(run, "--subject", "anna")] == [[face]]
    assert run("audit", "--subject", "nobody").exit_code == 1


def test_a_date_that_is_none_is_wrong_usage(run, audit):
    assert run("audit", "prune", "--before", "soon").exit_code == 2
    assert run("audit", "prune").exit_code == 2
    assert len(shown(run)) == 3


def test_what_commands_change_is_audited_as_done_by_a_command(run, small, surroundings):
    (surroundings / "1.png").write_bytes(pictures.drawn_photo(1))
    assert run("enroll", "1.png", "--subject", "anna").exit_code == 0
    key = json.loads(run("keys", "create", "door", "--scope", "read", "--json").stdout)
    run("keys", "rotate", key["id"])
    run("keys", "revoke", key["id"])
    lines = [(line["actor"], line["action"]) for line in shown(run)]
    actions = ("collection.create", "enroll", "key.create", "key.rotate", "key.revoke")
    assert lines == [("command", action) for action in actions]


def test_json_has_the_chain_of_digests(run, audit):
    """Each line names its writer, its number and the digest before it, so that a copy elsewhere shows a change here."""
    run("keys", "create", "door", "--scope", "read")
    run("keys", "create", "gate", "--scope", "read")
    for line in shown(run):
        chain = line["chain"]
        assert (len(chain["digest"]), len(chain["writer"]), chain["number"] >= 1) == (64, 32, True)
        assert (chain["previous"] == "") is (chain["number"] == 1)
