"""Scores by the definition, one pair after the other, to compare an index with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.storage.synthetic import DIMENSION, MadeFace, MadeGallery
from vultus.records.answers import Candidate
from vultus.records.seen import Float32
from vultus.search.cohort import CohortRule
from vultus.search.int8_codes import Codes, quantise


def rule_of(centroids: Float32 | None = None, *, twin_gap: float = 0.4, **options: Any) -> CohortRule:
    centroids = np.empty((0, DIMENSION), np.float32) if centroids is None else centroids
    return CohortRule(centroids=centroids, twin_gap=twin_gap, **options)


def term(subjects: Sequence[float], centroids: Sequence[float], rule: CohortRule) -> float:
    """Of the best values with other subjects, and those with centroids, in any order."""
    rest = sorted(subjects, reverse=True)
    for _ in range(rule.most_twins):
        further = sorted([*rest[1:], *centroids], reverse=True)[: rule.nearest]
        if not rest or not further or rest[0] - sum(further) / len(further) < rule.twin_gap:
            break
        rest = rest[1:]
    nearest = sorted([*rest, *centroids], reverse=True)[: rule.nearest]
    return sum(nearest) / len(nearest) if nearest else 0.0


def best_of_each(faces: Sequence[MadeFace], values: Sequence[float], without: str | None) -> list[float]:
    """The best value with each subject but one."""
    best: dict[str, float] = {}
    for face, value in zip(faces, values, strict=True):
        if face.subject != without:
            best[face.subject] = max(value, best.get(face.subject, -9.0))
    return list(best.values())


def hashed(number: int) -> int:
    """splitmix64."""
    z = (number + 0x9E3779B97F4A7C15) % 2**64
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
    return z ^ (z >> 31)


def by_codes(one: Codes, others: Codes) -> list[float]:
    """The cosines of one row with others, as float32 has them."""
    products = others.values.astype(np.int64) @ one.values[0].astype(np.int64)
    values: list[float] = (products.astype(np.float32) * (others.scales * one.scales[0])).tolist()
    return values


def lifted(cosines: Sequence[float], rule: CohortRule, precision: type = np.float64) -> list[float]:
    """The cosines with the centroids plus their lifts, in this precision."""
    values: list[float] = (np.asarray(cosines, precision) + rule.added.astype(precision)).tolist()
    return values


class Reference:
    """A gallery's terms and scores by the definition."""

    def __init__(self, made: MadeGallery, rule: CohortRule, cohort_faces: int = 4096) -> None:
        self.faces, self.rule = made.faces, rule
        cohort = sorted(made.faces, key=lambda face: hashed(face.pk))[:cohort_faces]
        codes = [quantise(face.embedding[None, :]) for face in made.faces]
        of_cohort = quantise(
            np.array([face.embedding for face in cohort], np.float32).reshape(len(cohort), made.dimension)
        )
        centroids = quantise(rule.centroids) if len(rule.centroids) else None
        self.terms: dict[str, float] = {}
        for face, own in zip(made.faces, codes, strict=True):
            near = best_of_each(cohort, by_codes(own, of_cohort), face.subject)
            centres = [] if centroids is None else lifted(by_codes(own, centroids), rule, np.float32)
            self.terms[face.id] = float(np.float32(term(near, centres, rule)))

    def probe(self, probe: Float32) -> tuple[list[float], list[float]]:
        """The exact cosines of a probe with the faces, and with the centroids."""
        unit = np.asarray(probe, np.float64) / np.linalg.norm(np.asarray(probe, np.float64))
        faces = [float(np.vecdot(face.embedding.astype(np.float64), unit)) for face in self.faces]
        return faces, lifted((self.rule.centroids.astype(np.float64) @ unit).tolist(), self.rule)

    def probe_term(self, probe: Float32, without: str | None = None) -> float:
        cosines, centroids = self.probe(probe)
        return term(best_of_each(self.faces, cosines, without), centroids, self.rule)

    def ranked(self, probe: Float32) -> list[Candidate]:
        """All subjects, best first."""
        cosines, _ = self.probe(probe)
        terms = {subject: self.probe_term(probe, subject) for subject in {face.subject for face in self.faces}}
        lines = []
        for face, cosine in zip(self.faces, cosines, strict=True):
            taken_off = self.rule.weight * (self.terms[face.id] + terms[face.subject])
            within = min(1.0, max(-1.0, cosine))
            # As a difference of differences, so that equal faces stay equal and others are not made so by rounding.
            order = cosine - self.rule.weight * self.terms[face.id] - self.rule.weight * terms[face.subject]
            lines.append((-order, face.pk, Candidate(face.subject, face.id, within, within - taken_off)))
        best: dict[str, Candidate] = {}
        for _, _, line in sorted(lines, key=lambda line: line[:2]):
            best.setdefault(line.subject, line)
        return list(best.values())


def assert_same(found: Sequence[Candidate], wanted: Sequence[Candidate]) -> None:
    """The same faces in the same order, with the same similarities and scores."""
    assert [(line.subject, line.face_id) for line in found] == [(line.subject, line.face_id) for line in wanted]
    numbers = [[(line.similarity, line.score) for line in lines] for lines in (found, wanted)]
    assert np.allclose(*numbers, rtol=0, atol=1e-12)
