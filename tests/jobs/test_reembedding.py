"""Re-embedding: the old embeddings in use until one switch; new, erased and missing faces; kills; the way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.conftest import Small
from tests.pictures import drawn_photo
from tests.standins import OTHER, TINY
from vultus.backup.integrity import faults
from vultus.errors import InvalidRequest, ModelMismatch, StorageFailed
from vultus.jobs import reembed_job
from vultus.records.stored import Job
from vultus.storage.database import open_database
from vultus.storage.spaces import Spaces
from vultus.wiring.background import job_runner

PEOPLE = ("ana", "bob", "cem")


@pytest.fixture
def enrolled(small: Small) -> Small:
    for number, name in enumerate(PEOPLE):
        small.service.enrolment.enroll([drawn_photo(number)], subject=name)
    return small


def run(small: Small) -> Job:
    """Run the job that was queued first; as it ended."""
    assert job_runner(small.service).run_next()
    return small.gallery.jobs.page(before=None, limit=1)[0]


def best(small: Small, number: int) -> tuple[str, float]:
    """The subject that a search for this person finds first, and its similarity."""
    found = small.service.identification.find(drawn_photo(number))
    line = found.faces[0].matches[0].candidate
    return line.subject, round(line.similarity, 1)  # 1.0 but for the JPEG of the stored photo


def all_found(small: Small) -> bool:
    """Whether every person is found by a search and verified, with the similarity of the same photo."""
    verified = [
        small.service.recognition.verify_subject(drawn_photo(i), name).similarity for i, name in enumerate(PEOPLE)
    ]
    return [best(small, i) for i in range(3)] == [(name, 1.0) for name in PEOPLE] and min(verified) > 0.95


def sound(small: Small) -> bool:
    return list(faults(open_database(f"sqlite:///{small.folder / 'vultus.db'}"), small.photos)) == []


def newer(small: Small) -> None:
    """The server was upgraded: its model has a version 2."""
    model = small.models.resolve(TINY)
    model.pipeline_version, model.older = 2, (1,)


def after_first_step(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], Any]) -> None:
    """Something happens when the first faces have been stored, one at a time."""
    monkeypatch.setattr(reembed_job, "FACES_AT_ONCE", 1)
    add, calls = Spaces.add, []

    def added(self: Spaces, *args: Any) -> bool:
        went = add(self, *args)
        calls.append(1)
        if len(calls) == 1:
            happens()
        return went

    monkeypatch.setattr(Spaces, "add", added)


def test_a_collection_moves_to_another_model_and_back(enrolled):
    service = enrolled.service.reembedding
    service.start("default", model_name=OTHER)
    assert all_found(enrolled)
    assert (enrolled.gallery.collection("default").model_id, sound(enrolled)) == (TINY, True)
    job = run(enrolled)
    assert (job.state, job.done, job.total) == ("done", 3, 3)
    moved = enrolled.gallery.collection("default")
    assert (moved.model_id, moved.dimension, moved.space) == (OTHER, 16, 1)
    assert all_found(enrolled)
    assert service.status("default").other.state == "kept"
    enrolled.service.enrolment.enroll([drawn_photo(7)], subject="dan")
    service.abandon("default")
    assert run(enrolled).state == "done"
    assert enrolled.gallery.collection("default").model_id == TINY
    assert all_found(enrolled)
    assert best(enrolled, 7) == ("dan", 1.0)  # enrolled between the two switches
    assert sound(enrolled)


def test_finishing_erases_the_former_embeddings_and_the_way_back(enrolled):
    service = enrolled.service.reembedding
    with pytest.raises(InvalidRequest, match="keeps no former embeddings"):
        service.finish("default")
    service.start("default", model_name=OTHER)
    run(enrolled)
    assert service.finish("default").other is None
    assert (all_found(enrolled), sound(enrolled)) == (True, True)
    with pytest.raises(InvalidRequest, match="nothing to abandon"):
        service.abandon("default")
    service.start("default", model_name=TINY)  # and once more, in the tables that are free again
    run(enrolled)
    assert (all_found(enrolled), enrolled.gallery.collection("default").space) == (True, 2)


def test_faces_enrolled_erased_and_moved_meanwhile_are_followed(enrolled, monkeypatch):
    face = enrolled.gallery.faces("default", "bob")[0]

    def changes() -> None:
        enrolled.service.enrolment.enroll([drawn_photo(8)], subject="eva")
        enrolled.service.galleries.forget("default", "cem")
        enrolled.service.corrections.move(face.id, "other")
        assert best(enrolled, 8) == ("eva", 1.0)

    after_first_step(monkeypatch, changes)
    enrolled.service.reembedding.start("default", model_name=OTHER)
    assert run(enrolled).state == "done"
    assert [best(enrolled, i) for i in (0, 1, 8)] == [("ana", 1.0), ("other", 1.0), ("eva", 1.0)]
    assert enrolled.gallery.collection("default").faces == 3
    assert sound(enrolled)


def test_an_erased_face_leaves_both_spaces_at_once(enrolled):
    enrolled.service.reembedding.start("default", model_name=OTHER)
    run(enrolled)
    enrolled.service.galleries.forget("default", "cem")
    with open_database(f"sqlite:///{enrolled.folder / 'vultus.db'}").reading() as connection:
        for table in ("embeddings", "codes", "embeddings_b", "codes_b"):
            assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one() == 2


def test_a_number_that_went_to_a_new_face_does_not_give_it_the_embedding_of_the_erased_one(enrolled):
    spaces = enrolled.gallery.spaces
    enrolled.service.reembedding.start("default", model_name=OTHER)
    target = spaces.other("default").space
    faces, _ = spaces.remaining("default", after=0, limit=9)
    enrolled.service.galleries.forget("default", "cem")
    enrolled.service.enrolment.enroll([drawn_photo(9)], subject="eva")  # SQLite gives it the number again
    assert spaces.add("default", target, [(one, np.eye(16, dtype=np.float32)[0]) for one in faces])
    assert [one.face.subject for one in spaces.remaining("default", after=0, limit=9)[0]] == ["eva"]


def test_what_a_kill_left_is_gone_on_with(enrolled, monkeypatch):
    class Killed(BaseException):
        pass

    def kill() -> None:
        raise Killed

    after_first_step(monkeypatch, kill)
    enrolled.service.reembedding.start("default", model_name=OTHER)
    with pytest.raises(Killed):
        run(enrolled)
    assert (all_found(enrolled), sound(enrolled)) == (True, True)
    assert enrolled.gallery.jobs.resume_interrupted() == 1
    status = enrolled.service.reembedding.status("default")
    assert (status.other.embedded, status.other.state, status.job.state) == (1, "filling", "queued")
    assert run(enrolled).state == "done"
    assert all_found(enrolled)


def test_a_full_disk_fails_the_job_and_changes_nothing(enrolled, monkeypatch):
    def full() -> None:
        raise StorageFailed("the disk is full: nothing was stored; free some space and try again")

    after_first_step(monkeypatch, full)
    enrolled.service.reembedding.start("default", model_name=OTHER)
    job = run(enrolled)
    assert job.state == "failed"
    assert "disk is full" in job.problem
    assert (all_found(enrolled), sound(enrolled)) == (True, True)
    enrolled.service.reembedding.start("default", model_name=OTHER)
    assert run(enrolled).state == "done"


def test_faces_that_cannot_be_made_stop_the_switch_until_they_are_left_out(enrolled):
    vector = np.eye(32, dtype=np.float32)[3]
    enrolled.service.enrolment.enroll_embeddings([vector.tolist()], model_name=TINY, subject="bare")
    enrolled.service.enrolment.enroll([drawn_photo(6)], subject="gil", store_photo=False)
    service = enrolled.service.reembedding
    service.start("default", model_name=OTHER)
    job = run(enrolled)
    assert (job.state, enrolled.gallery.collection("default").model_id) == ("waiting", TINY)
    assert "2 faces cannot be embedded again" in job.problem
    status = service.status("default", limit=1)
    assert [one.reason for one in status.missing] == ["enrolled by its embedding, without a photo"]
    rest = service.status("default", after=status.next_missing)
    assert [one.reason for one in rest.missing] == ["no photo is kept of it"]
    assert best(enrolled, 6) == ("gil", 1.0)
    service.start("default", model_name=OTHER, drop_missing=True)
    assert run(enrolled).state == "done"
    assert all_found(enrolled)
    assert best(enrolled, 6)[0] != "gil"
    assert len(enrolled.gallery.faces("default", "gil")) == 1
    assert len(service.status("default").missing) == 2
    assert sound(enrolled)
    service.abandon("default")  # they come back
    assert run(enrolled).state == "done"
    assert (best(enrolled, 6), service.status("default").missing) == (("gil", 1.0), ())


def test_an_abandoned_job_stops_and_its_embeddings_go(enrolled, monkeypatch):
    after_first_step(monkeypatch, lambda: enrolled.service.reembedding.abandon("default"))
    enrolled.service.reembedding.start("default", model_name=OTHER)
    assert run(enrolled).state == "cancelled"
    status = enrolled.service.reembedding.status("default")
    assert (status.other, all_found(enrolled), sound(enrolled)) == (None, True, True)


def test_a_search_and_an_enrolment_across_the_switch_are_done_again(enrolled):
    enrolled.service.reembedding.start("default", model_name=OTHER)
    pipeline, runs = enrolled.service.context.pipeline, []
    embed = pipeline.embed

    def switched(*args: Any, **options: Any) -> Any:
        made = embed(*args, **options)
        if not runs:
            runs.append(run(enrolled))
        return made

    pipeline.embed = switched
    enrolled.service.enrolment.enroll([drawn_photo(5)], subject="fay")
    assert (runs[0].state, enrolled.gallery.collection("default").model_id) == ("done", OTHER)
    enrolled.service.reembedding.abandon("default")
    runs.clear()
    assert best(enrolled, 5) == ("fay", 1.0)
    assert enrolled.gallery.collection("default").model_id == TINY
    with pytest.raises(ModelMismatch, match="bound to model tiny-32"):
        enrolled.service.identification.find(drawn_photo(5), model_name=OTHER)


def test_an_upgrade_queues_each_older_collection_once_and_keeps_embeddings_that_stay_the_same(enrolled):
    enrolled.service.enrolment.enroll([drawn_photo(6)], subject="gil", store_photo=False)
    enrolled.service.galleries.create_collection("empty")
    newer(enrolled)
    service = enrolled.service.reembedding
    (job,) = service.queue_upgrades()
    assert job.collection == "default"
    assert service.queue_upgrades() == ()
    before = enrolled.gallery.embeddings("default", "ana")[1]
    assert run(enrolled).state == "done"  # also the face without a photo, whose crop lies inside its photo
    assert enrolled.gallery.collection("default").pipeline_version == 2
    np.testing.assert_array_equal(enrolled.gallery.embeddings("default", "ana")[1], before)
    assert all_found(enrolled)
    service.abandon("default")
    run(enrolled)
    assert enrolled.gallery.collection("default").pipeline_version == 1
    assert service.queue_upgrades() == ()  # whoever went back stays


def test_what_was_decided_by_the_operator_is_not_queued_again(enrolled):
    newer(enrolled)
    service = enrolled.service.reembedding
    service.start("default", drop_missing=True)
    service.abandon("default")
    assert service.queue_upgrades() == ()
    assert not job_runner(enrolled.service).run_next()
    service.start("default")
    assert run(enrolled).state == "done"


def test_a_failed_upgrade_is_queued_again_and_a_model_that_is_gone_is_passed_over(enrolled, monkeypatch):
    newer(enrolled)
    service = enrolled.service.reembedding

    def full() -> None:
        raise StorageFailed("the disk is full: nothing was stored; free some space and try again")

    after_first_step(monkeypatch, full)
    service.queue_upgrades()
    assert run(enrolled).state == "failed"
    assert len(service.queue_upgrades()) == 1
    enrolled.gallery.create_collection("old", model_id="gone", pipeline_version=1, dimension=8)
    assert [job.collection for job in service.queue_upgrades()] == []


def test_what_is_there_already_is_refused(enrolled):
    service = enrolled.service.reembedding
    with pytest.raises(InvalidRequest, match=r"embedded by tiny-32 \(pipeline 1\) already"):
        service.start("default")
    service.start("default", model_name=OTHER)
    newer(enrolled)
    with pytest.raises(InvalidRequest, match=r"has embeddings by tiny-16 .* beside its own; finish or abandon"):
        service.start("default")
