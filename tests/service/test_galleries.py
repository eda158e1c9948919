import pytest

from tests.pictures import drawn_photo
from vultus.errors import CollectionNotFound, FaceNotFound, ModelMismatch, SubjectNotFound


def test_forgetting_a_person_removes_rows_photos_and_index_entries(small):
    small.service.enrolment.enroll([drawn_photo(1), drawn_photo(1, photo=1, noise=5)], subject="ada")
    small.service.enrolment.enroll([drawn_photo(2)], subject="bob")
    small.service.identification.find(drawn_photo(1))
    deleted = small.service.galleries.forget("default", "ada")
    assert (deleted.subjects, deleted.faces, deleted.photos) == (1, 2, 2)
    assert len(list(small.photos.keys())) == 1
    with pytest.raises(SubjectNotFound):
        small.service.galleries.subject("default", "ada")
    (answer,) = small.service.identification.find(drawn_photo(1)).faces
    assert [match.candidate.subject for match in answer.matches] == ["bob"]


def held_codes(small) -> list[bool]:
    """Of each face that the index holds, whether its code says anything."""
    loaded = small.service.context.index._collections["default"]
    return [bool(row.any()) for block in loaded.snapshot.blocks for row in block.rows.codes.values]


@pytest.mark.parametrize("erase", ["subject", "face"])
def test_what_is_erased_leaves_the_index_without_another_search(small, erase):
    result = small.service.enrolment.enroll([drawn_photo(1)], subject="ada")
    for person in range(2, 5):
        small.service.enrolment.enroll([drawn_photo(person)], subject=f"p{person}")
    small.service.identification.find(drawn_photo(1))
    assert held_codes(small) == [True] * 4
    if erase == "subject":
        small.service.galleries.forget("default", "ada")
    else:
        small.service.galleries.delete_face(result.faces[0].face.id)
    assert held_codes(small) == [False, True, True, True]


def test_an_erased_collection_leaves_the_index_at_once(small):
    small.service.enrolment.enroll([drawn_photo(1)], subject="ada")
    small.service.identification.find(drawn_photo(1))
    small.service.galleries.delete_collection("default")
    assert small.service.context.index._collections == {}


def test_erasing_does_not_load_what_nobody_searches(small):
    small.service.enrolment.enroll([drawn_photo(1)], subject="ada")
    small.service.galleries.forget("default", "ada")
    assert small.service.context.index._collections == {}


def test_a_photo_that_someone_else_uses_stays(small):
    small.service.enrolment.enroll([drawn_photo(1)], subject="ada")
    kept = small.service.enrolment.enroll([drawn_photo(1)], subject="bob").faces[0].face
    assert small.service.galleries.forget("default", "ada").photos == 0
    assert small.service.galleries.face_photo(kept.id)


def test_deleting_one_face_keeps_the_others(small):
    result = small.service.enrolment.enroll([drawn_photo(1), drawn_photo(1, photo=1, noise=5)], subject="ada")
    first, second = (line.face.id for line in result.faces)
    assert small.service.galleries.delete_face(first).faces == 1
    assert [face.id for face in small.service.galleries.subject_faces("default", "ada")] == [second]
    with pytest.raises(FaceNotFound):
        small.service.galleries.face(first)


def test_deleting_a_collection_removes_everything_in_it_and_nothing_else(small):
    small.service.enrolment.enroll([drawn_photo(1)], subject="ada", collection="a")
    small.service.enrolment.enroll([drawn_photo(2)], subject="ada", collection="b")
    deleted = small.service.galleries.delete_collection("a")
    assert (deleted.subjects, deleted.faces, deleted.photos) == (1, 1, 1)
    assert [collection.name for collection in small.service.galleries.collections()] == ["b"]
    with pytest.raises(CollectionNotFound):
        small.service.identification.find(drawn_photo(1), collection="a")


def test_a_collection_created_anew_under_an_old_name_is_empty(small):
    small.service.enrolment.enroll([drawn_photo(1)], subject="ada")
    small.service.identification.find(drawn_photo(1))
    small.service.galleries.delete_collection("default")
    small.service.galleries.create_collection("default", model_name="tiny-16")
    assert small.service.identification.find(drawn_photo(1)).faces[0].matches == ()


def test_creating_a_collection_twice_is_harmless_and_with_another_model_refused(small):
    assert small.service.galleries.create_collection("c")[1] is True
    assert small.service.galleries.create_collection("c")[1] is False
    with pytest.raises(ModelMismatch):
        small.service.galleries.create_collection("c", model_name="tiny-16")


def test_subjects_are_listed_page_by_page(small):
    for person in range(5):
        small.service.enrolment.enroll([drawn_photo(person)], subject=f"p{person}")
    first, cursor = small.service.galleries.subjects("default", cursor=None, limit=2)
    second, cursor = small.service.galleries.subjects("default", cursor=cursor, limit=2)
    third, end = small.service.galleries.subjects("default", cursor=cursor, limit=2)
    assert [subject.id for page in (first, second, third) for subject in page] == [f"p{i}" for i in range(5)]
    assert end is None


def test_updating_a_subject_replaces_what_is_given(small):
    small.service.enrolment.enroll([drawn_photo(1)], subject="ada", name="Ada", metadata={"a": 1})
    updated = small.service.galleries.update_subject("default", "ada", metadata={"b": 2})
    assert (updated.name, updated.metadata) == ("Ada", {"b": 2})


def test_the_sweep_removes_photos_without_a_row_and_keeps_the_others(small):
    small.service.enrolment.enroll([drawn_photo(1)], subject="ada")
    small.photos.put(b"left by a crash between photo and row")
    assert small.service.galleries.sweep() == 1
    assert len(list(small.photos.keys())) == 1


def test_a_collection_of_another_preprocessing_version_is_refused(small):
    small.service.galleries.create_collection("c")
    small.models.resolve("tiny-32").pipeline_version = 2
    with pytest.raises(ModelMismatch, match="version 1 of tiny-32 cannot be made"):
        small.service.identification.find(drawn_photo(1), collection="c")


def test_a_collection_of_an_older_version_goes_on_in_it_and_new_ones_are_of_the_newest(small):
    small.service.enrolment.enroll([drawn_photo(1)], subject="ada", collection="c")
    model = small.models.resolve("tiny-32")
    model.pipeline_version, model.older = 2, (1,)
    galleries = small.service.galleries
    assert galleries.create_collection("c") == (galleries.collection("c"), False)
    small.service.enrolment.enroll([drawn_photo(2)], subject="bob", collection="c")
    found = small.service.identification.find(drawn_photo(2), collection="c")
    assert found.faces[0].matches[0].candidate.subject == "bob"
    assert small.service.recognition.verify_subject(drawn_photo(1), "ada", collection="c").verified
    assert galleries.collection("c").pipeline_version == 1
    assert galleries.create_collection("d")[0].pipeline_version == 2
