"""/collections/{collection}/duplicates: a job, its pairs, and those dismissed."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from tests.pictures import drawn_photo
from vultus.api.app import create_app
from vultus.wiring.background import job_runner

PATH = "/collections/default/duplicates"


@pytest.fixture
def twice(small_client: TestClient) -> TestClient:
    """Person 1 under two ids, person 2 beside."""
    for subject, person in (("ada", 1), ("bob", 2), ("eve", 1)):
        small_client.post(
            "/enroll", files={"img": drawn_photo(person)}, data={"subject": subject, "name": subject.title()}
        )
    return small_client


def test_a_search_is_a_job_whose_pairs_are_listed_and_dismissed(small, twice):
    assert twice.get(PATH).json() == {"collection": "default", "pairs": [], "more_pairs": False, "job": None}
    job = twice.post(PATH)
    assert (job.status_code, job.json()["kind"], job.json()["state"]) == (202, "duplicates", "queued")
    assert job_runner(small.service).run_next()
    found = twice.get(f"{PATH}?limit=1").json()
    (pair,) = found["pairs"]
    assert (pair["first"]["subject"], pair["second"]["subject"], pair["first"]["name"]) == ("ada", "eve", "Ada")
    assert (pair["above_threshold"], found["more_pairs"]) == (True, True)
    assert (found["job"]["job_id"], found["job"]["state"]) == (job.json()["job_id"], "done")
    answer = twice.post(f"{PATH}/dismiss", json={"subject": "ada", "other": "eve"})
    assert answer.json() == {"subject": "ada", "other": "eve", "dismissed": True}
    assert not any(one["above_threshold"] for one in twice.get(PATH).json()["pairs"])


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({"subject": "ada"}, 400, "invalid_request"),
        ({"subject": "ada", "other": "ada"}, 400, "invalid_request"),
        ({"subject": "ada", "other": "nobody"}, 404, "subject_not_found"),
    ],
)
def test_what_is_no_pair_is_refused(twice, body, status, error):
    answer = twice.post(f"{PATH}/dismiss", json=body)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "cursor=a"])
def test_another_limit_is_refused(twice, query):
    assert twice.get(f"{PATH}?{query}").status_code == 400


def test_a_key_needs_the_scope_and_the_collection(whole, twice):
    for scopes, collections, read, search in (
        (["read"], None, 200, 403),
        (["enroll"], None, 403, 202),
        (["read", "enroll"], ["other"], 403, 403),
    ):
        _, secret = whole.keys.create("key", scopes, collections=collections)
        with TestClient(create_app(whole), headers={"x-api-key": secret}) as client:
            assert client.get(PATH).status_code == read
            assert client.post(PATH).status_code == search
