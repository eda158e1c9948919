"""Our own OpenAPI page taken at its word: generated requests, right and wrong ones, against every call.

The long form is `pytest -m soak`. Checks of schemathesis that do not apply are named with their reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, reject, settings
from hypothesis import strategies as st

from tests.attack.budget import OPENAPI, rounds

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")

from schemathesis import GenerationMode  # noqa: E402
from schemathesis import checks as known_checks  # noqa: E402

EXCLUDED = {
    # A generated string is no photo and a generated vector has not the model's length: 400 is right.
    "positive_data_acceptance": "what a schema cannot say is refused too",
}
CREDENTIALS = ("authorization", "x-api-key")  # generated ones would hide the real one
Seen = Counter[int]


@pytest.fixture(scope="module")
def schema(app: FastAPI, headers: dict[str, str]) -> Any:
    known = schemathesis.openapi.from_asgi("/openapi.json", app)
    known.config.update(headers=headers)
    return known


@pytest.fixture(scope="module")
def seen() -> Iterator[Seen]:
    """How many answers of each status there were."""
    statuses: Seen = Counter()
    yield statuses
    print(f"\nschemathesis: {sum(statuses.values())} requests, by status {dict(sorted(statuses.items()))}")


def checks() -> list[Any]:
    names = [name for name in known_checks.CHECKS.get_all_names() if name not in EXCLUDED]
    return known_checks.CHECKS.get_by_names(names)


@st.composite
def cases(draw: st.DrawFn, operation: Any) -> Any:
    """A request, by the schema or against it."""
    mode = draw(st.sampled_from([GenerationMode.POSITIVE, GenerationMode.NEGATIVE]))
    try:
        return draw(operation.as_strategy(generation_mode=mode))
    except ValueError as exc:
        if "Unsupported type: 'Binary'" not in str(exc):  # schemathesis 4.32 cannot spoil every form with files
            raise
        reject()


def attack(operation: Any, headers: dict[str, str], seen: Seen, examples: int) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=examples < 100,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases(operation))
    def send(case: Any) -> None:
        case.headers = {name: value for name, value in case.headers.items() if name.lower() not in CREDENTIALS}
        answer = case.call(headers=headers)
        seen[answer.status_code] += 1
        assert answer.status_code < 500 or answer.status_code == 501, answer.text
        assert answer.elapsed < 10
        case.validate_response(answer, checks=checks(), headers=headers)

    send()


def operations(schema: Any) -> list[Any]:
    return [found.ok() for found in schema.get_all_operations()]


def test_generated_requests_get_documented_answers(schema: Any, headers: dict[str, str], seen: Seen) -> None:
    known = operations(schema)
    assert len(known) > 20
    for operation in known:
        attack(operation, headers, seen, 12)


@pytest.mark.soak
def test_many_generated_requests_get_documented_answers(schema: Any, headers: dict[str, str], seen: Seen) -> None:
    known, done = operations(schema), 0
    for turn in rounds(4 * len(known), OPENAPI):
        attack(known[turn % len(known)], headers, seen, 100)
        done += 1
    print(f"\n{done} of {4 * len(known)} times 100 requests to one of {len(known)} operations")
