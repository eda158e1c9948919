"""What became of the photos of an import."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vultus.cli.folder import PhotoFile

ENROLLED = "enrolled"
ALREADY_THERE = "already_there"
EXAMPLES = 10  # paths listed per reason


@dataclass
class Tally:
    """Counts by outcome. ignored: files that are no photos, by extension or reason."""

    collection: str
    ignored: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, photo: PhotoFile, outcome: str) -> None:
        """Count one photo. outcome: ENROLLED, ALREADY_THERE or the code of a refusal."""
        self.outcomes[outcome] += 1
        if outcome not in (ENROLLED, ALREADY_THERE):
            paths = self.examples.setdefault(outcome, [])
            if len(paths) < EXAMPLES:
                paths.append(photo.shown)

    @property
    def refused(self) -> dict[str, int]:
        """How many photos were refused, by the code of the refusal, the most frequent first."""
        return {code: count for code, count in self.outcomes.most_common() if code not in (ENROLLED, ALREADY_THERE)}

    @property
    def photos_per_second(self) -> float:
        return self.outcomes.total() / self.seconds if self.seconds else 0.0

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "collection": self.collection,
            "photos": self.outcomes.total(),
            "enrolled": self.outcomes[ENROLLED],
            "already_there": self.outcomes[ALREADY_THERE],
            "refused": [
                {"error": code, "count": count, "examples": self.examples[code]} for code, count in self.refused.items()
            ],
            "ignored": dict(self.ignored),
            "time": self.seconds,
            "photos_per_second": self.photos_per_second,
        }

    def lines(self) -> list[str]:
        """For people."""
        return [
            f"{self.outcomes.total()} photos into collection {self.collection}: {self.outcomes[ENROLLED]} enrolled, "
            f"{self.outcomes[ALREADY_THERE]} already there, {sum(self.refused.values())} refused; "
            f"{self.seconds:.1f} s, {self.photos_per_second:.1f} photos per second",
            *(line for code, count in self.refused.items() for line in self._refusal(code, count)),
            *(f"ignored {count} of: {reason}" for reason, count in sorted(self.ignored.items())),
        ]

    def _refusal(self, code: str, count: int) -> list[str]:
        shown = self.examples[code]
        more = [f"  and {count - len(shown)} more"] if count > len(shown) else []
        return [f"refused {count} with {code}:", *(f"  {path}" for path in shown), *more]
