"""What the faces of a request are worth as evidence: found or not, reliable or not, like those measured or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vultus.matching.reference_faces import ReferenceFaces
from vultus.matching.reliability import RELIABILITY_FLOOR
from vultus.records.answers import ThresholdRule
from vultus.records.cautions import Caution
from vultus.records.seen import Face, Float32, Quality, Template
from vultus.vectors import why_unusual
from vultus.vision.quality import RELIABILITY

NO_FACE = "no face was found in the image, so nothing can be said about a person; the whole image was compared"
ANSWER_ANYWAY = "or send accept_low_quality=true to have an answer without this check"
WEAKEST = 3  # parts that are named


@dataclass(frozen=True, eq=False)
class Seen:
    """One face of a request. image: the name of its field. quality, face: None where no photo was sent."""

    image: str
    embedding: Float32
    quality: Quality | None = None
    face: Face | None = None

    @classmethod
    def of(cls, image: str, template: Template) -> Seen:
        """Of a face of a photo."""
        return cls(image, template.embedding, template.quality, template.face)

    @property
    def is_no_face(self) -> bool:
        """Whether the whole picture stands for a face that was not found."""
        return self.face is not None and self.face.score == 0 and not np.isfinite(self.face.landmarks).any()


@dataclass(frozen=True)
class Evidence:
    """What holds for all faces of a decision.

    no_face: one of them was not found. unreliable: why nothing is decided, in words. beyond: why the error rates may
    not hold, in words. cautions: about these.
    """

    no_face: bool
    unreliable: str | None
    beyond: str | None
    cautions: tuple[Caution, ...]

    def applied(self, rule: ThresholdRule) -> ThresholdRule:
        """The rule with what can be said of its rate."""
        if rule.kind == "explicit":
            return rule
        why = NO_FACE if self.no_face else self.unreliable or self.beyond
        return rule if why is None else rule.without_rate(why)


def weigh(seen: Sequence[Seen], reference: ReferenceFaces | None, *, accept_low_quality: bool = False) -> Evidence:
    """What these faces are worth; accept_low_quality: a photo that is too bad is decided on all the same."""
    cautions = [Caution("no_face_detected", one.image, NO_FACE) for one in seen if one.is_no_face]
    found = [one for one in seen if not one.is_no_face]
    beyond = None
    if reference is not None:
        children = [one for one in found if reference.looks_like_a_child(one.embedding)]
        cautions += [
            Caution("looks_like_a_child", one.image, str(reference.why_beyond(one.embedding))) for one in children
        ]
        beyond = next((why for one in found if (why := reference.why_beyond(one.embedding))), None)
    unreliable = None if accept_low_quality else next(_unreliable(found), None)
    return Evidence(len(found) < len(seen), unreliable, beyond, tuple(cautions))


def _unreliable(seen: Sequence[Seen]) -> Iterator[str]:
    for one in seen:
        if one.quality is not None and not is_reliable(one.quality):
            yield unreliable_sentence(one.image, one.quality.parts[RELIABILITY], one.quality.parts)


def is_reliable(quality: Quality | None) -> bool:
    """Whether a face of this quality can be decided on; None: no photo was sent, so nothing speaks against it."""
    return quality is None or quality.parts.get(RELIABILITY, RELIABILITY_FLOOR) >= RELIABILITY_FLOOR


def unreliable_sentence(image: str, reliability: float, parts: Mapping[str, float]) -> str:
    """Why a face cannot be decided on, and what to do."""
    worst = sorted((part, name) for name, part in parts.items() if name != RELIABILITY)[:WEAKEST]
    shown = ", ".join(f"{name} {part:.0f}" for part, name in worst)
    return (
        f"the face in {image} is too damaged to decide on: reliability {reliability:.0f} of 100, "
        f"below {RELIABILITY_FLOOR:.0f}; weakest: {shown} (of 100 each); send a sharper, better lit, unedited photo of "
        f"the whole face, {ANSWER_ANYWAY}"
    )


def unusual_vectors(
    vectors: Float32, norms: NDArray[np.float64] | None, model_id: str, *, image: str
) -> tuple[Caution, ...]:
    """A caution where (N, D) vectors of unit length look like no embedding of a model; one for all of them.

    norms: (N,) lengths before they were scaled; None: 1. image: the name of the field.
    """
    before = np.ones(len(vectors)) if norms is None else norms
    reasons = [why_unusual(row, float(norm)) for row, norm in zip(vectors, before, strict=True)]
    found = [(i, why) for i, why in enumerate(reasons) if why is not None]
    if not found:
        return ()
    (first, why), *others = found
    more = f", and so or alike are {len(others)} more" if others else ""
    detail = (
        f"vector {first} of {image} {why}{more}; embeddings of {model_id} have length 1 and spread over all their "
        "numbers, so for such a vector the error rates do not hold; send what /represent answered with this model"
    )
    return (Caution("unusual_vector", image, detail),)
