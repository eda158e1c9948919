import os
from pathlib import Path

import pytest

from vultus.cores import available_cores


@pytest.fixture(autouse=True)
def bound_to_eight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)


def written(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def test_without_a_quota_it_is_what_the_process_is_bound_to(tmp_path):
    assert available_cores((tmp_path / "cpu.max",)) == 8


@pytest.mark.parametrize(
    ("said", "cores"),
    [
        ("max 100000\n", 8),
        ("200000 100000\n", 2),
        ("150000 100000\n", 2),
        ("20000 100000\n", 1),
        ("1600000 100000\n", 8),
        ("", 8),
        ("odd words\n", 8),
        ("100000 0\n", 8),
    ],
)
def test_a_quota_of_cgroups_2(tmp_path, said, cores):
    assert available_cores((written(tmp_path, cpu__max=said) / "cpu.max",)) == cores


@pytest.mark.parametrize(("quota", "cores"), [("-1\n", 8), ("300000\n", 3)])
def test_a_quota_of_cgroups_1(tmp_path, quota, cores):
    written(tmp_path, cpu__cfs_quota_us=quota, cpu__cfs_period_us="100000\n")
    assert available_cores((tmp_path / "nothing", tmp_path / "cpu.cfs_quota_us")) == cores


def test_a_system_without_affinity_counts_the_machine(monkeypatch, tmp_path):
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert available_cores((tmp_path / "cpu.max",)) == 1
