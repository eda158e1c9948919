"""Writers of several processes queue in the kernel."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from tests.waiting import patient
from vultus.storage.engines.write_queue import WriteQueue

COUNTING = """
import sys
from pathlib import Path
from vultus.storage.engines.write_queue import WriteQueue
file = Path(sys.argv[1])
queue = WriteQueue(file)
for _ in range(200):
    with queue.turn():
        file.write_text(str(int(file.read_text()) + 1))
"""
HOLDING = """
import sys
from pathlib import Path
from vultus.storage.engines.write_queue import WriteQueue
with WriteQueue(Path(sys.argv[1])).turn():
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_no_turn_of_another_process_falls_into_ours(tmp_path):
    (file := tmp_path / "counted").write_text("0")
    processes = [subprocess.Popen([sys.executable, "-c", COUNTING, str(file)]) for _ in range(3)]
    assert [process.wait(patient()) for process in processes] == [0, 0, 0]
    assert file.read_text() == "600"


def test_no_turn_of_another_thread_falls_into_ours(tmp_path):
    (file := tmp_path / "counted").write_text("0")
    queue = WriteQueue(file)

    def count(_: int) -> None:
        with queue.turn():
            file.write_text(str(int(file.read_text()) + 1))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(200)))
    assert file.read_text() == "200"
    queue.close()


def test_a_process_that_dies_gives_its_turn_back(tmp_path):
    command = [sys.executable, "-c", HOLDING, str(tmp_path / "db")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        process.kill()
    with WriteQueue(tmp_path / "db").turn():
        pass
