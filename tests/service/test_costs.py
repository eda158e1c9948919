"""What a call costs, counted: decodings, detections, network runs, commits, statements; none of it grows with N."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from sqlalchemy import event

from tests.conftest import Small
from tests.pictures import drawn_photo
from tests.standins import TINY
from vultus.records.seen import Face, Quality, Template
from vultus.records.stored import NewFace, Photo
from vultus.storage.subjects import find_subject_row
from vultus.vision.session import Session

ENROLLED = drawn_photo(1)


@pytest.fixture
def counted(small: Small, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """A context that counts what happens in it."""
    small.service.enrolment.enroll([ENROLLED], subject="ada")
    engine, pipeline = small.gallery._database.engine, small.service.context.pipeline

    @contextmanager
    def counting() -> Iterator[Counter[str]]:
        counts: Counter[str] = Counter()

        def once_more(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
            def counted(*args: Any, **kwargs: Any) -> Any:
                counts[name] += 1
                return function(*args, **kwargs)

            return counted

        def statement(*args: Any) -> None:
            counts["statements"] += 1

        def commit(*args: Any) -> None:
            counts["commits"] += 1

        with monkeypatch.context() as patched:
            patched.setattr(pipeline, "_decode", once_more("decodes", pipeline._decode))
            patched.setattr(Session, "run", once_more("runs", Session.run))
            patched.setattr(small.detector, "detect", once_more("detections", small.detector.detect))
            patched.setattr(small.photos, "put", once_more("photos", small.photos.put))
            event.listen(engine, "before_cursor_execute", statement)
            event.listen(engine, "commit", commit)
            yield counts
            event.remove(engine, "before_cursor_execute", statement)
            event.remove(engine, "commit", commit)

    return counting


def test_a_find_decodes_detects_and_embeds_once_and_commits_nothing(small, counted):
    with counted() as costs:
        small.service.identification.find(drawn_photo(1))
    assert {name: costs[name] for name in ("decodes", "detections", "runs", "commits", "photos")} == {
        "decodes": 1,
        "detections": 1,
        "runs": 1,
        "commits": 0,
        "photos": 0,
    }


def test_a_verification_decodes_each_photo_once(small, counted):
    with counted() as costs:
        small.service.recognition.verify(drawn_photo(1), drawn_photo(2))
    assert (costs["decodes"], costs["detections"], costs["statements"]) == (2, 2, 0)


def test_an_enrolment_is_one_commit_and_one_stored_photo(small, counted):
    with counted() as costs:
        small.service.enrolment.enroll([drawn_photo(2)], subject="bob")
    assert {name: costs[name] for name in ("decodes", "detections", "runs", "commits", "photos")} == {
        "decodes": 1,
        "detections": 1,
        "runs": 1,
        "commits": 1,
        "photos": 1,
    }


def test_an_id_in_its_usual_spelling_is_looked_for_twice_at_most(small, counted):
    """As it is given and as the canonical spelling of another; a third look is for an id that is spelled otherwise."""
    with small.gallery._database.reading() as connection:
        for subject_id, found, looks in (("ada", True, 1), ("bob", False, 2), ("bo\u0308b", False, 3)):
            with counted() as costs:
                assert (find_subject_row(connection, 1, subject_id) is not None) == found
            assert costs["statements"] == looks


def test_three_photos_of_one_person_are_one_commit(small, counted):
    with counted() as costs:
        small.service.enrolment.enroll([drawn_photo(person) for person in (3, 4, 5)], subject="eve")
    assert (costs["commits"], costs["decodes"], costs["photos"]) == (1, 3, 3)


def test_all_faces_of_a_photo_are_one_commit_and_one_stored_photo(small, counted):
    with counted() as costs:
        small.service.enrolment.enroll_all_faces(drawn_photo(6, 7, 8))
    assert (costs["commits"], costs["decodes"], costs["detections"], costs["photos"]) == (1, 1, 1, 1)


def test_neither_a_find_nor_an_enrolment_takes_more_statements_in_a_larger_gallery(small, counted):
    def statements() -> tuple[int, int]:
        small.service.identification.find(drawn_photo(1), top_k=2)  # the index learns of what is new
        with counted() as finding:
            small.service.identification.find(drawn_photo(1), top_k=2)
        with counted() as enrolling:
            small.service.enrolment.enroll([drawn_photo(6)], subject="new")
        small.service.galleries.forget("default", "new")
        return finding["statements"], enrolling["statements"]

    before = statements()
    grow(small, 800)
    assert statements() == before


@pytest.mark.parametrize("order", ["id", "name", "newest"])
def test_a_page_of_subjects_takes_as_many_statements_as_one_subject(small, counted, order):
    def statements(limit: int) -> int:
        with counted() as listing:
            found, _ = small.service.galleries.subject_page("default", order=order, limit=limit)
        assert len(found) == limit
        assert all(one.cover_face and one.photos for one in found)
        return listing["statements"]

    grow(small, 50)
    assert statements(1) == statements(50) == 2  # the collection, and the page


def grow(small: Small, faces: int) -> None:
    """Add subjects of one random template each."""
    vectors = np.random.default_rng(0).normal(size=(faces, 32)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    face = Face((0.0, 0.0, 40.0, 40.0), np.zeros((5, 2), np.float32), 0.9)
    photo = Photo("0" * 64, "0" * 64, 40, 40, 100)
    for number, vector in enumerate(vectors):
        template = Template(vector, TINY, face, Quality(90.0, {}))
        small.gallery.add_faces("default", f"s{number}", [NewFace(template, photo)])
