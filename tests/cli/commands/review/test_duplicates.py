"""vultus duplicates: the search of the server's job, its pairs, and those dismissed."""

from __future__ import annotations

import json

import pytest

from tests.pictures import drawn_photo
from vultus.storage.server_lock import serving_alone


@pytest.fixture
def twice(small):
    """Person 1 under two ids, person 2 beside."""
    for subject, person in (("ada-1", 1), ("bob", 2), ("eve", 1)):
        small.service.enrolment.enroll([drawn_photo(person)], subject=subject, name=subject.title())


def test_duplicates_are_searched_here_listed_and_dismissed(run, twice):
    before = run("duplicates", "list")
    assert (before.exit_code, "was not searched yet; run: vultus duplicates search" in before.stderr) == (0, True)
    shown = run("duplicates", "search", "--limit", 1)
    assert shown.exit_code == 0
    assert all(word in shown.stdout for word in ("ada-1", "Ada-1", "eve", "Eve"))
    assert "there are more pairs" in shown.stderr
    assert "below their threshold" not in shown.stderr
    listed = json.loads(run("duplicates", "list", "--json").stdout)
    (pair,) = [one for one in listed["pairs"] if one["above_threshold"]]
    assert (pair["first"]["subject"], pair["second"]["subject"], listed["job"]["state"]) == ("ada-1", "eve", "done")
    assert run("duplicates", "dismiss", "ada-", "eve").stdout == "ada-1 and eve are two people\n"
    left = json.loads(run("duplicates", "list", "--json").stdout)["pairs"]
    assert not any(one["above_threshold"] for one in left)
    assert f"{len(left)} of {len(left)} pairs are below their threshold" in run("duplicates", "list").stderr
    assert run("duplicates", "dismiss", "ada-1", "eve", "--undo").stdout == "ada-1 and eve may be one person\n"
    assert len(json.loads(run("duplicates", "list", "--json").stdout)["pairs"]) == len(left) + 1


def test_beside_a_server_a_search_is_only_queued(run, small, twice):
    with serving_alone(small.folder):
        queued = run("duplicates", "search")
    assert (queued.exit_code, "the server does it" in queued.stderr) == (0, True)
    assert "a search is queued" in queued.stderr


def test_what_is_no_pair_or_no_collection_is_refused(run, twice):
    for arguments, words in (
        (("dismiss", "eve", "eve"), "both ids are of one subject"),
        (("dismiss", "eve", "nobody"), "nobody"),
        (("list", "--collection", "none"), "there is no collection 'none'"),
        (("search", "--collection", "none"), "there is no collection 'none'"),
    ):
        answer = run("duplicates", *arguments)
        assert (answer.exit_code, words in answer.stderr) == (1, True), answer.stderr
