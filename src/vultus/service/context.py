"""What the use cases share."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import wraps
from threading import Lock
from typing import Any, ParamSpec, Protocol, TypeVar

from vultus.errors import CollectionNotFound, FaceNotFound, ModelMismatch, PolicyLoosened, SpaceChanged
from vultus.matching.decision import ThresholdTable
from vultus.matching.reference_faces import ReferenceFaces
from vultus.records.answers import ThresholdRule
from vultus.records.cautions import Caution
from vultus.records.liveness import LivenessMode
from vultus.records.seen import Quality
from vultus.records.stored import Collection, CollectionPolicies, EnrolledFace
from vultus.search.index import SearchIndex
from vultus.service.liveness.judging import LivenessModel
from vultus.service.policies import (
    NO_POLICIES,
    Effective,
    Limit,
    effective_limit,
    effective_liveness,
    effective_threshold,
)
from vultus.storage.audit import Act
from vultus.storage.gallery import Gallery
from vultus.storage.photo_records.photo_removal import Removal
from vultus.storage.photos import PhotoStore
from vultus.vision.embed import Recogniser
from vultus.vision.pipeline import Pipeline

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
SWITCHES = 3  # a collection is switched once in a long while; more in the middle of one request are given up
WEAK_PART = 50  # of 100: a part below it is named when a face is refused or flagged


class Model(Protocol):
    """A recognition model that a name was resolved to."""

    @property
    def id(self) -> str: ...

    @property
    def pipeline_version(self) -> int:
        """The version of its preprocessing: its vectors compare only with vectors of the same version."""

    @property
    def dimension(self) -> int:
        """The length of its embeddings."""

    def thresholds(self) -> ThresholdTable:
        """Its calibration. Raises InvalidRequest when it has none."""

    @property
    def reference(self) -> ReferenceFaces | None:
        """The faces that its scores are relative to; None where cosines decide."""

    def embedder(self) -> Recogniser[Any]:
        """Its network, loaded at the first call."""

    def at_version(self, version: int) -> Model:
        """The same with an older version of its preprocessing. Raises ModelMismatch when it can no longer be made."""


class Models(Protocol):
    """The recognition models that are served."""

    def resolve(self, name: str | None) -> Model:
        """The model of an id or alias; None means the default. Raises ModelNameNotAllowed, ModelNotInstalled."""

    def served(self, name: str) -> Model:
        """The same, whether or not its files are there. Raises ModelNameNotAllowed."""

    def liveness(self) -> LivenessModel:
        """The liveness model. Raises ModelNotInstalled, ModelInvalid."""


@dataclass(frozen=True)
class Policy:
    """The answers to what a request leaves open.

    target_fmr, target_fpir: error rates asked of /verify and /find; target_fmr None: see `default_fmr`. min_quality:
    floor of an enrolment, 0..100.
    undo_for: how long a rename, a merge or a move can be undone. refuse_unavailable_models: or else the default model
    answers for one that is not installed or not calibrated.
    """

    target_fmr: float | None = None
    target_fpir: float = 0.01
    min_quality: float = 20.0
    undo_for: timedelta = timedelta(hours=24)
    refuse_unavailable_models: bool = False


@dataclass(frozen=True)
class ServiceContext:
    """The parts that the use cases share, and what several of them do with these.

    act: the action in progress; without one no policy of a collection can be loosened. strictly: held by a strict
    enrolment from its search to its commit, so that of two of one person the second finds the first.
    """

    pipeline: Pipeline
    models: Models
    gallery: Gallery
    photos: PhotoStore
    index: SearchIndex
    policy: Policy = Policy()
    act: Act | None = None
    strictly: Lock = field(default_factory=Lock)

    def bound_collection(self, name: str, model_name: str | None) -> tuple[Collection, Model]:
        """An existing collection and its model, which must be the one asked for (None: any), at its version.

        Its counts are left at 0: counting takes longer the larger the collection is.

        Raises CollectionNotFound, ModelMismatch.
        """
        collection = self.gallery.binding(name)
        if model_name is not None and self.models.resolve(model_name).id != collection.model_id:
            raise ModelMismatch(
                f"collection {name!r} is bound to model {collection.model_id}, not {model_name!r}; "
                "leave model_name out or use another collection"
            )
        return collection, self.model_of(collection)

    def face_of(self, collection: str, face_id: str) -> EnrolledFace:
        """One face of a collection. Raises FaceNotFound, alike where there is none and where another one has it."""
        with suppress(FaceNotFound):
            face = self.gallery.face(face_id)
            if face.collection == collection:
                return face
        raise FaceNotFound("the collection has no face of this id; list its faces")

    def model_of(self, collection: Collection) -> Model:
        """The model at the version that the collection was filled with. Raises ModelMismatch."""
        return self.models.resolve(collection.model_id).at_version(collection.pipeline_version)

    def effective_limit(
        self, limit: Limit, asked: float | None, policies: CollectionPolicies, *, otherwise: float = 0.0
    ) -> float:
        """What a request asks for, within the policies of its collection. Raises PolicyLoosened.

        otherwise: where neither of them nor the server has a limit.
        """
        policy, default = getattr(policies, limit), getattr(self.policy, limit)
        default = otherwise if default is None else default
        may = self.act is not None and self.act.may_override
        return self._noted(effective_limit(limit, asked, policy=policy, default=default, may_override=may))

    def effective_threshold(self, asked: float, policy: ThresholdRule | None) -> float:
        """The cosine threshold that a request asks for, within the policy of its collection. Raises PolicyLoosened."""
        may = self.act is not None and self.act.may_override
        return self._noted(effective_threshold(asked, policy=policy, may_override=may))

    def effective_liveness(self, asked: LivenessMode | None, policies: CollectionPolicies) -> LivenessMode:
        """What a request asks for, within the policy of its collection. Raises PolicyLoosened."""
        may = self.act is not None and self.act.may_override
        mode, overridden = effective_liveness(asked, policy=policies.liveness, may_override=may)
        if overridden and self.act is not None:
            self.act.overridden = True
        return mode

    def require_override(self, problem: str) -> None:
        """What a policy forbids and only the scope `override` allows. Raises PolicyLoosened with the problem."""
        if self.act is None or not self.act.may_override:
            raise PolicyLoosened(problem)
        self.act.overridden = True

    def _noted(self, effective: Effective) -> float:
        """The value; where it overrides a policy, the audit will say so."""
        if effective.overridden and self.act is not None:
            self.act.overridden = True
        return effective.value

    def cautions(
        self, qualities: Mapping[str, Quality], policies: CollectionPolicies = NO_POLICIES
    ) -> tuple[Caution, ...]:
        """What to say of the probes below the quality floor, by their images' names: answered, but flagged."""
        floor = self.effective_limit("min_quality", None, policies)
        return tuple(
            Caution("low_quality", image, low_quality_sentence(quality, floor))
            for image, quality in qualities.items()
            if quality.score < floor
        )

    def create_collection(
        self, name: str, model: Model, policies: CollectionPolicies | None = None
    ) -> tuple[Collection, bool]:
        """The collection, bound to the model as it is served, and whether it is new. policies: None means any.

        One that is there stays bound to its version of the model. Raises ModelMismatch, CollectionExists.
        """
        with suppress(CollectionNotFound):
            existing = self.gallery.binding(name)
            if existing.model_id == model.id:
                model = model.at_version(existing.pipeline_version)
        return self.gallery.create_collection(
            name,
            model_id=model.id,
            pipeline_version=model.pipeline_version,
            dimension=model.dimension,
            policies=policies,
        )

    def remove_photos(self, keys: Sequence[str]) -> Removal:
        """Remove the stored photos that no face uses any more; those that cannot go now go later."""
        done = self.gallery.photos.remove(keys, self.photos.delete)
        if done.problem is not None:
            log.warning("photos of erased faces are still stored, and are removed later: %s", done.problem)
        return done


def in_one_space(work: Callable[P, T]) -> Callable[P, T]:
    """The work, done again when the collection was switched to other embeddings in the middle of it.

    The collection is read at its beginning, so that everything is of the model that it is then bound to.
    """

    @wraps(work)
    def settled(*args: P.args, **kwargs: P.kwargs) -> T:
        for _ in range(SWITCHES):
            with suppress(SpaceChanged):
                return work(*args, **kwargs)
        return work(*args, **kwargs)

    return settled


def low_quality_sentence(quality: Quality, floor: float) -> str:
    """What is weak in a face below the floor, worst first, and what to do."""
    weak = {name: part for name, part in quality.parts.items() if part < max(floor, WEAK_PART)}
    shown = ", ".join(f"{name} {part:.0f}" for name, part in sorted(weak.items(), key=lambda item: item[1]))
    return (
        f"the face has quality {quality.score:.0f}, below the {floor:.0f} asked for; weak: {shown or 'all parts'} "
        "(of 100 each); use a sharper, larger or more frontal photo"
    )
