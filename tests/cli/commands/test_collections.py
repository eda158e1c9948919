"""vultus collections: the policies as over HTTP, on the database alone."""

from __future__ import annotations

import json

import pytest

from vultus.storage.audit import Audit


def policies(run, name="default"):
    return json.loads(run("collections", "show", name, "--json").stdout)["policies"]


@pytest.fixture
def anna(run, photo):
    assert run("enroll", photo(1), "--subject", "anna").exit_code == 0


def test_collections_are_listed_with_their_sizes(run, anna):
    (listed,) = json.loads(run("collections", "list", "--json").stdout)["collections"]
    assert (listed["collection"], listed["subjects"], listed["faces"]) == ("default", 1, 1)
    assert "search" not in listed
    assert "default" in run("collections", "list").stdout


def test_policies_are_set_one_by_one_and_taken_away(run, anna):
    answer = run("collections", "set", "default", "--min-quality", 40, "--target-fmr", 1e-5, "--no-store-photos")
    assert answer.exit_code == 0
    assert "min_quality" in answer.stdout
    assert policies(run) == {
        "min_quality": 40,
        "target_fmr": 1e-5,
        "target_fpir": None,
        "store_photos": False,
        "retention_days": None,
        "liveness": None,
        "keep_unknown_days": None,
    }
    run("collections", "set", "default", "--unset", "target_fmr", "--unset", "store_photos")
    assert policies(run) == {
        "min_quality": 40,
        "target_fmr": None,
        "target_fpir": None,
        "store_photos": True,
        "retention_days": None,
        "liveness": None,
        "keep_unknown_days": None,
    }


def test_a_change_is_audited(run, small, anna):
    run("collections", "set", "default", "--min-quality", 40)
    (line,) = Audit(small.gallery._database).lines(limit=1)
    assert (line.actor, line.action, line.collection) == ("command", "collection.policy", "default")


def test_a_collection_is_created_with_its_policies(run):
    created = run("collections", "create", "door", "--target-fpir", 0.001)
    assert created.exit_code == 0
    assert policies(run, "door")["target_fpir"] == 0.001
    assert run("collections", "create", "door").exit_code == 0
    other = run("collections", "create", "door", "--target-fpir", 0.01)
    assert (other.exit_code, "exists with other policies" in other.stderr) == (1, True)


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--min-quality", 101),
        ("--target-fmr", 0),
        ("--unset", "name"),
        ("--min-quality", 1, "--unset", "min_quality"),
    ],
)
def test_what_http_would_refuse_is_wrong_usage(run, anna, options):
    assert run("collections", "set", "default", *options).exit_code == 2


def test_a_collection_that_is_not_there_is_named(run, anna):
    answer = run("collections", "show", "door")
    assert (answer.exit_code, "'door'" in answer.stderr) == (1, True)
