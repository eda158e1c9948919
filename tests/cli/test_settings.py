from __future__ import annotations

import pytest

from vultus.cli.output import printable
from vultus.cli.settings import load_settings
from vultus.errors import SettingsInvalid


def test_flags_override_the_environment(surroundings, monkeypatch):
    monkeypatch.setenv("VULTUS_PORT", "1234")
    assert load_settings(port=None, host=None).port == 1234
    assert load_settings(port=4321, host=None).port == 4321


def test_an_env_file_that_is_no_text_is_refused(surroundings):
    (surroundings / ".env").write_bytes(b"VULTUS_PORT=\xff\xfe")
    with pytest.raises(SettingsInvalid, match="UTF-8"):
        load_settings()


def test_what_a_terminal_would_obey_is_not_printed():
    assert printable("Zoë\x1b[2J\udcff\u202e\nnext") == "Zoë?[2J??\nnext"
