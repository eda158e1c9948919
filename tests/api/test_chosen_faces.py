"""Every answer about a photo says which of its faces it is about, how many there are, and where the others are."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from tests.pictures import FRAME, drawn_face, drawn_photo, encoded
from tests.standins import TINY
from vultus.api.app import create_app
from vultus.records.stored import SCOPES
from vultus.wiring.parts import System


def framed(*faces: tuple[int, np.ndarray]) -> bytes:
    """A PNG of square pictures of faces, each in a frame, left to right. Each: its side in pixels, and the picture."""
    canvas = np.full((240, 400, 3), 90, np.uint8)
    left = 10
    for side, picture in faces:
        canvas[20 : 24 + side, left : left + side + 4] = FRAME
        canvas[22 : 22 + side, left + 2 : left + 2 + side] = np.asarray(Image.fromarray(picture).resize((side, side)))
        left += side + 30
    return encoded(Image.fromarray(canvas))


def dark() -> np.ndarray:
    """A face in the dark: quality 0."""
    return drawn_face(5) // 128


DAMAGED_AND_GOOD = framed((120, dark()), (70, drawn_face(1)))  # prominence 0.43 of the larger one
DAMAGED_AND_SMALL = framed((180, dark()), (40, drawn_face(1)))  # 0.04 of it


@pytest.fixture(autouse=True)
def people(small_client: TestClient) -> None:
    for subject, person in ("ada", 1), ("bob", 2):
        photos = [("img", drawn_photo(person)), ("img", drawn_photo(person, photo=1, noise=2))]
        assert small_client.post("/enroll", files=photos, data={"subject": subject}).status_code == 201


OTHER = "looks_like_another_subject"  # the photos are of people who are enrolled under other ids


def codes(answer: Any) -> list[tuple[str, str]]:
    return [(caution["code"], caution["image"]) for caution in answer.get("cautions", [])]


def about_one(client: TestClient, call: str, photo: bytes) -> tuple[dict[str, Any], Any]:
    """The part of an answer that says which face of the photo it is about, and the part that has the cautions."""
    if call == "/find":
        answer = client.post("/find", files={"img": photo}).json()
        return answer, answer["faces"][0]
    if call == "/enroll":
        answer = client.post("/enroll", files={"img": photo}, data={"subject": "eve", "face": "largest"}).json()
        return answer["faces"][0], answer
    vector = client.post("/represent", files={"img": drawn_photo(1)}).json()[0]["embedding"]
    answer = client.post("/compare", files={"img": photo}, data={"target_vector": json.dumps(vector)}).json()
    return answer, answer


@pytest.mark.parametrize("call", ["/find", "/enroll", "/compare"])
def test_one_of_several_faces_is_said_to_be_one_of_several(small_client, call):
    about, answer = about_one(small_client, call, drawn_photo(1, 2))
    assert about["faces_found"] == 2
    assert (about["chosen"]["rule"], about["chosen"]["index"]) == ("largest", 0)
    assert about["chosen"]["detail"] == "largest of 2"
    detected = small_client.post("/detect", files={"img": drawn_photo(1, 2)}).json()
    assert about["chosen"]["facial_area"] == detected["faces"][0]["facial_area"]
    (other,) = about["other_faces"]
    assert other["facial_area"] == detected["faces"][1]["facial_area"]
    assert other["quality"] == detected["faces"][1]["quality"]
    assert 0.5 < other["prominence"] < 1  # 60^2 / 80^2 = 0.56
    assert [one for one in codes(answer) if one[0] != OTHER] == [("several_faces", "img")]


@pytest.mark.parametrize("call", ["/find", "/enroll", "/compare"])
def test_an_only_face_is_said_to_be_the_only_one(small_client, call):
    about, answer = about_one(small_client, call, drawn_photo(1, photo=3, noise=1))
    assert (about["faces_found"], about["chosen"]["rule"], about["other_faces"]) == (1, "only", [])
    assert [one for one in codes(answer) if one[0] != OTHER] == []


def test_verify_says_it_of_both_photos(small_client):
    answer = small_client.post("/verify", files={"img1": drawn_photo(1, 2), "img2": drawn_photo(1)}).json()
    assert answer["faces_found"] == {"img1": 2, "img2": 1}
    assert [answer["chosen"][image]["rule"] for image in ("img1", "img2")] == ["largest", "only"]
    assert [len(answer["other_faces"][image]) for image in ("img1", "img2")] == [1, 0]
    assert answer["facial_areas"]["img1"]["chosen"] == "largest of 2"
    assert codes(answer) == [("several_faces", "img1")]
    assert "enrolled_face" not in answer


@pytest.mark.parametrize(("photo", "index"), [(drawn_photo(1), 0), (drawn_photo(1, photo=1, noise=2), 1)])
def test_verify_with_a_subject_says_which_of_its_faces_it_is(small_client, photo, index):
    faces = small_client.get("/collections/default/subjects/ada/faces").json()["faces"]
    answer = small_client.post("/verify", files={"img": photo}, data={"subject": "ada"}).json()
    wanted = {"subject": "ada", "face_id": faces[index]["face_id"], "index": index, "faces": 2}
    assert (answer["verified"], answer["enrolled_face"]) == (True, wanted)
    assert (answer["faces_found"], answer["chosen"]["img2"]) == ({"img1": 1, "img2": None}, None)


@pytest.mark.parametrize("call", ["/find", "/compare"])
def test_a_good_face_is_taken_in_place_of_a_larger_one_of_quality_0(small_client, call):
    detected = small_client.post("/detect", files={"img": DAMAGED_AND_GOOD}).json()["faces"]
    assert detected[0]["quality"]["score"] < 20 < detected[1]["quality"]["score"]  # else this shows nothing
    about, answer = about_one(small_client, call, DAMAGED_AND_GOOD)
    assert (about["chosen"]["rule"], about["chosen"]["index"]) == ("usable", 1)
    assert about["chosen"]["facial_area"] == detected[1]["facial_area"]
    assert about["other_faces"][0]["facial_area"] == detected[0]["facial_area"]
    assert about["other_faces"][0]["prominence"] > 1
    assert [one for one in codes(answer) if one[0] != OTHER] == [("several_faces", "img")]
    if call == "/find":
        assert (answer["decision"], answer["matches"][0]["subject"]) == ("match", "ada")


def test_verify_takes_the_good_face_too(small_client):
    answer = small_client.post("/verify", files={"img": DAMAGED_AND_GOOD}, data={"subject": "ada"}).json()
    assert (answer["verified"], answer["chosen"]["img1"]["rule"]) == (True, "usable")


def test_a_passer_by_is_not_taken_in_place_of_a_damaged_face(small_client):
    about, answer = about_one(small_client, "/find", DAMAGED_AND_SMALL)
    assert (about["chosen"]["rule"], about["chosen"]["index"]) == ("largest", 0)
    assert codes(answer) == [("low_quality", "img"), ("several_faces", "img")]


def test_nobody_is_enrolled_in_place_of_a_damaged_face(small_client):
    """Another face under the id of the subject would be worse than none."""
    answer = small_client.post("/enroll", files={"img": DAMAGED_AND_GOOD}, data={"subject": "e", "face": "largest"})
    assert (answer.status_code, answer.json()["error"]) == (422, "low_quality")


def test_an_own_choice_of_the_face_is_kept_without_a_caution(small_client):
    vector = small_client.post("/represent", files={"img": drawn_photo(1)}).json()[0]["embedding"]
    form = {"target_vector": json.dumps(vector), "face_index": "1"}
    answer = small_client.post("/compare", files={"img": drawn_photo(2, 1)}, data=form).json()
    assert (answer["chosen"]["rule"], answer["chosen"]["index"]) == ("face_index", 1)
    assert (answer["results"][0]["verified"], codes(answer)) == (True, [])


def test_verify_compares_the_faces_that_are_asked_for(small_client):
    """Ada is the second face of one photo, and the first of the other."""
    photos = {"img1": drawn_photo(2, 1), "img2": drawn_photo(1, 3)}
    form = {"img1_face_index": "1", "img2_face_index": "0"}
    answer = small_client.post("/verify", files=photos, data=form).json()
    assert (answer["verified"], answer["faces_found"], codes(answer)) == (True, {"img1": 2, "img2": 2}, [])
    assert [answer["chosen"][image]["rule"] for image in photos] == ["face_index", "face_index"]
    assert [answer["chosen"][image]["index"] for image in photos] == [1, 0]
    assert answer["facial_areas"]["img1"]["chosen"] == "face_index 1 of 2"
    other = small_client.post("/verify", files=photos, data={"img1_face_index": "1", "img2_face_index": "1"}).json()
    assert (other["verified"], other["chosen"]["img2"]["index"]) == (False, 1)


def test_verify_with_a_subject_compares_the_face_that_is_asked_for(small_client):
    form, photo = {"subject": "ada", "face_index": "1"}, {"img": drawn_photo(2, 1)}
    answer = small_client.post("/verify", files=photo, data=form).json()
    assert (answer["verified"], answer["chosen"]["img1"]["index"], codes(answer)) == (True, 1, [])
    assert small_client.post("/verify", files=photo, data={"subject": "ada"}).json()["verified"] is False


def test_a_damaged_face_is_kept_where_it_is_asked_for(small_client):
    """Without the index the good one is taken in its place."""
    form = {"subject": "ada", "face_index": "0", "accept_low_quality": "true"}
    answer = small_client.post("/verify", files={"img": DAMAGED_AND_GOOD}, data=form).json()
    assert (answer["chosen"]["img1"]["rule"], answer["chosen"]["img1"]["index"]) == ("face_index", 0)


TWO, ONE = drawn_photo(1, 2), drawn_photo(1)


@pytest.mark.parametrize(
    ("photos", "form", "words"),
    [
        ({"img1": TWO, "img2": ONE}, {"img1_face_index": "2"}, "img1_face_index is 2, but img1 has 2 faces"),
        ({"img1": TWO, "img2": ONE}, {"img2_face_index": "1"}, "img2_face_index is 1, but img2 has 1 face; count"),
        ({"img": ONE}, {"subject": "ada", "face_index": "9" * 30}, "but img has 1 face; count from 0"),
        ({"img": ONE}, {"subject": "ada", "face_index": "-1"}, "face_index"),
        ({"img1": TWO, "img2": ONE}, {"img1_face_index": "1.5"}, "img1_face_index"),
        ({"img1": TWO, "img2": ONE}, {"face_index": "0"}, "send img1_face_index"),
        ({"img": ONE}, {"subject": "ada", "img2_face_index": "0"}, "send face_index"),
    ],
)
def test_a_face_that_the_photo_has_not_is_refused_with_the_number_of_faces(small_client, photos, form, words):
    answer = small_client.post("/verify", files=photos, data=form)
    assert answer.status_code in {400, 422}
    assert words in answer.json()["detail"]


def test_what_had_no_photo_says_that_none_was_looked_at(small_client):
    vector = small_client.post("/represent", files={"img": drawn_photo(1)}).json()[0]["embedding"]
    found = small_client.post("/find", json={"embedding": vector, "model_name": TINY}).json()
    again = small_client.post("/enroll", files={"img": drawn_photo(1)}, data={"subject": "ada"}).json()["faces"][0]
    assert again["created"] is False
    for answer in found, again:
        assert (answer["faces_found"], answer["chosen"], answer["other_faces"]) == (None, None, [])


def test_where_all_faces_are_searched_none_is_chosen(small_client):
    answer = small_client.post("/find", files={"img": drawn_photo(1, 2)}, data={"faces": "all"}).json()
    assert (answer["faces_found"], answer["chosen"], len(answer["faces"])) == (2, None, 2)
    assert [codes(face) for face in answer["faces"]] == [[], []]


def test_each_face_of_a_group_says_its_place(small_client):
    answer = small_client.post("/enroll", files={"img": drawn_photo(3, 4)}, data={"face": "all"}).json()
    assert [(face["faces_found"], face["chosen"]["rule"], face["chosen"]["index"]) for face in answer["faces"]] == [
        (2, "all", 0),
        (2, "all", 1),
    ]


@pytest.fixture
def limited(whole: System) -> TestClient:
    """A client of a server that uses one face of a photo."""
    whole.service.context.pipeline._max_faces = 1
    _, secret = whole.keys.create("test", SCOPES)
    with TestClient(create_app(whole), headers={"x-api-key": secret}) as http:
        yield http


def test_faces_beyond_the_limit_are_counted_and_said_to_be_left_out(limited):
    photo = {"img": drawn_photo(5, 6)}
    detected = limited.post("/detect", files=photo)
    assert (detected.json()["faces_found"], len(detected.json()["faces"])) == (2, 1)
    represented = limited.post("/represent", files=photo)
    assert (represented.headers["x-faces-found"], len(represented.json())) == ("2", 1)
    left_out = [("faces_left_out", "img")]
    for fields in {}, {"faces": "all"}:
        answer = limited.post("/find", files=photo, data=fields).json()
        assert (answer["faces_found"], codes(answer["faces"][0])) == (2, left_out)
    assert "VULTUS_MAX_FACES" in answer["faces"][0]["cautions"][0]["detail"]
    assert codes(limited.post("/verify", files=photo, data={"subject": "ada"}).json()) == left_out
    assert codes(limited.post("/enroll", files=photo, data={"face": "all"}).json()) == left_out


def test_only_one_face_is_asked_for_whatever_the_limit_is(limited):
    answer = limited.post("/enroll", files={"img": drawn_photo(5, 6)}, data={"subject": "eve"})
    assert (answer.status_code, answer.json()["error"]) == (422, "multiple_faces")
    assert answer.json()["detail"].startswith("2 faces found")
