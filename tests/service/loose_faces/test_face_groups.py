"""A change of one face never takes another one with it, whatever was enrolled natively or happens meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.pictures import drawn_photo
from vultus.service.loose_faces.face_groups import FaceGroups, Unchanged

STAFF = "staff"


@pytest.fixture
def groups(small: Any) -> FaceGroups:
    small.service.galleries.create_collection(STAFF)
    small.service.face_groups.create(STAFF, "anna")
    return small.service.face_groups


def enrolled(small: Any, subject: str, *photos: int) -> list[str]:
    sent = [drawn_photo(1, photo=number, noise=10) for number in photos]
    return [one.face.id for one in small.service.enrolment.enroll(sent, collection=STAFF, subject=subject).faces]


def subject_of(small: Any, face_id: str) -> str:
    return small.service.galleries.face(face_id).subject


def subjects(small: Any) -> list[str]:
    return [one.id for one in small.service.galleries.subjects(STAFF, cursor=None, limit=10)[0]]


class Meanwhile(FaceGroups):
    """Something happens before the first face is moved."""

    def __init__(self, groups: FaceGroups, happens: Callable[[], Any]) -> None:
        super().__init__(groups._context)
        self._happens = happens

    def _move_in(self, *args: Any) -> bool:
        self._happen()
        return super()._move_in(*args)

    def _move_out(self, face_id: str) -> bool:
        self._happen()
        return super()._move_out(face_id)

    def _happen(self) -> None:
        happens, self._happens = self._happens, lambda: None
        happens()


def test_a_face_is_erased_alone_though_its_holder_has_more(small: Any, groups: FaceGroups) -> None:
    first, second = enrolled(small, "~team", 1, 2)
    result, _ = groups.erase_faces(STAFF, [first])
    assert (result.done, result.unchanged) == ([first], [])
    assert subject_of(small, second) == "~team"
    groups.erase_faces(STAFF, [second])
    assert subjects(small) == ["anna"]


def test_a_face_is_put_into_a_group_alone_though_its_holder_has_more(small: Any, groups: FaceGroups) -> None:
    first, second = enrolled(small, "~team", 1, 2)
    result = groups.add(STAFF, "anna", [first], least=0)
    assert (result.done, result.faces) == ([first], 1)
    assert (subject_of(small, first), subject_of(small, second)) == ("anna", "~team")


def test_a_face_that_comes_into_a_group_while_it_is_deleted_stays(small: Any, groups: FaceGroups) -> None:
    (first,) = enrolled(small, "anna", 1)
    late: list[str] = []
    Meanwhile(groups, lambda: late.extend(enrolled(small, "anna", 2))).delete(STAFF, "anna")
    assert [subject_of(small, one) for one in (first, *late)] == [f"~{first}", f"~{late[0]}"]
    assert "anna" not in subjects(small)


def test_a_face_that_is_erased_while_its_group_is_deleted_stops_nothing(small: Any, groups: FaceGroups) -> None:
    first, second = enrolled(small, "anna", 1, 2)
    Meanwhile(groups, lambda: small.service.galleries.delete_face(first)).delete(STAFF, "anna")
    assert subject_of(small, second) == f"~{second}"


def test_a_face_that_another_group_gets_meanwhile_is_told_and_the_rest_is_done(small: Any, groups: FaceGroups) -> None:
    (first,), (second,) = enrolled(small, "~one", 1), enrolled(small, "~two", 2)
    groups.create(STAFF, "ben")
    other = Meanwhile(groups, lambda: groups.add(STAFF, "ben", [first], least=0))
    result = other.add(STAFF, "anna", [first, second], least=0)
    assert (result.done, result.unchanged) == ([second], [Unchanged(first, "of_another", "ben")])


def test_a_face_that_is_erased_meanwhile_is_not_taken_out(small: Any, groups: FaceGroups) -> None:
    first, second = enrolled(small, "anna", 1, 2)
    other = Meanwhile(groups, lambda: small.service.galleries.delete_face(first))
    result = other.remove(STAFF, "anna", [first, second])
    assert (result.done, result.unchanged, result.faces) == ([second], [Unchanged(first, "not_found")], 0)
