"""Networks compute in memory that they share."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from onnx import TensorProto, helper, save_model

WIDTH, NETWORKS = 2**23, 6  # a run keeps one array of 32 MiB between its two steps
RUN_EACH = """
import sys
from pathlib import Path
import numpy as np
from vultus.vision.session import Session, share_memory

def resident():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024

batch = np.ones((1, int(sys.argv[2])), np.float32)
share_memory()
sessions, before = [Session(Path(sys.argv[1])) for _ in range(int(sys.argv[3]))], resident()
for session in sessions:
    assert session.run(batch)[0].max() == 0
print(resident() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux says how much memory is resident")
def test_networks_that_run_one_after_the_other_need_the_memory_of_one(tmp_path):
    wide = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, WIDTH]) for name in ("x", "y")]
    nodes = [helper.make_node("Abs", ["x"], ["a"]), helper.make_node("Sub", ["a", "x"], ["y"])]
    network = helper.make_model(helper.make_graph(nodes, "wide", wide[:1], wide[1:]))
    network.ir_version, network.opset_import[0].version = 8, 17
    save_model(network, tmp_path / "wide.onnx")
    command = [sys.executable, "-c", RUN_EACH, str(tmp_path / "wide.onnx"), str(WIDTH), str(NETWORKS)]
    grown = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert grown < NETWORKS * 32 / 2
