"""Duplicates: pairs of subjects that may be one person are found by a job, and merged or dismissed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.conftest import Small
from tests.pictures import drawn_photo
from vultus.errors import CollectionNotFound, InvalidRequest, SubjectNotFound
from vultus.jobs import duplicates_job
from vultus.records.review import SimilarPair
from vultus.storage.audit import Act, Audit
from vultus.storage.database import open_database
from vultus.wiring.background import job_runner


@pytest.fixture
def twice(small: Small) -> Small:
    """Person 1 is enrolled as ada and as eve, with two photos each; bob and cem are others."""
    for subject, person, photo in (("ada", 1, 0), ("bob", 2, 0), ("eve", 1, 1), ("cem", 3, 0)):
        small.service.enrolment.enroll([drawn_photo(person, photo=photo, noise=5 * photo)], subject=subject)
    return small


def searched(small: Small) -> list[SimilarPair]:
    """What a new search finds above the threshold."""
    small.service.duplicates.start("default")
    assert job_runner(small.service).run_next()
    found = small.service.duplicates.found("default", limit=100)
    assert found.job.state == "done"
    assert (found.job.done, found.job.total) == (small.gallery.collection("default").faces,) * 2
    return [pair for pair in found.pairs if pair.above]


def names(pairs: list[SimilarPair]) -> list[tuple[str, ...]]:
    return [tuple(one.id for one in pair.subjects) for pair in pairs]


def test_a_person_enrolled_under_two_ids_is_found_once(twice):
    (pair,) = searched(twice)
    assert names([pair]) == [("ada", "eve")]
    ids = [face_id for subject in ("ada", "eve") for face_id in twice.gallery.face_ids("default", subject)]
    assert [one.face_id for one in pair.subjects] == ids
    (answer,) = twice.service.identification.find_face(pair.subjects[0].face_id).faces
    line = answer.matches[0]
    assert (line.candidate.subject, line.candidate.similarity) == ("eve", pytest.approx(pair.similarity))
    assert line.threshold == pytest.approx(pair.threshold)


def test_the_nearest_pairs_are_kept_where_none_is_above_the_threshold(small, monkeypatch):
    for person in range(1, 5):
        small.service.enrolment.enroll([drawn_photo(person)], subject=f"p{person}")
    monkeypatch.setattr(duplicates_job, "NEAREST_PAIRS", 2)
    assert searched(small) == []
    pairs = small.service.duplicates.found("default", limit=100).pairs
    assert len(pairs) == 2
    assert pairs[0].score >= pairs[1].score
    assert small.service.duplicates.found("default", limit=1).more


def test_different_people_are_not_listed_again_until_that_is_taken_back(twice):
    assert names(searched(twice)) == [("ada", "eve")]
    twice.service.duplicates.dismiss("default", "eve", "ada")
    assert ("ada", "eve") not in names(twice.service.duplicates.found("default", limit=100).pairs)
    assert searched(twice) == []
    twice.service.duplicates.dismiss("default", "ada", "eve", dismissed=False)
    assert names(searched(twice)) == [("ada", "eve")]


def test_what_is_merged_moved_or_erased_is_listed_no_more(twice):
    searched(twice)
    twice.service.corrections.merge("default", "eve", "ada")
    assert not any("eve" in pair for pair in names(twice.service.duplicates.found("default", limit=100).pairs))
    assert searched(twice) == []
    face = twice.gallery.face_ids("default", "ada")[1]
    twice.service.corrections.move(face, "new")
    assert names(searched(twice)) == [("ada", "new")]
    twice.service.corrections.move(face, "ada")
    assert ("ada", "new") not in names(twice.service.duplicates.found("default", limit=100).pairs)
    twice.service.galleries.forget("default", "ada")
    assert not any("ada" in pair for pair in names(twice.service.duplicates.found("default", limit=100).pairs))


def test_faces_too_damaged_to_decide_on_make_no_pair(twice, monkeypatch):
    monkeypatch.setattr(duplicates_job, "is_reliable", lambda quality: False)
    assert searched(twice) == []


def test_pairs_that_were_changed_meanwhile_are_left_out(twice):
    (pair,) = searched(twice)
    faces = tuple(one.face_id for one in pair.subjects)
    found = duplicates_job.SimilarFaces(faces, 0.9, 0.9, 0.5, True)
    gone = replace(found, face_ids=(faces[0], "f" * 32))
    twice.gallery.similar_pairs.replace("default", [gone, found, replace(found, face_ids=faces[::-1])])
    assert names(list(twice.gallery.similar_pairs.page("default", limit=9))) == [("ada", "eve")]


def test_dismissing_is_audited_by_the_faces_of_both(twice):
    act = Act("k1")
    twice.service.acting_as(act).duplicates.dismiss("default", "ada", "bob")
    twice.service.acting_as(act).duplicates.dismiss("default", "bob", "ada")  # nothing new
    (line,) = Audit(open_database(f"sqlite:///{twice.folder / 'vultus.db'}")).lines()
    ids = (*twice.gallery.face_ids("default", "ada"), *twice.gallery.face_ids("default", "bob"))
    assert (line.action, line.objects) == ("duplicates.dismiss", ids)


@pytest.mark.parametrize(
    ("subject", "other", "error"),
    [("ada", "ada", InvalidRequest), ("ada", "nobody", SubjectNotFound), ("nobody", "ada", SubjectNotFound)],
)
def test_only_two_subjects_can_be_dismissed(twice, subject, other, error):
    with pytest.raises(error):
        twice.service.duplicates.dismiss("default", subject, other)


def test_an_unknown_collection_is_refused(small):
    for ask in (small.service.duplicates.start, lambda name: small.service.duplicates.found(name, limit=1)):
        with pytest.raises(CollectionNotFound):
            ask("none")
