"""Which way imports point: a folder knows only those above it, and heavy libraries have one importer each."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "vultus"
GROUND = {
    *("errors", "records", "cores", "identifiers", "lookalikes", "json_text", "files", "installation_key", "findings"),
    *("vectors", "caller", "plain_numbers", "malloc", "metrics", "__init__"),
}
FLOOR = GROUND | {"matching", "vision", "models", "search"}
# folder or file -> those it may know, beside itself
MAY_KNOW = {
    "errors": {"records"},
    "records": set(),
    "cores": set(),
    "identifiers": {"lookalikes"},
    "lookalikes": set(),
    "json_text": {"errors"},
    "malloc": set(),
    "metrics": {"records"},
    "files": set(),
    "installation_key": {"errors", "files"},
    "vectors": {"errors", "records"},
    "findings": set(),
    "caller": set(),
    "plain_numbers": set(),
    "client": set(),
    "config": {"cores", "identifiers", "plain_numbers"},
    "matching": GROUND | {"search"},
    "vision": GROUND | {"matching"},
    "models": GROUND,
    "search": GROUND,
    "outgoing": GROUND,
    "status": GROUND | {"search", "storage", "backup"},
    "schemas": GROUND | {"matching", "search"},
    "storage": GROUND | {"search"},
    "backup": GROUND | {"search", "storage"},
    "service": GROUND | {"matching", "vision", "search", "storage"},
    "evaluation": GROUND | {"matching", "vision", "search"},
    "loaded_models": set(),
    "model_references": GROUND | {"matching", "models", "search"},
    "model_loading": GROUND | {"matching", "vision", "models"},
    "liveness_models": GROUND | {"vision", "models"},
    "model_registry": GROUND
    | {"loaded_models", "model_loading", "model_references", "liveness_models", "matching", "vision", "models"},
    "portable": GROUND | {"storage"},
    "jobs": GROUND | {"vision", "storage", "service", "outgoing"},
    "wiring": FLOOR
    | {"config", "outgoing", "storage", "backup", "status", "service", "jobs", "model_registry"}
    | {"liveness_models"},
    "api": GROUND | {"config", "outgoing", "schemas", "matching", "search", "storage", "status", "service"},
    "server": GROUND | {"config", "wiring", "api"},
    "cli": FLOOR
    | {"config", "schemas", "storage", "backup", "portable", "status", "service", "jobs"}
    | {"evaluation", "model_loading", "model_registry", "liveness_models", "wiring", "server"},
    "__main__": {"cli"},
}
# library -> the files, or folders, that alone may import it
ONLY_IMPORTER = {
    "onnxruntime": {"vision/session.py"},
    "PIL": {"vision/image.py", "vision/decoding"},
    "pi_heif": {"vision/decoding"},
    "simplejpeg": {"vision/decoding"},
    "h5py": {"models/importers/keras_hdf5.py"},
    "matplotlib": {"evaluation/presentation/figures.py"},
    "faiss": {"search/pq_index.py"},
    "numkong": {"search/kernels.py"},
    "sqlalchemy": {"storage", "backup"},
    "psycopg": {"storage/engines"},
    "alembic": {"storage"},
    "cryptography": {"storage/client_keys"},
    "pyrage": {"backup", "cli/commands/upkeep/backup.py"},
    "uvicorn": {"server"},
    "prometheus_client": {"metrics"},
}


CLIENT = Path(__file__).parents[1] / "clients" / "python" / "src"


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


@cache
def imported(path: Path) -> tuple[str, ...]:
    """Dotted names of what a file imports, also inside functions and by import_module("name")."""
    return tuple(_imported(path))


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "import_module":
            yield from (name.value for name in node.args if isinstance(name, ast.Constant))


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_downhill(path):
    if path == SOURCE / "__init__.py":
        return
    allowed = MAY_KNOW[room(path)] | {room(path)}
    known = {name.split(".")[1] for name in imported(path) if name.startswith("vultus.")}
    assert known - {"__version__"} <= allowed


@pytest.mark.parametrize("library", ONLY_IMPORTER)
def test_heavy_libraries_have_one_importer(library):
    importers = {
        path.relative_to(SOURCE).as_posix()
        for path in modules()
        if any(name.split(".")[0] == library for name in imported(path))
    }
    assert {home_of(importer, ONLY_IMPORTER[library]) for importer in importers} == ONLY_IMPORTER[library]


def home_of(importer: str, homes: set[str]) -> str:
    """The file or folder of the list that a file is, or is in; its own path when there is none."""
    return next((home for home in homes if importer == home or importer.startswith(f"{home}/")), importer)


def test_no_module_is_in_an_import_cycle():
    """Depth-first over our own modules; a module met again on the way down is a cycle."""
    names = {".".join(("vultus", *path.relative_to(SOURCE).with_suffix("").parts)): path for path in modules()}
    names = {name.removesuffix(".__init__"): path for name, path in names.items()}

    def own(path: Path) -> set[str]:
        found = set()
        for name in imported(path):
            while name and name not in names:
                name = name.rpartition(".")[0]
            found |= {name} - {"", "vultus"}
        return found

    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join((*way, name))
        if name in done:
            return
        for other in own(names[name]) - {name}:
            visit(other, (*way, name))
        done.add(name)

    sys.setrecursionlimit(10_000)
    for name in names:
        visit(name, ())


def test_the_client_needs_httpx_and_nothing_else_and_knows_nothing_of_the_service():
    allowed = {"httpx", "vultus_client", *sys.stdlib_module_names}
    found = {
        name.split(".")[0]: path.name
        for path in CLIENT.rglob("*.py")
        for name in imported(path)
        if name.split(".")[0] not in allowed
    }
    assert found == {"numpy": "images.py", "PIL": "images.py", "cv2": "images.py"}  # for images that come as theirs
