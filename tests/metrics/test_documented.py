"""The metrics are in the docs as they are on the page."""

from __future__ import annotations

from pathlib import Path

from tests.metrics.families import families, table

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"


def test_the_table_of_the_docs_is_the_page():
    """To write it again: python -m tests.metrics.families."""
    section = OPERATIONS.read_text("utf-8").partition("## Metrics and alerts")[2].partition("\n## ")[0]
    assert table() in section


def test_every_metric_has_our_prefix_and_says_what_it_is():
    assert [one for one in families() if not one.name.startswith("vultus_") or not one.meaning] == []
