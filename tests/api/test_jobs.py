"""The work in the background over HTTP: lists, one job, cancellation."""

from __future__ import annotations

from vultus.storage.audit import Audit, AuditFilter
from vultus.wiring.background import job_runner


def test_jobs_are_listed_newest_first_in_pages(whole, small_client):
    ids = [whole.gallery.jobs.add("count", {"to": i}).id for i in range(3)][::-1]
    first = small_client.get("/jobs", params={"limit": 2}).json()
    assert [job["job_id"] for job in first["jobs"]] == ids[:2]
    rest = small_client.get("/jobs", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert ([job["job_id"] for job in rest["jobs"]], rest["next_cursor"]) == (ids[2:], None)


def test_one_job_is_shown_and_cancelled(whole, small_client):
    job = whole.gallery.jobs.add("count", {}, collection="default")
    shown = small_client.get(f"/jobs/{job.id}").json()
    assert (shown["kind"], shown["collection"], shown["state"], shown["total"]) == ("count", "default", "queued", 0)
    assert small_client.post(f"/jobs/{job.id}/cancel").json()["state"] == "cancelled"
    assert not job_runner(whole.service).run_next()
    (line,) = Audit(whole.gallery._database).lines(AuditFilter(action="job.cancel"))
    assert (line.collection, line.objects) == ("default", (job.id,))
    assert small_client.post(f"/jobs/{job.id}/cancel").status_code == 200


def test_an_unknown_job_and_an_odd_cursor_are_refused(small_client):
    assert small_client.get("/jobs/none").json()["error"] == "not_found"
    assert small_client.post("/jobs/none/cancel").status_code == 404
    assert small_client.get("/jobs", params={"cursor": "!"}).status_code == 400


def test_a_limited_admin_key_knows_the_jobs_of_its_collections(whole, small_client):
    mine, other, of_all = (whole.gallery.jobs.add("count", {}, collection=name).id for name in ("mine", "other", None))
    key = whole.keys.create("mine", ["admin"], collections=["mine"])[1]
    small_client.headers["x-api-key"] = key
    assert [job["job_id"] for job in small_client.get("/jobs").json()["jobs"]] == [mine]
    assert small_client.get(f"/jobs/{mine}").status_code == 200
    for job in (other, of_all):
        assert small_client.get(f"/jobs/{job}").json()["error"] == "collection_not_allowed"
        assert small_client.post(f"/jobs/{job}/cancel").json()["error"] == "collection_not_allowed"


def test_other_scopes_are_refused(whole, small_client):
    job = whole.gallery.jobs.add("count", {}).id
    small_client.headers["x-api-key"] = whole.keys.create("door", ["read", "find"])[1]
    assert [small_client.get("/jobs").status_code, small_client.post(f"/jobs/{job}/cancel").status_code] == [403, 403]
