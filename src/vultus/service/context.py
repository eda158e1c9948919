"""What the use cases share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from vultus.errors import InvalidRequest, ModelMismatch
from vultus.matching.decision import ThresholdTable, to_similarity
from vultus.records import Caution, Collection, Metric, Quality, ThresholdRule
from vultus.search.index import SearchIndex
from vultus.storage.gallery import Gallery
from vultus.storage.photos import PhotoStore
from vultus.vision.pipeline import Pipeline

WEAK_PART = 50  # of 100: a part below it is named when a face is refused or flagged


class Models(Protocol):
    """The recognition models that are served."""

    def resolve(self, name: str | None) -> str:
        """The id of a model by id or alias; None means the default. Raises ModelNameNotAllowed, ModelNotInstalled."""

    def pipeline_version(self, model_id: str) -> int:
        """The version of the model's preprocessing: its vectors compare only with vectors of the same version."""

    def dimension(self, model_id: str) -> int:
        """The length of its embeddings."""

    def thresholds(self, model_id: str) -> ThresholdTable:
        """Its calibration."""


@dataclass(frozen=True)
class Policy:
    """The answers to what a request leaves open.

    target_fmr, target_fpir: error rates asked of /verify and /find. min_quality: floor of an enrolment, 0..100.
    """

    target_fmr: float = 1e-4
    target_fpir: float = 0.01
    min_quality: float = 20.0


@dataclass(frozen=True)
class ServiceContext:
    """The parts that the use cases share, and what several of them do with these."""

    pipeline: Pipeline
    models: Models
    gallery: Gallery
    photos: PhotoStore
    index: SearchIndex
    policy: Policy = Policy()

    def bound_collection(self, name: str, model_name: str | None) -> Collection:
        """An existing collection, which must be bound to the model asked for (None: any) as it is served today.

        Its counts are left at 0: counting takes longer the larger the collection is.

        Raises CollectionNotFound, ModelMismatch.
        """
        collection = self.gallery.binding(name)
        if model_name is not None and self.models.resolve(model_name) != collection.model_id:
            raise ModelMismatch(
                f"collection {name!r} is bound to model {collection.model_id}, not {model_name!r}; "
                "leave model_name out or use another collection"
            )
        self.check_version(collection)
        return collection

    def check_version(self, collection: Collection) -> None:
        """Raises ModelMismatch when the collection was filled by another version of its model's preprocessing."""
        model_id = self.models.resolve(collection.model_id)
        served = self.models.pipeline_version(model_id)
        if collection.pipeline_version != served:
            raise ModelMismatch(
                f"collection {collection.name!r} was filled with version {collection.pipeline_version} of "
                f"{model_id}, and version {served} is served; their embeddings do not compare: enroll anew"
            )

    def verification_rule(
        self, model_id: str, metric: Metric, target_fmr: float | None, threshold: float | None
    ) -> ThresholdRule:
        """The threshold of a 1:1 comparison, from what the request says or else the policy. Raises InvalidRequest."""
        table = self.models.thresholds(model_id)
        if threshold is None:
            return table.for_fmr(self.policy.target_fmr if target_fmr is None else target_fmr)
        if target_fmr is not None:
            raise InvalidRequest("threshold and target_fmr are both given; give one of them")
        return table.explicit(to_similarity(threshold, metric))

    def cautions(self, qualities: Mapping[str, Quality]) -> tuple[Caution, ...]:
        """What to say of the probes below the quality floor, by their images' names: answered, but flagged."""
        floor = self.policy.min_quality
        return tuple(
            Caution("low_quality", image, low_quality_sentence(quality, floor))
            for image, quality in qualities.items()
            if quality.score < floor
        )

    def create_collection(self, name: str, model_id: str) -> tuple[Collection, bool]:
        """The collection, bound to the model as it is served, and whether it is new. Raises ModelMismatch."""
        return self.gallery.create_collection(
            name,
            model_id=model_id,
            pipeline_version=self.models.pipeline_version(model_id),
            dimension=self.models.dimension(model_id),
        )

    def remove_photos(self, keys: Sequence[str]) -> int:
        """Unlink the stored photos that no face uses any more; how many went."""
        return self.gallery.remove_unreferenced(keys, self.photos.delete)


def low_quality_sentence(quality: Quality, floor: float) -> str:
    """What is weak in a face below the floor, worst first, and what to do."""
    weak = {name: part for name, part in quality.parts.items() if part < max(floor, WEAK_PART)}
    shown = ", ".join(f"{name} {part:.0f}" for name, part in sorted(weak.items(), key=lambda item: item[1]))
    return (
        f"the face has quality {quality.score:.0f}, below the {floor:.0f} asked for; weak: {shown or 'all parts'} "
        "(of 100 each); use a sharper, larger or more frontal photo"
    )
