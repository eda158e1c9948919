"""/compare: the fields of the call, and its answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, model_validator

from vultus.matching.decision import to_distance
from vultus.records.answers import Comparison, Metric
from vultus.schemas.answers import caution_answer, rounded, rule_of
from vultus.schemas.faces import CHOSEN, FOUND, OTHERS, ChosenFace, OtherFaceAnswer, choice_fields
from vultus.schemas.field_types import (
    Blank,
    DetectorName,
    FaceIndex,
    Flag,
    Image,
    ModelName,
    Normalization,
    Number,
    Rate,
    Vector,
    Vectors,
)
from vultus.schemas.recognition import BEYOND, CAUTIONS, CautionAnswer, Rule, beyond_field
from vultus.schemas.requests import (
    ACCEPT_LOW_QUALITY,
    ALIGN,
    DETECTOR,
    ENFORCE,
    MODEL,
    NORMALIZATION,
    WHICH_FACE,
    CallFields,
    refuse_both,
)


class CompareFields(CallFields):
    """POST /compare: one source (img, source_vector or vector) against one or many target vectors."""

    img: Annotated[Image | None, Blank] = Field(None, description="The photo to compare, or send source_vector.")
    source_vector: Annotated[Vector | None, Blank] = Field(None, description="The embedding to compare, or send img.")
    vector: Annotated[Vectors | None, Blank] = Field(
        None, description="Another name of source_vector; of target_vectors if img is sent."
    )
    target_vector: Annotated[Vectors | None, Blank] = Field(None, description="The embedding to compare with.")
    target_vectors: Annotated[Vectors | None, Blank] = Field(
        None, description="The embeddings to compare with: arrays, or objects with `id` and `vector`."
    )
    vectors: Annotated[Vectors | None, Blank] = Field(None, description="Another name of target_vectors.")
    vector_b: Annotated[Vectors | None, Blank] = Field(None, description="Another name of target_vector.")
    model_name: ModelName = Field(None, description=MODEL)
    distance_metric: Annotated[Metric | None, Blank] = Field(None, description="Default: cosine.")
    metric: Annotated[Metric | None, Blank] = Field(None, description="Another name of distance_metric.")
    target_fmr: Annotated[Rate | None, Blank] = Field(
        None, description="False match rate that sets the threshold. Default: the server's."
    )
    threshold: Annotated[Number | None, Blank] = Field(
        None, description="A distance in the metric, instead of target_fmr."
    )
    detector_backend: DetectorName = Field(None, description=DETECTOR)
    enforce_detection: Flag = Field(True, description=ENFORCE)
    align: Flag = Field(True, description=ALIGN)
    normalization: Normalization = Field(None, description=NORMALIZATION)
    accept_low_quality: Flag = Field(False, description=ACCEPT_LOW_QUALITY)
    face_index: FaceIndex = Field(None, description=WHICH_FACE)

    @model_validator(mode="after")
    def _one_source_one_target(self) -> Self:
        refuse_both(self.target_fmr, "target_fmr", self.threshold)
        if self.metric and self.distance_metric and self.metric != self.distance_metric:
            raise ValueError("metric and distance_metric differ; send one")
        sources = [name for name, value in self._sources().items() if value is not None]
        targets = [name for name, value in self._targets().items() if value is not None]
        if len(sources) != 1:
            raise ValueError(f"one source is needed, img or source_vector, not {len(sources)}")
        if len(targets) != 1:
            raise ValueError(f"one field with targets is needed, target_vector or target_vectors, not {len(targets)}")
        return self

    def _vector_is_target(self) -> bool:
        return self.img is not None or self.source_vector is not None

    def _sources(self) -> dict[str, Any]:
        single = self.vector[0][1] if self.vector and not self._vector_is_target() else None
        return {"img": self.img, "source_vector": self.source_vector, "vector": single}

    def _targets(self) -> dict[str, Any]:
        named = {name: getattr(self, name) for name in ("target_vector", "target_vectors", "vectors", "vector_b")}
        return {**named, "vector": self.vector if self._vector_is_target() else None}

    def source(self) -> bytes | list[float]:
        """The photo or the embedding to compare."""
        found: bytes | list[float] = next(value for value in self._sources().values() if value is not None)
        return found

    def targets(self) -> list[tuple[str | int, list[float]]]:
        """The embeddings to compare with, each with the caller's id or its position from 0."""
        found: list[tuple[str | int, list[float]]] = next(v for v in self._targets().values() if v is not None)
        return found


class ComparedVector(BaseModel):
    id: str | int = Field(description="The caller's id, or the position from 0.")
    distance: float
    similarity: float = Field(description="Cosine, -1..1.")
    score: float = Field(description="Relative to other faces, where the model has such scores; else the similarity.")
    threshold: float = Field(description="In distance_metric, of this pair; verified means distance <= threshold.")
    verified: bool


class CompareAnswer(BaseModel):
    model_name: str = Field(description="The model name that was asked for, else model_id.")
    model_id: str
    distance_metric: Metric
    threshold: float = Field(description="In distance_metric, of the first target.")
    threshold_rule: Rule
    decision: Literal["unreliable"] | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="unreliable: the photo is too damaged to decide on; else absent.",
    )
    reason: str | None = Field(default=None, exclude_if=lambda value: value is None, description="Why.")
    beyond: Literal[True] | None = beyond_field(BEYOND)
    beyond_reason: str | None = beyond_field("Why.")
    cautions: list[CautionAnswer] = CAUTIONS
    faces_found: int | None = FOUND
    chosen: ChosenFace | None = CHOSEN
    other_faces: list[OtherFaceAnswer] = OTHERS
    results: list[ComparedVector] = Field(description="In the order given.")


def compare_answer(result: Comparison, ids: Sequence[str | int], asked_model: str | None) -> CompareAnswer:
    """The answer of /compare: one result per target, in the order given."""
    pairs = list(zip(result.similarities, result.scores, strict=True))
    rules = [result.rule.at(*pair) for pair in pairs]
    first = rules[0] if rules else result.rule
    return CompareAnswer(
        model_name=asked_model or result.model_id,
        model_id=result.model_id,
        distance_metric=result.metric,
        threshold=rounded(to_distance(first.similarity, result.metric)),
        threshold_rule=rule_of(first),
        decision=None if result.unreliable is None else "unreliable",
        reason=result.unreliable,
        beyond=None if result.beyond is None else True,
        beyond_reason=result.beyond,
        cautions=[caution_answer(caution) for caution in result.cautions],
        **choice_fields(result.choice),
        results=[
            ComparedVector(
                id=known,
                distance=rounded(to_distance(similarity, result.metric)),
                similarity=rounded(similarity),
                score=rounded(score),
                threshold=rounded(to_distance(rule.similarity, result.metric)),
                verified=matches,
            )
            for known, (similarity, score), rule, matches in zip(ids, pairs, rules, result.matches(), strict=True)
        ],
    )
