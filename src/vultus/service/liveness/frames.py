"""Several frames of one presentation: their faces, which must be that of the probe."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from vultus.errors import FramesDiffer, InvalidRequest
from vultus.matching.decision import similarity
from vultus.records.seen import Template
from vultus.service.context import Model
from vultus.service.liveness.judging import Frame
from vultus.vision.face_selection import largest_face
from vultus.vision.pipeline import Pipeline

SAME_FACE_FMR = 1e-2  # frames less alike than so many strangers are evidently of two people
UNCALIBRATED = 0.3  # the cosine in its place, of a model that has no rates


def refuse_repeated(probe: bytes, frames: Sequence[bytes]) -> None:
    """Raises InvalidRequest where a picture is sent twice: it says no more than once."""
    seen: dict[bytes, str] = {}
    for name, photo in (("img", probe), *((f"frames[{i}]", frame) for i, frame in enumerate(frames))):
        digest = hashlib.sha256(photo).digest()
        if digest in seen:
            raise InvalidRequest(f"{name} is the same picture as {seen[digest]}; send different frames of one moment")
        seen[digest] = name


def read_frames(
    pipeline: Pipeline, frames: Sequence[bytes], probe: Template, model: Model, *, detector: str | None, align: bool
) -> tuple[Frame, ...]:
    """The largest face of each frame. Needs a compute slot.

    Raises FramesDiffer when one is evidently of another person than the probe; NoFaceDetected, InvalidImage.
    """
    if not frames:
        return ()
    photos = pipeline.detect_all(frames, detector=detector)
    found = tuple((one, largest_face(one, which=f"frames[{i}]")) for i, one in enumerate(photos))
    least = _least_similarity(model)
    for i, template in enumerate(pipeline.embed(found, model.embedder(), align=align)):
        alike = similarity(probe.embedding, template.embedding)
        if alike < least:
            raise FramesDiffer(
                f"the face in frames[{i}] is another one than that in img: their similarity is {alike:.3f}, and frames "
                f"of one person reach {least:.3f}; send frames of one presentation, taken within seconds"
            )
    return found


def _least_similarity(model: Model) -> float:
    try:
        return model.thresholds().of_cosines().for_fmr(SAME_FACE_FMR).similarity
    except InvalidRequest:
        return UNCALIBRATED
