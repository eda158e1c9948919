"""enroll, verify, find, represent, compare, detect. What is left out is as the service has it by default."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol, TypeAlias

import httpx

from vultus_client.errors import InvalidRequest
from vultus_client.images import Image, read_images
from vultus_client.request import Call, Defaults, body_of, json_of, record_of
from vultus_client.results.faces import Detection
from vultus_client.results.recognition import Comparison, Enrolment, Representations, Search, Verification


class NumberArray(Protocol):
    """A numpy array of numbers."""

    def tolist(self) -> Any: ...


Vector: TypeAlias = Sequence[float] | NumberArray
Metric: TypeAlias = Literal["cosine", "euclidean", "euclidean_l2"]
LivenessMode: TypeAlias = Literal["off", "report", "require"]


def enroll(
    defaults: Defaults,
    /,
    *images: Image,
    subject: str | None = None,
    name: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    collection: str | None = None,
    expires_at: datetime | None = None,
    face: Literal["only", "largest", "all"] | None = None,
    subjects: Sequence[str | None] | None = None,
    min_quality: float | None = None,
    strict: bool | None = None,
    embedding: Vector | Sequence[Vector] | None = None,
    liveness: LivenessMode | None = None,
    frames: Sequence[Image] = (),
    model_name: str | None = None,
    detector_backend: str | None = None,
    align: bool | None = None,
    bgr: bool | None = None,
) -> Call[Enrolment]:
    """Add photos of one person. Photos that are refused are in `rejected`; if all are, the error is raised.

    subject: your id of the person; when it is left out, the client makes one, so that the call can be repeated.
    face: "only" (the default) refuses a photo of several people; "all" enrolls each face of one photo for a subject of
    its own, those of `subjects`, largest first. embedding: in place of images, with model_name.
    liveness: whether the faces have to be live; frames: further photos of the same moment, by which that is judged too.
    """
    photos = _photos(["img"] * len(images), images, frames, bgr)
    everybody = face == "all"
    if not photos and embedding is None:
        raise InvalidRequest("no photo was given; enroll takes one or more, or embedding= with model_name=")
    if subject is None and not everybody:
        subject = uuid.uuid4().hex
    return Call(
        method="POST",
        path="/enroll",
        read=record_of(Enrolment),
        repeatable=not everybody or (subjects is not None and None not in subjects),
        body=body_of(
            photos,
            subject=subject,
            name=name,
            metadata=metadata,
            collection=collection or defaults.collection,
            expires_at=expires_at,
            face=face,
            subjects=subjects,
            min_quality=min_quality,
            strict=strict,
            embedding=embedding,
            liveness=liveness,
            model_name=model_name,
            detector_backend=detector_backend,
            align=align,
        ),
    )


def verify(
    defaults: Defaults,
    first: Image,
    second: Image | None = None,
    *,
    subject: str | None = None,
    collection: str | None = None,
    target_fmr: float | None = None,
    threshold: float | None = None,
    distance_metric: Metric | None = None,
    cohort: str | None = None,
    img1_face_index: int | None = None,
    img2_face_index: int | None = None,
    face_index: int | None = None,
    liveness: LivenessMode | None = None,
    liveness_of: Literal["both", "img1", "img2"] | None = None,
    frames: Sequence[Image] = (),
    accept_low_quality: bool | None = None,
    enforce_detection: bool | None = None,
    align: bool | None = None,
    model_name: str | None = None,
    detector_backend: str | None = None,
    bgr: bool | None = None,
) -> Call[Verification]:
    """Compare two photos, or a photo with an enrolled subject; the result is true when it is the same person.

    target_fmr: how often a stranger may pass, like 1e-4; or threshold: a distance in distance_metric. img1_face_index,
    img2_face_index, with subject face_index: which face of a photo, by its place in the answer of `detect`. liveness:
    whether the faces have to be live, of two photos those of liveness_of; frames: with subject, further photos of the
    moment.
    """
    if (second is None) == (subject is None):
        raise InvalidRequest("verify takes two photos, or one photo and subject=")
    if second is None:
        names, images = ["img"], [first]
    else:
        names, images = ["img1", "img2"], [first, second]
    return Call(
        method="POST",
        path="/verify",
        read=record_of(Verification),
        body=body_of(
            _photos(names, images, frames, bgr),
            subject=subject,
            collection=collection or (defaults.collection if second is None else None),
            target_fmr=target_fmr,
            threshold=threshold,
            distance_metric=distance_metric,
            cohort=cohort,
            img1_face_index=img1_face_index,
            img2_face_index=img2_face_index,
            face_index=face_index,
            liveness=liveness,
            liveness_of=liveness_of,
            accept_low_quality=accept_low_quality,
            enforce_detection=enforce_detection,
            align=align,
            model_name=model_name,
            detector_backend=detector_backend,
        ),
    )


def find(
    defaults: Defaults,
    image: Image | None = None,
    *,
    face_id: str | None = None,
    embedding: Vector | None = None,
    collection: str | None = None,
    top_k: int | None = None,
    faces: Literal["largest", "all"] | None = None,
    target_fpir: float | None = None,
    threshold: float | None = None,
    liveness: LivenessMode | None = None,
    frames: Sequence[Image] = (),
    accept_low_quality: bool | None = None,
    model_name: str | None = None,
    detector_backend: str | None = None,
    bgr: bool | None = None,
) -> Call[Search]:
    """Search a collection for the person in a photo, for an enrolled face, or with an embedding and its model_name.

    target_fpir: in which share of searches a stranger may be named, like 0.01; or threshold: a cosine similarity.
    liveness: whether the face has to be live; frames: further photos of the same moment, by which that is judged too.
    """
    return Call(
        method="POST",
        path="/find",
        read=record_of(Search),
        body=body_of(
            _photo(image, bgr, frames),
            face_id=face_id,
            embedding=embedding,
            collection=collection or (defaults.collection if face_id is None else None),  # a face is in one
            top_k=top_k,
            faces=faces,
            target_fpir=target_fpir,
            threshold=threshold,
            liveness=liveness,
            accept_low_quality=accept_low_quality,
            model_name=model_name,
            detector_backend=detector_backend,
        ),
    )


def represent(
    defaults: Defaults,
    image: Image,
    *,
    enforce_detection: bool | None = None,
    align: bool | None = None,
    model_name: str | None = None,
    detector_backend: str | None = None,
    bgr: bool | None = None,
) -> Call[Representations]:
    """The embeddings of all faces in a photo, largest first."""
    body = body_of(
        _photo(image, bgr),
        enforce_detection=enforce_detection,
        align=align,
        model_name=model_name,
        detector_backend=detector_backend,
    )
    return Call(method="POST", path="/represent", read=_representations, body=body)


def compare(
    defaults: Defaults,
    image: Image | None = None,
    *,
    targets: Sequence[Vector] | Mapping[str, Vector],
    source_vector: Vector | None = None,
    face_index: int | None = None,
    target_fmr: float | None = None,
    threshold: float | None = None,
    distance_metric: Metric | None = None,
    accept_low_quality: bool | None = None,
    enforce_detection: bool | None = None,
    align: bool | None = None,
    model_name: str | None = None,
    detector_backend: str | None = None,
    bgr: bool | None = None,
) -> Call[Comparison]:
    """Compare a photo, or source_vector, with embeddings that you keep. targets: vectors, or vectors by your ids."""
    named = [{"id": one, "vector": vector} for one, vector in targets.items()] if isinstance(targets, Mapping) else None
    return Call(
        method="POST",
        path="/compare",
        read=record_of(Comparison),
        body=body_of(
            _photo(image, bgr),
            target_vectors=targets if named is None else named,
            source_vector=source_vector,
            face_index=face_index,
            target_fmr=target_fmr,
            threshold=threshold,
            distance_metric=distance_metric,
            accept_low_quality=accept_low_quality,
            enforce_detection=enforce_detection,
            align=align,
            model_name=model_name,
            detector_backend=detector_backend,
        ),
    )


def detect(
    defaults: Defaults, image: Image, *, detector_backend: str | None = None, bgr: bool | None = None
) -> Call[Detection]:
    """The faces in a photo, most prominent first; none is no error. Needs the scope `represent`."""
    body = body_of(_photo(image, bgr), detector_backend=detector_backend)
    return Call(method="POST", path="/detect", read=record_of(Detection), body=body)


def _photo(image: Image | None, bgr: bool | None, frames: Sequence[Image] = ()) -> list[tuple[str, bytes | str]]:
    images = [] if image is None else [image]
    return _photos(["img"] * len(images), images, frames, bgr)


def _photos(
    names: Sequence[str], images: Sequence[Image], frames: Sequence[Image], bgr: bool | None
) -> list[tuple[str, bytes | str]]:
    fields = [*names, *("frames" for _ in frames)]
    return list(zip(fields, read_images([*images, *frames], bgr), strict=True))


def _representations(response: httpx.Response) -> Representations:
    found = response.headers.get("x-faces-found", "")
    return Representations.from_json(
        {"faces": json_of(response), "faces_found": int(found) if found.isdecimal() else None}
    )
