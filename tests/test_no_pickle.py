"""Nothing that runs what it reads: no pickle, no eval, no shell, in no form, anywhere in the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "vultus"
MODULES = {
    "pickle",
    "cPickle",
    "_pickle",
    "dill",
    "cloudpickle",
    "joblib",
    "shelve",
    "marshal",
    "jsonpickle",
    "torch",
    "yaml",
}
CALLS = {"eval", "exec", "compile", "__import__", "read_pickle", "to_pickle", "loadtxt", "unpickle"}

HARMLESS = {("re", "compile"), ("statement", "compile")}  # a pattern; SQL by SQLAlchemy


def found(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        yield from _imports(node)
        if isinstance(node, ast.Call):
            yield from _calls(node)


def _imports(node: ast.AST) -> Iterator[str]:
    names: list[str] = []
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        names = [node.module or ""]
    yield from (f"imports {name}" for name in names if name.split(".")[0] in MODULES)


def _calls(node: ast.Call) -> Iterator[str]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    owner = node.func.value if isinstance(node.func, ast.Attribute) else None
    module = owner.id if isinstance(owner, ast.Name) else ""
    runs = name in CALLS and (module, name) not in HARMLESS
    if runs or (module == "os" and name in ("system", "popen")):
        yield f"calls {name}"
    for argument in node.keywords:
        truth = isinstance(argument.value, ast.Constant) and bool(argument.value.value)
        if argument.arg in ("allow_pickle", "shell", "pickle_module") and truth:
            yield f"calls {name} with {argument.arg}"


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_nothing_runs_what_it_reads(path: Path) -> None:
    assert list(found(path)) == []


def test_the_search_would_find_it(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text(
        "import pickle\nfrom joblib import load\neval('1')\nnp.load(f, allow_pickle=True)\nrun('x', shell=True)\n"
    )
    assert len(list(found(bad))) == 5
