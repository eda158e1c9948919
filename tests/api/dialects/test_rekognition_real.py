"""Rekognition's operations with the real models on real photos."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.dialects.rekognition_server import client_of, listening
from tests.pictures import astronaut, group, no_face, variants
from vultus.records.stored import SCOPES
from vultus.wiring.parts import System

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def aws(real: System) -> Iterator[Any]:
    _, secret = real.keys.create("trial", SCOPES)
    with listening(real) as url:
        yield client_of(url, secret, secret)


def test_one_person_is_above_80_and_others_below(aws: Any) -> None:
    photo, others = {"Bytes": astronaut()}, {"Bytes": group()}
    mirror = {"Bytes": variants(astronaut())["jpeg quality 40"]}
    (match,) = aws.compare_faces(SourceImage=photo, TargetImage=mirror)["FaceMatches"]
    assert match["Similarity"] > 99
    assert abs(match["Face"]["Pose"]["Roll"]) < 30
    none = aws.compare_faces(SourceImage=photo, TargetImage=others)
    assert (len(none["FaceMatches"]), len(none["UnmatchedFaces"])) == (0, 6)


def test_a_group_is_indexed_and_each_face_found_again(aws: Any) -> None:
    aws.create_collection(CollectionId="rekognition")
    try:
        for photo, name in ((group(), "group"), (astronaut(), "astronaut")):
            aws.index_faces(CollectionId="rekognition", Image={"Bytes": photo}, ExternalImageId=name)
        faces = aws.list_faces(CollectionId="rekognition")["Faces"]
        assert len(faces) == 7
        areas = [face["BoundingBox"]["Width"] * face["BoundingBox"]["Height"] for face in faces[:6]]
        assert areas == sorted(areas, reverse=True)
        found = aws.search_faces_by_image(CollectionId="rekognition", Image={"Bytes": astronaut()})["FaceMatches"]
        assert [line["Face"]["ExternalImageId"] for line in found] == ["astronaut"]
        assert aws.search_faces(CollectionId="rekognition", FaceId=faces[0]["FaceId"])["FaceMatches"] == []
        everyone = aws.search_faces(CollectionId="rekognition", FaceId=faces[0]["FaceId"], FaceMatchThreshold=0)
        assert len(everyone["FaceMatches"]) == 6
        with pytest.raises(aws.exceptions.InvalidParameterException, match="no faces"):
            aws.search_faces_by_image(CollectionId="rekognition", Image={"Bytes": no_face()})
    finally:
        aws.delete_collection(CollectionId="rekognition")
