"""Every metric that there is, with its labels: `python -m tests.metrics.families` prints the table of the docs."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from tests.api.standin import NOW, SAMPLE
from vultus.metrics.server_metrics import ServerMetrics
from vultus.records.decisions import Decision
from vultus.records.samples import LoadedIndex, Work

DECISION = Decision("match", 0.9, 0.9, 0.7, "explicit", None, "tiny")


@dataclass(frozen=True)
class Family:
    """One metric. samples: the names of its lines, as PromQL has them. labels: without the `le` of buckets."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str
    samples: frozenset[str]


def page() -> str:
    """A page with a line of each metric."""
    metrics = ServerMetrics()
    metrics.counts.count_request(route="/find", method="POST", status=200, code=None, seconds=0.1)
    metrics.counts.count_stages({"decode": 0.01})
    metrics.counts.count_decisions("find", [DECISION])
    metrics.counts.count_rejected(["low_quality"])
    metrics.publish(Work(indexes=(LoadedIndex("staff", "exact", 30, 4000, 1.0),)))
    return metrics.page("", SAMPLE, "1.2.3", NOW)[0].decode()


def families() -> list[Family]:
    """All metrics, in the order of the page."""
    found = []
    for family in text_string_to_metric_families(page()):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for line in family.samples for label in line.labels} - {"le"}
        samples = frozenset(line.name for line in family.samples)
        found.append(Family(name, family.type, tuple(sorted(labels)), family.documentation, samples))
    return found


def table() -> str:
    """The metrics as Markdown."""
    lines = ["| Metric | Type | Labels | Meaning |", "|---|---|---|---|"]
    for one in families():
        labels = ", ".join(f"`{label}`" for label in one.labels)
        lines.append(f"| `{one.name}` | {one.kind} | {labels} | {one.meaning} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(table(), end="")
