"""The page of all commands is written down, so that nothing is imported for it: it must say what the commands say."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.waiting import patient
from vultus.cli.command_table import COMMANDS, load

HEAVY = ("numpy", "sqlalchemy", "fastapi", "uvicorn", "onnxruntime", "cv2", "pydantic")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_page_of_all_commands_agrees_with_each_command(name):
    command = load(name)
    assert command.name == name
    assert " ".join(command.help.split()).startswith(COMMANDS[name].short_help.removesuffix("."))


def test_the_page_of_all_commands_imports_nothing_heavy():
    code = f"""
import sys
from vultus.cli.command_table import app
try:
    app(["--help"])
except SystemExit as exit:
    assert exit.code == 0
print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=patient(300)
    )
    assert done.stderr.strip() == "[]"
    assert all(name in done.stdout for name in COMMANDS)
