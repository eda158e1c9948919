"""Lists by cursor: faces of a collection, subjects by name or id, the audit; the key of the caller."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.conftest import Small
from tests.pictures import drawn_photo
from vultus.api.app import create_app
from vultus.api.cursors import encode_cursor
from vultus.records.decisions import Decision
from vultus.records.stored import SCOPES, AuditLine
from vultus.schemas.audit_csv import audit_csv
from vultus.schemas.resources import audit_line_answer
from vultus.storage.audit import Audit
from vultus.wiring.parts import System


def enroll(client: TestClient, subject: str, person: int, name: str = "") -> str:
    fields = {"subject": subject, "name": name}
    answer = client.post("/enroll", files={"img": drawn_photo(person)}, data=fields)
    return str(answer.json()["faces"][0]["face_id"])


def pages(client: TestClient, path: str, entry: str, limit: int) -> list[list[Any]]:
    found, cursor = [], ""
    while True:
        answer = client.get(f"{path}{'&' if '?' in path else '?'}limit={limit}{cursor}").json()
        found.append(answer[entry])
        if answer["next_cursor"] is None:
            return found
        cursor = f"&cursor={answer['next_cursor']}"


def test_faces_of_a_collection_come_in_pages_in_the_order_of_enrolment(small_client):
    ids = [enroll(small_client, subject, i) for i, subject in enumerate(("zoe", "ada", "mia"), start=1)]
    found = pages(small_client, "/collections/default/faces", "faces", 2)
    assert [[face["face_id"] for face in page] for page in found] == [ids[:2], ids[2:]]
    assert found[0][0]["subject"] == "zoe"


def test_a_face_erased_between_two_pages_loses_no_other(small_client):
    ids = [enroll(small_client, f"s{i}", i) for i in range(1, 5)]
    first = small_client.get("/collections/default/faces?limit=2").json()
    small_client.delete(f"/faces/{ids[1]}")
    rest = small_client.get(f"/collections/default/faces?limit=2&cursor={first['next_cursor']}").json()
    assert [face["face_id"] for face in rest["faces"]] == ids[2:]


@pytest.mark.parametrize("cursor", ["!", "YWJj", "LTE", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk"])  # "abc", "-1", 20 nines
def test_what_is_no_cursor_is_refused(small_client, cursor):
    enroll(small_client, "ada", 1)
    for path in ("/collections/default/faces", "/audit"):
        answer = small_client.get(f"{path}?cursor={cursor}")
        assert answer.status_code == 400
        assert "begin without one" in answer.json()["detail"]


def test_faces_of_an_unknown_collection_are_404(small_client):
    assert small_client.get("/collections/none/faces").json()["error"] == "collection_not_found"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("an", ["anna-1", "x2"]),  # an id that begins with it, a name that contains it
        ("ANNA", ["anna-1"]),
        ("straße", ["x3"]),
        ("STRASSE", ["x3"]),
        ("Élo", ["x4"]),
        ("nna", ["anna-1"]),  # inside the name, not inside an id
        ("%", []),
        ("_", []),
        ("", ["anna-1", "x2", "x3", "x4"]),
        ("nobody", []),
    ],
)
def test_subjects_are_found_by_name_or_by_the_beginning_of_their_id(small_client, query, found):
    for i, (subject, name) in enumerate({"anna-1": "Anna", "x2": "Dan", "x3": "Straße", "x4": "élodie"}.items()):
        enroll(small_client, subject, i + 1, name)
    answer = small_client.get("/collections/default/subjects", params={"q": query}).json()
    assert [subject["subject"] for subject in answer["subjects"]] == found


@pytest.mark.parametrize(
    ("sort", "found"),
    [("id", ["a", "b", "c", "d"]), ("name", ["d", "b", "c", "a"]), ("newest", ["a", "d", "c", "b"])],
)
@pytest.mark.parametrize("limit", [1, 3, 100])
def test_subjects_are_sorted_by_id_name_or_the_newest_first(small_client, sort, found, limit):
    """A subject without a name is sorted as its id: the names are "beta", "c", "Élan", "alpha"."""
    for i, (subject, name) in enumerate((("b", "beta"), ("c", ""), ("d", "ALPHA"), ("a", "Élan"))):
        enroll(small_client, subject, i + 1, name)
    answer = pages(small_client, f"/collections/default/subjects?sort={sort}", "subjects", limit)
    assert [subject["subject"] for page in answer for subject in page] == found


def test_a_cursor_of_another_order_is_refused(small_client):
    for i in range(1, 3):
        enroll(small_client, f"s{i}", i)
    cursor = small_client.get("/collections/default/subjects?limit=1&sort=name").json()["next_cursor"]
    answer = small_client.get(f"/collections/default/subjects?limit=1&cursor={cursor}")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert "sorted by name" in answer.json()["detail"]


@pytest.mark.parametrize(
    "place",
    [
        [],
        ["id", "a"],
        ["size", "a", "a"],
        ["newest", "x", "a"],
        ["newest", "0001-01-01T00:00:00+23:00", "a"],
        ["newest", "2026-01-01", "a"],
        ["name", "\0", "a"],
        ["id", "a", ""],
        5,
    ],
)
def test_what_is_no_place_in_a_list_of_subjects_is_refused(small_client, place):
    enroll(small_client, "ada", 1)
    sort = place[0] if isinstance(place, list) and place and place[0] in ("name", "newest") else "id"
    cursor = encode_cursor(json.dumps(place))
    answer = small_client.get(f"/collections/default/subjects?sort={sort}&cursor={cursor}")
    assert answer.status_code == 400
    assert "begin without one" in answer.json()["detail"]


def test_the_cursor_after_the_longest_name_and_id_is_taken(small_client):
    for i in range(1, 3):
        enroll(small_client, "\U00010400" * 255 + str(i), i, "\u0390" * 256)
    found = pages(small_client, "/collections/default/subjects?sort=name", "subjects", 1)
    assert [len(page) for page in found] == [1, 1]


def test_the_pages_of_a_query_go_on_where_they_were(small_client):
    for i in range(1, 5):
        enroll(small_client, f"s{i}", i, "Ann" if i != 2 else "Bob")
    found = pages(small_client, "/collections/default/subjects?q=ann", "subjects", 1)
    assert [page[0]["subject"] for page in found] == ["s1", "s3", "s4"]


def test_a_key_of_any_scope_sees_itself(whole: System):
    key, secret = whole.keys.create("door", ["find"], collections=["staff"], requests_per_minute=60)
    with TestClient(create_app(whole), headers={"x-api-key": secret}) as client:
        answer = client.get("/keys/self").json()
    assert (answer["id"], answer["name"], answer["scopes"], answer["collections"]) == (
        key.id,
        "door",
        ["find"],
        ["staff"],
    )
    assert answer["requests_per_minute"] == 60
    assert secret not in str(answer)


def test_without_a_key_there_is_no_self(small_client):
    assert small_client.get("/keys/self", headers={"x-api-key": "wrong"}).status_code == 401


@pytest.fixture
def audited(small: Small, whole: System) -> System:
    return System(**{**vars(whole), "audit": Audit(small.gallery._database)})


def test_the_audit_is_read_by_admins_newest_first_in_pages(audited: System):
    _, secret = audited.keys.create("boss", SCOPES)
    with TestClient(create_app(audited), headers={"x-api-key": secret}) as client:
        face = enroll(client, "someone", 1)  # no random id in hexadecimal digits contains it by chance
        client.delete(f"/faces/{face}")
        found = pages(client, "/audit", "lines", 1)
        only = client.get("/audit", params={"action": "face.erase"}).json()["lines"]
        later = client.get("/audit", params={"since": "2999-01-01T00:00:00Z"}).json()
        for beyond in {"until": "9999-12-31T23:59:59-23:59"}, {"since": "0001-01-01T00:00:00+23:59"}:
            refused = client.get("/audit", params=beyond)
            assert (refused.status_code, "beyond the years 1 to 9999" in refused.json()["detail"]) == (400, True)
    assert [page[0]["action"] for page in found][:2] == ["face.erase", "enroll"]
    assert [(line["action"], line["objects"], line["outcome"]) for line in only] == [("face.erase", [face], "ok")]
    assert later == {"lines": [], "next_cursor": None}
    assert "someone" not in str(found)


def test_the_audit_is_asked_by_subject(audited: System):
    _, secret = audited.keys.create("boss", SCOPES)
    with TestClient(create_app(audited), headers={"x-api-key": secret}) as client:
        face = enroll(client, "anna", 1)
        enroll(client, "ben", 2)
        about = client.get("/audit", params={"subject": "anna"}).json()["lines"]
        nobody = client.get("/audit", params={"subject": "carl", "collection": "default"})
    assert [(line["action"], line["objects"]) for line in about] == [("enroll", [face])]
    assert (nobody.status_code, nobody.json()["error"]) == (404, "subject_not_found")


def test_only_an_unlimited_admin_key_reads_the_audit(audited: System):
    for scopes, collections, status in (["read"], None, 403), (SCOPES, ["default"], 403), (SCOPES, None, 200):
        _, secret = audited.keys.create("key", scopes, collections=collections)
        with TestClient(create_app(audited), headers={"x-api-key": secret}) as client:
            assert client.get("/audit").status_code == status


def test_the_audit_is_read_as_csv_with_the_same_filters(audited: System):
    _, secret = audited.keys.create("boss", SCOPES)
    with TestClient(create_app(audited), headers={"x-api-key": secret}) as client:
        faces = [enroll(client, f"s{person}", person) for person in (1, 2, 3)]
        client.post("/verify", files={"img1": drawn_photo(1), "img2": drawn_photo(1)})
        whole = client.get("/audit", params={"format": "csv", "action": "enroll"})
        accepted = client.get("/audit", params={"action": "enroll"}, headers={"accept": "text/csv, */*"})
        first = client.get("/audit", params={"format": "csv", "action": "enroll", "limit": 2})
        rest = client.get(
            "/audit", params={"format": "csv", "action": "enroll", "cursor": first.headers["x-next-cursor"]}
        )
        json_wanted = client.get("/audit", params={"format": "json"}, headers={"accept": "text/csv"})
    assert (whole.headers["content-type"], accepted.text) == ("text/csv; charset=utf-8", whole.text)
    rows = list(csv.DictReader(io.StringIO(whole.text)))
    assert [(row["action"], row["objects"], row["outcome"]) for row in rows] == [
        ("enroll", face, "ok") for face in faces[::-1]
    ]
    assert "x-next-cursor" not in whole.headers
    pages_of_rows = [list(csv.DictReader(io.StringIO(page.text))) for page in (first, rest)]
    assert [*pages_of_rows[0], *pages_of_rows[1]] == rows
    assert json_wanted.headers["content-type"] == "application/json"


@pytest.mark.parametrize("query", ["limit=1001", "limit=1001&format=json", "limit=10001&format=csv", "format=xml"])
def test_more_lines_than_the_bound_are_refused(small_client, query):
    assert small_client.get(f"/audit?{query}").json()["error"] == "invalid_request"


def test_a_line_of_csv_has_its_decisions():
    decision = Decision("match", 0.9, 0.5, 0.7, "target_fpir", 0.01, "m", ("f1",), (0,))
    line = AuditLine("k", "find", "staff", ("f1", "f2"), 2, at=datetime(2026, 1, 1, tzinfo=UTC), decisions=(decision,))
    (row,) = csv.DictReader(io.StringIO(audit_csv([audit_line_answer(line)])))
    assert (row["objects"], row["decision"], row["request_id"]) == ("f1 f2", "match", "")
    assert json.loads(row["decisions"])[0]["similarity"] == 0.9
