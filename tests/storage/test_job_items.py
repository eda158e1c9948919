"""Outcomes of a bulk job: kept in order, erased with the person, the face and the collection, gone after a while."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.storage.synthetic import new_face
from vultus.errors import NotFound
from vultus.jobs.job_runner import JobRunner
from vultus.jobs.kinds import Outcome
from vultus.records.stored import JobItem
from vultus.storage.audit import Act
from vultus.storage.jobs import ENROLL, JobStore, Lane


def enrolled(number, subject, face_id):
    return JobItem(number, f"{subject}/{number}.jpg", subject, "enrolled", face_id, cautions=("several_faces",))


def refused(number, subject):
    return JobItem(number, f"{subject}/{number}.jpg", subject, "refused", None, "low_quality", "it is dark")


@pytest.fixture
def job(gallery):
    """A running job of three photos of ana, one of bea and one that is in no folder."""
    ana = [gallery.add_faces("people", "ana", [new_face(seed)])[1][0].face.id for seed in (1, 2)]
    (bea,) = (one.face.id for one in gallery.add_faces("people", "bea", [new_face(3)])[1])
    job = gallery.acting_as(Act("key-1")).jobs.add(ENROLL, {}, collection="people", total=6)
    gallery.jobs.start_next()
    gallery.jobs.advance(job.id, 2, 6, [enrolled(0, "ana", ana[0]), enrolled(1, "ana", ana[1])])
    rest = [refused(2, "ana"), enrolled(3, "bea", bea), JobItem(4, "x.jpg", None, "refused", None, "invalid_request")]
    assert gallery.jobs.advance(job.id, 5, 6, rest)
    return job


def numbers(gallery, job, **options):
    return [one.number for one in gallery.jobs.items(job, limit=9, **options)]


def test_outcomes_are_listed_in_order_in_pages_and_by_kind(gallery, job):
    items = gallery.jobs.items(job, limit=9)
    assert [one.number for one in items] == [0, 1, 2, 3, 4]
    assert items[2] == refused(2, "ana")
    assert items[3].cautions == ("several_faces",)
    assert [one.number for one in gallery.jobs.items(job, after=1, limit=2)] == [2, 3]
    assert numbers(gallery, job, outcome="refused") == [2, 4]
    details = gallery.jobs.details(job.id)
    assert (details.job.creator, details.job.done, details.job.total) == ("key-1", 5, 6)
    assert details.counts == {"enrolled": 3, "refused": 2, "erased": 0}


def test_what_names_a_person_goes_with_the_person(gallery, job):
    other = gallery.jobs.add(ENROLL, {}, collection="guests")
    gallery.jobs.advance(other.id, 1, 1, [refused(0, "ana")])
    gallery.delete_subject("people", "ana")
    assert numbers(gallery, job) == [3, 4]
    assert gallery.jobs.details(job.id).counts == {"enrolled": 1, "refused": 1, "erased": 3}
    assert numbers(gallery, other) == [0], "another collection's ana is somebody else"


def test_a_photo_of_a_subject_that_has_another_id_now_goes_too(gallery, job):
    gallery.corrections.rename("people", "ana", "anna", undo_for=timedelta(hours=1))
    gallery.delete_subject("people", "anna")
    assert numbers(gallery, job) == [2, 3, 4]


def test_what_names_a_face_goes_with_the_face(gallery, job):
    gallery.delete_face(gallery.faces("people", "ana")[0].id)
    assert numbers(gallery, job) == [1, 2, 3, 4]


def test_all_go_with_the_collection(gallery, job):
    gallery.delete_collection("people")
    assert numbers(gallery, job) == []
    assert gallery.jobs.details(job.id).counts == {"erased": 5}


def test_job_history_are_deleted_with_their_outcomes_after_a_while(gallery, job):
    now = datetime.now(UTC)
    assert not gallery.job_history.prune_step(now + timedelta(days=1)), "it runs"
    gallery.jobs.end(job.id, "done")
    assert not gallery.job_history.prune_step(now - timedelta(days=1))
    gallery.job_history.prune_step(now + timedelta(days=1))
    with pytest.raises(NotFound):
        gallery.jobs.job(job.id)
    assert numbers(gallery, job) == []


def test_the_last_job_that_decided_about_a_collection_stays(gallery):
    made = []
    for model, collection in ("a", "people"), ("b", "people"), ("a", "guests"):
        one = gallery.jobs.add("reembed", {"model": model}, collection=collection)
        gallery.jobs.end(one.id, "cancelled")
        made.append(one.id)
    later = datetime.now(UTC) + timedelta(days=1)
    gallery.job_history.prune_step(later, keep_last=["reembed"])
    assert [one.id for one in gallery.jobs.page(before=None, limit=9)] == [made[2], made[1]]


class Noting:
    """Notes which jobs it ran."""

    def __init__(self, name):
        self.name, self.ran = name, []

    def run(self, job, progress):
        self.ran.append(job.id)
        return Outcome()


def test_a_lane_runs_and_resumes_only_its_own_kinds(database):
    jobs, bulk = JobStore(database), Lane(frozenset({ENROLL}), others=False)
    slow, photos = jobs.add("reembed", {}), jobs.add(ENROLL, {})
    kind = Noting(ENROLL)
    runner = JobRunner(jobs, [kind], lane=bulk)
    assert runner.run_next()
    assert not runner.run_next()
    assert kind.ran == [photos.id]
    assert jobs.start_next(Lane(frozenset({ENROLL}))).id == slow.id
    assert jobs.resume_interrupted(bulk) == 0
    assert jobs.job(slow.id).state == "running"


def test_a_key_s_own_jobs_are_listed_alone(database):
    mine, other = (JobStore(database, Act(actor)).add("count", {"of": actor}) for actor in ("key-1", "key-2"))
    jobs = JobStore(database)
    assert [one.id for one in jobs.page(before=None, limit=9, creator="key-1")] == [mine.id]
    assert [one.id for one in jobs.page(before=None, limit=9)] == [other.id, mine.id]
