"""Jobs: their order, progress, cancellation, and what a kill or a stop leaves."""

from __future__ import annotations

import threading

import pytest

from tests.waiting import patient, wait_until
from vultus.errors import InvalidRequest, NotFound
from vultus.jobs.job_runner import JobRunner
from vultus.jobs.kinds import Outcome
from vultus.storage.audit import Act, Audit, AuditFilter
from vultus.storage.jobs import JobStore


class Counting:
    """Counts to the job's number in steps of one; `before_step` is called before each."""

    name = "count"

    def __init__(self, before_step=lambda step: None, outcome=None):
        self.before_step, self.outcome, self.begun = before_step, outcome or Outcome(), []

    def run(self, job, progress):
        self.begun.append((job.parameters["to"], job.done))
        for step in range(job.done + 1, job.parameters["to"] + 1):
            self.before_step(step)
            progress.step(step, job.parameters["to"])
        return self.outcome


@pytest.fixture
def jobs(database):
    return JobStore(database, Act("key-1"))


def test_jobs_run_in_the_order_of_their_making(jobs):
    kind, first, second = Counting(), jobs.add("count", {"to": 3}), jobs.add("count", {"to": 2}, collection="c")
    runner = JobRunner(jobs, [kind])
    assert runner.run_next()
    assert [(one.state, one.done, one.total) for one in map(jobs.job, (first.id, second.id))] == [
        ("done", 3, 3),
        ("queued", 0, 0),
    ]
    assert runner.run_next()
    assert not runner.run_next()
    assert kind.begun == [(3, 0), (2, 0)]
    assert [job.id for job in jobs.page(before=None, limit=9)] == [second.id, first.id]
    assert [job.id for job in jobs.page(before=None, limit=9, collections=["c"])] == [second.id]
    assert jobs.page(before=first.number, limit=9) == ()


def test_the_same_job_is_queued_once_until_it_ended(jobs, database):
    first = jobs.add("count", {"to": 1}, collection="c")
    assert jobs.add("count", {"to": 1}, collection="c") == first
    JobRunner(jobs, [Counting()]).run_next()
    assert jobs.add("count", {"to": 1}, collection="c").id != first.id
    lines = Audit(database).lines()
    assert (lines[0].action, lines[0].actor, lines[0].collection) == ("count", "key-1", "c")
    assert lines[0].objects == (first.id,)
    assert len(lines) == 2


def test_a_queued_job_is_cancelled_at_once_and_a_running_one_after_its_step(jobs, database):
    queued = jobs.add("count", {"to": 1})
    assert jobs.cancel(queued.id).state == "cancelled"
    running = jobs.add("count", {"to": 9})

    def before_step(step):
        if step == 3:
            assert jobs.cancel(running.id).cancelling

    JobRunner(jobs, [Counting(before_step)]).run_next()
    ended = jobs.job(running.id)
    assert (ended.state, ended.done, ended.cancelling) == ("cancelled", 3, False)
    assert jobs.cancel(running.id) == ended
    assert [line.action for line in Audit(database).lines(AuditFilter(action="job.cancel"))] == ["job.cancel"] * 2


def test_what_a_kill_interrupted_goes_on_where_it_was(jobs):
    job = jobs.add("count", {"to": 5})
    assert jobs.start_next().id == job.id
    jobs.advance(job.id, 2, 5)  # and then the process is killed
    kind = Counting()
    runner = JobRunner(jobs, [kind], poll_seconds=0.01)
    runner.start()
    wait_until(lambda: jobs.job(job.id).state == "done", "the job to end")
    runner.close()
    assert kind.begun == [(5, 2)]


def test_a_job_that_was_being_cancelled_when_its_process_was_killed_stays_cancelled(jobs):
    job = jobs.add("count", {"to": 5})
    jobs.start_next()
    jobs.cancel(job.id)
    assert jobs.resume_interrupted() == 0
    assert jobs.job(job.id).state == "cancelled"


def test_a_stop_leaves_the_job_for_the_next_start(jobs):
    job, reached, closing = jobs.add("count", {"to": 5}), threading.Event(), threading.Event()

    def before_step(step):
        if step == 2:
            reached.set()
            closing.wait(patient())

    runner = JobRunner(jobs, [Counting(before_step)], poll_seconds=0.01)
    runner.start()
    assert reached.wait(patient())
    threading.Timer(0.05, closing.set).start()
    runner.close()
    left = jobs.job(job.id)
    assert (left.state, left.done, left.ended_at) == ("queued", 2, None)


@pytest.mark.parametrize(
    ("error", "problem"),
    [(InvalidRequest("the collection is odd"), "the collection is odd"), (KeyError("x"), "failed unexpectedly")],
)
def test_a_failure_is_told_and_the_next_job_runs(jobs, error, problem):
    def fail(step):
        raise error

    failing, kind = jobs.add("count", {"to": 1}), Counting(fail)
    jobs.add("unknown", {})
    runner = JobRunner(jobs, [kind])
    assert runner.run_next()
    assert runner.run_next()
    ended = jobs.job(failing.id)
    assert ended.state == "failed"
    assert problem in ended.problem
    assert "no jobs of kind 'unknown'" in jobs.page(before=None, limit=1)[0].problem


def test_a_job_that_waits_says_for_what(jobs):
    job = jobs.add("count", {"to": 1})
    JobRunner(jobs, [Counting(outcome=Outcome("waiting", "one is missing"))]).run_next()
    assert (jobs.job(job.id).state, jobs.job(job.id).problem) == ("waiting", "one is missing")


def test_an_unknown_job_is_not_found(jobs):
    for call in (jobs.job, jobs.cancel):
        with pytest.raises(NotFound, match="no job 'x'"):
            call("x")
