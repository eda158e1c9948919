"""Cautions of an enrolment about other subjects over HTTP, within what a key may read."""

from __future__ import annotations

import pytest

from tests.api.test_lists import enroll
from tests.conftest import Small
from tests.pictures import drawn_photo
from vultus.records.stored import Scope

AGAIN = drawn_photo(1, photo=1, noise=5)
NFD, NFC = "Jose\u0301", "Jos\u00e9"
SUBJECTS = "/collections/default/subjects"


def test_a_face_of_another_subject_is_answered_with_a_caution(small_client):
    enroll(small_client, "ada", 1)
    answer = small_client.post("/enroll", files={"img": AGAIN}, data={"subject": "eve"})
    (caution,) = answer.json()["cautions"]
    assert answer.status_code == 201
    assert set(caution) == {"code", "image", "detail", "subject", "similarity", "index"}
    assert (caution["code"], caution["subject"], caution["index"]) == ("looks_like_another_subject", "ada", 0)


@pytest.mark.parametrize("face", ["only", "all"])
def test_strict_refuses_it(small_client, face):
    enroll(small_client, "ada", 1)
    form = {"strict": "true", "face": face, **({"subject": "eve"} if face == "only" else {"subjects": '["eve"]'})}
    answer = small_client.post("/enroll", files={"img": AGAIN}, data=form)
    assert (answer.status_code, answer.json()["error"]) == (409, "looks_like_another_subject")
    assert [one["subject"] for one in small_client.get(SUBJECTS).json()["subjects"]] == ["ada"]


@pytest.mark.parametrize(
    ("scopes", "named"),
    [(("enroll",), False), (("enroll", "find"), True), (("enroll", "read"), True), (("admin",), True)],
)
def test_the_other_subject_is_named_to_keys_that_may_read_it(
    small_client, small: Small, scopes: tuple[Scope, ...], named
):
    small.service.enrolment.enroll([drawn_photo(1)], subject="ada")
    _, secret = small.keys.create("key", scopes)
    answer = small_client.post("/enroll", files={"img": AGAIN}, data={"subject": "eve"}, headers={"x-api-key": secret})
    (caution,) = answer.json()["cautions"]
    assert ("subject" in caution, "similarity" in caution, "ada" in caution["detail"]) == (named,) * 3


def test_every_door_takes_both_spellings_of_an_id(small_client):
    enroll(small_client, NFD, 1)
    assert small_client.get(f"{SUBJECTS}/{NFC}").json()["subject"] == NFC
    assert small_client.get(f"{SUBJECTS}/{NFD}").json()["subject"] == NFC
    assert [one["subject"] for one in small_client.get(SUBJECTS, params={"q": NFD}).json()["subjects"]] == [NFC]
    verified = small_client.post("/verify", files={"img": drawn_photo(1)}, data={"subject": NFD}).json()
    assert verified["verified"] is True
    taken = small_client.post(f"{SUBJECTS}/{NFC}/rename", json={"subject": NFD})
    assert taken.status_code == 400
    group = small_client.post(
        "/enroll", files={"img": drawn_photo(2, 3)}, data={"face": "all", "subjects": f'["{NFC}", "{NFD}"]'}
    )
    assert (group.status_code, "twice" in group.json()["detail"]) == (400, True)
    erased = small_client.delete(f"{SUBJECTS}/{NFD}").json()
    assert (erased["subject"], "other_spellings" in erased) == (NFC, False)


def test_a_new_id_that_looks_like_another_is_answered_with_a_caution(small_client):
    enroll(small_client, "anna", 1)
    enrolled = small_client.post("/enroll", files={"img": drawn_photo(2)}, data={"subject": "Anna"}).json()
    assert [(one["code"], one["subject"]) for one in enrolled["cautions"]] == [("looks_like_another_id", "anna")]
    renamed = small_client.post(f"{SUBJECTS}/Anna/rename", json={"subject": "\u0430nna"}).json()
    assert [one["code"] for one in renamed["cautions"]] == ["looks_like_another_id"]
    face = small_client.get(f"{SUBJECTS}/anna/faces").json()["faces"][0]["face_id"]
    moved = small_client.post(f"/faces/{face}/move", json={"subject": "ANNA"}).json()
    assert [one["code"] for one in moved["cautions"]] == ["looks_like_another_id"]


@pytest.mark.parametrize("value", ["a\u202eb", "a\ufdd0", "\u3164", "a\u2028b"], ids=ascii)
def test_ids_with_what_nobody_sees_are_refused_with_a_sentence(small_client, value):
    answer = small_client.post("/enroll", files={"img": drawn_photo(1)}, data={"subject": value})
    assert (answer.status_code, answer.json()["detail"].startswith('field "subject": must')) == (400, True)
