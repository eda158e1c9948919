from __future__ import annotations

import json

from typer.testing import CliRunner

from vultus.cli.command_table import app
from vultus.cli.context import CommandContext
from vultus.cli.opening import Openers


def test_find_lists_the_subject_with_its_name_as_it_is(run, photo):
    run("enroll", photo(1), "--subject", "anna", "--name", "[bold]Anna[/]")
    answer = run("find", photo(1, photo=1))
    assert answer.exit_code == 0
    assert answer.stdout.startswith("match: ")
    assert "[bold]Anna[/]" in answer.stdout


def test_find_in_json_has_the_shape_of_the_http_answer(run, photo):
    run("enroll", photo(1), "--subject", "anna")
    (face,) = json.loads(run("find", photo(1, photo=1), "--top-k", 1, "--json").stdout)["faces"]
    assert face["decision"] == "match"
    assert [match["subject"] for match in face["matches"]] == ["anna"]


def test_find_of_a_stranger_has_an_exit_code_on_request(run, photo):
    run("enroll", photo(1), "--subject", "anna")
    stranger = photo(2)
    assert run("find", stranger).stdout.startswith("unknown: ")
    assert run("find", stranger, "--exit-code").exit_code == 4


def test_find_all_faces(run, photo):
    run("enroll", photo(1), "--subject", "anna")
    assert len(json.loads(run("find", photo(2, 1), "--faces", "all", "--json").stdout)["faces"]) == 2


def test_find_says_which_face_it_took_and_that_more_subjects_follow(run, photo):
    for person in (1, 2):
        run("enroll", photo(person), "--subject", f"p{person}")
    answer = run("find", photo(1, 2), "--top-k", 1)
    assert "face: largest of 2" in answer.stderr
    assert "2 faces are in img" in answer.stderr
    assert "further subjects follow these 1; list more by --top-k" in answer.stderr
    assert "further" not in run("find", photo(1), "--top-k", 2).stderr


def test_find_in_a_collection_that_is_not_there(run, photo):
    answer = run("find", photo(1), "--collection", "nowhere", "--json")
    assert answer.exit_code == 1
    assert json.loads(answer.stdout)["error"] == "collection_not_found"


def test_ctrl_c_is_no_traceback(photo):
    def interrupted(settings):
        raise KeyboardInterrupt

    answer = CliRunner().invoke(
        app, ["verify", str(photo(1)), str(photo(2))], obj=CommandContext(Openers(open_system=interrupted))
    )
    assert answer.exit_code == 130
    assert answer.stderr == "stopped\n"
