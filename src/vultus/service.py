"""FaceService: what Vultus does, called the same way by HTTP, the command line and tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from vultus.records import (
    Collection,
    Deleted,
    EnrolledFace,
    EnrollResult,
    Face,
    FindResult,
    Metric,
    Quality,
    Subject,
    Template,
    Verification,
)

DEFAULT_COLLECTION = "default"


class FaceService:
    """Enroll, verify, find, represent, detect, forget. Knows no HTTP, no SQL, no settings."""

    def enroll(
        self,
        photos: Sequence[bytes],
        *,
        collection: str = DEFAULT_COLLECTION,
        subject: str | None = None,
        name: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        model_name: str | None = None,
        detector: str | None = None,
        face: Literal["only", "largest"] = "only",
        min_quality: float | None = None,
        align: bool = True,
    ) -> EnrollResult:
        """Add one template per photo to a subject, creating collection and subject when new.

        One photo refused raises its error; of several, the refused ones are listed in `rejected`, unless all are refused.
        """
        raise NotImplementedError

    def verify(
        self,
        first: bytes,
        second: bytes,
        *,
        model_name: str | None = None,
        detector: str | None = None,
        metric: Metric = "cosine",
        target_fmr: float | None = None,
        threshold: float | None = None,
        enforce_detection: bool = True,
        align: bool = True,
    ) -> Verification:
        """Compare two photos 1:1. threshold: a distance in `metric`; excludes target_fmr (default: the service's)."""
        raise NotImplementedError

    def verify_subject(
        self,
        probe: bytes,
        subject: str,
        *,
        collection: str = DEFAULT_COLLECTION,
        model_name: str | None = None,
        detector: str | None = None,
        metric: Metric = "cosine",
        target_fmr: float | None = None,
        threshold: float | None = None,
        enforce_detection: bool = True,
        align: bool = True,
    ) -> Verification:
        """Compare a photo with an enrolled subject (best of its faces)."""
        raise NotImplementedError

    def find(
        self,
        probe: bytes,
        *,
        collection: str = DEFAULT_COLLECTION,
        top_k: int = 5,
        faces: Literal["largest", "all"] = "largest",
        target_fpir: float | None = None,
        threshold: float | None = None,
        model_name: str | None = None,
        detector: str | None = None,
    ) -> FindResult:
        """Search a collection 1:N. threshold: a cosine similarity; excludes target_fpir (default: the service's)."""
        raise NotImplementedError

    def represent(
        self,
        photo: bytes,
        *,
        model_name: str | None = None,
        detector: str | None = None,
        enforce_detection: bool = True,
        align: bool = True,
    ) -> tuple[Template, ...]:
        """The templates of all faces in a photo, largest first."""
        raise NotImplementedError

    def detect(self, photo: bytes, *, detector: str | None = None) -> tuple[tuple[Face, Quality], ...]:
        """All faces of a photo in its upright pixels, largest first; empty when there is none."""
        raise NotImplementedError

    # collections, subjects, faces

    def collections(self) -> tuple[Collection, ...]:
        raise NotImplementedError

    def collection(self, name: str) -> Collection:
        raise NotImplementedError

    def create_collection(self, name: str, *, model_name: str | None = None) -> tuple[Collection, bool]:
        """The collection and whether it is new. Raises ModelMismatch when it exists with another model."""
        raise NotImplementedError

    def delete_collection(self, name: str) -> Deleted:
        raise NotImplementedError

    def subjects(self, collection: str, *, cursor: str | None, limit: int) -> tuple[tuple[Subject, ...], str | None]:
        """One page of subjects in the order of their ids, and the cursor of the next page (None at the end)."""
        raise NotImplementedError

    def subject(self, collection: str, subject: str) -> Subject:
        raise NotImplementedError

    def update_subject(
        self, collection: str, subject: str, *, name: str | None = None, metadata: Mapping[str, Any] | None = None
    ) -> Subject:
        """Replace name and/or metadata; None leaves a field as it is."""
        raise NotImplementedError

    def forget(self, collection: str, subject: str) -> Deleted:
        """Erase a person: templates, faces, photos no one else uses, index entries."""
        raise NotImplementedError

    def subject_faces(self, collection: str, subject: str) -> tuple[EnrolledFace, ...]:
        raise NotImplementedError

    def face(self, face_id: str) -> EnrolledFace:
        raise NotImplementedError

    def delete_face(self, face_id: str) -> Deleted:
        raise NotImplementedError

    def face_photo(self, face_id: str) -> bytes:
        """The stored JPEG of a face's photo."""
        raise NotImplementedError
