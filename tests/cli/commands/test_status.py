from __future__ import annotations

import json

import pytest

from tests.pictures import drawn_photo
from tests.server.test_sockets import KEY, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("served")) as server:
        yield server


def test_a_data_folder_says_what_it_holds_and_that_it_has_no_backup(run, small, tmp_path):
    small.service.enrolment.enroll([drawn_photo(1)], subject="anna")
    done = run("status")
    assert done.exit_code == 1
    assert "enrolled: collections 1, subjects 1, faces 1" in done.stdout
    assert "last backup none known" in done.stdout
    assert "warning: no verified backup of this data folder is known of" in done.stdout
    assert run("backup", tmp_path / "copy.tar").exit_code == 0
    done = run("status")
    assert (done.exit_code, "warning" in done.stdout) == (0, False)
    found = json.loads(run("status", "--json").stdout)
    assert (found["enrolled"]["faces"], found["warnings"]) == (1, [])
    assert found["storage"]["last_backup"] is not None
    assert (found["storage"]["photos_waiting"], found["storage"]["photos_waiting_since"]) == (0, None)


def test_a_folder_without_a_gallery_is_refused_and_none_is_made(run, tmp_path):
    done = run("status", "--data-dir", tmp_path / "nowhere")
    assert (done.exit_code, (tmp_path / "nowhere").exists()) == (1, False)
    assert "there is no database" in done.stderr


def test_a_running_server_is_asked(run, served, tmp_path):
    short = json.loads(run("status", "--url", served.url, "--json").stdout)
    assert (short["status"], "storage" in short) == ("ready", False)
    (tmp_path / "key").write_text(f"{KEY}\n")
    done = run("status", "--url", f"{served.url}/", "--key-file", tmp_path / "key")
    assert (done.exit_code, "workers: wanted 1, serving 1, restarts 0" in done.stdout) == (0, True), done.stdout
    (tmp_path / "key").write_text("wrong")
    done = run("status", "--url", served.url, "--key-file", tmp_path / "key")
    assert (done.exit_code, "answered 401: the API key is unknown" in done.stderr) == (1, True)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://[::1", "https://127.0.0.1:1/x"])
def test_a_server_that_does_not_answer_is_one_sentence(run, url):
    done = run("status", "--url", url)
    assert (done.exit_code, done.stdout) == (1, "")
    assert f"no Vultus answers at {url}" in done.stderr


def test_an_address_that_is_none_is_wrong_usage(run):
    assert run("status", "--url", "127.0.0.1:8000").exit_code == 2
