"""One server per data folder."""

from __future__ import annotations

import subprocess
import sys

import pytest

from vultus.errors import StorageFailed
from vultus.storage.server_lock import LOCK_FILE, serving_alone

HOLDER = """
import sys
from pathlib import Path
from vultus.storage.server_lock import serving_alone
with serving_alone(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds the folder."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_refusal_names_folder_process_and_remedy(tmp_path, holder):
    with pytest.raises(StorageFailed) as caught, serving_alone(tmp_path):
        pass
    sentence = str(caught.value)
    assert f"the data folder {tmp_path} is served already, by process {holder.pid}" in sentence
    assert "--data-dir" in sentence


def test_a_holder_that_was_killed_blocks_nobody(tmp_path, holder):
    holder.kill()
    holder.wait()
    assert (tmp_path / LOCK_FILE).read_text() == f"{holder.pid}\n"
    with serving_alone(tmp_path):
        pass


def test_one_after_the_other_is_fine(tmp_path):
    for _ in range(2):
        with serving_alone(tmp_path / "new"):
            pass


def test_two_folders_are_independent(tmp_path):
    with serving_alone(tmp_path / "a"), serving_alone(tmp_path / "b"):
        pass


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StorageFailed, match="cannot be served"), serving_alone(tmp_path / "file" / "data"):
        pass
