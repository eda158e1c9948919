"""CompreFace's calls: each answers in its shape, and each failure that it models has its number."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from starlette.testclient import TestClient

from tests.pictures import drawn_photo, with_comment
from vultus.storage.audit import Audit
from vultus.wiring.parts import System

V1 = "/api/v1"
FACES, SUBJECTS = f"{V1}/recognition/faces", f"{V1}/recognition/subjects"
RECOGNIZE = f"{V1}/recognition/recognize"
ALL_PLUGINS = "landmarks,calculator,age,gender,mask,pose"
ANNA, BERT, BLANK = drawn_photo(1), drawn_photo(2), drawn_photo()
TWO = drawn_photo(1, 2)


@pytest.fixture
def client(http: TestClient, uuids: dict[str, str], nobody: None) -> Iterator[TestClient]:
    """Sends the key of the service that the path names."""

    def send_key(request: Any) -> None:
        request.headers.setdefault("x-api-key", uuids[f"compreface-{request.url.path.split('/')[3]}"])

    http.event_hooks = {"request": [send_key]}
    yield http
    http.event_hooks = {}


def added(client: TestClient, subject: str, photo: bytes) -> str:
    """The image id of a new example."""
    answer = client.post(FACES, params={"subject": subject}, files={"file": ("a.png", photo)})
    assert answer.status_code == 201, answer.text
    assert answer.json()["subject"] == subject
    return str(answer.json()["image_id"])


def failure(answer: Any) -> tuple[int, int]:
    body = answer.json()
    assert set(body) == {"message", "code"}
    return answer.status_code, body["code"]


# --- subjects -----------------------------------------------------------------------------------------------------


def test_subjects_are_added_listed_renamed_and_erased(client: TestClient) -> None:
    assert client.post(SUBJECTS, json={"subject": "Anna Ü"}).json() == {"subject": "Anna Ü"}
    assert client.get(SUBJECTS).json() == {"subjects": ["Anna Ü"]}
    renamed = client.put(f"{SUBJECTS}/Anna Ü", json={"subject": "Анна", "api_endpoint": "Anna Ü"})
    assert renamed.json() == {"updated": True}
    assert client.delete(f"{SUBJECTS}/Анна").json() == {"subject": "Анна"}
    assert client.get(SUBJECTS).json() == {"subjects": []}


def test_a_name_that_is_there_is_refused_in_either_case(client: TestClient) -> None:
    assert client.post(SUBJECTS, json={"subject": "Anna"}).status_code == 201
    for name in ("Anna", "ANNA"):
        assert failure(client.post(SUBJECTS, json={"subject": name})) == (400, 43)
    assert client.get(SUBJECTS).json() == {"subjects": ["Anna"]}


@pytest.mark.parametrize("name", ["", "  ", "a" * 51, "a;b", "a/b", "a\\b", "a\nb"])
def test_names_that_compreface_does_not_take(client: TestClient, name: str) -> None:
    assert failure(client.post(SUBJECTS, json={"subject": name})) == (400, 26)
    assert client.get(SUBJECTS).json() == {"subjects": []}


def test_a_rename_to_the_name_of_another_merges_them(client: TestClient) -> None:
    added(client, "anna", ANNA)
    added(client, "annika", drawn_photo(1, noise=20, photo=3))
    assert client.put(f"{SUBJECTS}/annika", json={"subject": "anna"}).json() == {"updated": True}
    assert client.get(SUBJECTS).json() == {"subjects": ["anna"]}
    assert client.get(FACES, params={"subject": "anna"}).json()["total_elements"] == 2


def test_a_rename_that_changes_nothing_says_so(client: TestClient) -> None:
    added(client, "anna", ANNA)
    for name in ("", "anna"):
        assert client.put(f"{SUBJECTS}/anna", json={"subject": name}).json() == {"updated": False}
    assert failure(client.put(f"{SUBJECTS}/nobody", json={"subject": "x"})) == (404, 42)
    assert failure(client.put(f"{SUBJECTS}/anna", json={"subject": "a/b"})) == (400, 26)


def test_a_subject_that_is_not_there(client: TestClient) -> None:
    assert failure(client.delete(f"{SUBJECTS}/nobody")) == (404, 42)  # no collection yet
    added(client, "anna", ANNA)
    assert failure(client.delete(f"{SUBJECTS}/nobody")) == (404, 42)
    assert failure(client.delete(f"{SUBJECTS}/a%2Fb")) == (404, 42)
    assert failure(client.delete(f"{SUBJECTS}/a/b")) == (404, 0)


def test_all_subjects_are_erased(client: TestClient) -> None:
    assert client.delete(SUBJECTS).json() == {"deleted": 0}
    added(client, "anna", ANNA)
    client.post(SUBJECTS, json={"subject": "bert"})
    assert client.delete(SUBJECTS).json() == {"deleted": 2}
    assert client.get(FACES).json()["total_elements"] == 0


# --- examples -----------------------------------------------------------------------------------------------------


def test_examples_are_listed_page_by_page(client: TestClient) -> None:
    empty = {"faces": [], "page_number": 0, "page_size": 20, "total_pages": 0, "total_elements": 0}
    assert client.get(FACES).json() == empty
    ids = [added(client, "anna", drawn_photo(1, photo=i, noise=2)) for i in range(3)] + [added(client, "bert", BERT)]
    page = client.get(f"{FACES}?&page=1&size=3").json()
    assert page == {
        "faces": [{"image_id": ids[3], "subject": "bert"}],
        "page_number": 1,
        "page_size": 3,
        "total_pages": 2,
        "total_elements": 4,
    }
    of_anna = client.get(FACES, params={"subject": "anna"}).json()
    assert [face["image_id"] for face in of_anna["faces"]] == ids[:3]
    assert client.get(FACES, params={"subject": "nobody"}).json()["faces"] == []


def test_an_example_may_be_base64_in_json(client: TestClient) -> None:
    sent = {"file": base64.b64encode(ANNA).decode(), "more": 1}
    answer = client.post(f"{FACES}?subject=anna&det_prob_threshold=0.5", json=sent)
    assert (answer.status_code, answer.json()["subject"]) == (201, "anna")
    assert UUID(answer.json()["image_id"])


@pytest.mark.parametrize(
    ("query", "files", "expected"),
    [
        ({}, {"file": ("a.png", ANNA)}, (400, 33)),
        ({"subject": " "}, {"file": ("a.png", ANNA)}, (400, 33)),
        ({"subject": "a/b"}, {"file": ("a.png", ANNA)}, (400, 26)),
        ({"subject": "anna"}, {"other": ("a.png", ANNA)}, (400, 34)),
        ({"subject": "anna"}, {"file": ("a.txt", ANNA)}, (400, 21)),
        ({"subject": "anna"}, {"file": ("a.png", b"no picture")}, (400, 28)),
        ({"subject": "anna"}, {"file": ("a.png", BLANK)}, (400, 28)),
        ({"subject": "anna"}, {"file": ("a.png", TWO)}, (400, 31)),
        ({"subject": "anna", "det_prob_threshold": "1"}, {"file": ("a.png", ANNA)}, (400, 28)),
        ({"subject": "anna", "det_prob_threshold": "2"}, {"file": ("a.png", ANNA)}, (400, 26)),
        ({"subject": "anna", "det_prob_threshold": "x"}, {"file": ("a.png", ANNA)}, (400, 36)),
    ],
)
def test_examples_that_are_refused_leave_nothing(
    client: TestClient, query: dict[str, str], files: Any, expected: tuple[int, int]
) -> None:
    assert failure(client.post(FACES, params=query, files=files)) == expected
    assert client.get(SUBJECTS).json() == {"subjects": []}


def test_faces_below_the_detection_threshold_are_not_counted(
    client: TestClient, shared_small: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A face in the background of which the detector is less sure than det_prob_threshold, as CompreFace has it."""
    monkeypatch.setattr(shared_small.detector, "sure_of_others", 0.7)
    query = {"subject": "anna", "det_prob_threshold": "0.8"}
    assert client.post(FACES, params=query, files={"file": TWO}).status_code == 201
    (face,) = client.post(RECOGNIZE, params={"det_prob_threshold": "0.8"}, files={"file": TWO}).json()["result"]
    assert face["subjects"][0]["subject"] == "anna"
    assert failure(client.post(FACES, params={"subject": "bert"}, files={"file": TWO})) == (400, 31)


def test_the_way_out_is_one_that_the_protocol_has(client: TestClient) -> None:
    answer = client.post(f"{FACES}?subject=anna", files={"file": TWO})
    assert answer.json()["message"].endswith("where exactly one is allowed; crop it to one person")


def test_examples_are_erased_one_by_one_many_at_once_and_by_subject(client: TestClient) -> None:
    ids = [added(client, "anna", drawn_photo(1, photo=i, noise=2)) for i in range(4)]
    assert client.delete(f"{FACES}/{ids[0]}").json() == {"image_id": ids[0], "subject": "anna"}
    assert failure(client.delete(f"{FACES}/{ids[0]}")) == (404, 44)
    many = client.post(f"{FACES}/delete", json=[ids[1], ids[0], ids[1]])
    assert many.json() == [{"image_id": ids[1], "subject": "anna"}]
    assert client.delete(f"{FACES}?subject=anna").json() == {"deleted": 2}
    assert client.delete(f"{FACES}?subject=anna").json() == {"deleted": 0}
    assert client.get(SUBJECTS).json() == {"subjects": []}
    added(client, "bert", BERT)
    assert client.delete(FACES).json() == {"deleted": 1}


@pytest.mark.parametrize("body", [b"{}", b"[1]", b"no json"])
def test_ids_to_erase_are_an_array_of_texts(client: TestClient, body: bytes) -> None:
    assert failure(client.post(f"{FACES}/delete", content=body)) == (400, 0)


def test_ids_that_are_no_uuid(client: TestClient) -> None:
    for method, path in [("DELETE", f"{FACES}/x"), ("GET", f"{FACES}/x/img"), ("POST", f"{FACES}/x/verify")]:
        assert failure(client.request(method, path)) == (400, 36)
    assert failure(client.post(f"{FACES}/delete", json=["x"])) == (400, 36)


def test_the_photo_of_an_example(client: TestClient) -> None:
    photo = client.get(f"{FACES}/{added(client, 'anna', ANNA)}/img")
    assert photo.headers["content-type"] == "application/octet-stream"
    assert photo.headers["cache-control"] == "no-store"
    assert photo.content.startswith(b"\xff\xd8")
    absent = client.get(f"{FACES}/{uuid4()}/img")
    assert (absent.status_code, absent.content) == (200, b"")


def test_faces_of_another_collection_are_not_there(client: TestClient, shared: System) -> None:
    other = shared.service.enrolment.enroll([ANNA], collection="secret", subject="anna").faces[0].face.id
    image_id = str(UUID(other))
    assert failure(client.delete(f"{FACES}/{image_id}")) == (404, 44)
    assert client.get(f"{FACES}/{image_id}/img").content == b""
    assert client.post(f"{FACES}/delete", json=[image_id]).json() == []
    assert failure(client.post(f"{FACES}/{image_id}/verify", files={"file": ANNA})) == (404, 44)
    assert shared.service.galleries.face(other)


# --- recognition --------------------------------------------------------------------------------------------------


def test_each_face_has_its_subjects_best_first(client: TestClient) -> None:
    added(client, "anna", ANNA)
    added(client, "bert", BERT)
    answer = client.post(f"{RECOGNIZE}?&limit=0&prediction_count=2&status=True", files={"file": ("image.jpg", TWO)})
    body = answer.json()
    assert [[one["subject"] for one in face["subjects"]] for face in body["result"]] == [
        ["anna", "bert"],
        ["bert", "anna"],
    ]
    best = [face["subjects"][0]["similarity"] for face in body["result"]]
    worst = [face["subjects"][1]["similarity"] for face in body["result"]]
    assert min(best) > 0.97 > 0.5 > max(worst)
    assert set(body["result"][0]) == {"box", "subjects", "execution_time"}
    assert set(body["plugins_versions"]) == {"detector", "calculator"}
    box = body["result"][0]["box"]
    assert {name: type(value) for name, value in box.items()} == {
        "probability": float,
        **dict.fromkeys(("x_max", "y_max", "x_min", "y_min"), int),
    }


def test_limit_and_what_is_left_out_without_plugins(client: TestClient) -> None:
    added(client, "anna", ANNA)
    body = client.post(f"{RECOGNIZE}?limit=1&face_plugins=undefined", files={"file": TWO}).json()
    assert set(body) == {"result"}
    assert [set(face) for face in body["result"]] == [{"box", "subjects"}]
    assert [one["subject"] for one in body["result"][0]["subjects"]] == ["anna"]


def test_plugins_that_can_be_had_and_no_invented_ones(client: TestClient) -> None:
    (face,) = client.post(f"{RECOGNIZE}?face_plugins={ALL_PLUGINS}", files={"file": ANNA}).json()["result"]
    assert set(face) == {"box", "subjects", "landmarks", "embedding"}
    assert len(face["landmarks"]) == 5
    assert face["subjects"] == []  # nobody was added


def test_a_photo_without_faces_unless_it_is_a_face_already(client: TestClient) -> None:
    assert failure(client.post(RECOGNIZE, files={"file": BLANK})) == (400, 28)
    added(client, "anna", ANNA)
    assert failure(client.post(RECOGNIZE, files={"file": BLANK})) == (400, 28)
    (face,) = client.post(f"{RECOGNIZE}?detect_faces=false", files={"file": BLANK}).json()["result"]
    assert [one["subject"] for one in face["subjects"]] == ["anna"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("limit=-1", (400, 26)),
        ("limit=one", (400, 36)),
        ("prediction_count=0", (404, 12)),
        ("status=perhaps", (400, 36)),
        ("det_prob_threshold=nan", (400, 26)),
        ("det_prob_threshold=1", (400, 28)),
    ],
)
def test_options_that_are_refused(client: TestClient, query: str, expected: tuple[int, int]) -> None:
    assert failure(client.post(f"{RECOGNIZE}?{query}", files={"file": ANNA})) == expected


def test_verify_against_an_example(client: TestClient) -> None:
    image_id = added(client, "anna", ANNA)
    body = client.post(f"{FACES}/{image_id}/verify?limit=0", files={"file": TWO}).json()
    assert [face["subject"] for face in body["result"]] == ["anna", "anna"]
    same, other = (face["similarity"] for face in body["result"])
    assert same > 0.97 > 0.5 > other
    assert failure(client.post(f"{FACES}/{uuid4()}/verify", files={"file": TWO})) == (404, 44)


def test_embeddings_that_the_caller_kept(client: TestClient) -> None:
    image_id = added(client, "anna", ANNA)
    added(client, "bert", BERT)
    faces = client.post(f"{RECOGNIZE}?face_plugins=calculator", files={"file": TWO}).json()["result"]
    of_anna, of_bert = (face["embedding"] for face in faces)
    path = f"{V1}/recognition/embeddings"
    found = client.post(f"{path}/recognize?prediction_count=1", json={"embeddings": [of_bert, of_anna]}).json()
    assert [one["similarities"][0]["subject"] for one in found["result"]] == ["bert", "anna"]
    compared = client.post(f"{path}/faces/{image_id}/verify", json={"embeddings": [of_bert, of_anna]}).json()
    assert [one["embedding"] == of_anna for one in compared["result"]] == [True, False]  # the most alike first
    assert failure(client.post(f"{path}/recognize", json={"embeddings": [[1.0, 0.0]]})) == (400, 37)
    assert failure(client.post(f"{path}/recognize", json={})) == (400, 34)
    assert failure(client.post(f"{path}/faces/{uuid4()}/verify", json={"embeddings": [of_anna]})) == (404, 44)


# --- detection and verification -----------------------------------------------------------------------------------


def test_detection(client: TestClient) -> None:
    path = f"{V1}/detection/detect"
    body = client.post(f"{path}?face_plugins=landmarks&limit=0", files={"file": TWO}).json()
    assert [set(face) for face in body["result"]] == [{"box", "landmarks"}] * 2
    assert failure(client.post(path, files={"file": BLANK})) == (400, 28)
    assert len(client.post(f"{path}?limit=1", files={"file": TWO}).json()["result"]) == 1


def test_verification_of_two_photos(client: TestClient) -> None:
    path = f"{V1}/verification/verify"
    sent: Any = {"source_image": ("a.png", ANNA), "target_image": ("b.png", TWO)}
    (result,) = client.post(f"{path}?status=true", files=sent).json()["result"]
    assert set(result) == {"source_image_face", "face_matches", "plugins_versions"}
    same, other = (face["similarity"] for face in result["face_matches"])
    assert same > 0.97 > 0.5 > other
    encoded = {name: base64.b64encode(photo).decode() for name, (_, photo) in sent.items()}
    assert len(client.post(path, json=encoded).json()["result"][0]["face_matches"]) == 2


@pytest.mark.parametrize(
    ("source", "target", "query", "expected"),
    [
        (TWO, ANNA, "", (400, 31)),
        (BLANK, ANNA, "", (400, 28)),
        (ANNA, BLANK, "", (400, 28)),
        (TWO, ANNA, "?limit=1", (200, None)),
    ],
)
def test_the_source_of_a_verification_has_one_face(
    client: TestClient, source: bytes, target: bytes, query: str, expected: tuple[int, int | None]
) -> None:
    answer = client.post(f"{V1}/verification/verify{query}", files={"source_image": source, "target_image": target})
    assert (answer.status_code, answer.json().get("code")) == expected


def test_verification_without_a_photo(client: TestClient) -> None:
    answer = client.post(f"{V1}/verification/verify", files={"source_image": ANNA})
    assert failure(answer) == (400, 34)
    assert "target_image" in answer.json()["message"]


def test_verification_of_embeddings(client: TestClient) -> None:
    faces = client.post(f"{V1}/detection/detect?face_plugins=calculator", files={"file": TWO}).json()["result"]
    one, other = (face["embedding"] for face in faces)
    path = f"{V1}/verification/embeddings/verify"
    body = client.post(path, json={"source": one, "targets": [other, one]}).json()
    assert [line["embedding"] == one for line in body["result"]] == [True, False]
    assert body["result"][0]["similarity"] > 0.97
    assert failure(client.post(path, json={"source": one})) == (400, 34)
    assert failure(client.post(path, json={"source": one, "targets": [[1.0]]})) == (400, 37)


# --- scopes and the audit -----------------------------------------------------------------------------------------


def test_embeddings_need_the_scope_represent(client: TestClient, shared: System) -> None:
    _, secret = shared.keys.create("finder", ["find"], collections=["people"])
    answer = client.post(f"{RECOGNIZE}?face_plugins=calculator", files={"file": ANNA}, headers={"x-api-key": secret})
    assert failure(answer) == (403, 0)
    assert "represent" in answer.json()["message"]


def test_a_key_of_several_collections_is_told_what_to_use(client: TestClient, shared: System) -> None:
    _, secret = shared.keys.create("all", ["read"], collections=["a", "b"])
    assert failure(client.get(SUBJECTS, headers={"x-api-key": secret})) == (403, 0)


def test_changes_have_their_line_in_the_audit(client: TestClient, shared: System, shared_small: Any) -> None:
    added(client, "anna", ANNA)
    client.delete(f"{FACES}?subject=anna")
    lines = Audit(shared_small.gallery._database).lines()
    assert [(line.action, line.collection) for line in lines][-3:] == [
        ("collection.create", "people"),
        ("enroll", "people"),
        ("subject.erase", "people"),
    ]


def test_the_same_photo_again_is_the_same_example(client: TestClient) -> None:
    first = added(client, "anna", ANNA)
    assert added(client, "anna", ANNA) == first
    assert added(client, "anna", with_comment(ANNA, "other bytes")) != first
