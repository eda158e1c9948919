"""What the commands print on a terminal of 80 columns: a process of its own, with a pseudo-terminal."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.pictures import drawn_photo

COLUMNS = 80
COMMANDS = (
    "keys list",
    "collections list",
    "collections show default",
    "subjects list",
    "subjects show anna-of-the-second-floor",
    "faces list",
    "jobs list",
    "audit",
    "models list",
    "status",
)
SCRIPT = """
import sys
from vultus.cli.command_table import app
for command in sys.argv[1:]:
    print("$", command, flush=True)
    try:
        app(command.split())
    except SystemExit:
        pass
"""


def on_terminal(arguments: list[str], columns: int = COLUMNS, **more: str) -> str:
    """All that a Python process writes to a terminal of this width. more: environment variables."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    environment |= {"TERM": "xterm-256color", **more}
    process = subprocess.Popen(
        [sys.executable, *arguments], stdin=follower, stdout=follower, stderr=follower, env=environment
    )
    os.close(follower)
    written = b""
    try:
        while part := os.read(leader, 1 << 16):
            written += part
    except OSError:  # EIO: the process ended
        pass
    finally:
        os.close(leader)
        process.wait()
    return written.decode().replace("\r\n", "\n")


@pytest.fixture
def enrolled(small, run) -> list[str]:
    """The ids of a gallery, a key and a job."""
    made = small.service.enrolment.enroll(
        [drawn_photo(1), drawn_photo(1, photo=1)],
        subject="anna-of-the-second-floor",
        name="Anna Maria Magdalena Josepha of the Second Floor and of the Garden Behind the House",
    )
    scopes = [word for scope in ("enroll", "verify", "find") for word in ("--scope", scope)]
    key = json.loads(run("keys", "create", "the front door of the laboratory", *scopes, "--json").stdout)["id"]
    job = small.gallery.jobs.add("reembed", {}, collection="default").id
    return [made.faces[0].face.id, "anna-of-the-second-floor", key, job]


def without_colours(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_every_table_fits_80_columns_and_no_id_is_broken(enrolled, surroundings: Path):
    shown = without_colours(on_terminal(["-c", SCRIPT, *COMMANDS]))
    assert "Traceback" not in shown
    outputs = dict(part.split("\n", 1) for part in shown.split("$ ")[1:])
    assert list(outputs) == list(COMMANDS)
    for command, output in outputs.items():
        assert "\u2026" not in output
        tables = [line for line in output.splitlines() if not line.startswith(("warning:", "Model folder", "data dir"))]
        if command not in ("models list", "status"):  # whose sentences are as long as they are
            assert max(map(len, tables)) <= COLUMNS, command
    face, subject, key, job = enrolled
    for command, known in (
        ("faces list", face),
        ("subjects show anna-of-the-second-floor", face),
        ("subjects list", subject),
        ("keys list", key),
        ("audit", key),
        ("jobs list", job),
    ):
        assert known in outputs[command], command


def test_work_shows_a_bar_on_a_terminal_and_none_with_json(enrolled, surroundings: Path):
    commands = (
        "export one.tar",
        "check",
        "backup copy.tar",
        "restore copy.tar --data-dir new",
    )
    shown = without_colours(on_terminal(["-c", SCRIPT, *commands]))
    outputs = dict(part.split("\n", 1) for part in shown.split("$ ")[1:])
    for command, label in zip(
        commands, ("faces written", "photos compared", "photos copied", "photos unpacked"), strict=True
    ):
        assert f"{label} \u2501" in outputs[command], command  # the bar
        assert re.search("1/[1?]", outputs[command]) or command == "check"
    silent = without_colours(on_terminal(["-c", SCRIPT, "export two.tar --json", "check --json"]))
    assert "\u2501" not in silent


def test_a_dumb_terminal_gets_no_bar(enrolled, surroundings: Path):
    assert "\u2501" not in on_terminal(["-c", SCRIPT, "check"], TERM="dumb")
    assert "\x1b" not in on_terminal(["-c", SCRIPT, "check", "models list"], TERM="dumb")
