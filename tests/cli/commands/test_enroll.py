from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests import pictures
from tests.api.standin import StandInAuditSink
from vultus.cli.command_table import app
from vultus.cli.context import CommandContext
from vultus.cli.opening import Openers
from vultus.config import Settings
from vultus.records.stored import CollectionPolicies
from vultus.wiring.parts import System


def test_enroll_shows_face_and_subject(run, photo):
    answer = run("enroll", photo(1), "--subject", "anna", "--collection", "staff")
    assert answer.exit_code == 0
    assert "faces of anna in collection staff: 1" in answer.stdout


def test_the_operator_may_loosen_a_policy_and_the_audit_says_so(small, surroundings, photo):
    lines = StandInAuditSink()

    @contextmanager
    def open_small(settings: Settings) -> Iterator[System]:
        parts: Any = small
        pipeline = parts.service.context.pipeline
        yield System(settings, parts.service, parts.keys, parts.gallery, parts.models, pipeline, audit_sink=lines)

    def enroll(*options: str) -> int:
        command = ["enroll", str(photo(1)), "--subject", "anna", *options]
        return CliRunner().invoke(app, command, obj=CommandContext(Openers(open_system=open_small))).exit_code

    small.service.galleries.create_collection("default", policies=CollectionPolicies(min_quality=99.9))
    assert enroll() == 1
    assert lines.lines == []
    assert enroll("--min-quality", "0") == 0
    assert [(line.actor, line.action) for line in lines.lines] == [("command", "policy.override")]


def test_enroll_in_json_has_the_shape_of_the_http_answer(run, photo):
    file = photo(1)
    first = json.loads(run("enroll", file, "--subject", "anna", "--name", "Anna", "--json").stdout)
    again = json.loads(run("enroll", file, "--subject", "anna", "--json").stdout)
    assert (first["subject"], first["name"], first["collection"]) == ("anna", "Anna", "default")
    assert [first["faces"][0]["created"], again["faces"][0]["created"]] == [True, False]
    assert first["faces"][0]["face_id"] == again["faces"][0]["face_id"]


def test_enroll_refuses_a_photo_without_a_face_in_one_sentence(run, photo):
    answer = run("enroll", photo(), "--subject", "anna")
    assert answer.exit_code == 1
    assert answer.stdout == ""
    assert answer.stderr.startswith("no face found")
    assert answer.stderr.count("\n") == 1


def test_a_refusal_in_json_is_the_error_object(run, photo):
    answer = run("enroll", photo(), "--subject", "anna", "--json")
    assert answer.exit_code == 1
    assert json.loads(answer.stdout) == {"error": "no_face_detected", "detail": answer.stderr.strip()}


def test_enroll_of_good_and_bad_photos_is_partly_done(run, photo):
    bad = photo()
    answer = run("enroll", photo(1), bad, "--subject", "anna")
    assert answer.exit_code == 3
    assert f"{bad} refused (no_face_detected)" in answer.stderr


def test_several_faces_are_refused_unless_the_largest_is_asked_for(run, photo):
    file = photo(1, 2)
    assert run("enroll", file, "--subject", "anna").exit_code == 1
    assert run("enroll", file, "--subject", "anna", "--face", "largest").exit_code == 0


def test_all_faces_of_a_photo_become_new_subjects(run, photo):
    file = photo(1, 2)
    answer = json.loads(run("enroll", file, "--face", "all", "--json").stdout)
    subjects = {face["subject"] for face in answer["faces"]}
    assert (answer["subject"], len(subjects)) == (None, 2)
    listed = run("enroll", file, "--face", "all")
    assert listed.exit_code == 0
    assert listed.stdout.splitlines()[1].split() == ["subject", "face", "quality", "new"]


def test_a_face_below_the_floor_is_named_by_its_place(run, photo):
    file = photo(1, 2)
    scores = [
        face["quality"]["score"] for face in json.loads(run("enroll", file, "--face", "all", "--json").stdout)["faces"]
    ]
    answer = run("enroll", file, "--face", "all", "--min-quality", sum(scores) / 2)
    assert answer.exit_code == 3
    assert f"{file}, face 1, refused (low_quality)" in answer.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--face", "all", "--subject", "anna"), "leave out --subject"),
        (("--face", "all", "again.png"), "one photo"),
        ((), "--subject"),
        (("--subject", "anna", "--subjects", "anna,ben"), "--face all"),
        (("--face", "all", "--subjects", "anna,x\x00"), "control"),
        (("--subject", "anna", "--embedding", "anna.json"), "leave out photos"),
    ],
)
def test_what_does_not_go_together_is_wrong_usage(run, photo, options, said):
    answer = run("enroll", photo(1, 2), *options)
    assert answer.exit_code == 2
    assert said in " ".join(answer.stderr.split())


def test_a_quality_floor_is_passed_on(run, photo):
    answer = run("enroll", photo(1), "--subject", "anna", "--min-quality", 100, "--json")
    assert json.loads(answer.stdout)["error"] == "low_quality"


def test_a_missing_file_is_named(run):
    answer = run("find", "nobody.jpg", "--json")
    assert answer.exit_code == 1
    assert answer.stderr == "nobody.jpg: No such file or directory; check the path and its permissions\n"
    assert json.loads(answer.stdout)["error"] == "file_failed"


def test_a_photo_over_the_limit_is_refused(run, photo, monkeypatch):
    monkeypatch.setenv("VULTUS_MAX_IMAGE_BYTES", "100")
    assert json.loads(run("find", photo(1), "--json").stdout)["error"] == "request_too_large"


@pytest.mark.parametrize("subject", [" anna", "", "a\x00b", "x" * 257])
def test_a_subject_that_http_would_refuse_is_wrong_usage(run, photo, subject):
    answer = run("enroll", photo(1), "--subject", subject)
    assert answer.exit_code == 2
    assert "--subject" in answer.stderr


def test_a_collection_that_http_would_refuse_is_wrong_usage(run, photo):
    assert run("find", photo(1), "--collection", "a/b").exit_code == 2


def test_each_face_of_a_photo_goes_to_the_subject_named_for_it(run, photo):
    answer = json.loads(run("enroll", photo(1, 2), "--face", "all", "--subjects", "anna,", "--json").stdout)
    first, second = (face["subject"] for face in answer["faces"])
    assert first == "anna"
    assert second not in ("", "anna")
    refused = run("enroll", photo(1, 2), "--face", "all", "--subjects", "anna,ben,eva")
    assert (refused.exit_code, "3 entries, but 2 faces" in refused.stderr) == (1, True)


@pytest.fixture
def kept(surroundings, small):
    """Writes the embeddings of these people, as a caller keeps them, and answers the path and the model."""

    def write(*people: int) -> tuple[Path, str]:
        found = [small.service.recognition.represent(pictures.drawn_photo(person)) for person in people]
        path = surroundings / "kept.json"
        path.write_text(json.dumps([one[0].embedding.tolist() for one in found]))
        return path, found[0][0].model_id

    return write


def test_embeddings_that_were_kept_are_enrolled_and_found(run, kept):
    path, model = kept(1, 2)
    answer = run("enroll", "--embedding", path, "--model-name", model, "--subject", "anna")
    assert answer.exit_code == 0
    assert "enrolled without a photo" in answer.stderr
    path, model = kept(1)
    found = run("find", "--embedding", path, "--model", model)
    assert found.stdout.startswith("match: ")
    assert "quality of the face is not known" in found.stderr
    (face,) = json.loads(run("find", "--embedding", path, "--model", model, "--json").stdout)["faces"]
    assert [match["subject"] for match in face["matches"]] == ["anna"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[NaN, 1]", "kept.json is not JSON"),
        ('{"a": 1}', "holds something else than embeddings"),
        ("[[1, 0], [true]]", "holds something else than embeddings"),
        ("[]", "holds something else than embeddings"),
        ("[1, 0]", "has shape (2,)"),
        ("[[1, 0], [0, 1]]", "holds 2 embeddings; search with one"),
    ],
)
def test_a_file_without_embeddings_is_refused(run, photo, surroundings, kept, text, said):
    _, model = kept(1)
    run("enroll", photo(1), "--subject", "anna")
    (surroundings / "kept.json").write_text(text)
    answer = run("find", "--embedding", "kept.json", "--model", model)
    assert (answer.exit_code, answer.stderr.count("\n")) == (1, 1)
    assert said in answer.stderr


def test_an_embedding_needs_its_model(run, kept):
    path, _ = kept(1)
    assert run("enroll", "--embedding", path, "--subject", "anna").exit_code == 2
    assert run("find", "--embedding", path).exit_code == 2
    assert run("find").exit_code == 2


def test_a_face_of_another_subject_is_said_or_by_strict_refused(run, photo):
    file = photo(1)
    run("enroll", file, "--subject", "anna")
    refused = run("enroll", file, "--subject", "Anna", "--strict", "--json")
    assert (refused.exit_code, json.loads(refused.stdout)["error"]) == (1, "looks_like_another_subject")
    said = run("enroll", file, "--subject", "Anna")
    assert said.exit_code == 0
    assert "the face fits subject 'anna'" in said.stderr
    assert "the new id 'Anna' looks like 'anna'" in said.stderr
