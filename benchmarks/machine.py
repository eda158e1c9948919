"""The machine and the versions that figures were measured with, and the memory of a process."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from vultus.cores import available_cores
from vultus.models.precision import best_precision, cpu_flags, int8_weight_bits

PACKAGES = ("vultus", "numpy", "onnxruntime", "opencv-python-headless", "pillow", "numkong", "fastapi", "uvicorn")
FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8", "asimddp", "i8mm")


def facts() -> dict[str, Any]:
    """The hardware and software that the figures depend on."""
    return {
        "cpu": _cpu_name(),
        "flags": [flag for flag in FLAGS if flag in cpu_flags()],
        "cores": available_cores(),
        "arithmetic": arithmetic(),
        "memory_mb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**20),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
    }


def arithmetic() -> str:
    """What the networks compute in on this processor when nothing is set, and why."""
    choice, bits = best_precision("auto", cpu_flags()), int8_weight_bits(cpu_flags())
    named = f"int8, weights in {bits} bits" if choice.precision == "int8" else choice.precision
    return f"{named} ({choice.reason})"


def load() -> list[float]:
    """The load average of 1, 5 and 15 minutes: above the number of cores at the start, other processes computed too."""
    return [round(value, 2) for value in os.getloadavg()]


def resident_mb(pid: int) -> float:
    """The resident memory of a process, MiB."""
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024
    answer = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True)
    return int(answer.stdout) / 1024


def family(pid: int) -> list[int]:
    """A process and all that descend from it; on Linux."""
    children = " ".join(path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")).split()
    return [pid, *(one for child in children for one in family(int(child)))]


def proportional_mb(pids: Sequence[int]) -> float:
    """The memory of several processes, MiB, what they share counted once: the sum of their PSS; on Linux."""
    rollups = "".join(Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids)
    return sum(int(line.split()[1]) for line in rollups.splitlines() if line.startswith("Pss:")) / 1024


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8", "replace").splitlines() if info.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
