"""Every action that the server writes into the audit has words in the console, and is named by the docs."""

from __future__ import annotations

import ast
import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import vultus
from tests.api.test_audit import ACTIONS
from vultus.api.console.static_files import FOLDER

SOURCE = Path(vultus.__file__).parent
DIALECTS = "dialects"  # their actions are shown as they are, see `words.mjs`
WRITES = re.compile(r"\brecord\(|\.line\(|\bAuditLine\(|\bGate\(")
OTHER_PROTOCOLS = "; by DeepFace's protocol"


def documented() -> set[str]:
    page = Path(__file__).parents[2].joinpath("docs", "operations.md").read_text("utf-8")
    row = next(line for line in page.splitlines() if line.startswith("| action |"))
    return set(re.findall(r"`([a-z_.]+)`", row.partition(OTHER_PROTOCOLS)[0]))


def written() -> set[str]:
    """What the source names where a line is made; not where a function is handed the action."""
    found: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        text = path.read_text("utf-8")
        if DIALECTS not in path.parts and WRITES.search(text):
            name = ".".join(("vultus", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__")
            found |= {
                action for node in actions(ast.parse(text)) for action in named(node, importlib.import_module(name))
            }
    return found


def actions(tree: ast.Module) -> Iterator[ast.expr]:
    """The expressions of the actions of all lines that a module makes."""
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        match call.func:
            case ast.Name("record") if len(call.args) > 2:
                yield call.args[2]
            case ast.Name("AuditLine") if len(call.args) > 1:
                yield call.args[1]
            case ast.Attribute(attr="line") if call.args:
                yield call.args[0]
            case ast.Name("Gate"):
                yield from (keyword.value for keyword in call.keywords if keyword.arg == "action")


def named(node: ast.expr, module: ModuleType) -> list[str]:
    """The texts that an expression may be: as it stands, a constant of its module or of one imported, or a choice."""
    match node:
        case ast.Constant(str(text)):
            return [text]
        case ast.IfExp():
            return named(node.body, module) + named(node.orelse, module)
        case ast.Name(name) if name.isupper():
            return [getattr(module, name)]
        case ast.Attribute(ast.Name(owner), name) if name.isupper():
            return [getattr(getattr(module, owner), name)]
    return []


def test_what_the_source_writes_is_found_by_each_way_to_name_it():
    assert written() >= {
        "enroll",
        "backup",
        "audit.lost",
        "subject.merge",
        "duplicates.recall",
        "unknown.photo",
        "move",
    }


def test_the_page_on_operations_names_all_that_is_written():
    assert sorted((written() | {action for action, _ in ACTIONS.values()}) - documented()) == []


def test_every_action_has_words_and_can_be_chosen():
    catalogue = json.loads((FOLDER / "languages" / "en" / "activity.json").read_text("utf-8"))
    worded = {key.removeprefix("activity.action_") for key in catalogue if key.startswith("activity.action_")}
    module = (FOLDER / "app" / "pages" / "activity" / "words.mjs").read_text("utf-8")
    offered = re.findall(r"\"([a-z_.]+)\"", re.search(r"ACTIONS = \[\n(.*?)\n\];", module, re.DOTALL)[1])
    assert worded == documented()
    assert sorted(offered) == sorted(documented())
