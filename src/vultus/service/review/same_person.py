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

    def are_same(self, scores: Float64) -> Marks:
        """Whether pairs of these scores show one person."""
        marks: Marks = scores >= self._threshold
        return marks

    def is_among(self, one: Float32, others: Float32) -> bool:
        """Whether one of (N, D) shows the person of (D,)."""
        wide = others.astype(np.float64)
        return bool(self.are_same(wide @ one.astype(np.float64) - self.terms(others) - self.terms(one[None])).any())


def grouped(model: Model, faces: Sequence[UnknownFace]) -> tuple[UnknownGroup, ...]:
    """The faces as groups, each around the face of the best quality that fitted no group before; the largest first.

    A face belongs to the group whose first face is the most like it, so that a chain of likenesses joins nobody.
    """
    if not faces:
        return ()
    ordered = sorted(faces, key=lambda face: (-face.quality.version, -face.quality.score, face.id))
    vectors, same = np.stack([face.embedding for face in ordered]), SamePerson(model)
    terms, wide, leaders = same.terms(vectors), vectors.astype(np.float64), list[int]()
    best, owner = np.full(len(ordered), -np.inf), np.full(len(ordered), -1)
    for place in range(len(ordered)):
        if owner[place] >= 0:
            continue
        scores = wide @ wide[place] - terms - terms[place]
        alike = same.are_same(scores) & (scores > best)
        alike[[*leaders, place]] = False
        owner[alike], best[alike] = place, scores[alike]
        owner[place] = place
        leaders.append(place)
    groups = (UnknownGroup(tuple(ordered[member] for member in np.flatnonzero(owner == one))) for one in leaders)
    return tuple(sorted(groups, key=lambda group: -len(group.faces)))
