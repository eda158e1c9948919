"""When a subject expires, and how long a collection keeps its subjects, over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.pictures import drawn_photo

IN_A_YEAR = (datetime.now(UTC) + timedelta(days=365)).replace(microsecond=0)
SENT = IN_A_YEAR.isoformat()
ANNA = "/collections/default/subjects/anna"


def enroll(client: TestClient, **fields: str) -> Any:
    return client.post("/enroll", files={"img": drawn_photo(1)}, data={"subject": "anna", **fields})


def test_an_expiry_is_set_at_enrolment_shown_changed_and_taken_away(small_client: TestClient) -> None:
    enrolled = enroll(small_client, expires_at=SENT).json()
    assert datetime.fromisoformat(enrolled["expires_at"]) == IN_A_YEAR
    assert datetime.fromisoformat(small_client.get(ANNA).json()["expires_at"]) == IN_A_YEAR
    assert enroll(small_client).json()["expires_at"] == enrolled["expires_at"]
    (listed,) = small_client.get("/collections/default/subjects").json()["subjects"]
    assert listed["expires_at"] == enrolled["expires_at"]
    later = (IN_A_YEAR + timedelta(days=1)).isoformat()
    assert datetime.fromisoformat(small_client.patch(ANNA, json={"expires_at": later}).json()["expires_at"]) > IN_A_YEAR
    assert small_client.patch(ANNA, json={"name": "Anna"}).json()["expires_at"] is not None
    assert small_client.patch(ANNA, json={"expires_at": ""}).json()["expires_at"] is None


def test_of_another_time_zone_the_same_moment_is_meant(small_client: TestClient) -> None:
    there = (IN_A_YEAR + timedelta(hours=2)).replace(tzinfo=None).isoformat() + "+02:00"
    assert datetime.fromisoformat(enroll(small_client, expires_at=there).json()["expires_at"]) == IN_A_YEAR


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("2020-01-01T00:00:00Z", "is in the past; give a later time"),
        ("2999-01-01T00:00:00", "must be a moment with time zone, like 2027-01-31T00:00:00Z"),
        ("2999-01-01", "must be a moment with time zone"),
        ("soon", "must be a moment with time zone"),
        ("2999-02-30T00:00:00Z", "expires_at"),
        ("9999-12-31T23:59:59-23:59", "is beyond the years 1 to 9999"),
        (32503680000, "must be a moment with time zone"),
        (True, "must be a moment with time zone"),
        ("x" * 5000, "must be a moment with time zone"),
    ],
)
def test_what_is_no_coming_moment_is_refused_and_nothing_is_stored(
    small_client: TestClient, value: Any, problem: str
) -> None:
    enroll(small_client)
    for answer in (
        small_client.patch(ANNA, json={"expires_at": value}),
        small_client.post("/keys", json={"name": "k", "scopes": ["find"], "expires_at": value}),
    ):
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        assert problem in answer.json()["detail"]
        assert len(answer.content) < 500
    ben = {"subject": "ben", "expires_at": str(value)}
    refused = small_client.post("/enroll", files={"img": drawn_photo(2)}, data=ben)
    assert refused.status_code == 400
    assert small_client.get("/collections/default/subjects/ben").status_code == 404
    assert small_client.get(ANNA).json()["expires_at"] is None


def test_all_faces_of_a_photo_have_no_common_expiry(small_client: TestClient) -> None:
    answer = small_client.post("/enroll", files={"img": drawn_photo(1)}, data={"face": "all", "expires_at": SENT})
    assert "face=all excludes expires_at" in answer.json()["detail"]


def test_nothing_to_change_names_the_expiry_too(small_client: TestClient) -> None:
    enroll(small_client)
    assert "send name, metadata, expires_at" in small_client.patch(ANNA, json={}).json()["detail"]


def test_who_has_expired_is_not_there_any_more(small_client: TestClient, small: Any) -> None:
    face = enroll(small_client).json()["faces"][0]["face_id"]
    with small.gallery._database.writing() as connection:
        connection.exec_driver_sql("UPDATE subjects SET expires_at = '2020-01-01 00:00:00.000000'")
    assert small_client.get(ANNA).json()["error"] == "subject_not_found"
    assert small_client.get(f"/faces/{face}").json()["error"] == "face_not_found"
    (found,) = small_client.post("/find", files={"img": drawn_photo(1)}).json()["faces"]
    assert (found["decision"], found["matches"]) == ("unknown", [])
    verified = small_client.post("/verify", files={"img": drawn_photo(1)}, data={"subject": "anna"})
    assert verified.json()["error"] == "subject_not_found"
    again = enroll(small_client)
    assert (again.status_code, again.json()["error"]) == (409, "subject_erased")


def test_the_retention_of_a_collection_is_set_shown_and_taken_away(small_client: TestClient) -> None:
    made = small_client.put("/collections/visitors", json={"policies": {"retention_days": 30}})
    assert made.json()["policies"]["retention_days"] == 30
    changed = small_client.patch("/collections/visitors", json={"policies": {"retention_days": None}})
    assert changed.json()["policies"]["retention_days"] is None


@pytest.mark.parametrize("days", [0, -1, 36_501, 1.5, "a month", True])
def test_what_is_no_number_of_days_is_refused(small_client: TestClient, days: Any) -> None:
    answer = small_client.put("/collections/visitors", json={"policies": {"retention_days": days}})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert "retention_days" in answer.json()["detail"]
    assert small_client.get("/collections/visitors").status_code == 404
