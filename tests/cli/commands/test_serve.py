from __future__ import annotations

import socket
from contextlib import contextmanager

import pytest
from typer.testing import CliRunner

from vultus import __version__
from vultus.cli.command_table import app
from vultus.cli.commands.serve import banner
from vultus.cli.context import CommandContext
from vultus.cli.opening import Openers
from vultus.config import Settings
from vultus.errors import ModelInvalid


@contextmanager
def refusing(settings: Settings):
    raise ModelInvalid("the weights are not what they must be; install them again")
    yield


@contextmanager
def refusing_worker(settings: Settings, duties: object):
    raise ModelInvalid("the weights are not what they must be; install them again")
    yield


def served(*arguments: object) -> tuple[int, str]:
    """Exit code and stderr of a serve that cannot succeed."""
    answer = CliRunner().invoke(app, ["serve", *map(str, arguments)], obj=CommandContext(Openers(open_server=refusing)))
    assert answer.stdout == ""
    return answer.exit_code, answer.stderr


def test_a_wrong_setting_is_named_by_its_variable(surroundings, monkeypatch):
    monkeypatch.setenv("VULTUS_PORT", "many")
    assert served() == (
        1,
        "VULTUS_PORT is not usable: must be a whole number, like 50\n",
    )


def test_a_wrong_flag_is_named_as_it_was_given(surroundings):
    code, sentence = served("--port", 70000)
    assert code == 1
    assert sentence.startswith("--port is not usable: ")


def test_a_wrong_admin_key_is_not_repeated(surroundings, monkeypatch):
    monkeypatch.setenv("VULTUS_ADMIN_KEY", "too-short-secret")
    code, sentence = served()
    assert code == 1
    assert "VULTUS_ADMIN_KEY" in sentence
    assert "too-short-secret" not in sentence


def test_settings_that_contradict_each_other_are_refused(surroundings):
    code, sentence = served("--without-keys", "--host", "0.0.0.0")
    assert code == 1
    assert "only on a loopback address" in sentence


def test_a_port_in_use_is_named(surroundings):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, sentence = served("--port", port)
    assert code == 1
    assert sentence == (
        f"port {port} on 127.0.0.1 is in use already; stop what uses it, or choose another with --port or VULTUS_PORT\n"
    )


def test_an_address_of_another_machine_is_refused(surroundings):
    code, sentence = served("--host", "192.0.2.1")  # RFC 5737: nobody's
    assert code == 1
    assert sentence.startswith("cannot listen on 192.0.2.1 port 8000 (")


def test_a_data_folder_that_cannot_be_made_is_named(surroundings):
    (surroundings / "file").write_bytes(b"")
    code, sentence = served("--data-dir", surroundings / "file" / "data")
    assert code == 1
    assert sentence.startswith(f"the data folder {surroundings / 'file' / 'data'} cannot be made (Not a directory)")


def test_a_system_that_does_not_open_ends_the_server_with_its_sentence(surroundings):
    assert served("--port", 0) == (1, "the weights are not what they must be; install them again\n")


def test_a_system_that_does_not_open_in_a_worker_ends_all_with_its_sentence(surroundings):
    openers = Openers(open_worker=refusing_worker)
    answer = CliRunner().invoke(app, ["serve", "--port", "0", "--workers", "2"], obj=CommandContext(openers))
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert answer.stderr == "the weights are not what they must be; install them again\n"


def test_the_banner_shows_a_new_admin_key_once(tmp_path, surroundings):
    settings = Settings(data_dir=tmp_path)
    first = banner(settings, "vk_new", 8000)
    second = banner(settings, None, 8000)
    assert first[0] == f"Vultus {__version__} is ready on http://127.0.0.1:8000"
    assert first[1] == "  Open:    http://127.0.0.1:8000/console (programs: http://127.0.0.1:8000/docs)"
    assert str(tmp_path) in first[2]
    assert first[3] == "  Admin key (shown this once; keep it safe): vk_new"
    assert not any("key" in line for line in second)


@pytest.mark.parametrize(("host", "url"), [("0.0.0.0", "http://localhost:8000"), ("::1", "http://[::1]:8000")])
def test_the_banner_has_a_url_to_open(surroundings, host, url):
    assert banner(Settings(host=host), None, 8000)[0].endswith(url)


def test_help_documents_the_exit_codes():
    text = CliRunner().invoke(app, ["--help"]).stdout
    assert all(f" {code}: " in text for code in (0, 1, 2, 3, 4, 130))


def test_version():
    assert CliRunner().invoke(app, ["--version"]).stdout == f"vultus {__version__}\n"
