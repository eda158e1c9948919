"""Selects the face of a photo that a request means, and says how it was chosen."""

from __future__ import annotations

import math

from vultus.errors import MultipleFaces, NoFaceDetected
from vultus.records.seen import Face
from vultus.vision.detected_photo import DetectedPhoto, whole_picture


def only_face(detected: DetectedPhoto) -> Face:
    """The one face of the photo. Raises NoFaceDetected, MultipleFaces."""
    face = largest_face(detected)
    if len(detected.faces) > 1:
        raise MultipleFaces(
            f"{len(detected.faces)} faces found in the photo ({_size(detected)}) where exactly one is allowed; "
            "crop it to one person, or ask for face=largest"
        )
    return face


def largest_face(detected: DetectedPhoto, *, which: str = "the photo", enforce: bool = True) -> Face:
    """The largest face of the photo; without any, the whole picture when detection is not enforced.

    which: the name of the image in the sentence. Raises NoFaceDetected.
    """
    if detected.faces:
        return detected.faces[0]
    if not enforce:
        return whole_picture(detected.photograph.pixels)
    raise NoFaceDetected(
        f"no face found in {which} ({_size(detected)}); use a photo where the face is at least 40 px wide and in view"
    )


def central_face(detected: DetectedPhoto, *, which: str = "the photo") -> Face:
    """The face whose box is centred nearest to the middle of the photo; of two as near, the larger.

    The rule of test sets such as LFW: the person meant is in the middle (Huang et al., UMass TR 07-49, section II).
    which: the name of the image in the sentence. Raises NoFaceDetected.
    """
    largest = largest_face(detected, which=which)
    height, width = detected.photograph.pixels.shape[:2]
    return min(detected.faces, key=lambda face: _off_centre(face, width, height), default=largest)


def how_chosen(detected: DetectedPhoto) -> str | None:
    """How the face was chosen, in words; None when there was no choice."""
    return f"largest of {len(detected.faces)}" if len(detected.faces) > 1 else None


def _off_centre(face: Face, width: int, height: int) -> float:
    """Pixels from the middle of the box to the middle of the picture."""
    x_min, y_min, x_max, y_max = face.box
    return math.hypot((x_min + x_max - width) / 2, (y_min + y_max - height) / 2)


def _size(detected: DetectedPhoto) -> str:
    return f"{detected.photograph.width}x{detected.photograph.height} px"
