"""What the audit and the metrics keep of an answer: its decisions, with the reasons."""

from __future__ import annotations

from collections.abc import Iterable

from vultus.records.answers import Comparison, FindResult, Identification, ThresholdRule, Verification
from vultus.records.chosen import FaceChoice
from vultus.records.decisions import Decision
from vultus.service.liveness.checks import of_liveness

MAX_FACE_IDS = 5  # of the candidates of a search, the best


def of_verification(result: Verification) -> tuple[Decision, ...]:
    """The decision of a 1:1 comparison."""
    decision = {"match": "verified", "no_match": "not_verified", "unreliable": "unreliable"}[result.decision]
    enrolled = () if result.enrolled is None else (result.enrolled.face_id,)
    compared = _decision(decision, result.similarity, result.score, result.rule, enrolled, _places(result.choices))
    return (compared, *of_liveness(result.liveness))


def of_search(result: FindResult) -> tuple[Decision, ...]:
    """The decision about each face that was searched, and then whether each is live, where that was judged."""
    if result.choice is not None:
        places = [_places([result.choice])] * len(result.faces)
    else:  # every face of a photo, or no photo
        places = [() if face.face is None else (place,) for place, face in enumerate(result.faces)]
    searched = tuple(_of_face(*one) for one in zip(result.faces, places, strict=True))
    return (*searched, *of_liveness(face.liveness for face in result.faces if face.liveness is not None))


def of_comparison(result: Comparison) -> tuple[Decision, ...]:
    """The decision about the most alike of the vectors that were compared."""
    pairs = list(zip(result.scores, result.similarities, result.matches(), strict=True))
    score, similarity, matches = max(pairs)
    undecided = result.unreliable is not None or result.no_face
    decision = "unreliable" if undecided else "verified" if matches else "not_verified"
    rule = result.rule.at(similarity, score)
    return (_decision(decision, similarity, score, rule, (), _places([result.choice])),)


def _of_face(found: Identification, chosen: tuple[int | None, ...]) -> Decision:
    candidates = [match.candidate for match in found.matches[:MAX_FACE_IDS]]
    similarity, score = (candidates[0].similarity, candidates[0].score) if candidates else (None, None)
    face_ids = tuple(candidate.face_id for candidate in candidates)
    return _decision(found.decision, similarity, score, found.rule, face_ids, chosen)


def _decision(
    decision: str,
    similarity: float | None,
    score: float | None,
    rule: ThresholdRule,
    face_ids: tuple[str, ...],
    chosen: tuple[int | None, ...],
) -> Decision:
    numbers = (None if similarity is None else float(similarity), None if score is None else float(score))
    threshold = float(rule.similarity)
    return Decision(decision, *numbers, threshold, rule.kind, rule.expected, rule.model_id, face_ids, chosen)


def _places(choices: Iterable[FaceChoice | None]) -> tuple[int | None, ...]:
    return tuple(choice.index for choice in choices if choice is not None)
