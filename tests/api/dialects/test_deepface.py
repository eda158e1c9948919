"""DeepFace's REST protocol over a real socket: every call with success and failure, and each field of its answers."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.pictures import drawn_photo
from tests.server.test_sockets import KEY, Served, serving
from tests.waiting import patient

TOKEN = "deepface-token-0123456789"
ANNA, ANNA_AGAIN, SPOOF = drawn_photo(1), drawn_photo(1, noise=6, photo=2), drawn_photo(1, liveness=4)
BERT, NOBODY, TWO = drawn_photo(2), drawn_photo(), drawn_photo(1, 2)
SCOPES = ["enroll", "verify", "find", "represent", "read", "erase"]

# What the routes of the package answer, read in its version 0.0.103.
REPRESENTED = {"embedding", "facial_area", "face_confidence"}
AREA = {"x", "y", "w", "h", "left_eye", "right_eye", "nose", "mouth_left", "mouth_right"}
VERIFIED = {
    *("verified", "distance", "threshold", "confidence", "model", "detector_backend", "similarity_metric"),
    *("facial_areas", "time"),
}
RECORD = {
    *("id", "img_name", "model_name", "detector_backend", "aligned", "l2_normalized", "search_method"),
    *("target_x", "target_y", "target_w", "target_h", "threshold", "distance_metric", "distance", "confidence"),
}


def data_uri(photo: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(photo).decode()}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("deepface"), VULTUS_MAX_BODY_BYTES="500000") as served:
        yield served


@pytest.fixture
def token(server: Served) -> Callable[..., str]:
    """Makes a key with these scopes for a collection of its own."""

    def make(*scopes: str, **limits: Any) -> str:
        collection = f"c{uuid.uuid4().hex[:8]}"
        sent = {"name": "test", "scopes": scopes or SCOPES, "collections": [collection], **limits}
        answer = httpx.post(f"{server.url}/keys", json=sent, headers={"x-api-key": KEY}, timeout=patient())
        return str(answer.json()["key"])

    return make


@pytest.fixture
def client(server: Served, token: Callable[..., str]) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=f"{server.url}/deepface", headers={"Authorization": f"Bearer {token()}"}, timeout=patient()
    ) as http:
        yield http


def ok(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()


def failure(answer: httpx.Response) -> tuple[int, str]:
    """Status and the one field of a failure, which has a sentence."""
    ((field, sentence),) = answer.json().items()
    assert sentence
    assert "Traceback" not in sentence
    return answer.status_code, field


def register(client: httpx.Client, img_name: str | None, photo: bytes, **fields: Any) -> int:
    sent = fields if img_name is None else {"img_name": img_name, **fields}
    return int(ok(client.post("/register", json={"img": data_uri(photo), **sent}))["inserted"])


def search(client: httpx.Client, photo: bytes, **fields: Any) -> list[list[dict[str, Any]]]:
    found: list[list[dict[str, Any]]] = ok(client.post("/search", json={"img": data_uri(photo), **fields}))["results"]
    return found


# --- tokens -------------------------------------------------------------------------------------------------------


def test_an_imported_token_works_and_the_greeting_needs_none(server: Served) -> None:
    subprocess.run(
        [sys.executable, "-m", "vultus", "keys", "import", "deepface", "old", "--data-dir", str(server.folder)],
        input=TOKEN,
        text=True,
        check=True,
        capture_output=True,
    )
    for path in ("/deepface", "/deepface/"):
        greeting = httpx.get(f"{server.url}{path}")
        assert (greeting.status_code, greeting.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert "DeepFace API v0.0.103" in greeting.text
    for scheme in ("Bearer", "bearer"):
        answer = httpx.post(
            f"{server.url}/deepface/represent",
            json={"img": data_uri(ANNA)},
            headers={"Authorization": f"{scheme} {TOKEN}"},
        )
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer"}, {"Authorization": "Bearer wrong"}])
@pytest.mark.parametrize("path", ["represent", "verify", "analyze", "register", "search", "build/index"])
def test_every_call_refuses_a_wrong_token_as_message(server: Served, path: str, header: dict[str, str]) -> None:
    assert failure(httpx.post(f"{server.url}/deepface/{path}", headers=header)) == (401, "message")


def test_scopes_and_rates_hold(server: Served, token: Callable[..., str]) -> None:
    def ask(secret: str) -> httpx.Response:
        sent = {"Authorization": f"Bearer {secret}"}
        return httpx.post(f"{server.url}/deepface/represent", json={"img": data_uri(ANNA)}, headers=sent)

    assert failure(ask(token("find"))) == (403, "message")
    slow = token("represent", requests_per_minute=1)
    assert ask(slow).status_code == 200
    limited = ask(slow)
    assert failure(limited) == (429, "error")
    assert int(limited.headers["retry-after"]) > 0


# --- /represent ---------------------------------------------------------------------------------------------------

URLENCODED = {"content-type": "application/x-www-form-urlencoded"}
IMAGES: list[dict[str, Any]] = [
    {"json": {"img": data_uri(ANNA)}},
    {"json": {"img": base64.b64encode(ANNA).decode()}},
    {"json": {"img_path": data_uri(ANNA)}},
    {"files": {"img": ("anna.png", ANNA, "image/png")}},
    {"files": {"img": (None, data_uri(ANNA))}},
    {"data": {"img": data_uri(ANNA)}},
    {"content": json.dumps({"img": data_uri(ANNA)})},  # curl -d, as the README of DeepFace has it
    {"content": json.dumps({"img": data_uri(ANNA)}), "headers": URLENCODED},
]


@pytest.mark.parametrize("form", range(len(IMAGES)))
def test_represent_takes_every_form_of_image(client: httpx.Client, form: int) -> None:
    (face,) = ok(client.post("/represent", **IMAGES[form]))["results"]
    assert set(face) == REPRESENTED
    assert set(face["facial_area"]) == AREA
    assert len(face["embedding"]) == 32
    assert face["facial_area"]["left_eye"][0] > face["facial_area"]["right_eye"][0]  # the person's own left
    assert face["facial_area"]["mouth_left"][0] > face["facial_area"]["mouth_right"][0]


def test_max_faces_keeps_the_most_prominent(client: httpx.Client) -> None:
    both = ok(client.post("/represent", json={"img": data_uri(TWO)}))["results"]
    answer = client.post("/represent", json={"img": data_uri(TWO), "max_faces": 1})
    (one,) = ok(answer)["results"]
    assert [len(both), one["facial_area"]] == [2, both[0]["facial_area"]]
    assert answer.headers["x-faces-found"] == "2"
    assert len(ok(client.post("/represent", json={"img": data_uri(TWO), "max_faces": None}))["results"]) == 2


@pytest.mark.parametrize("fields", [{"enforce_detection": False}, {"detector_backend": "skip"}])
def test_without_detection_the_image_is_the_face(client: httpx.Client, fields: dict[str, Any]) -> None:
    (face,) = ok(client.post("/represent", json={"img": data_uri(NOBODY), **fields}))["results"]
    area = face["facial_area"]
    assert (area["x"], area["y"], area["w"], area["h"], area["left_eye"]) == (0, 0, 320, 240, None)
    assert face["face_confidence"] == 0


def test_form_text_false_is_false(client: httpx.Client) -> None:
    sent = {"img": data_uri(NOBODY), "enforce_detection": "false"}
    assert client.post("/represent", data=sent).status_code == 200
    assert failure(client.post("/represent", data={**sent, "enforce_detection": "true"})) == (400, "error")


def test_fields_that_a_call_does_not_have_are_ignored(client: httpx.Client) -> None:
    assert client.post("/represent", json={"img": data_uri(ANNA), "return_face": True}).status_code == 200


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"json": {}}, "exception", "img"),
    ({}, "exception", "img"),
    ({"json": {"img": ""}}, "exception", "img"),
    ({"json": {"img": "/etc/passwd"}}, "exception", "path"),
    ({"json": {"img": "http://127.0.0.1/a.jpg"}}, "exception", "URLs"),
    ({"files": {"img": ("a.png", b"no image", "image/png")}}, "exception", "text"),
    ({"json": {"img": data_uri(NOBODY)}}, "error", "Face could not be detected"),
    ({"json": {"img": data_uri(ANNA), "model_name": "VGG-Face"}}, "error", "VGG-Face"),
    ({"json": {"img": data_uri(ANNA), "detector_backend": "nothing"}}, "error", "nothing"),
    ({"json": {"img": data_uri(ANNA), "max_faces": 0}}, "error", "max_faces"),
    ({"json": {"img": data_uri(ANNA), "max_faces": "many"}}, "error", "max_faces"),
    ({"json": {"img": data_uri(ANNA), "align": "perhaps"}}, "error", "align"),
    ({"json": {"img": data_uri(SPOOF), "anti_spoofing": True}}, "error", "Spoof detected"),
    ({"json": ["img"]}, "error", "object"),
    ({"content": "{"}, "error", "JSON"),
    ({"content": "img=x&align=%FF", "headers": URLENCODED}, "error", "UTF-8"),
]


@pytest.mark.parametrize(("sent", "field", "words"), REFUSED)
def test_a_refusal_has_status_400_and_one_sentence(
    client: httpx.Client, sent: dict[str, Any], field: str, words: str
) -> None:
    answer = client.post("/represent", **sent)
    assert failure(answer) == (400, field)
    assert words in answer.json()[field]
    assert answer.headers["x-request-id"]


def test_failures_outside_of_routes_have_the_shape_too(client: httpx.Client) -> None:
    assert failure(client.post("/nothing")) == (404, "error")
    assert failure(client.get("/represent")) == (405, "error")
    assert failure(client.post("/represent", content=b"x" * 500_001)) == (413, "error")
    assert failure(client.post("/represent", content="x=1&" * 300, headers=URLENCODED)) == (413, "error")


# --- /verify, /analyze --------------------------------------------------------------------------------------------


def test_verify_answers_every_field_of_deepface(client: httpx.Client) -> None:
    same = ok(client.post("/verify", json={"img1": data_uri(ANNA), "img2": data_uri(ANNA_AGAIN)}))
    other = ok(client.post("/verify", files={"img1": ANNA, "img2": BERT}))
    assert set(same) == set(other) == VERIFIED
    assert set(same["facial_areas"]) == {"img1", "img2"}
    assert set(same["facial_areas"]["img1"]) == AREA
    assert (same["verified"], other["verified"]) == (True, False)
    assert same["distance"] <= same["threshold"]
    assert other["distance"] > other["threshold"]
    assert 51 <= same["confidence"] <= 100
    assert 0 <= other["confidence"] <= 49
    assert (same["model"], same["similarity_metric"]) == ("tiny-32", "cosine")


@pytest.mark.parametrize(
    ("metric", "threshold"),
    [("cosine", 0.3), ("euclidean", 0.774597), ("euclidean_l2", 0.774597), ("angular", 0.253183)],
)
def test_every_metric_gives_the_same_decision(client: httpx.Client, metric: str, threshold: float) -> None:
    """By hand: the cosine of FMR 1e-4 is 0.7; sqrt(2 - 1.4) = 0.774597; acos(0.7) / pi = 0.253183."""
    for photo, verified in ((ANNA_AGAIN, True), (BERT, False)):
        sent = {"img1_path": data_uri(ANNA), "img2_path": data_uri(photo), "distance_metric": metric}
        answer = ok(client.post("/verify", json=sent))
        assert (answer["verified"], answer["similarity_metric"], answer["threshold"]) == (verified, metric, threshold)
        assert (answer["distance"] <= threshold) is verified


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"img1": data_uri(ANNA)}, "exception"),
        ({"img2": data_uri(ANNA)}, "exception"),
        ({"img1": data_uri(ANNA), "img2": data_uri(NOBODY)}, "error"),
        ({"img1": data_uri(ANNA), "img2": data_uri(ANNA), "distance_metric": "manhattan"}, "error"),
        ({"img1": data_uri(ANNA), "img2": data_uri(SPOOF), "anti_spoofing": True}, "error"),
    ],
)
def test_verify_refuses(client: httpx.Client, sent: dict[str, Any], field: str) -> None:
    assert failure(client.post("/verify", json=sent)) == (400, field)


def test_live_faces_pass_anti_spoofing_and_spoofs_pass_without(client: httpx.Client) -> None:
    sent = {"img1": data_uri(ANNA), "img2": data_uri(ANNA_AGAIN), "anti_spoofing": True}
    assert ok(client.post("/verify", json=sent))["verified"]
    assert ok(client.post("/represent", json={"img": data_uri(ANNA), "anti_spoofing": True}))["results"]
    assert register(client, "anna", ANNA, anti_spoofing=True) == 1
    assert search(client, ANNA_AGAIN, anti_spoofing=True)[0][0]["img_name"] == "anna"
    assert search(client, SPOOF)[0][0]["img_name"] == "anna"


def test_analyze_is_refused_with_the_reason(client: httpx.Client) -> None:
    answer = client.post("/analyze", json={"img": data_uri(ANNA), "actions": ["age"]})
    assert failure(answer) == (400, "error")
    assert "non-commercial" in answer.json()["error"]


# --- /register, /search, /build/index -----------------------------------------------------------------------------


def test_a_registered_face_is_found_with_every_field(client: httpx.Client) -> None:
    assert register(client, "anna.png", ANNA) == 1
    assert register(client, "anna.png", ANNA) == 0
    assert register(client, "bert.png", BERT) == 1
    ((record,),) = search(client, ANNA_AGAIN)
    assert set(record) == RECORD
    assert (record["img_name"], record["model_name"], record["search_method"]) == ("anna.png", "tiny-32", "exact")
    assert (record["aligned"], record["l2_normalized"], record["distance_metric"]) == (True, True, "cosine")
    assert record["distance"] <= record["threshold"]
    assert record["confidence"] >= 51
    area = ok(client.post("/represent", json={"img": data_uri(ANNA_AGAIN)}))["results"][0]["facial_area"]
    assert [record[f"target_{name}"] for name in "xywh"] == [area[name] for name in "xywh"]


def test_a_similarity_search_lists_the_nearest_too_and_k_cuts(client: httpx.Client) -> None:
    register(client, "anna", ANNA)
    register(client, "bert", BERT)
    assert search(client, drawn_photo(3)) == [[]]
    (lines,) = search(client, ANNA_AGAIN, similarity_search=True, search_method="ann")
    assert [line["img_name"] for line in lines] == ["anna", "bert"]
    assert lines[0]["confidence"] > 50 > lines[1]["confidence"]
    assert lines[1]["distance"] > lines[1]["threshold"]
    (cut,) = search(client, ANNA_AGAIN, similarity_search=True, k=1)
    assert [line["img_name"] for line in cut] == ["anna"]


def test_every_face_of_a_photo_is_registered_and_searched(client: httpx.Client) -> None:
    assert register(client, "team.png", TWO) == 2
    assert register(client, "team.png", TWO) == 0
    for photo in (ANNA_AGAIN, BERT):
        ((record,),) = search(client, photo)
        assert record["img_name"] == "team.png"
    found = search(client, TWO)
    assert [[line["img_name"] for line in lines] for lines in found] == [["team.png"], ["team.png"]]
    assert found[0][0]["id"] != found[1][0]["id"]


def test_a_face_without_a_name_gets_a_new_one(client: httpx.Client) -> None:
    assert register(client, None, ANNA) == 1
    assert register(client, None, TWO) == 2
    assert all(line["img_name"] for line in search(client, ANNA)[0])


def test_what_is_not_enforced_is_no_failure(client: httpx.Client) -> None:
    register(client, "anna", ANNA)
    assert register(client, "x", NOBODY, enforce_detection=False) == 0
    assert search(client, NOBODY, enforce_detection=False) == [[]]
    for path in ("/register", "/search"):
        assert failure(client.post(path, json={"img": data_uri(NOBODY)})) == (400, "error")


def test_an_index_needs_no_building(client: httpx.Client) -> None:
    for path, sent in (("/build/index", {}), ("/search", {"img": data_uri(ANNA)})):
        answer = client.post(path, json=sent)
        assert failure(answer) == (400, "error")
        assert "registered" in answer.json()["error"]
    register(client, "anna", ANNA)
    assert ok(client.post("/build/index", json={})) == {"message": "Index built successfully"}
    assert failure(client.post("/build/index", json={"model_name": "tiny-16"})) == (400, "error")


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/register", {"img_name": "anna (face 2)"}),
        ("/register", {"img_name": "a\nb"}),
        ("/register", {"img_name": "a" * 250}),
        ("/register", {"img": data_uri(SPOOF), "anti_spoofing": True}),
        ("/register", {"normalization": "mine"}),
        ("/register", {"expand_percentage": -1}),
        ("/register", {"model_name": "tiny-16"}),
        ("/search", {"k": 0}),
        ("/search", {"k": 1001}),
        ("/search", {"search_method": "quick"}),
        ("/search", {"distance_metric": "l1"}),
        ("/search", {"img": data_uri(SPOOF), "anti_spoofing": "true"}),
        ("/search", {"model_name": "ArcFace"}),
    ],
)
def test_wrong_values_are_refused(client: httpx.Client, path: str, fields: dict[str, Any]) -> None:
    register(client, "anna", ANNA)
    assert failure(client.post(path, json={"img": data_uri(BERT), **fields})) == (400, "error")
    assert len(ok(client.get("/faces"))["results"]) == 1


# --- beyond DeepFace: /faces --------------------------------------------------------------------------------------


def test_registered_faces_are_listed_in_pages(client: httpx.Client) -> None:
    assert ok(client.get("/faces")) == {"results": [], "next_cursor": None}
    register(client, "anna", ANNA)
    register(client, "team.png", TWO)
    page = ok(client.get("/faces", params={"limit": 2}))
    rest = ok(client.get("/faces", params={"limit": 2, "cursor": page["next_cursor"]}))
    faces = [*page["results"], *rest["results"]]
    assert [face["img_name"] for face in faces] == ["anna", "team.png", "team.png"]
    assert all(set(face) == {"id", "img_name", "model_name", "created_at"} for face in faces)
    assert rest["next_cursor"] is None


def test_faces_are_erased_by_name_or_one_by_one(client: httpx.Client) -> None:
    register(client, "team.png", TWO)
    register(client, "team.png2", ANNA_AGAIN)
    assert ok(client.delete("/faces", params={"img_name": "team.png"})) == {"deleted": 2}
    ((record,),) = search(client, ANNA)
    assert record["img_name"] == "team.png2"
    assert ok(client.delete("/faces", params={"id": record["id"]})) == {"deleted": 1}
    assert ok(client.get("/faces"))["results"] == []


def test_a_face_of_another_collection_is_not_erased(client: httpx.Client, server: Served, token: Callable) -> None:
    register(client, "anna", ANNA)
    (face,) = ok(client.get("/faces"))["results"]
    stranger = {"Authorization": f"Bearer {token()}"}
    for query in ({"id": face["id"]}, {"img_name": "anna"}, {"id": "none"}):
        assert failure(client.delete("/faces", params=query, headers=stranger)) == (400, "error")
    assert len(ok(client.get("/faces"))["results"]) == 1


@pytest.mark.parametrize("query", [{}, {"id": "a", "img_name": "b"}, {"name": "anna"}])
def test_what_to_erase_is_said_in_one_way(client: httpx.Client, query: dict[str, str]) -> None:
    assert failure(client.delete("/faces", params=query)) == (400, "error")
