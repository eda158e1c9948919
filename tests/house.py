"""The shape of the code in numbers: `python -m tests.house [SOURCE]` prints them for src/vultus or another tree.

`python -m tests.house --listing` prints the list of files that docs/architecture.md holds.
"""

from __future__ import annotations

import ast
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

SOURCE = Path(__file__).parents[1] / "src" / "vultus"
CLIENT = Path(__file__).parents[1] / "clients" / "python" / "src" / "vultus_client"
MOST_FILES = 20
RUNS = 5

# A file name that is there more than once, and why: it must be the same idea on another floor.
REPEATED = {
    "recognition": "enroll, verify, find: the route, its shapes, the use case",
    "corrections": "renames, merges, moves and undo: the routes, their shapes, the use case, the transactions",
    "subjects": "subjects: the routes, the commands, the rows",
    "faces": "faces: the routes and the rows",
    "comparison": "/compare: its shapes and the use case",
    "collections": "collections: the routes, the commands, the rows",
    "identification": "1:N searches: the use case, and the measurement of its error rates",
    "keys": "API keys: the routes, the commands, the rows",
    "audit": "the audit: what a call adds, the command, the rows",
    "context": "what a command carries, and what the use cases share",
    "errors": "the error tree, and its HTTP answers",
    "models": "the folder of model cards and files, and the commands about them",
    "backup": "the folder, and the commands about it",
    "answers": "what the use cases answer, and its JSON shapes",
    "damage": "what a photo has lost of a face, and the copies of photos that are damaged to measure it",
    "jobs": "background work: the folder that runs it, the routes, their shapes, the commands, the rows",
    "bulk_jobs": "POST /jobs: the route and its fields",
    "reembedding": "re-embedding: the routes, their shapes, the use case",
    "duplicates": "subjects that may be one person: the routes, their shapes, the use case",
    "review": "what a person should look at: the folders of the use cases and the rows, the records",
    "unknown_faces": "faces of nobody known: the routes, their shapes, the use case, the rows",
    "calibrate": "the command, and the measurement behind it",
    "status": "how the service is: the folder that finds out, the shape of the answer, the command",
    "metrics": "the folder that counts and times, the layer of each request that does",
    "liveness": "a face or a picture of a face: the records, the crops and the model, the use case, the shapes",
    "worker": "a process of its own: that answers connections, that decodes a photo",
}


@dataclass(frozen=True)
class Function:
    """A function or method: where it is and how many lines it has."""

    place: str
    lines: int


def modules(source: Path) -> list[Path]:
    """All Python files, without `__init__.py` ones that hold only a docstring."""
    return [path for path in sorted(source.rglob("*.py")) if len(ast.parse(path.read_text("utf-8")).body) > 1]


def functions(path: Path) -> Iterator[Function]:
    """The functions of a file, nested ones too."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield Function(f"{path.name}:{node.lineno} {node.name}", (node.end_lineno or node.lineno) - node.lineno + 1)


def imports_inside_functions(source: Path) -> list[str]:
    """Where import statements stand inside functions."""
    found = []
    for path in modules(source):
        for function in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                inside = [node for node in ast.walk(function) if isinstance(node, ast.Import | ast.ImportFrom)]
                found += [f"{path.relative_to(source)}:{node.lineno}" for node in inside]
    return found


def repeated_names(source: Path) -> dict[str, list[str]]:
    """File names that occur more than once -> where; a folder counts as a file of its name."""
    places = [path for path in modules(source) if path.name != "__init__.py"]
    folders = sorted({path.parent for path in places} - {source})
    names = Counter([path.stem for path in places] + [folder.name for folder in folders])
    return {
        name: [str(path.relative_to(source)) for path in (*places, *folders) if path.stem == name]
        for name, count in sorted(names.items())
        if count > 1
    }


def files_of_folders(source: Path) -> dict[str, int]:
    """How many files each folder has."""
    folders = {source, *(path.parent for path in source.rglob("*.py"))}
    return {
        str(folder.relative_to(source)): sum(entry.is_file() for entry in folder.iterdir())
        for folder in sorted(folders)
    }


def import_graph(source: Path) -> dict[str, set[str]]:
    """Module -> the modules of the tree that it imports, also inside functions."""
    names = {}
    for path in source.rglob("*.py"):
        dotted = ".".join((source.name, *path.relative_to(source).with_suffix("").parts))
        names[dotted.removesuffix(".__init__")] = path

    def known(name: str) -> str:
        while name and name not in names:
            name = name.rpartition(".")[0]
        return name

    graph = {}
    for name, path in names.items():
        wanted = set()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                wanted |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                wanted |= {f"{node.module}.{alias.name}" for alias in node.names}
        graph[name] = {known(each) for each in wanted} - {"", source.name, name}
    return graph


def cycles(graph: dict[str, set[str]]) -> list[str]:
    """One way round each import cycle that a depth-first walk meets."""
    found, done = [], set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        if name in way:
            found.append(" -> ".join((*way[way.index(name) :], name)))
        elif name not in done:
            for other in sorted(graph[name]):
                visit(other, (*way, name))
            done.add(name)

    for name in graph:
        visit(name, ())
    return found


def help_seconds() -> float:
    """Seconds of `vultus --help`, the median of RUNS."""
    times = []
    for _ in range(RUNS):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "vultus", "--help"], check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    return median(times)


def listing(source: Path) -> str:
    """Every folder and file with the first line of its docstring, as Markdown."""
    lines = []
    for folder in sorted({source, *(path.parent for path in source.rglob("*.py"))}):
        name = folder.relative_to(source).as_posix()
        lines += ["", f"**{name}/** {summary(folder / '__init__.py')}" if name != "." else f"**{source.name}/**", ""]
        for path in sorted(folder.glob("*.py")):
            if path.name != "__init__.py" or name == ".":
                lines.append(f"- `{path.name}` {summary(path)}")
        if cards := sorted(path.stem for path in folder.glob("*.toml")):
            lines.append(f"- model cards: {', '.join(f'`{card}`' for card in cards)}")
    return "\n".join(lines[1:]) + "\n"


def summary(path: Path) -> str:
    """The first line of a file's docstring."""
    return (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").split("\n")[0]


def main(source: Path) -> None:
    """Print all figures."""
    files = {path: path.read_text("utf-8").count("\n") for path in modules(source)}
    found = [function for path in files for function in functions(path)]
    fullest, most = max(files_of_folders(source).items(), key=lambda entry: entry[1])
    inside = imports_inside_functions(source)
    print(f"modules                     {len(files)}, {sum(files.values())} lines")
    print(f"median file                 {median(files.values()):.0f} lines; longest {max(files.values())}")
    lengths = [function.lines for function in found]
    print(f"median function             {median(lengths):.0f} lines; longest {max(lengths)}")
    print(f"most files in a folder      {most} ({fullest})")
    print(f"imports inside functions    {len(inside)}")
    print(f"import cycles               {len(cycles(import_graph(source)))}")
    print(f"vultus --help               {help_seconds():.2f} s")
    for name, places in repeated_names(source).items():
        print(f"repeated name               {name}: {', '.join(places)} ({REPEATED.get(name, 'no reason given')})")


if __name__ == "__main__":
    if sys.argv[1:] == ["--listing"]:
        print(listing(SOURCE), listing(CLIENT), sep="\n", end="")
    else:
        main(Path(sys.argv[1]) if len(sys.argv) > 1 else SOURCE)
