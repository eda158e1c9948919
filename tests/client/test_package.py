"""The package: installed from the tree by itself, typed for both checkers, and re-exported by the service."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import vultus_client
from tests.waiting import patient

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "clients" / "python"
USAGE = Path(__file__).with_name("typed_usage.py")
SECONDS = 120


def run(*command: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        command, cwd=cwd, env=kept | environment, capture_output=True, text=True, timeout=patient(SECONDS), check=False
    )


def test_it_is_installed_from_the_tree_and_works_without_the_service(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    shutil.copytree(PACKAGE, source, ignore=shutil.ignore_patterns("__pycache__"))
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation")
    done = run(*pip, "--target", str(target), str(source))
    assert done.returncode == 0, done.stderr
    assert (target / "vultus_client" / "py.typed").is_file()
    script = "import sys, vultus_client; print(vultus_client.__file__, 'vultus' in sys.modules, 'numpy' in sys.modules)"
    shown = run(sys.executable, "-c", script, cwd=tmp_path, PYTHONPATH=str(target)).stdout.split()
    assert shown == [str(target / "vultus_client" / "__init__.py"), "False", "False"]


def test_the_service_exports_it_too():
    ours = importlib.import_module("vultus.client")
    assert {getattr(ours, name) is getattr(vultus_client, name) for name in vultus_client.__all__} == {True}


def test_without_it_the_import_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "vultus_client", None)
    monkeypatch.delitem(sys.modules, "vultus.client", raising=False)
    with pytest.raises(ModuleNotFoundError, match="install clients/python"):
        importlib.import_module("vultus.client")
    monkeypatch.delitem(sys.modules, "vultus.client", raising=False)


def test_mypy_knows_the_types_of_both_clients(tmp_path):
    usage = shutil.copy(USAGE, tmp_path)  # by itself: beside it are tests, which have no types
    done = run(sys.executable, "-m", "mypy", "--warn-unused-ignores", str(usage))
    assert done.returncode == 0, done.stdout


def test_pyright_knows_them_too(tmp_path):
    settings = {
        "include": [str(PACKAGE / "src"), str(USAGE)],
        "extraPaths": [str(PACKAGE / "src")],
        "typeCheckingMode": "strict",
        "reportUnnecessaryTypeIgnoreComment": "error",
        "pythonVersion": "3.11",
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    project = str(tmp_path / "pyrightconfig.json")
    done = run(sys.executable, "-m", "basedpyright", "--pythonpath", sys.executable, "--project", project)
    assert done.returncode == 0, done.stdout
