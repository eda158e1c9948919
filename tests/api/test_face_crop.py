"""GET /faces/{id}/photo?crop=face: the face as a square picture, cacheable by its caller only."""

from __future__ import annotations

import numpy as np
import pytest
from httpx import Response
from starlette.testclient import TestClient

from tests.api.standin import StandInAuditSink
from tests.pictures import drawn_photo, encoded, opened
from vultus.api.app import create_app
from vultus.storage.audit import Audit
from vultus.storage.audit_writer import BackgroundAuditWriter
from vultus.vision.detected_photo import scaled
from vultus.wiring.parts import System


def enroll(client: TestClient, photo: bytes, subject: str = "ada") -> str:
    answer = client.post("/enroll", files={"img": photo}, data={"subject": subject, "face": "largest"})
    return str(answer.json()["faces"][0]["face_id"])


def grey(answer: Response) -> np.ndarray:
    """Brightness of the picture: colours suffer in a JPEG of coloured noise."""
    return np.asarray(opened(answer.content).convert("L"), float)


def alike(one: Response, other: Response) -> float:
    """The correlation of two pictures of one size."""
    return float(np.corrcoef(grey(one).ravel(), grey(other).ravel())[0, 1])


@pytest.fixture
def face_id(small_client: TestClient) -> str:
    return enroll(small_client, drawn_photo(1, 2))


@pytest.mark.parametrize(("query", "size"), [("", 160), ("&size=32", 32), ("&size=512", 512)])
def test_a_crop_is_a_square_jpeg_of_the_size_asked_for(small_client, face_id, query, size):
    answer = small_client.get(f"/faces/{face_id}/photo?crop=face{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert opened(answer.content).size == (size, size)


def test_the_face_fills_the_crop_but_for_its_margin(small_client, face_id):
    """The larger of two drawn faces: box (12, 22) to (92, 102), so the square is 104 wide and begins at (0, 10)."""
    crop = grey(small_client.get(f"/faces/{face_id}/photo?crop=face&size=104"))
    whole = grey(small_client.get(f"/faces/{face_id}/photo"))
    assert np.abs(crop - whole[10:114, 0:104]).mean() < 2


def test_in_a_photo_that_was_stored_smaller_the_box_is_smaller_too(small, small_client):
    large = encoded(opened(drawn_photo(1)).resize((1280, 960), 0))
    face_id = enroll(small_client, large)
    x_min, y_min, x_max, y_max = (edge * 512 / 1280 for edge in small.gallery.face(face_id).box)
    side = 1.3 * (x_max - x_min)
    left, top = max((x_min + x_max - side) / 2, 0), max((y_min + y_max - side) / 2, 0)
    whole = opened(small_client.get(f"/faces/{face_id}/photo").content).convert("L")
    wanted = whole.resize((160, 160), box=(left, top, left + side, top + side))
    crop = grey(small_client.get(f"/faces/{face_id}/photo?crop=face"))
    assert np.corrcoef(crop.ravel(), np.asarray(wanted, float).ravel())[0, 1] > 0.99


def test_a_face_of_an_older_release_is_detected_again(small, small_client):
    large = encoded(opened(drawn_photo(1, 2)).resize((1280, 960), 0))
    face_id = enroll(small_client, large)
    url, detected = f"/faces/{face_id}/photo?crop=face", small.detector.detect(np.asarray(opened(large)))
    known = small_client.get(url)
    with small.gallery._database.writing() as connection:
        connection.exec_driver_sql("UPDATE faces SET source_width = NULL, source_height = NULL")
    small.detector.detect = lambda pixels: [scaled(face, 512 / 1280) for face in detected]
    assert alike(known, small_client.get(url)) > 0.99
    small.detector.detect = lambda pixels: [scaled(detected[1], 512 / 1280)]  # only the other face
    assert small_client.get(url).status_code == 404
    small.detector.detect = lambda pixels: []
    answer = small_client.get(url)
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
    assert "get the whole photo" in answer.json()["detail"]
    assert small_client.get(f"/faces/{face_id}/photo").status_code == 200


def test_only_the_callers_own_cache_may_keep_a_crop(small_client, face_id):
    answer = small_client.get(f"/faces/{face_id}/photo?crop=face")
    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["vary"] == "Authorization, X-API-Key"
    assert answer.headers["x-content-type-options"] == "nosniff"
    for query in ("", "?crop=other"):
        assert small_client.get(f"/faces/{face_id}/photo{query}").headers["cache-control"] == "no-store"


def test_what_the_caller_holds_already_is_not_sent_again(small_client, face_id):
    url = f"/faces/{face_id}/photo?crop=face"
    tag = small_client.get(url).headers["etag"]
    for held in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer = small_client.get(url, headers={"if-none-match": held})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
        assert answer.headers["cache-control"] == "private, no-cache"
    assert small_client.get(url, headers={"if-none-match": '"other"'}).status_code == 200
    assert small_client.get(f"{url}&size=32", headers={"if-none-match": tag}).status_code == 200


def test_a_crop_of_a_face_erased_meanwhile_is_not_found_even_if_held(small_client, face_id):
    url = f"/faces/{face_id}/photo?crop=face"
    tag = small_client.get(url).headers["etag"]
    small_client.delete(f"/faces/{face_id}")
    answer = small_client.get(url, headers={"if-none-match": tag})
    assert (answer.status_code, answer.json()["error"]) == (404, "face_not_found")
    assert answer.headers["cache-control"] == "no-store"


def test_a_crop_whose_file_is_gone_is_not_found(small, small_client, face_id):
    small.photos.delete(small.gallery.face(face_id).photo.sha256)
    assert small_client.get(f"/faces/{face_id}/photo?crop=face").json()["error"] == "not_found"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("crop=other", "crop"),
        ("crop=", "crop"),
        ("crop=face&size=0", "size"),
        ("crop=face&size=31", "size"),
        ("crop=face&size=513", "size"),
        ("crop=face&size=1000000000", "size"),
        ("crop=face&size=abc", "size"),
        ("crop=face&size=", "size"),
        ("size=160", "size"),
        ("corp=face", "corp"),
    ],
)
def test_another_crop_or_size_is_refused_by_name(small_client, face_id, query, field):
    answer = small_client.get(f"/faces/{face_id}/photo?{query}")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert field in answer.json()["detail"]


def test_a_key_of_other_collections_gets_no_crop(whole, small_client, face_id):
    _, secret = whole.keys.create("other", ["read"], collections=["elsewhere"])
    answer = small_client.get(f"/faces/{face_id}/photo?crop=face", headers={"x-api-key": secret})
    assert (answer.status_code, answer.json()["error"]) == (403, "collection_not_allowed")


def test_a_crop_is_audited_also_when_it_is_not_sent_again(whole, small_client, face_id):
    sink = StandInAuditSink()
    app = create_app(System(**{**vars(whole), "audit_sink": sink}))
    url = f"/faces/{face_id}/photo?crop=face"
    with TestClient(app, headers=dict(small_client.headers)) as client:
        tag = client.get(url).headers["etag"]
        client.get(url, headers={"if-none-match": tag})
    lines = [(line.action, line.collection, line.objects, line.outcome) for line in sink.lines]
    assert lines == [("face.crop", "default", (face_id,), "ok")] * 2


def test_a_page_of_crops_is_one_line_of_the_audit(small, whole, small_client):
    ids = [enroll(small_client, drawn_photo(person), f"p{person}") for person in range(3)]
    database = small.gallery._database
    writer = BackgroundAuditWriter(database)
    with TestClient(
        create_app(System(**{**vars(whole), "audit_sink": writer})), headers=dict(small_client.headers)
    ) as client:
        for face_id in (*ids, ids[0]):
            assert client.get(f"/faces/{face_id}/photo?crop=face").status_code == 200
        assert client.get("/faces/none/photo?crop=face").status_code == 404
        client.get(f"/faces/{ids[0]}/photo")
    writer.close()
    lines = [(line.action, line.objects, line.outcome) for line in Audit(database).lines()]
    assert [line for line in lines if line[0] == "face.crop"] == [
        ("face.crop", (), "face_not_found"),
        ("face.crop", tuple(ids), "ok"),
    ]
    assert ("face.photo", (ids[0],), "ok") in lines


def test_a_crop_of_a_collection_that_keeps_no_photos_is_refused_in_words(small_client):
    small_client.put("/collections/bare", json={"policies": {"store_photos": False}})
    answer = small_client.post("/enroll", files={"img": drawn_photo(1)}, data={"subject": "a", "collection": "bare"})
    url = f"/faces/{answer.json()['faces'][0]['face_id']}/photo?crop=face"
    refused = small_client.get(url)
    assert (refused.status_code, refused.json()["error"]) == (404, "not_found")
    assert "no photo is kept" in refused.json()["detail"]
