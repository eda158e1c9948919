"""The report of an import: photos by outcome and caution, with the first of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from vultus.records.cautions import Caution

ENROLLED = "enrolled"
ALREADY_THERE = "already_there"
EXAMPLES = 10  # paths listed per reason


class Photo(Protocol):
    """A photo of a person. name: where it came from, for the report."""

    @property
    def subject(self) -> str: ...

    @property
    def name(self) -> str: ...


@dataclass
class ImportReport:
    """Counts by outcome. ignored: files that are no photos, by extension or reason. left_out: photos beyond --limit.

    examples: by the code of a refusal or a caution, the paths and sentences of its first photos.
    """

    collection: str
    ignored: Mapping[str, int] = field(default_factory=dict)
    left_out: int = 0
    seconds: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    cautions: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    def add(self, photo: Photo, outcome: str, sentence: str = "", cautions: Sequence[Caution] = ()) -> None:
        """Count one photo. outcome: ENROLLED, ALREADY_THERE or the code of a refusal, which has a sentence."""
        self.outcomes[outcome] += 1
        self.cautions.update(caution.code for caution in cautions)
        notes: list[tuple[str, str]] = [(caution.code, caution.detail) for caution in cautions]
        if outcome not in (ENROLLED, ALREADY_THERE):
            notes.append((outcome, sentence))
        for code, detail in notes:
            examples = self.examples.setdefault(code, [])
            if len(examples) < EXAMPLES:
                examples.append((photo.name, detail))

    @property
    def refused(self) -> dict[str, int]:
        """How many photos were refused, by the code of the refusal, the most frequent first."""
        return {code: count for code, count in self.outcomes.most_common() if code not in (ENROLLED, ALREADY_THERE)}

    @property
    def photos_per_second(self) -> float:
        return self.outcomes.total() / self.seconds if self.seconds else 0.0

    def as_json(self) -> dict[str, Any]:
        """The JSON output."""
        return {
            "collection": self.collection,
            "photos": self.outcomes.total(),
            "enrolled": self.outcomes[ENROLLED],
            "already_there": self.outcomes[ALREADY_THERE],
            "refused": [self._as_json("error", code, count) for code, count in self.refused.items()],
            "cautions": [self._as_json("code", code, count) for code, count in self.cautions.most_common()],
            "ignored": dict(self.ignored),
            "left_out": self.left_out,
            "time": self.seconds,
            "photos_per_second": self.photos_per_second,
        }

    def _as_json(self, what: str, code: str, count: int) -> dict[str, Any]:
        """detail: the sentence of the first example."""
        paths, sentences = zip(*self.examples[code], strict=True)
        return {what: code, "count": count, "detail": sentences[0], "examples": list(paths)}

    def lines(self) -> list[str]:
        """The text output."""
        return [
            f"{self.outcomes.total()} photos into collection {self.collection}: {self.outcomes[ENROLLED]} enrolled, "
            f"{self.outcomes[ALREADY_THERE]} already there, {sum(self.refused.values())} refused; "
            f"{self.seconds:.1f} s, {self.photos_per_second:.1f} photos per second",
            *(
                line
                for code, count in self.refused.items()
                for line in self._photos(f"refused {count} with", code, count)
            ),
            *(
                line
                for code, count in self.cautions.most_common()
                for line in self._photos(f"enrolled {count} with the caution", code, count)
            ),
            *(f"ignored {count} of: {reason}" for reason, count in sorted(self.ignored.items())),
            *(
                [f"left out {self.left_out} photos beyond --limit; a higher one takes them too"]
                if self.left_out
                else []
            ),
        ]

    def _photos(self, what: str, code: str, count: int) -> list[str]:
        shown = self.examples[code]
        more = [f"  and {count - len(shown)} more"] if count > len(shown) else []
        return [f"{what} {code}:", *(f"  {path}: {sentence}" for path, sentence in shown), *more]
