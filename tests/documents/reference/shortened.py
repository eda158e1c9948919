"""Answers as the pages show them: long lists cut, and values that differ from run to run replaced."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.documents.reference.recording import Recorded

LONG_LIST = 3
SHOWN_LINES = 2
SHORT_LIST = re.compile(r"\[\n +([^\[\]{}]+)\n +\]")
# What differs from run to run -> what the page has in its place.
SAMPLES = (
    (r"\b[0-9a-f]{64}\b", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "5f0c8f9e-7f3b-4a56-9d0c-2b1d7a3e4c10"),
    (r"\bvk_[\w-]+", "vk_..."),
    (r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)", "2026-11-26T09:00:00Z"),
    (r'"next_cursor": "[^"]+"', '"next_cursor": "MTc"'),
    (r"\b[0-9a-f]{32}\b", "5f0c8f9e7f3b4a569d0c2b1d7a3e4c10"),
    (r'"host": "[^"]+"', '"host": "web-1"'),
)


def answer_of(call: Recorded) -> tuple[str, str]:
    """The answer as the page shows it, and its language for the highlighter."""
    if call.content_type == "application/json":
        text = json.dumps(_shortened(json.loads(call.answer)), indent=1, ensure_ascii=False)
        return with_samples(SHORT_LIST.sub(_on_one_line, text)), "json"
    if call.content_type.startswith("text/"):
        lines = call.answer.decode().splitlines()
        return "\n".join([*lines[:SHOWN_LINES], f"... {call.content_type}"]), "text"
    return f"({call.content_type})", "text"


def _on_one_line(found: re.Match[str]) -> str:
    return "[" + re.sub(r"\n +", " ", found[1]) + "]"


def with_samples(text: str) -> str:
    for pattern, sample in SAMPLES:
        text = re.sub(pattern, sample, text)
    return text


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _shortened(inner) for name, inner in value.items()}
    if isinstance(value, list):
        shown = [_shortened(one) for one in value[:LONG_LIST]]
        return shown + ([f"... {len(value)} in all"] if len(value) > LONG_LIST else [])
    return value


def sent(value: Any) -> Any:
    """What is sent, with long lists of numbers cut."""
    if isinstance(value, dict):
        return {name: sent(inner) for name, inner in value.items()}
    if isinstance(value, list) and len(value) > LONG_LIST and all(isinstance(one, float) for one in value):
        return [*value[:2], "..."]
    return [sent(one) for one in value] if isinstance(value, list) else value


# What depends on the machine: its processor, its disk, what is installed beside.
OF_MACHINES = (
    (r"-?\b\d+(?:\.\d+)?(?:e-?\d+)?\b", "0"),
    (r'"(precision|state|device|detail|reason)": ("[^"\n]*"|null)', r'"\1": ""'),
    (r'"(installed|warm|allowed)": (true|false)', r'"\1": true'),
    (r'"warnings": \[[^\]]*\]', '"warnings": []'),
)


def shape(page: str) -> str:
    """A page without what may differ on another machine, so that it can be compared."""
    for pattern, same in OF_MACHINES:
        page = re.sub(pattern, same, page)
    return page
