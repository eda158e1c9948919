"""The first admin key: from a file, as secrets are handed to containers, or made at the moment that it is shown."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from vultus.cli.command_table import app
from vultus.cli.context import CommandContext
from vultus.cli.opening import Openers
from vultus.config import Settings
from vultus.errors import InvalidApiKey, SettingsInvalid
from vultus.storage.database import open_database
from vultus.storage.first_admin_key import GivenKey, make_first_key, store_given_key
from vultus.storage.keys import KeyStore
from vultus.storage.migrations.runner import migrate
from vultus.wiring.open_system import first_admin_key, open_system
from vultus.wiring.settings_check import check_settings

SECRET = "5f3759df" * 8
OTHER = "0badcafe" * 8


@contextmanager
def dying_worker(settings: Settings, duties: object):
    """A worker that dies once its system is open, before it can report anything."""
    with open_system(settings, duties):
        os._exit(9)
        yield


@pytest.fixture
def keys(tmp_path):
    database = open_database(f"sqlite:///{tmp_path / 'vultus.db'}")
    migrate(database)
    yield KeyStore(database)
    database.close()


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "key"


def given(file):
    return GivenKey("VULTUS_ADMIN_KEY_FILE", file=file)


def scopes_of(keys, secret):
    return keys.authenticate(secret, datetime.now(UTC)).scopes


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_the_key_of_the_file_is_the_first_admin_key(keys, file, end):
    file.write_text(SECRET + end, newline="")
    store_given_key(keys, given(file))
    assert "admin" in scopes_of(keys, SECRET)
    assert make_first_key(keys) is None


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "it is empty"),
        (b"\n", "it is empty"),
        (b"x" * 31, "the key in it has 31 characters; use 32 or more"),
        (SECRET.encode() + b"\n\n", "not one line"),
        (f"{SECRET}\n{OTHER}\n".encode(), "not one line"),
        (f"{SECRET} # the key".encode(), "not one line"),
        (SECRET.encode() + b"\xc3\xa4", "not one line"),
        (b"\xef\xbb\xbf" + SECRET.encode(), "not one line"),
        (b"x" * 5000, "not one line"),
    ],
)
def test_a_file_without_a_usable_key_is_refused_and_its_content_is_not_repeated(keys, file, content, problem):
    file.write_bytes(content)
    with pytest.raises(SettingsInvalid, match=problem) as refusal:
        store_given_key(keys, given(file))
    assert str(file) in str(refusal.value)
    assert "VULTUS_ADMIN_KEY_FILE" in str(refusal.value)
    assert SECRET not in str(refusal.value)
    assert not keys.any()


def test_a_file_that_is_missing_a_folder_or_a_pipe_is_refused(file):
    with pytest.raises(SettingsInvalid, match="is not there; mount the secret"):
        given(file).read()
    with pytest.raises(SettingsInvalid, match="a folder"):
        given(file.parent).read()
    os.mkfifo(file)
    with pytest.raises(SettingsInvalid, match="a pipe"):
        given(file).read()


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o444, 0o640])
def test_the_modes_of_mounted_secrets_are_taken(file, mode):
    file.write_text(SECRET)
    file.chmod(mode)
    assert given(file).read() == SECRET


def test_a_file_that_anyone_may_write_is_refused(file):
    file.write_text(SECRET)
    file.chmod(0o666)
    with pytest.raises(SettingsInvalid, match="chmod o-w"):
        given(file).read()


def test_a_link_is_followed_as_kubernetes_mounts_secrets(file):
    (file.parent / "..data").mkdir()
    (file.parent / "..data" / "key").write_text(SECRET)
    file.symlink_to("..data/key")
    assert given(file).read() == SECRET


def test_both_a_key_and_a_file_are_refused(file):
    with pytest.raises(SettingsInvalid, match="VULTUS_ADMIN_KEY and VULTUS_ADMIN_KEY_FILE are both set"):
        check_settings(Settings(data_dir=file.parent, admin_key_file=file, admin_key=OTHER))


def test_a_key_that_was_changed_at_a_restart_has_no_effect_and_the_log_says_so(keys, file, caplog):
    file.write_text(SECRET)
    store_given_key(keys, given(file))
    with caplog.at_level(logging.WARNING):
        store_given_key(keys, given(file))
    assert caplog.messages == []
    file.write_text(OTHER)
    with caplog.at_level(logging.WARNING):
        store_given_key(keys, given(file))
    with pytest.raises(InvalidApiKey):
        scopes_of(keys, OTHER)
    assert "the key in VULTUS_ADMIN_KEY_FILE does not work: " in caplog.text
    assert "unknown" in caplog.text
    assert OTHER not in caplog.text


def test_a_file_that_is_gone_at_a_restart_stops_nothing(keys, file, caplog):
    keys.create("admin", ["admin"])
    store_given_key(keys, given(file))
    assert "it is not there" in caplog.text


@pytest.mark.real
def test_a_first_start_whose_worker_dies_leaves_no_key_that_nobody_has_seen(file, model_dir):
    arguments = [
        "serve",
        "--port",
        "0",
        "--workers",
        "2",
        "--data-dir",
        str(file.parent),
        "--model-dir",
        str(model_dir),
    ]
    answer = CliRunner().invoke(app, arguments, obj=CommandContext(Openers(open_worker=dying_worker)))
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert first_admin_key(Settings(data_dir=file.parent)) is not None
