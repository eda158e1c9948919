"""Every array of every answer that a limit may cut stands beside a field that says so; the others are whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.pictures import drawn_photo
from vultus.api.errors import MOST_FINDINGS

# Array of an answer -> the field of the same object that says whether a limit cut it.
CUT = {
    "AuditPage.lines": "next_cursor",
    "FacePage.faces": "next_cursor",
    "JobPage.jobs": "next_cursor",
    "JobDetailsAnswer.items": "next_cursor",
    "SubjectPage.subjects": "next_cursor",
    "ReembeddingAnswer.missing": "next_cursor",
    "DuplicatesAnswer.pairs": "more_pairs",
    "UnknownAnswer.groups": "more_groups",
    "AuditLineAnswer.objects": "object_count",
    "FoundFace.matches": "more_matches",
    "DetectAnswer.faces": "faces_found",
    "FindAnswer.faces": "faces_found",
    "FindAnswer.other_faces": "faces_found",
    "CompareAnswer.other_faces": "faces_found",
    "NewFaceAnswer.other_faces": "faces_found",
    "EnrollAnswer.faces": "cautions",  # faces_left_out
}
WHOLE = {
    *("CollectionList.collections", "KeyList.keys", "FaceList.faces"),  # all there are
    *("StatusAnswer.models", "StatusAnswer.servers", "StatusAnswer.warnings"),
    *("CompareAnswer.results", "EnrollAnswer.rejected"),  # one for each that was sent
    *("RenamedSubject.cautions", "MovedFaceAnswer.cautions", "Representation.cautions"),
    "DeletedSubject.other_spellings",
    "JobItemAnswer.cautions",
    *("UnknownGroupAnswer.faces", "AssignedAnswer.face_ids"),
    *("AuditLineAnswer.decisions", "DecisionAnswer.chosen"),  # one for each face, and for each photo
    "DecisionAnswer.face_ids",  # the best five are what decided, and are said to be five at most
    *("CompareAnswer.cautions", "EnrollAnswer.cautions", "FoundFace.cautions", "VerifyAnswer.cautions"),
    *("DetectedFace.landmarks", "FacialArea.left_eye", "FacialArea.right_eye", "Representation.embedding"),
    *("OtherFaces.img1", "OtherFaces.img2"),  # VerifyAnswer.faces_found has the same images
    "LivenessAnswer.scores",  # one for each photo that was sent
    *("KeyAnswer.scopes", "NewKeyAnswer.scopes", "RotatedKeyAnswer.scopes"),
    *("KeyAnswer.collections", "NewKeyAnswer.collections", "RotatedKeyAnswer.collections"),
}  # fmt: skip


def arrays(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, schema in document["components"]["schemas"].items():
        for field, value in schema.get("properties", {}).items():
            if any(kind.get("type") == "array" for kind in (value, *value.get("anyOf", ()))):
                yield f"{name}.{field}", schema


@pytest.fixture
def document(small_client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = small_client.get("/openapi.json").json()
    return found


def test_every_array_of_an_answer_is_whole_or_says_that_it_was_cut(document):
    """A new array has to be put into one of the two tables."""
    found = dict(arrays(document))
    assert set(found) == set(CUT) | WHOLE
    for name, field in CUT.items():
        assert field in found[name]["properties"], name


def test_every_call_with_a_limit_answers_what_says_so(document):
    """A `limit` among the parameters, and no cursor in the answer, would be a silent cut."""
    for path, calls in document["paths"].items():
        for call in calls.values():
            if any(one["name"] == "limit" for one in call.get("parameters", ())):
                answer = call["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
                fields = set(document["components"]["schemas"][answer]["properties"])
                assert fields & {"next_cursor", "more_pairs", "more_groups"}, path


def test_a_bare_array_says_it_in_a_header(document, small_client):
    bare = [
        path
        for path, calls in document["paths"].items()
        for call in calls.values()
        for answer in call["responses"].values()
        if answer.get("content", {}).get("application/json", {}).get("schema", {}).get("type") == "array"
    ]
    assert bare == ["/represent"]
    assert small_client.post("/represent", files={"img": drawn_photo(1, 2)}).headers["x-faces-found"] == "2"


@pytest.mark.parametrize(("top_k", "more"), [(1, True), (2, True), (3, False), (4, False)])
def test_find_says_whether_there_are_more_candidates(small_client, top_k, more):
    for person in (1, 2, 3):
        small_client.post("/enroll", files={"img": drawn_photo(person)}, data={"subject": f"p{person}"})
    (face,) = small_client.post("/find", files={"img": drawn_photo(1)}, data={"top_k": top_k}).json()["faces"]
    assert (len(face["matches"]), face["more_matches"]) == (min(top_k, 3), more)


def test_find_by_a_face_does_not_count_the_face_itself(small_client):
    ids = []
    for person in (1, 2, 3):
        answer = small_client.post("/enroll", files={"img": drawn_photo(person)}, data={"subject": f"p{person}"})
        ids.append(answer.json()["faces"][0]["face_id"])
    for top_k, more in (1, True), (2, False):
        (face,) = small_client.post("/find", json={"face_id": ids[0], "top_k": top_k}).json()["faces"]
        assert (len(face["matches"]), face["more_matches"]) == (top_k, more)


def test_a_refusal_counts_the_faults_that_it_does_not_name(small_client):
    wrong = ("align", "enforce_detection", "accept_low_quality", "target_fmr", "threshold", "distance_metric", "img1")
    detail = small_client.post("/verify", json={name: [] for name in wrong}).json()["detail"]
    assert f"and {len(wrong) - MOST_FINDINGS} more faults" in detail
