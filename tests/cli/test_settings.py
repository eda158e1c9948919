from __future__ import annotations

import pytest

from vultus.cli.output import printable
from vultus.cli.settings import load_settings
from vultus.errors import SettingsInvalid


def test_flags_override_the_environment(surroundings, monkeypatch):
    monkeypatch.setenv("VULTUS_PORT", "1234")
    assert load_settings(port=None, host=None).port == 1234
    assert load_settings(port=4321, host=None).port == 4321


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("VULTUS_TARGET_FMRR", "VULTUS_TARGET_FMR"),
        ("vultus_datadir", "VULTUS_DATA_DIR"),
        ("VULTUS_PORTS", "VULTUS_PORT"),
    ],
)
def test_a_misspelt_setting_is_refused_with_the_name_that_was_meant(surroundings, monkeypatch, name, meant):
    monkeypatch.setenv(name, "secret-value")
    with pytest.raises(SettingsInvalid, match=f"no setting {name.upper()}; write {meant}") as refused:
        load_settings()
    assert "secret-value" not in str(refused.value)


def test_a_misspelt_setting_of_the_env_file_is_refused_too(surroundings):
    (surroundings / ".env").write_text("VULTUS_MIN_QUALTY=50\nOTHER=1\n")
    with pytest.raises(SettingsInvalid, match="VULTUS_MIN_QUALTY; write VULTUS_MIN_QUALITY"):
        load_settings()


@pytest.mark.parametrize(
    ("variables", "refuses"),
    [
        ({}, False),
        ({"UNAVAILABLE_MODELS": "refuse"}, True),
        ({"FACENET512_STAND_IN": "true"}, False),
        ({"FACENET512_STAND_IN": "false"}, True),
        ({"FACENET512_STAND_IN": "false", "UNAVAILABLE_MODELS": "default"}, False),
        ({"FACENET512_STAND_IN": "true", "UNAVAILABLE_MODELS": "refuse"}, True),
    ],
    ids=str,
)
def test_the_setting_of_unavailable_models_and_its_older_form(surroundings, monkeypatch, variables, refuses):
    for name, value in variables.items():
        monkeypatch.setenv(f"VULTUS_{name}", value)
    assert load_settings().refuses_unavailable_models is refuses


def test_a_name_like_no_setting_is_warned_of(surroundings, monkeypatch, capsys):
    monkeypatch.setenv("VULTUS_SERVICE_HOST", "10.0.0.1")  # as Kubernetes sets it for a service of this name
    load_settings()
    assert capsys.readouterr().err == "there is no setting VULTUS_SERVICE_HOST; it has no effect\n"


def test_the_variables_of_the_python_client_are_no_mistake(surroundings, monkeypatch, capsys):
    monkeypatch.setenv("VULTUS_URL", "http://127.0.0.1:8000")
    monkeypatch.setenv("VULTUS_KEY", "k")
    load_settings()
    assert capsys.readouterr().err == ""


def test_every_setting_is_known_by_its_variable(surroundings, monkeypatch):
    for name, value in {"VULTUS_HOST": "::1", "vultus_max_faces": "3"}.items():
        monkeypatch.setenv(name, value)
    assert (load_settings().host, load_settings().max_faces) == ("::1", 3)


def test_an_env_file_that_is_no_text_is_refused(surroundings):
    (surroundings / ".env").write_bytes(b"VULTUS_PORT=\xff\xfe")
    with pytest.raises(SettingsInvalid, match="UTF-8"):
        load_settings()


def test_what_a_terminal_would_obey_is_not_printed():
    assert printable("Zoë\x1b[2J\udcff\u202e\nnext") == "Zoë?[2J??\nnext"
