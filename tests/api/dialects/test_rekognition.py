"""Rekognition's operations, by the real boto3 over a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.dialects.rekognition_server import client_of, serving
from tests.pictures import drawn_photo, encoded, opened

ANNA, BEN, CLEO = 1, 2, 3


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, str]]:
    with serving(tmp_path_factory.mktemp("served")) as both:
        yield both


@pytest.fixture(scope="module")
def aws(served: tuple[Any, str]) -> Any:
    return client_of(served[1])


@pytest.fixture
def staff(aws: Any) -> Iterator[str]:
    """An empty collection."""
    aws.create_collection(CollectionId="staff")
    yield "staff"
    aws.delete_collection(CollectionId="staff")


def photo(*people: int, noise: float = 0.0, number: int = 0) -> dict[str, bytes]:
    return {"Bytes": drawn_photo(*people, noise=noise, photo=number)}


def indexed(aws: Any, collection: str, *people: int, **options: Any) -> list[str]:
    """The ids of the faces of a photo, largest first."""
    options.setdefault("QualityFilter", "NONE")
    answer = aws.index_faces(CollectionId=collection, Image=photo(*people), **options)
    return [one["Face"]["FaceId"] for one in answer["FaceRecords"]]


def found(answer: dict[str, Any]) -> list[str]:
    return [line["Face"]["FaceId"] for line in answer["FaceMatches"]]


# --- collections ----------------------------------------------------------------------------------------------------


def test_a_collection_is_made_described_listed_and_deleted(aws: Any) -> None:
    made = aws.create_collection(CollectionId="doors")
    assert made["StatusCode"] == 200
    assert made["CollectionArn"] == "aws:rekognition:eu-west-1:000000000000:collection/doors"
    assert made["ResponseMetadata"]["RequestId"]
    told = aws.describe_collection(CollectionId="doors")
    assert (told["FaceCount"], told["UserCount"]) == (0, 0)
    assert told["CreationTimestamp"].year >= 2026
    listed = aws.list_collections()
    assert listed["CollectionIds"] == ["doors"]
    assert len(listed["FaceModelVersions"]) == 1
    assert aws.delete_collection(CollectionId="doors")["StatusCode"] == 200
    assert aws.list_collections()["CollectionIds"] == []


def test_paginators_go_through_all_pages(aws: Any, staff: str) -> None:
    aws.create_collection(CollectionId="other")
    pages = list(aws.get_paginator("list_collections").paginate(PaginationConfig={"PageSize": 1}))
    assert [page["CollectionIds"] for page in pages] == [["other"], ["staff"]]
    aws.delete_collection(CollectionId="other")
    ids = indexed(aws, staff, ANNA, BEN, CLEO)
    pages = aws.get_paginator("list_faces").paginate(CollectionId=staff, PaginationConfig={"PageSize": 2})
    assert [face["FaceId"] for page in pages for face in page["Faces"]] == ids
    for user in ("b", "a", "c"):
        aws.create_user(CollectionId=staff, UserId=user)
    pages = aws.get_paginator("list_users").paginate(CollectionId=staff, PaginationConfig={"PageSize": 2})
    assert [user["UserId"] for page in pages for user in page["Users"]] == ["a", "b", "c"]


# --- faces ----------------------------------------------------------------------------------------------------------


def test_faces_are_indexed_with_their_image(aws: Any, staff: str) -> None:
    answer = aws.index_faces(
        CollectionId=staff, Image=photo(ANNA, BEN), ExternalImageId="badge:7", QualityFilter="NONE"
    )
    first, second = answer["FaceRecords"]
    assert first["Face"]["ExternalImageId"] == "badge:7"
    assert first["Face"]["ImageId"] == second["Face"]["ImageId"]
    assert first["Face"]["BoundingBox"]["Width"] == pytest.approx(80 / 320)
    assert first["Face"]["BoundingBox"]["Left"] == pytest.approx(12 / 320)
    assert answer["UnindexedFaces"] == []
    listed = aws.list_faces(CollectionId=staff)["Faces"]
    assert listed == [first["Face"], second["Face"]]
    assert aws.describe_collection(CollectionId=staff)["FaceCount"] == 2
    assert aws.list_faces(CollectionId=staff, FaceIds=[second["Face"]["FaceId"]])["Faces"] == [second["Face"]]


def test_the_eye_on_the_left_of_the_picture_is_eye_left(aws: Any) -> None:
    (face,) = aws.detect_faces(Image=photo(ANNA))["FaceDetails"]
    places = {one["Type"]: (one["X"], one["Y"]) for one in face["Landmarks"]}
    assert set(places) == {"eyeLeft", "eyeRight", "nose", "mouthLeft", "mouthRight"}
    assert places["eyeLeft"][0] < places["eyeRight"][0]
    assert places["mouthLeft"][0] < places["mouthRight"][0]
    assert places["eyeLeft"][1] < places["nose"][1] < places["mouthLeft"][1]


def test_what_is_measured_of_a_face(aws: Any) -> None:
    (one,) = aws.detect_faces(Image=photo(ANNA), Attributes=["ALL"])["FaceDetails"]
    assert abs(one["Pose"]["Roll"]) < 5
    assert set(one) == {"BoundingBox", "Confidence", "Landmarks", "Pose", "Quality"}
    dark = opened(drawn_photo(ANNA)).point(lambda value: value if value == 255 else value // 2)  # not the frame
    (darker,) = aws.detect_faces(Image={"Bytes": encoded(dark)})["FaceDetails"]
    assert darker["Quality"]["Brightness"] == pytest.approx(one["Quality"]["Brightness"] / 2, abs=1)
    assert aws.detect_faces(Image={"Bytes": drawn_photo()})["FaceDetails"] == []


def test_an_image_again_adds_no_face(aws: Any, staff: str) -> None:
    ids = indexed(aws, staff, ANNA, BEN, ExternalImageId="x")
    assert indexed(aws, staff, ANNA, BEN, ExternalImageId="x") == ids
    aws.create_user(CollectionId=staff, UserId="anna")
    aws.associate_faces(CollectionId=staff, UserId="anna", FaceIds=ids[:1])
    assert indexed(aws, staff, ANNA, BEN, ExternalImageId="x") == ids
    assert set(indexed(aws, staff, ANNA, BEN, ExternalImageId="y")).isdisjoint(ids)
    assert aws.describe_collection(CollectionId=staff)["FaceCount"] == 4


def test_faces_that_are_not_indexed_have_reasons(aws: Any, staff: str) -> None:
    answer = aws.index_faces(CollectionId=staff, Image=photo(ANNA, BEN, CLEO), MaxFaces=1, QualityFilter="NONE")
    assert len(answer["FaceRecords"]) == 1
    assert [one["Reasons"] for one in answer["UnindexedFaces"]] == [["EXCEEDS_MAX_FACES"]] * 2
    dark = opened(drawn_photo(ANNA)).point(lambda value: value if value == 255 else value // 32)  # not the frame
    answer = aws.index_faces(CollectionId=staff, Image={"Bytes": encoded(dark)})
    assert answer["FaceRecords"] == []
    assert "LOW_BRIGHTNESS" in answer["UnindexedFaces"][0]["Reasons"]


def test_faces_are_deleted_unless_they_are_of_a_user(aws: Any, staff: str) -> None:
    first, second = indexed(aws, staff, ANNA, BEN)
    aws.create_user(CollectionId=staff, UserId="ben")
    aws.associate_faces(CollectionId=staff, UserId="ben", FaceIds=[second])
    unknown = "00000000-0000-4000-8000-000000000000"
    answer = aws.delete_faces(CollectionId=staff, FaceIds=[first, second, unknown])
    assert answer["DeletedFaces"] == [first]
    assert answer["UnsuccessfulFaceDeletions"] == [
        {"FaceId": second, "UserId": "ben", "Reasons": ["ASSOCIATED_TO_AN_EXISTING_USER"]},
        {"FaceId": unknown, "Reasons": ["FACE_NOT_FOUND"]},
    ]
    assert [one["FaceId"] for one in aws.list_faces(CollectionId=staff)["Faces"]] == [second]
    assert found(aws.search_faces_by_image(CollectionId=staff, Image=photo(ANNA))) == []


# --- searches -------------------------------------------------------------------------------------------------------


def test_a_search_by_an_image_finds_each_face_of_a_person(aws: Any, staff: str) -> None:
    first = indexed(aws, staff, ANNA)[0]
    answer = aws.index_faces(
        CollectionId=staff, Image=photo(ANNA, noise=10, number=1), QualityFilter="NONE", ExternalImageId="later"
    )
    second = answer["FaceRecords"][0]["Face"]["FaceId"]
    indexed(aws, staff, BEN)
    for grouped in (False, True):
        if grouped:
            aws.create_user(CollectionId=staff, UserId="anna")
            aws.associate_faces(CollectionId=staff, UserId="anna", FaceIds=[first, second])
        answer = aws.search_faces_by_image(CollectionId=staff, Image=photo(ANNA))
        assert found(answer) == [first, second]
        similarities = [line["Similarity"] for line in answer["FaceMatches"]]
        assert 100 >= similarities[0] > similarities[1] >= 80
        assert answer["SearchedFaceBoundingBox"]["Width"] == pytest.approx(80 / 320)
        assert [line["Face"].get("UserId") for line in answer["FaceMatches"]] == ["anna" if grouped else None] * 2
        answer = aws.search_faces(CollectionId=staff, FaceId=first)
        assert (answer["SearchedFaceId"], found(answer)) == (first, [second])
        assert len(found(aws.search_faces_by_image(CollectionId=staff, Image=photo(ANNA), MaxFaces=1))) == 1
    everyone = aws.search_faces_by_image(CollectionId=staff, Image=photo(ANNA), FaceMatchThreshold=0)
    assert len(found(everyone)) == 3


def test_the_largest_face_is_searched(aws: Any, staff: str) -> None:
    anna, _ = indexed(aws, staff, ANNA, BEN)
    assert found(aws.search_faces_by_image(CollectionId=staff, Image=photo(ANNA, BEN))) == [anna]


def test_two_images_are_compared(aws: Any) -> None:
    answer = aws.compare_faces(SourceImage=photo(ANNA), TargetImage=photo(BEN, ANNA))
    (match,) = answer["FaceMatches"]
    assert match["Similarity"] > 90
    assert match["Face"]["BoundingBox"]["Left"] > 0.3
    assert len(answer["UnmatchedFaces"]) == 1
    assert answer["SourceImageFace"]["Confidence"] == pytest.approx(95, abs=0.1)
    none = aws.compare_faces(SourceImage=photo(ANNA), TargetImage=photo(BEN))
    assert (none["FaceMatches"], len(none["UnmatchedFaces"])) == ([], 1)


# --- users ----------------------------------------------------------------------------------------------------------


def test_users_are_groups_of_faces(aws: Any, staff: str) -> None:
    anna, ben = indexed(aws, staff, ANNA, BEN)
    aws.create_user(CollectionId=staff, UserId="anna")
    aws.create_user(CollectionId=staff, UserId="ben")
    assert aws.list_users(CollectionId=staff)["Users"][0] == {"UserId": "anna", "UserStatus": "CREATED"}
    answer = aws.associate_faces(CollectionId=staff, UserId="anna", FaceIds=[anna, ben])
    assert (answer["AssociatedFaces"], answer["UserStatus"]) == ([{"FaceId": anna}], "ACTIVE")
    (refused,) = answer["UnsuccessfulFaceAssociations"]
    assert (refused["FaceId"], refused["Reasons"]) == (ben, ["LOW_MATCH_CONFIDENCE"])
    assert refused["Confidence"] < 75
    aws.associate_faces(CollectionId=staff, UserId="ben", FaceIds=[ben])
    (refused,) = aws.associate_faces(CollectionId=staff, UserId="anna", FaceIds=[ben])["UnsuccessfulFaceAssociations"]
    assert refused == {"FaceId": ben, "UserId": "ben", "Reasons": ["ASSOCIATED_TO_A_DIFFERENT_USER"]}
    again = aws.associate_faces(CollectionId=staff, UserId="anna", FaceIds=[anna])
    assert (again["AssociatedFaces"], again["UnsuccessfulFaceAssociations"]) == ([], [])
    told = aws.describe_collection(CollectionId=staff)
    assert (told["FaceCount"], told["UserCount"]) == (2, 2)
    assert [one["FaceId"] for one in aws.list_faces(CollectionId=staff, UserId="ben")["Faces"]] == [ben]


def test_users_are_searched(aws: Any, staff: str) -> None:
    anna, ben = indexed(aws, staff, ANNA, BEN)
    loose = aws.index_faces(CollectionId=staff, Image=photo(ANNA, noise=5, number=2), QualityFilter="NONE")
    for user, face in (("anna", anna), ("ben", ben)):
        aws.create_user(CollectionId=staff, UserId=user)
        aws.associate_faces(CollectionId=staff, UserId=user, FaceIds=[face])
    answer = aws.search_users_by_image(CollectionId=staff, Image=photo(ANNA, CLEO))
    assert [line["User"] for line in answer["UserMatches"]] == [{"UserId": "anna", "UserStatus": "ACTIVE"}]
    assert [one["Reasons"] for one in answer["UnsearchedFaces"]] == [["FACE_NOT_LARGEST"]]
    assert answer["SearchedFace"]["FaceDetail"]["Confidence"] > 90
    loose_id = loose["FaceRecords"][0]["Face"]["FaceId"]
    answer = aws.search_users(CollectionId=staff, FaceId=loose_id)
    assert answer["SearchedFace"] == {"FaceId": loose_id}
    assert [line["User"]["UserId"] for line in answer["UserMatches"]] == ["anna"]
    answer = aws.search_users(CollectionId=staff, UserId="anna", UserMatchThreshold=0)
    assert answer["SearchedUser"] == {"UserId": "anna"}
    assert [line["User"]["UserId"] for line in answer["UserMatches"]] == ["ben"]
    empty = aws.search_users_by_image(CollectionId=staff, Image=photo())
    assert empty["UserMatches"] == []
    assert "SearchedFace" not in empty


def test_faces_leave_a_user_and_stay(aws: Any, staff: str) -> None:
    anna, ben = indexed(aws, staff, ANNA, BEN, ExternalImageId="kept")
    aws.create_user(CollectionId=staff, UserId="anna")
    aws.create_user(CollectionId=staff, UserId="ben")
    aws.associate_faces(CollectionId=staff, UserId="anna", FaceIds=[anna])
    aws.associate_faces(CollectionId=staff, UserId="ben", FaceIds=[ben])
    answer = aws.disassociate_faces(CollectionId=staff, UserId="anna", FaceIds=[anna, ben])
    assert (answer["DisassociatedFaces"], answer["UserStatus"]) == ([{"FaceId": anna}], "CREATED")
    assert answer["UnsuccessfulFaceDisassociations"][0]["Reasons"] == ["ASSOCIATED_TO_A_DIFFERENT_USER"]
    aws.delete_user(CollectionId=staff, UserId="ben")
    assert [user["UserId"] for user in aws.list_users(CollectionId=staff)["Users"]] == ["anna"]
    faces = aws.list_faces(CollectionId=staff)["Faces"]
    assert [(one["FaceId"], one["ExternalImageId"], one.get("UserId")) for one in faces] == [
        (anna, "kept", None),
        (ben, "kept", None),
    ]


def test_a_request_with_the_same_token_has_the_same_answer(aws: Any, staff: str) -> None:
    (anna,) = indexed(aws, staff, ANNA)
    user = {"CollectionId": staff, "UserId": "anna"}
    for _ in range(2):
        aws.create_user(**user, ClientRequestToken="one")
    answers = [aws.associate_faces(**user, FaceIds=[anna], ClientRequestToken="two") for _ in range(2)]
    assert answers[0]["AssociatedFaces"] == answers[1]["AssociatedFaces"] == [{"FaceId": anna}]
    answers = [aws.disassociate_faces(**user, FaceIds=[anna], ClientRequestToken="three") for _ in range(2)]
    assert answers[0]["DisassociatedFaces"] == answers[1]["DisassociatedFaces"] == [{"FaceId": anna}]
    for _ in range(2):
        aws.delete_user(**user, ClientRequestToken="four")
    with pytest.raises(aws.exceptions.ClientError) as refused:
        aws.create_user(CollectionId=staff, UserId="ben", ClientRequestToken="one")
    assert refused.value.response["Error"]["Code"] == "IdempotentParameterMismatchException"


def test_users_are_found_among_many_faces_without_one(aws: Any, staff: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first lines of the search are of loose faces alone, so that more are asked for."""
    monkeypatch.setattr("vultus.service.loose_faces.face_lists.FIRST_LINES", 1)
    (anna,) = indexed(aws, staff, ANNA)
    for number in (1, 2, 3):
        aws.index_faces(CollectionId=staff, Image=photo(BEN, noise=5, number=number), QualityFilter="NONE")
    aws.create_user(CollectionId=staff, UserId="anna")
    aws.associate_faces(CollectionId=staff, UserId="anna", FaceIds=[anna])
    answer = aws.search_users_by_image(CollectionId=staff, Image=photo(BEN), UserMatchThreshold=0)
    assert [line["User"]["UserId"] for line in answer["UserMatches"]] == ["anna"]
    assert len(found(aws.search_faces_by_image(CollectionId=staff, Image=photo(BEN), FaceMatchThreshold=0))) == 4
