"""vultus jobs: on the database alone."""

from __future__ import annotations

import json


def test_jobs_are_listed_and_cancelled(run, small):
    job = small.gallery.jobs.add("count", {}, collection="staff")
    assert json.loads(run("jobs", "list", "--json").stdout)["jobs"][0]["job_id"] == job.id
    shown = run("jobs", "list").stdout
    assert job.id in shown
    assert "queued" in shown
    assert run("jobs", "cancel", job.id).stdout == f"job {job.id} is cancelled\n"
    assert json.loads(run("jobs", "cancel", job.id, "--json").stdout)["state"] == "cancelled"


def test_an_unknown_job_is_refused(run, small):
    answer = run("jobs", "cancel", "none")
    assert (answer.exit_code, "there is no job 'none'" in answer.stderr) == (1, True)
