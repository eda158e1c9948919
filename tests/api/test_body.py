"""Forms and JSON mean the same; what is not understood is refused by name."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from tests.api.standin import StandInService, photo

B64 = base64.b64encode(photo()).decode()


def refusal(client: TestClient, path: str, status: int = 400, **request: Any) -> str:
    answer = client.post(path, **request)
    assert answer.status_code == status, answer.text
    return str(answer.json()["detail"])


LONG = photo() + bytes(range(256))  # its base64 has all characters, and padding
OTHER_ALPHABET = base64.urlsafe_b64encode(LONG).decode()


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,", "data:;base64,"])
@pytest.mark.parametrize(
    "text", [OTHER_ALPHABET, OTHER_ALPHABET.rstrip("="), base64.b64encode(LONG).decode().rstrip("=")]
)
def test_base64_of_either_alphabet_with_or_without_padding_is_an_image(
    client: TestClient, service: StandInService, prefix: str, text: str
) -> None:
    assert set("-_=") <= set(OTHER_ALPHABET)
    assert client.post("/represent", json={"img": prefix + text}).status_code == 200
    assert service.asked["photo"] == LONG


def test_a_data_url_may_be_percent_encoded(client: TestClient, service: StandInService) -> None:
    text = quote(base64.b64encode(LONG).decode(), safe="")
    assert client.post("/represent", json={"img": f"data:image/png;base64,{text}"}).status_code == 200
    assert service.asked["photo"] == LONG


@pytest.mark.parametrize("text", [B64, f"data:image/png;base64,{B64}", f" {B64[:4]}\n{B64[4:]} "])
def test_a_photo_is_a_file_or_text_in_a_form_or_json(client: TestClient, service: StandInService, text: str) -> None:
    requests: list[dict[str, Any]] = [
        {"files": {"img": ("a.png", photo())}},
        {"files": {"img": (None, text)}},
        {"json": {"img": text}},
        {"content": json.dumps({"img": text})},
        {"content": json.dumps({"img": text}), "headers": {"content-type": "application/x-www-form-urlencoded"}},
    ]
    for request in requests:
        assert client.post("/represent", **request).status_code == 200
        assert service.asked["photo"] == photo()


def test_a_form_and_json_ask_the_same_of_the_service(client: TestClient, service: StandInService) -> None:
    fields = {
        "subject": "anna/1",
        "name": "Anna Ä",
        "collection": "staff",
        "metadata": {"team": "lab"},
        "model_name": "Facenet",
        "detector_backend": "yunet",
        "face": "largest",
        "min_quality": 12.5,
        "align": False,
    }
    client.post("/enroll", json={"img": [B64, B64], **fields})
    from_json = service.asked
    form = {**fields, "metadata": '{"team": "lab"}', "min_quality": "12.5", "align": "False"}
    client.post("/enroll", files=[("img", ("a", photo())), ("img", ("b", photo()))], data=form)
    assert service.asked == from_json
    assert from_json["photos"] == [photo(), photo()]
    assert (from_json["align"], from_json["min_quality"]) == (False, 12.5)


@pytest.mark.parametrize(("value", "meant"), [("false", False), ("0", False), ("NO", False), ("TRUE", True), ("Yes", True), ("1", True)])  # fmt: skip # noqa: E501
def test_a_boolean_in_a_form_means_what_it_says(
    client: TestClient, service: StandInService, value: str, meant: bool
) -> None:
    client.post("/represent", files={"img": photo()}, data={"enforce_detection": value})
    assert service.asked["enforce_detection"] is meant


@pytest.mark.parametrize("value", ["maybe", "", "2", "on"])
def test_any_other_boolean_is_refused_by_name(client: TestClient, value: str) -> None:
    detail = refusal(client, "/represent", files={"img": photo()}, data={"enforce_detection": value})
    assert detail == 'field "enforce_detection": must be true or false (also 1, 0, yes, no)'


def test_an_unknown_field_is_refused_and_the_known_ones_named(client: TestClient) -> None:
    requests: list[dict[str, Any]] = [
        {"json": {"img": B64, "treshold": None}},
        {"files": {"img": photo()}, "data": {"treshold": "1"}},
    ]
    for request in requests:
        detail = refusal(client, "/detect", **request)
        assert detail == "unknown field 'treshold'; the fields of this call are img, detector_backend"


def test_an_empty_body_names_the_missing_field(client: TestClient) -> None:
    assert refusal(client, "/represent") == 'field "img" is missing'
    assert "img1" in refusal(client, "/verify")
    assert refusal(client, "/represent", json={}) == 'field "img" is missing'
    assert refusal(client, "/represent", json={"img": None}) == 'field "img" is missing'


def test_a_field_sent_twice_is_refused_but_not_the_photos_of_an_enrolment(client: TestClient) -> None:
    two: Any = [("img", ("a", photo())), ("img", ("b", photo("b")))]
    assert refusal(client, "/represent", files=two) == 'field "img" is sent twice; send it once'
    assert refusal(client, "/represent", content='{"img": "a", "img": "b"}').startswith('field "img" is sent twice')
    assert client.post("/enroll", files=two).status_code == 201


def test_too_many_photos_and_too_large_photos_are_413(client: TestClient) -> None:
    many: Any = [("img", (str(i), photo(str(i)))) for i in range(4)]
    assert "the limit is 3" in refusal(client, "/enroll", 413, files=many)
    large = base64.b64encode(b"x" * 5001).decode()
    assert "the limit is 5000" in refusal(client, "/represent", 413, json={"img": large})
    assert client.post("/represent", files={"img": photo() + b"x" * 4996}).status_code == 200


@pytest.mark.parametrize("text", ["http://127.0.0.1/a.png", "HTTPS://example.com/a.png"])
def test_an_address_is_not_opened(client: TestClient, text: str) -> None:
    assert "image URLs are off" in refusal(client, "/represent", json={"img": text})


@pytest.mark.parametrize("text", ["/etc/passwd", "./a.png", "file:///etc/passwd", "data:image/png,abc", "äöü", "a"])
def test_other_text_is_no_image_and_is_not_repeated(client: TestClient, text: str) -> None:
    answer = client.post("/represent", json={"img": text})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_image")
    assert len(text) < 3 or text not in answer.json()["detail"]


@pytest.mark.parametrize("value", ["", "   ", 5, True, [], ["a"], {}])
def test_what_cannot_be_one_photo_is_refused_by_name(client: TestClient, value: Any) -> None:
    assert '"img"' in refusal(client, "/represent", json={"img": value})


def test_an_empty_file_is_refused_by_name(client: TestClient) -> None:
    assert refusal(client, "/represent", files={"img": ("a.png", b"")}).startswith('field "img": is empty')


@pytest.mark.parametrize("name", ["", "  ", "x" * 201])
def test_a_blank_or_overlong_model_name_counts_as_absent(
    client: TestClient, service: StandInService, name: str
) -> None:
    answer = client.post("/represent", json={"img": B64, "model_name": name})
    assert service.asked["model_name"] is None
    assert answer.json()[0]["model_name"] == "tiny"


@pytest.mark.parametrize("value", ["base", "FACENET2018", "vggface2", "", "raw", "ArcFace"])
def test_a_normalization_is_accepted_and_has_no_effect(client: TestClient, service: StandInService, value: str) -> None:
    assert client.post("/represent", json={"img": B64, "normalization": value}).status_code == 200
    assert "normalization" not in service.asked


BAD: list[tuple[str, dict[str, Any]]] = [
    ("/represent", {"normalization": "zscore"}),
    ("/verify", {"distance_metric": "angular"}),
    ("/verify", {"target_fmr": 0}),
    ("/verify", {"target_fmr": 1}),
    ("/verify", {"target_fmr": "many"}),
    ("/verify", {"threshold": "nan"}),
    ("/verify", {"threshold": True}),
    ("/find", {"target_fpir": -0.1}),
    ("/find", {"threshold": "inf"}),
    ("/find", {"top_k": 0}),
    ("/find", {"top_k": 101}),
    ("/find", {"top_k": 2.5}),
    ("/find", {"top_k": True}),
    ("/find", {"faces": "both"}),
    ("/find", {"collection": "a/b"}),
    ("/find", {"collection": ""}),
    ("/find", {"collection": "x" * 65}),
    ("/enroll", {"face": "any"}),
    ("/enroll", {"min_quality": 101}),
    ("/enroll", {"subject": ""}),
    ("/enroll", {"subject": "x" * 10_000}),
    ("/enroll", {"subject": "a\x00b"}),
    ("/enroll", {"subject": "a\nb"}),
    ("/enroll", {"subject": "a\u202eb"}),
    ("/enroll", {"subject": " a"}),
    ("/enroll", {"subject": ".."}),
    ("/enroll", {"subject": 7}),
    ("/enroll", {"name": "x" * 257}),
    ("/enroll", {"name": "a\x07"}),
    ("/enroll", {"metadata": [1]}),
    ("/enroll", {"metadata": "text"}),
    ("/enroll", {"metadata": "[1]"}),
    ("/enroll", {"metadata": '{"a": NaN}'}),
    ("/enroll", {"metadata": '{"a": 1, "a": 2}'}),
    ("/enroll", {"metadata": '{"a": {"b": 1, "b": 2}}'}),
    ("/enroll", {"metadata": {"a": "x" * 16_384}}),
    ("/enroll", {"metadata": {"a": json.loads("[" * 32 + "]" * 32)}}),
    ("/enroll", {"metadata": {"a": "\ud800"}}),
    ("/enroll", {"detector_backend": "x" * 201}),
]  # fmt: skip


@pytest.mark.parametrize(("path", "field"), BAD)
def test_a_malformed_field_is_refused_by_name_and_not_repeated(
    client: TestClient, path: str, field: dict[str, Any]
) -> None:
    photos = {"img1": B64, "img2": B64} if path == "/verify" else {"img": B64}
    ((name, value),) = field.items()
    detail = refusal(client, path, content=json.dumps({**photos, **field}))
    assert f'"{name}"' in detail
    assert not isinstance(value, str) or len(value) < 8 or value not in detail


@pytest.mark.parametrize(("path", "rate"), [("/verify", "target_fmr"), ("/find", "target_fpir")])
def test_a_threshold_and_a_rate_exclude_each_other(client: TestClient, path: str, rate: str) -> None:
    photos = {"img1": B64, "img2": B64} if path == "/verify" else {"img": B64}
    assert "exclude each other" in refusal(client, path, json={**photos, rate: 0.1, "threshold": 0.5})


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (("img1",), 'field "img2" missing'),
        (("img",), 'field "subject" missing'),
        (("subject",), 'field "img" missing'),
        (("img1", "img2", "img"), "exclude"),
        (("img1", "subject"), "exclude"),
    ],
)
def test_verify_takes_two_photos_or_a_photo_and_a_subject(
    client: TestClient, names: tuple[str, ...], sentence: str
) -> None:
    fields = {name: "anna" if name == "subject" else B64 for name in names}
    assert sentence in refusal(client, "/verify", json=fields)


@pytest.mark.parametrize("number", ["5_0", "+5", "5.", ".5", "\u0665\u0660", "0x5", "inf", "nan", "1e", "05"])
def test_a_number_of_a_form_is_written_as_in_json(client: TestClient, number: str) -> None:
    form = {"img": (None, B64), "min_quality": (None, number)}
    assert "must be a number" in refusal(client, "/enroll", files=form)
    assert "must be a number" in refusal(client, "/enroll", json={"img": B64, "min_quality": number})


def test_a_number_of_the_query_is_written_as_in_json(client: TestClient) -> None:
    answer = client.get("/collections/default/subjects", params={"limit": "1_0"})
    assert (answer.status_code, "must be a whole number" in answer.json()["detail"]) == (400, True)


@pytest.mark.parametrize("threshold", [55, -1.01, 1.01])
def test_a_threshold_of_find_beyond_cosine_is_refused(client: TestClient, threshold: float) -> None:
    assert "threshold" in refusal(client, "/find", json={"img": B64, "threshold": threshold})


def test_query_parameters_of_a_compute_call_are_not_silently_ignored(client: TestClient) -> None:
    assert "query" in refusal(client, "/represent?model_name=Facenet", json={"img": B64})


def test_a_form_that_is_cut_off_or_malformed_is_refused(client: TestClient) -> None:
    form = b'--b\r\nContent-Disposition: form-data; name="img"; filename="a"\r\n\r\n' + photo()
    kind = {"content-type": "multipart/form-data; boundary=b"}
    assert "cut off" in refusal(client, "/represent", content=form, headers=kind)
    assert "malformed" in refusal(client, "/represent", content=b"no form at all", headers=kind)
    whole = form + b"\r\n--b--\r\n"
    assert client.post("/represent", content=whole, headers=kind).status_code == 200
    bare = {"content-type": "multipart/form-data"}
    assert "boundary" in refusal(client, "/represent", content=whole, headers=bare)
    nameless = whole.replace(b'; name="img"', b"")
    assert "no name" in refusal(client, "/represent", content=nameless, headers=kind)


def test_a_form_of_too_many_parts_is_413(client: TestClient) -> None:
    parts: Any = [(f"f{i}", (None, "")) for i in range(201)]
    assert "parts" in refusal(client, "/represent", 413, files=parts)


def test_a_file_where_text_belongs_is_refused_by_name(client: TestClient) -> None:
    files: Any = {"img": photo(), "subject": ("s.txt", b"anna")}
    assert '"subject"' in refusal(client, "/enroll", files=files)
    assert '"\\\\udcff"' not in refusal(client, "/enroll", files={"img": photo(), "name": (None, b"\xff")})


def test_a_part_of_declared_json_is_text_also_with_a_file_name(client: TestClient, service: StandInService) -> None:
    """As browsers send it: FormData gives each part with a content type a name."""
    part = ("blob", json.dumps({"team": "lab"}), "application/json")
    answer = client.post("/enroll", files={"img": ("a.jpg", photo()), "metadata": part})
    assert answer.status_code == 201, answer.text
    assert service.asked["metadata"] == {"team": "lab"}


@pytest.mark.parametrize(
    ("path", "name"), [("/compare", "target_vector"), ("/find", "embedding"), ("/enroll", "subjects")]
)
def test_fields_of_json_text_are_declared_so(client: TestClient, path: str, name: str) -> None:
    body = client.get("/openapi.json").json()["paths"][path]["post"]["requestBody"]
    assert body["content"]["multipart/form-data"]["encoding"][name] == {"contentType": "application/json"}
