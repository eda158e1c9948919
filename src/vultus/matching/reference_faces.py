"""What a model knows of faces in general: mean faces of many people as a cohort, what children and damage look like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vultus.matching.reliability import ReliabilityModel
from vultus.records.seen import Float32
from vultus.search.cohort import CohortRule, Float64, terms_of


@dataclass(frozen=True, eq=False)
class ReferenceFaces:
    """The reference of one model.

    rule: by which scores are relative, with the mean faces. child: (D,), the mean of children under six; child_from:
    the cosine with it from which on a face looks like one. likeness: terms by the mean faces alone, between which the
    faces lie that the error rates were measured on. reliability: None where it is not known.
    """

    rule: CohortRule
    child: Float32
    child_from: float
    likeness: tuple[float, float]
    reliability: ReliabilityModel | None = None

    def terms(self, embeddings: Float32) -> Float64:
        """The terms by the mean faces alone, (N,), of (N, D) unit vectors."""
        near = self.rule.centroid_cosines(np.asarray(embeddings, np.float64))
        return terms_of(np.full((len(near), self.rule.depth), -np.inf), near, self.rule)

    def score(self, first: Float32, others: Float32) -> Float64:
        """The scores of a (D,) embedding with (N, D) others, relative to the mean faces alone, (N,)."""
        cosines = np.clip(others.astype(np.float64) @ first.astype(np.float64), -1, 1)
        terms = self.terms(np.concatenate([first[None], others]))
        scores: Float64 = cosines - self.rule.weight * (terms[0] + terms[1:])
        return scores

    def looks_like_a_child(self, embedding: Float32) -> bool:
        """Whether a (D,) embedding is near the mean of children under six."""
        return float(np.dot(embedding, self.child)) >= self.child_from

    def why_beyond(self, embedding: Float32) -> str | None:
        """Why the error rates may not hold for a (D,) embedding, in words; None for a face like those measured."""
        if self.looks_like_a_child(embedding):
            return "the face looks like a child of under six; error rates were measured for people of six and more"
        (term,) = self.terms(embedding[None])
        low, high = self.likeness
        if low <= term <= high:
            return None
        return "the face is unlike all faces that the error rates were measured on"
