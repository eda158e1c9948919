"""What became of the photos of a folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from vultus_client.results.faces import Caution

Kind: TypeAlias = Literal["enrolled", "already_there", "refused", "skipped"]
EXAMPLES = 10  # photos listed per reason


@dataclass(frozen=True)
class Outcome:
    """What became of one photo. photo: its path in the folder. code, detail: of a refusal.

    outcome: "skipped" where the journal of an earlier run says that it was enrolled.
    """

    photo: str
    subject: str
    outcome: Kind
    code: str | None = None
    detail: str | None = None
    cautions: tuple[Caution, ...] = ()


@dataclass
class Report:
    """What became of the photos; true when none was refused. counts: by outcome.

    refused, cautioned: the outcomes to look at. ignored: files that are no photos, by extension or reason.
    """

    total: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    refused: list[Outcome] = field(default_factory=list)
    cautioned: list[Outcome] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def add(self, outcome: Outcome) -> None:
        """Count one photo."""
        self.counts[outcome.outcome] += 1
        if outcome.outcome == "refused":
            self.refused.append(outcome)
        if outcome.cautions:
            self.cautioned.append(outcome)

    @property
    def done(self) -> int:
        """How many of the photos have an outcome."""
        return self.counts.total()

    def __bool__(self) -> bool:
        return not self.refused

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> Iterator[str]:
        """For people: the counts, and the first photos of each reason."""
        yield (
            f"{self.done} of {self.total} photos: {self.counts['enrolled']} enrolled, {self.counts['already_there']} "
            f"already there, {self.counts['skipped']} done in an earlier run, {self.counts['refused']} refused; "
            f"{self.seconds:.1f} s"
        )
        yield from _grouped("refused", [(one.code or "", one.photo, one.detail or "") for one in self.refused])
        noted = [(caution.code, one.photo, caution.detail) for one in self.cautioned for caution in one.cautions]
        yield from _grouped("enrolled with the caution", noted)
        yield from (f"ignored {count} of: {reason}" for reason, count in sorted(self.ignored.items()))


def _grouped(what: str, notes: list[tuple[str, str, str]]) -> Iterator[str]:
    for code, count in Counter(code for code, _, _ in notes).most_common():
        shown = [(photo, detail) for known, photo, detail in notes if known == code][:EXAMPLES]
        yield f"{what}, {code}: {count}"
        yield from (f"  {ascii_if_needed(photo)}: {detail}" for photo, detail in shown)
        if count > len(shown):
            yield f"  and {count - len(shown)} more"


def ascii_if_needed(text: str) -> str:
    """A file name whose bytes are no UTF-8 cannot be printed; its other characters are shown as they are."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
