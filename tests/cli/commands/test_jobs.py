"""vultus jobs: on the database alone."""

from __future__ import annotations

import json

from tests.pictures import drawn_photo
from tests.standins import OTHER, TINY
from vultus.records.stored import JobItem
from vultus.storage.server_lock import serving_alone


def test_jobs_are_listed_and_cancelled(run, small):
    job = small.gallery.jobs.add("count", {}, collection="staff")
    assert json.loads(run("jobs", "list", "--json").stdout)["jobs"][0]["job_id"] == job.id
    shown = run("jobs", "list").stdout
    assert job.id in shown
    assert "queued" in shown
    assert run("jobs", "cancel", job.id).stdout == f"job {job.id} is cancelled\n"
    assert json.loads(run("jobs", "cancel", job.id, "--json").stdout)["state"] == "cancelled"


def test_the_list_says_whether_the_limit_left_out_jobs(run, small):
    for collection in "staff", "guests":
        small.gallery.jobs.add("count", {}, collection=collection)
    for limit, more in (1, True), (2, False):
        assert ("there are older jobs" in run("jobs", "list", "--limit", limit).stderr) is more
        answer = json.loads(run("jobs", "list", "--limit", limit, "--json").stdout)
        assert (len(answer["jobs"]), answer["more"]) == (limit, more)


def test_a_job_is_shown_with_the_photos_that_were_refused(run, small):
    jobs = small.gallery.jobs
    job = jobs.add("enroll", {}, collection="staff", total=3, webhook="http://10.0.0.7/hook")
    jobs.start_next()
    dark = [JobItem(i, f"anna/{i}.jpg", "anna", "refused", None, "low_quality", "it is dark") for i in range(2)]
    jobs.advance(job.id, 3, 3, [*dark, JobItem(2, "bob/1.jpg", "bob", "enrolled", "f1")])
    shown = run("jobs", "show", job.id).stdout
    assert "is running: 3 of 3\n1 enrolled, 0 erased, 2 refused\n" in shown
    assert "http://10.0.0.7/hook is waiting after 0 attempts\n" in shown
    assert "anna/1.jpg: it is dark\n" in shown
    answer = json.loads(run("jobs", "show", job.id, "--limit", 1, "--json").stdout)
    assert ([one["file"] for one in answer["items"]], answer["more"]) == (["anna/0.jpg"], True)
    assert run("jobs", "show", "none").exit_code == 1


def test_an_unknown_job_is_refused(run, small):
    answer = run("jobs", "cancel", "none")
    assert (answer.exit_code, "there is no job 'none'" in answer.stderr) == (1, True)


def test_a_collection_is_embedded_again_here_while_no_server_runs(run, small):
    small.service.enrolment.enroll([drawn_photo(1)], subject="ana")
    done = run("reembed", "--model", OTHER)
    assert done.exit_code == 0
    assert f"default is searched by {OTHER}" in done.stdout
    assert f"kept: {TINY}" in done.stdout
    assert f"searched by {TINY}" in run("reembed", "default", "--abandon").stdout
    finished = json.loads(run("reembed", "--finish", "--json").stdout)
    assert (finished["model"], finished["other"]) == (TINY, None)


def test_beside_a_server_it_is_only_queued(run, small):
    small.service.enrolment.enroll([drawn_photo(1)], subject="ana")
    with serving_alone(small.folder):
        queued = run("reembed", "--model", OTHER)
    assert (queued.exit_code, "the server does it" in queued.stderr) == (0, True)
    assert "is queued" in queued.stdout


def test_missing_faces_are_named_and_left_out_when_asked(run, small):
    small.service.enrolment.enroll([drawn_photo(1)], subject="ana")
    small.service.enrolment.enroll([drawn_photo(2)], subject="bob", store_photo=False)
    (face,) = small.gallery.faces("default", "bob")
    waiting = run("reembed", "--model", OTHER)
    assert waiting.exit_code == 3
    assert f"face {face.id}: no photo is kept of it" in waiting.stdout
    assert run("reembed", "--model", OTHER, "--drop-missing").exit_code == 0
    assert small.gallery.collection("default").model_id == OTHER
    assert run("reembed", "--finish", "--abandon").exit_code == 2
