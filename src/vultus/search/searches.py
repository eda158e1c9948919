"""What an index is asked for with one probe: the best subjects by cosine or by score, one subject, or the probe's term.

By score nothing is missed, though the faces are scanned once. With depth = `CohortRule.depth`:

- The term T(p; s) of a probe p without the subject s depends on p's `depth` nearest other subjects only. The `depth`
  + 1 nearest subjects, found exactly by cosine, hold them for every s. For all s that are not among the first `depth`,
  the term is the same, T(p; nobody).
- So among those, the order by score is the order by cos - weight * T(c). The k + depth best subjects by that, found
  exactly (see `rescoring.py`), hold at least k that are not among the `depth` nearest, unless there are fewer. Any
  subject that is in neither list has k others before it.
- The best face of a subject is that with the highest cos - weight * T(c), as T(p; s) is the same for all its faces. The
  second list knows it for its subjects; all faces of the nearest ones that are not in it are considered once more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from vultus.records.answers import Candidate
from vultus.search.cohort import CohortRule, Float64, terms_without_each
from vultus.search.int8_codes import Probe
from vultus.search.rescoring import FIRST_READ, Line, Shortlist
from vultus.search.scan import Scanned, Search
from vultus.search.source import Owner


class CosineSearch:
    """The k subjects with the highest cosines."""

    def __init__(self, probe: Probe, k: int) -> None:
        self.probe, self._k = probe, max(k, 0)
        self.shortlists: Sequence[Shortlist] = (Shortlist(probe, max(k, 1)),)

    def result(self, scanned: Scanned) -> list[Candidate]:
        """At most k, best first."""
        lines = scanned.best(self.shortlists[0])[: self._k]
        owned = scanned.cosines.owned(lines)
        return [_candidate(owner, similarity := _within_one(line.cosine), similarity) for line, owner in owned]


class TermSearch:
    """The term of the probe, without nobody."""

    def __init__(self, probe: Probe, rule: CohortRule, centroids: Float64) -> None:
        """centroids: the probe's highest cosines with those of the rule, falling."""
        self.probe, self._rule, self._centroids = probe, rule, centroids
        self.shortlists: Sequence[Shortlist] = (Shortlist(probe, rule.depth + 1),)

    def result(self, scanned: Scanned) -> float:
        """T(p; nobody)."""
        near = scanned.best(self.shortlists[0])
        return _Terms(near, self._centroids, self._rule).of(None)


class ScoreSearch:
    """The k subjects with the highest scores."""

    def __init__(self, probe: Probe, rule: CohortRule, centroids: Float64, k: int) -> None:
        """centroids: the probe's highest cosines with those of the rule, falling."""
        self.probe, self._rule, self._centroids, self._k = probe, rule, centroids, max(k, 0)
        self._nearest = Shortlist(probe, rule.depth + 1)
        self._ranked = Shortlist(probe, rule.depth + self._k, rule.weight)
        self.shortlists: Sequence[Shortlist] = (self._nearest, self._ranked)

    def result(self, scanned: Scanned) -> list[Candidate]:
        """At most k, best first; equal scores: the face enrolled first."""
        self._look_up_first(scanned)
        near = scanned.best(self._nearest)
        lines = {line.subject_pk: line for line in scanned.best(self._ranked)}
        others = [line for line in near if line.subject_pk not in lines]
        lines |= {line.subject_pk: line for line in self._best_faces(others, scanned)}
        terms = _Terms(near, self._centroids, self._rule)
        ranked = sorted((-terms.score(line), line.face_pk, line) for line in lines.values())
        best = scanned.cosines.owned([line for _, _, line in ranked[: self._k]])
        return [terms.candidate(line, owner) for line, owner in best]

    def _look_up_first(self, scanned: Scanned) -> None:
        """Read the embeddings that both lists begin with at once."""
        faces = [
            (one.face_pks[first], one.places[first]) for one in self.shortlists for first in (one.order()[:FIRST_READ],)
        ]
        face_pks, places = (np.concatenate(parts) for parts in zip(*faces, strict=True))
        scanned.cosines.look_up(face_pks, places)

    def _best_faces(self, subjects: Sequence[Line], scanned: Scanned) -> list[Line]:
        """Of these subjects, by the value that counts in a score."""
        if not subjects:
            return []
        own = Shortlist(self.probe, len(subjects), self._rule.weight)
        return scanned.best_of(own, [line.subject_pk for line in subjects], scanned.blocks)


class SubjectSearch:
    """The best face of one subject."""

    def __init__(self, probe: Probe, rule: CohortRule, centroids: Float64, subject_pk: int) -> None:
        """centroids: the probe's highest cosines with those of the rule, falling."""
        self.probe, self._rule, self._centroids, self._subject_pk = probe, rule, centroids, subject_pk
        self.shortlists: Sequence[Shortlist] = (Shortlist(probe, rule.depth + 1),)

    def result(self, scanned: Scanned) -> Candidate | None:
        """None, when the subject has no face."""
        own = Shortlist(self.probe, 1, self._rule.weight)
        near, best = scanned.best(self.shortlists[0]), scanned.best_of(own, [self._subject_pk], scanned.everything)
        terms = _Terms(near, self._centroids, self._rule)
        return next((terms.candidate(line, owner) for line, owner in scanned.cosines.owned(best)), None)


def ranking(probes: Sequence[Probe], k: int, rule: CohortRule | None) -> Sequence[Search[list[Candidate]]]:
    """The k best subjects of each probe: by score, or without a rule by cosine."""
    if rule is None:
        return [CosineSearch(probe, k) for probe in probes]
    return [ScoreSearch(probe, rule, row, k) for probe, row in _with_centroids(probes, rule)]


def one_subject(probes: Sequence[Probe], subject_pk: int, rule: CohortRule) -> Sequence[Search[Candidate | None]]:
    """The best face of one subject for each probe."""
    return [SubjectSearch(probe, rule, row, subject_pk) for probe, row in _with_centroids(probes, rule)]


def probe_terms(probes: Sequence[Probe], rule: CohortRule) -> Sequence[Search[float]]:
    """The term of each probe."""
    return [TermSearch(probe, rule, row) for probe, row in _with_centroids(probes, rule)]


def _with_centroids(probes: Sequence[Probe], rule: CohortRule) -> Iterable[tuple[Probe, Float64]]:
    """Each probe with its highest cosines with the rule's centroids."""
    if not probes:
        return []
    return zip(probes, rule.centroid_cosines(np.stack([probe.unit for probe in probes])), strict=True)


class _Terms:
    """A probe's terms, and scores by them."""

    def __init__(self, near: Sequence[Line], centroids: Float64, rule: CohortRule) -> None:
        self._weight = rule.weight
        terms = terms_without_each([line.cosine for line in near], centroids.tolist(), rule)
        self._without: dict[int | None, float] = {
            line.subject_pk: term for line, term in zip(near, terms, strict=False)
        }
        self._without_nobody: float = terms[-1]

    def of(self, subject_pk: int | None) -> float:
        """T(p; this subject)."""
        return self._without.get(subject_pk, self._without_nobody)

    def score(self, line: Line) -> float:
        """Of a line whose value is cos - weight * T(c)."""
        return line.value - self._weight * self.of(line.subject_pk)

    def candidate(self, line: Line, owner: Owner) -> Candidate:
        similarity = _within_one(line.cosine)
        return _candidate(owner, similarity, self.score(line) + (similarity - line.cosine))


def _candidate(owner: Owner, similarity: float, score: float) -> Candidate:
    return Candidate(owner.subject, owner.face, similarity, score, owner.name, owner.metadata)


def _within_one(cosine: float) -> float:
    return min(1.0, max(-1.0, cosine))
