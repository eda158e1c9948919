"""Lines of the audit as CSV (RFC 4180), for spreadsheets and logs of others."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence

from vultus.schemas.resources import AuditLineAnswer

COLUMNS = (
    *("number", "at", "actor", "action", "outcome", "collection", "object_count", "objects", "request_id"),
    *("decision", "decisions"),
)


def audit_csv(lines: Sequence[AuditLineAnswer]) -> str:
    """A header, then one row a line. objects and decision are separated by spaces; decisions is the JSON of them."""
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(COLUMNS)
    rows.writerows(map(_row, lines))
    return out.getvalue()


def _row(line: AuditLineAnswer) -> list[object]:
    known = line.model_dump(mode="json")
    decisions = known["decisions"]
    known["objects"] = " ".join(known["objects"])
    known["decision"] = " ".join(one["decision"] for one in decisions)
    known["decisions"] = json.dumps(decisions) if decisions else ""
    return [known[column] for column in COLUMNS]
