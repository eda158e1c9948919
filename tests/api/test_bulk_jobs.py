"""POST /jobs: archives and addresses, enrolled in the background; who may see and stop what."""

from __future__ import annotations

import httpx
import pytest
from starlette.testclient import TestClient

from tests.jobs.bulk.archives import people, zip_of
from tests.pictures import drawn_photo
from vultus.api.app import create_app
from vultus.errors import InvalidRequest
from vultus.jobs.enroll_job import remove_uploads
from vultus.outgoing.webhook_addresses import check_webhook
from vultus.storage.audit import Audit, AuditFilter
from vultus.wiring.background import bulk_runner, uploads_of

ANNA = drawn_photo(1)


@pytest.fixture
def run_jobs(whole):
    """Runs the jobs that are queued, as the server does in the background."""

    def run() -> None:
        while bulk_runner(whole.service, whole.settings).run_next():
            pass

    return run


def send(client: TestClient, files: dict[str, bytes], **fields: str) -> httpx.Response:
    return client.post("/jobs", files={"zip": ("people.zip", zip_of(files), "application/zip")}, data=fields)


def uploads(whole) -> list[str]:
    return [name for name, _ in uploads_of(whole.settings).kept()]


def test_an_archive_is_enrolled_in_the_background(whole, small_client, run_jobs):
    files = people(2, photos=2) | {
        "p1/cup.jpg": drawn_photo(),
        "p3/note.txt": b"x",
        "p2/again.jpg": people(2)["p2/0.jpg"],
    }
    answer = send(small_client, files, collection="staff")
    queued = answer.json()
    assert (answer.status_code, queued["kind"], queued["state"], queued["collection"]) == (
        202,
        "enroll",
        "queued",
        "staff",
    )
    assert (queued["done"], queued["total"], len(uploads(whole))) == (0, 7, 1)
    run_jobs()
    job = small_client.get(f"/jobs/{queued['job_id']}").json()
    assert (job["state"], job["done"], job["total"]) == ("done", 7, 7)
    assert job["counts"] == {"enrolled": 4, "already_enrolled": 1, "refused": 2, "erased": 0}
    assert [(one["file"], one["subject"], one["outcome"], one["error"]) for one in job["items"]] == [
        ("p1/0.jpg", "p1", "enrolled", None),
        ("p1/1.jpg", "p1", "enrolled", None),
        ("p2/0.jpg", "p2", "enrolled", None),
        ("p2/1.jpg", "p2", "enrolled", None),
        ("p1/cup.jpg", "p1", "refused", "no_face_detected"),
        ("p3/note.txt", "p3", "refused", "invalid_image"),
        ("p2/again.jpg", "p2", "already_enrolled", None),
    ]
    assert "no face" in job["items"][4]["detail"]
    assert uploads(whole) == []
    found = small_client.post("/find", files={"img": drawn_photo(1, noise=6, photo=1)}, data={"collection": "staff"})
    assert found.json()["faces"][0]["matches"][0]["subject"] == "p1"
    face = small_client.get(f"/faces/{job['items'][0]['face_id']}").json()
    assert face["subject"] == "p1"


def test_outcomes_come_in_pages_and_by_kind(small_client, run_jobs):
    job = send(small_client, people(3) | {"p4/0.jpg": b"x"}).json()["job_id"]
    run_jobs()
    first = small_client.get(f"/jobs/{job}", params={"limit": 2}).json()
    assert [one["number"] for one in first["items"]] == [0, 1]
    rest = small_client.get(f"/jobs/{job}", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert ([one["number"] for one in rest["items"]], rest["next_cursor"]) == ([2, 3], None)
    refused = small_client.get(f"/jobs/{job}", params={"outcome": "refused"}).json()["items"]
    assert [one["error"] for one in refused] == ["invalid_image"]
    assert small_client.get(f"/jobs/{job}", params={"outcome": "odd"}).status_code == 400


def test_the_options_are_those_of_an_enrolment(small_client, run_jobs):
    two = {"anna/1.jpg": drawn_photo(1, 2)}
    largest, only = (
        send(small_client, two, face=face, collection=face).json()["job_id"] for face in ("largest", "only")
    )
    run_jobs()
    assert small_client.get(f"/jobs/{largest}").json()["counts"]["enrolled"] == 1
    assert small_client.get(f"/jobs/{only}").json()["items"][0]["error"] == "multiple_faces"
    strict = send(small_client, {"other/1.jpg": drawn_photo(1, noise=6, photo=1)}, strict="true", collection="largest")
    run_jobs()
    (item,) = small_client.get(f"/jobs/{strict.json()['job_id']}").json()["items"]
    assert item["error"] == "looks_like_another_subject"
    assert "anna" not in item["detail"]


def test_the_same_archive_again_is_the_same_job_until_it_ended(whole, small_client, run_jobs):
    first, second = (send(small_client, people(1)).json()["job_id"] for _ in range(2))
    assert first == second
    assert len(uploads(whole)) == 1
    run_jobs()
    third = send(small_client, people(1)).json()["job_id"]
    run_jobs()
    assert third != first
    assert small_client.get(f"/jobs/{third}").json()["counts"]["already_enrolled"] == 1


def test_who_is_erased_after_an_archive_was_sent_does_not_come_back_by_it(small_client, run_jobs):
    small_client.post("/enroll", files={"img": ANNA}, data={"subject": "anna"})
    job = send(small_client, {"anna/2.jpg": drawn_photo(1, photo=2), "bob/1.jpg": drawn_photo(2)}).json()["job_id"]
    small_client.delete("/collections/default/subjects/anna")
    run_jobs()
    anna, bob = small_client.get(f"/jobs/{job}").json()["items"]
    assert (anna["outcome"], anna["error"], bob["outcome"]) == ("refused", "subject_erased", "enrolled")
    assert small_client.get("/collections/default/subjects/anna").status_code == 404


def test_a_collection_that_is_erased_meanwhile_does_not_come_back(small_client, run_jobs):
    small_client.put("/collections/staff", json={})
    job = send(small_client, people(2), collection="staff").json()["job_id"]
    small_client.delete("/collections/staff")
    run_jobs()
    assert small_client.get(f"/jobs/{job}").json()["counts"]["refused"] == 2
    assert small_client.get("/collections/staff/subjects").json().get("subjects", []) == []


def test_what_became_of_an_erased_person_is_no_longer_told(small_client, run_jobs):
    job = send(small_client, people(2, photos=2)).json()["job_id"]
    run_jobs()
    small_client.delete("/collections/default/subjects/p1")
    shown = small_client.get(f"/jobs/{job}")
    assert shown.json()["counts"] == {"enrolled": 2, "already_enrolled": 0, "refused": 0, "erased": 2}
    assert "p1" not in shown.text


def test_a_queued_job_is_cancelled_and_its_archive_goes(whole, small_client, run_jobs):
    job = send(small_client, people(1)).json()["job_id"]
    assert small_client.post(f"/jobs/{job}/cancel").json()["state"] == "cancelled"
    run_jobs()
    assert small_client.get(f"/jobs/{job}").json()["items"] == []
    remove_uploads(uploads_of(whole.settings), whole.gallery.job_history)
    assert uploads(whole) == []


# --- who may ------------------------------------------------------------------------------------------------------


def test_a_key_sees_and_stops_the_jobs_that_it_made(whole, small_client, run_jobs):
    admin = small_client.headers["x-api-key"]
    (one, mine), (_, other) = (whole.keys.create(name, ["enroll"], collections=["staff"]) for name in ("one", "two"))
    small_client.headers["x-api-key"] = mine
    assert send(small_client, people(1)).json()["error"] == "collection_not_allowed"
    job = send(small_client, people(1), collection="staff").json()["job_id"]
    assert small_client.get(f"/jobs/{job}").status_code == 200
    assert [one["job_id"] for one in small_client.get("/jobs").json()["jobs"]] == [job]
    small_client.headers["x-api-key"] = other
    assert small_client.get("/jobs").json()["jobs"] == []
    for answer in (small_client.get(f"/jobs/{job}"), small_client.post(f"/jobs/{job}/cancel")):
        assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
    small_client.headers["x-api-key"] = admin
    assert small_client.get(f"/jobs/{job}").json()["created_by"] == one.id
    assert small_client.post(f"/jobs/{job}/cancel").status_code == 200


def test_other_scopes_are_refused(whole, small_client):
    small_client.headers["x-api-key"] = whole.keys.create("door", ["read", "find"])[1]
    assert send(small_client, people(1)).json()["error"] == "scope_not_allowed"


def test_the_audit_names_who_sent_the_archive(whole, small_client, run_jobs):
    key, secret = whole.keys.create("import", ["enroll"])
    small_client.headers["x-api-key"] = secret
    job = send(small_client, people(1)).json()["job_id"]
    run_jobs()
    audit = Audit(whole.gallery._database)
    (created,) = audit.lines(AuditFilter(action="job.create"))
    (enrolled,) = audit.lines(AuditFilter(action="enroll"))
    assert (created.actor, created.objects) == (key.id, (job,))
    assert (enrolled.actor, enrolled.request_id) == (key.id, job)


# --- what is refused at once --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "data", "sentence"),
    [
        ({"zip": ("x.zip", b"no zip")}, {}, "no ZIP archive"),
        ({"zip": ("x.zip", zip_of({"a.txt": b""}))}, {"colection": "x"}, "unknown field"),
        ({"zip": ("x.zip", zip_of({}))}, {}, "holds no photos"),
        ({"img": ("x.jpg", ANNA)}, {}, 'the field "zip"'),
        ({"zip": (None, "text")}, {}, 'the field "zip"'),
        ({"zip": ("x.zip", b"x"), "more": ("y.zip", b"y")}, {}, "two files"),
        ({"zip": ("x.zip", zip_of({"a/1.jpg": b""}))}, {"face": "all"}, "face"),
        ({"zip": ("x.zip", zip_of({"a/1.jpg": b""}))}, {"webhook": "https://hr.example/"}, "webhooks are off"),
        ({"zip": ("x.zip", zip_of({"a/1.jpg": b""}))}, {"collection": "a b"}, "collection"),
    ],
)
def test_what_is_no_archive_or_has_wrong_fields_is_refused_at_once(whole, small_client, files, data, sentence):
    answer = small_client.post("/jobs", files=files, data=data)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert sentence in answer.json()["detail"]
    assert uploads(whole) == []
    assert small_client.get("/jobs").json()["jobs"] == []


def test_a_form_without_an_archive_or_cut_off_is_refused(whole, small_client):
    answer = small_client.post("/jobs", files={"face": (None, "only")})
    assert "zip" in answer.json()["detail"]
    whole_form = httpx.Request("POST", "http://x/jobs", files={"zip": ("x.zip", zip_of(people(1)))})
    headers = {"content-type": whole_form.headers["content-type"]}
    cut = small_client.post("/jobs", content=whole_form.read()[:-60], headers=headers)
    assert "cut off" in cut.json()["detail"]
    assert uploads(whole) == []


def changed(whole, **settings):
    """A client of the same system with other settings."""
    parts = {name: getattr(whole, name) for name in ("service", "keys", "gallery", "models", "pipeline")}
    system = type(whole)(whole.settings.model_copy(update=settings), **parts)
    return TestClient(create_app(system), headers={"x-api-key": whole.keys.create("x", ["enroll"])[1]})


def test_the_limits_are_settings(whole):
    with changed(whole, max_job_bytes=1000) as client:
        answer = send(client, people(1))
        assert (answer.status_code, answer.json()["error"]) == (413, "request_too_large")
        assert "send it in parts" in answer.json()["detail"]
    with changed(whole, max_job_items=1) as client:
        assert "holds 2 files, the limit is 1" in send(client, people(2)).json()["detail"]
    with changed(whole, max_job_unpacked_bytes=10) as client:
        assert "the limit is 10" in send(client, people(1)).json()["detail"]
    with changed(whole, max_waiting_jobs=1) as client:
        assert send(client, people(1)).status_code == 202
        full = send(client, people(2))
        assert (full.status_code, full.json()["error"]) == (503, "queue_full")
        assert full.headers["retry-after"] == "60"


def test_an_archive_larger_than_other_bodies_may_be_is_taken(whole, small_client):
    with changed(whole, max_body_bytes=4000) as client:
        assert len(zip_of(people(3))) > 4000
        assert send(client, people(3)).status_code == 202
        assert client.post("/enroll", files={"img": bytes(4001)}).status_code == 413


# --- addresses ----------------------------------------------------------------------------------------------------


def test_addresses_are_refused_unless_the_operator_allows_them(small_client):
    one = {"url": "https://example.com/a.jpg", "subject": "anna"}
    answer = small_client.post("/jobs", json={"images": [one]})
    assert "image URLs are off" in answer.json()["detail"]
    nothing = small_client.post("/jobs").json()["detail"]
    assert nothing.endswith('send an archive as the file of the field "zip"')
    for wrong in ({}, {"images": []}, {"images": [{"url": "https://a.example/"}]}, {"images": [one | {"x": 1}]}):
        assert small_client.post("/jobs", json=wrong).status_code == 400


def test_photos_at_addresses_are_fetched_one_by_one(whole):
    """No public host is reached here: each is refused by the sentence of the fetcher, and the job ends."""
    with changed(whole, image_urls=True) as client:
        sent = [{"url": f"http://127.0.0.1/{i}.jpg", "subject": "anna", "name": "Anna"} for i in range(2)]
        job = client.post("/jobs", json={"images": sent, "collection": "staff"}).json()
        assert (job["total"], job["collection"]) == (2, "staff")
        settings = whole.settings.model_copy(update={"image_urls": True})
        bulk_runner(whole.service, settings).run_next()
        shown = client.get(f"/jobs/{job['job_id']}").json()
        assert [(one["file"], one["error"]) for one in shown["items"]] == [
            ("http://127.0.0.1/0.jpg", "invalid_request"),
            ("http://127.0.0.1/1.jpg", "invalid_request"),
        ]
        assert "no public host" in shown["items"][0]["detail"]


# --- addresses of webhooks ----------------------------------------------------------------------------------------

ALLOWED = ("https://hr.example/hooks", "http://10.0.0.7:9000")


@pytest.mark.parametrize(
    "url",
    [
        "https://hr.example/hooks",
        "https://hr.example:443/hooks/a?b=c",
        "http://10.0.0.7:9000",
        "http://10.0.0.7:9000/x",
    ],
)
def test_a_webhook_below_a_listed_address_is_allowed(url):
    assert check_webhook(url, ALLOWED) == url


@pytest.mark.parametrize(
    "url",
    [
        *(
            "https://hr.example/",
            "https://hr.example/hooksX",
            "https://hr.example/hooks/../x",
            "http://hr.example/hooks",
        ),
        *(
            "https://hr.example/hooks/%2e%2e/x",
            "https://hr.example:8443/hooks",
            "https://hr.example.evil.example/hooks",
        ),
        *("https://evil.example@hr.example/hooks", "https://hr.example@evil.example/hooks", "http://10.0.0.7:9001/"),
        *(
            "http://10.0.0.7/",
            "ftp://hr.example/hooks",
            "//hr.example/hooks",
            "",
            "http://[",
            "https://hr.example/hooks#x",
        ),
    ],
)
def test_any_other_webhook_is_refused_without_repeating_it(url):
    with pytest.raises(InvalidRequest) as refused:
        check_webhook(url, ALLOWED)
    assert not url.strip("/:[htp") or f" {url} " not in f" {refused.value} "
