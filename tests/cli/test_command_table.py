"""The page of all commands is written down, so that nothing is imported for it: it must say what the commands say."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from tests.waiting import patient
from vultus.cli.command_table import COMMANDS, app, load
from vultus.cli.context import CommandContext
from vultus.cli.terminal.help_pages import GROUPS, USAGE

HEAVY = ("numpy", "sqlalchemy", "fastapi", "uvicorn", "onnxruntime", "cv2", "pydantic")


def test_each_command_is_in_one_group_and_has_an_example():
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(COMMANDS) == sorted(USAGE)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_page_fits_80_columns_and_its_example_is_right(name):
    page = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "80"}, obj=CommandContext()).stdout
    assert max(map(len, page.splitlines())) <= 80
    assert "\u2026" not in page
    assert f"Example: {USAGE[name].example[:60]}" in " ".join(page.split())
    assert f"Needs: {USAGE[name].needs[:30]}" in " ".join(page.split()).replace("`", "")
    program, first, *words = USAGE[name].example.split()
    assert (program, first) == ("vultus", name)
    command = load(name)
    if hasattr(command, "commands") and words[0] in command.commands:
        command, words = command.commands[words[0]], words[1:]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= known


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
