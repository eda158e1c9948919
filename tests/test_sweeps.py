"""What the server repeats for as long as it serves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from vultus.config import Settings
from vultus.records.stored import AuditLine
from vultus.storage.audit import Audit
from vultus.wiring import sweeps

NOW = datetime(2030, 6, 1, tzinfo=UTC)


@pytest.fixture
def audit(small):
    """Lines of 31, 30 and 1 days before NOW."""
    audit = Audit(small.gallery._database)
    for days in (31, 30, 1):
        audit.add(AuditLine("k", "find", at=NOW - timedelta(days=days)))
    return audit


def swept(audit, **settings):
    for sweep in sweeps(audit, Settings(**settings), now=lambda: NOW):
        while sweep.run():
            pass
    return [(line.number, line.action, line.actor) for line in audit.lines()]


def test_audit_lines_are_kept_for_ever_unless_a_setting_says_for_how_long(audit):
    kept = [(1, "find", "k"), (2, "find", "k"), (3, "find", "k")]
    assert swept(audit) == kept
    assert swept(audit, audit_days=31) == kept
    assert swept(audit, audit_days=30) == [*kept[1:], (4, "audit.prune", "server")]
    assert swept(audit, audit_days=30) == [*kept[1:], (4, "audit.prune", "server")]
