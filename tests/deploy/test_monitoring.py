"""The dashboard and the alert rules name only metrics, labels, routes and codes that there are; promtool agrees."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.api.standin import StandInSystem
from tests.api.test_metrics import local
from tests.metrics.families import families
from vultus.api.app import create_app
from vultus.api.errors import STATUS
from vultus.config import Settings

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = yaml.safe_load((DEPLOY / "alerts.yaml").read_text("utf-8"))["groups"][0]["rules"]
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana-dashboard.json").read_text("utf-8"))
OF_PROMETHEUS = {"instance", "job", "le"}  # labels that it adds itself, or has for buckets
SELECTOR = re.compile(r"(vultus_\w+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)(=~|!=|!~|=)"([^"]*)"')


def expressions() -> Iterator[tuple[str, str]]:
    """Each expression of PromQL, with where it is."""
    for rule in RULES:
        yield rule["alert"], rule["expr"]
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", []):
            yield f"panel {panel['title']}", target["expr"]


EXPRESSION = pytest.mark.parametrize(("where", "expression"), list(expressions()), ids=lambda value: value[:40])


@pytest.fixture(scope="module")
def labels() -> dict[str, set[str]]:
    """The labels of each metric, by the names that its lines have."""
    return {name: {*one.labels, *OF_PROMETHEUS} for one in families() for name in one.samples}


@EXPRESSION
def test_an_expression_names_metrics_and_labels_that_there_are(where, expression, labels):
    found = SELECTOR.findall(expression)
    assert found or "up{" in expression
    assert {name for name, _ in found} - set(labels) == set()
    known = OF_PROMETHEUS.union(*(labels[name] for name, _ in found))
    for name, matchers in found:
        assert {label for label, _, _ in MATCHER.findall(matchers)} <= labels[name]
    for grouped in re.findall(r"(?:by|on|without)\s*\(([^)]*)\)", expression):
        assert {label.strip() for label in grouped.split(",")} - {""} <= known


@EXPRESSION
def test_the_values_of_labels_exist(where, expression):
    routes = {route.path for route in create_app(StandInSystem(Settings())).state.routes}
    known = {"route": routes, "code": {*STATUS, ""}, "operation": {"find", "verify", "compare"}}
    for label, _, text in MATCHER.findall(expression):
        if label in known:
            assert set(text.split("|")) <= known[label]


def test_every_metric_is_on_the_dashboard():
    shown = " ".join(target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", []))
    assert [one.name for one in families() if not any(name in shown for name in one.samples)] == []


def test_the_panels_of_the_dashboard_do_not_overlap():
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    cells = [
        (x, y) for at in places for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(places)


def test_every_alert_says_what_to_do_and_has_a_test():
    tests = (DEPLOY / "alerts-test.yaml").read_text("utf-8")
    for rule in RULES:
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert {"summary", "description"} <= set(rule["annotations"])
        assert tests.count(rule["alert"]) >= 2, rule["alert"]  # that it fires, and that it does not


# --- promtool -----------------------------------------------------------------------------------------------------

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")


def promtool(*arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *arguments], cwd=DEPLOY, input=given, capture_output=True, text=True)


@needs_promtool
@pytest.mark.parametrize(
    "arguments",
    [("check", "rules", "alerts.yaml"), ("check", "config", "prometheus.yaml"), ("test", "rules", "alerts-test.yaml")],
    ids=" ".join,
)
def test_promtool_accepts_the_files(arguments):
    done = promtool(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_promtool_accepts_a_scrape(whole):
    with local(whole) as client:
        client.get("/health")
        page = client.get("/metrics").text
    done = promtool("check", "metrics", given=page)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
