"""Subjects that are renamed, merged or erased, and faces that are moved, in the middle of a search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.conftest import Small
from tests.pictures import drawn_photo
from vultus.records.answers import FindResult
from vultus.search.index import FlatIndex
from vultus.service import FaceService


class InterruptedGallery:
    """A gallery as the index reads it; something happens the first time that the owners of faces are looked up."""

    def __init__(self, gallery: Any, happens: Callable[[], Any]) -> None:
        self._gallery, self._happens = gallery, happens

    def owners(self, *args: Any) -> Any:
        happens, self._happens = self._happens, lambda: None
        happens()
        return self._gallery.owners(*args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gallery, name)


class Interrupted:
    """The index of a service; something happens after its first search."""

    def __init__(self, index: Any, happens: Callable[[], Any]) -> None:
        self._index, self._happens, self.searches = index, happens, 0

    def search(self, *args: Any, **options: Any) -> Any:
        found = self._index.search(*args)
        self.searches += 1
        if self.searches == 1:
            self._happens()
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._index, name)


@pytest.fixture
def face(small: Small) -> str:
    """A face of ana, who has two; anna and a third have one each."""
    first, _ = small.service.enrolment.enroll([drawn_photo(1), drawn_photo(1, photo=1, noise=10)], subject="ana").faces
    small.service.enrolment.enroll([drawn_photo(2)], subject="anna", name="Anna")
    small.service.enrolment.enroll([drawn_photo(3)], subject="other")
    return first.face.id


def found_first(result: FindResult) -> tuple[str, str | None]:
    best = result.faces[0].matches[0]
    return best.candidate.subject, best.candidate.name


def interrupted(small: Small, happens: Callable[[], Any]) -> FaceService:
    """The service, in whose first search something happens once the best faces are known."""
    index = FlatIndex(InterruptedGallery(small.gallery, happens))
    return FaceService(replace(small.service.context, index=index))


CHANGES: dict[str, tuple[Callable[[FaceService, str], Any], str, str | None]] = {
    "rename": (lambda service, _: service.corrections.rename("default", "ana", "new"), "new", None),
    "merge": (lambda service, _: service.corrections.merge("default", "ana", "anna"), "anna", "Anna"),
    "move": (lambda service, face: service.corrections.move(face, "anna"), "anna", "Anna"),
    "nothing": (lambda service, face: None, "ana", None),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_photo_finds_the_person_under_the_id_of_now(small, face, change):
    happens, subject, name = CHANGES[change]
    service = interrupted(small, lambda: happens(small.service, face))
    result = service.identification.find(drawn_photo(1))
    assert found_first(result) == (subject, name)
    listed = [match.candidate.subject for match in result.faces[0].matches]
    assert len(listed) == len(set(listed)) == (3 if change != "merge" else 2)


@pytest.mark.parametrize("change", CHANGES)
def test_a_face_finds_the_other_face_of_its_person_under_the_id_of_now(small, face, change):
    happens, subject, _ = CHANGES[change]
    other = next(one.id for one in small.gallery.faces("default", "ana") if one.id != face)
    index = Interrupted(small.service.context.index, lambda: happens(small.service, face))
    service = FaceService(replace(small.service.context, index=index))
    (answer,) = service.identification.find_face(face).faces
    found = [(match.candidate.face_id, match.candidate.subject) for match in answer.matches]
    assert (other, "ana" if change == "move" else subject) in found
    assert len(found) == len({subject for _, subject in found}) == (2 if change == "merge" else 3)
    assert index.searches == (1 if change == "nothing" else 2)


def test_an_erased_subject_makes_place_for_the_next(small, face):
    service = interrupted(small, lambda: small.service.galleries.forget("default", "ana"))
    (answer,) = service.identification.find(drawn_photo(1), top_k=2).faces
    assert {match.candidate.subject for match in answer.matches} == {"anna", "other"}
