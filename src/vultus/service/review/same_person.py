"""Which faces that nobody knows look like one person."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vultus.records.review import UnknownFace, UnknownGroup
from vultus.records.seen import Float32, Float64
from vultus.service.context import Model
from vultus.service.policies import default_fmr

Marks = NDArray[np.bool_]


class SamePerson:
    """Compares faces as /verify of two photos does by default: by scores relative to the model's mean faces where it
    has these, else by cosines."""

    def __init__(self, model: Model) -> None:
        """Raises InvalidRequest, when the model has no thresholds."""
        table, self._reference = model.thresholds(), model.reference
        rule = table.for_fmr(default_fmr(table))
        self._threshold = rule.similarity if rule.score is None or self._reference is None else rule.score

    def terms(self, embeddings: Float32) -> Float64:
        """What is taken off the cosines of each row of (N, D), (N,)."""
        if self._reference is None or not len(embeddings):
            return np.zeros(len(embeddings))
        return self._reference.rule.weight * self._reference.terms(embeddings)

    def alike(self, one: Float32, term: float, others: Float32, terms: Float64) -> Marks:
        """Whether each of (N, D) shows the person of (D,), (N,). Terms: of the same."""
        marks: Marks = self.scores(one, term, others, terms) >= self._threshold
        return marks

    def scores(self, one: Float32, term: float, others: Float32, terms: Float64) -> Float64:
        """The score of each pair, (N,)."""
        scores: Float64 = others.astype(np.float64) @ one.astype(np.float64) - terms - term
        return scores

    def is_among(self, one: Float32, others: Float32) -> bool:
        """Whether one of (N, D) shows the person of (D,)."""
        return bool(self.alike(one, float(self.terms(one[None])[0]), others, self.terms(others)).any())


def grouped(model: Model, faces: Sequence[UnknownFace]) -> tuple[UnknownGroup, ...]:
    """The faces as groups, each around the face of the best quality that fitted no group before; the largest first.

    A face belongs to the group whose first face is the most like it, so that a chain of likenesses joins nobody.
    """
    if not faces:
        return ()
    ordered = sorted(faces, key=lambda face: (-face.quality.version, -face.quality.score, face.id))
    vectors, same = np.stack([face.embedding for face in ordered]), SamePerson(model)
    terms, leaders = same.terms(vectors), list[int]()
    best, owner = np.full(len(ordered), -np.inf), np.full(len(ordered), -1)
    for place in range(len(ordered)):
        if owner[place] >= 0:
            continue
        scores = same.scores(vectors[place], float(terms[place]), vectors, terms)
        alike = same.alike(vectors[place], float(terms[place]), vectors, terms) & (scores > best)
        alike[[*leaders, place]] = False
        owner[alike], best[alike] = place, scores[alike]
        owner[place] = place
        leaders.append(place)
    groups = (UnknownGroup(tuple(ordered[member] for member in np.flatnonzero(owner == one))) for one in leaders)
    return tuple(sorted(groups, key=lambda group: -len(group.faces)))
