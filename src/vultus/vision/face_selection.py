"""Which face of a photo is meant; never a silent choice."""

from __future__ import annotations

import math

from vultus.errors import MultipleFaces, NoFaceDetected
from vultus.records import Face
from vultus.vision.detected_photo import Sighting, whole_picture


def only_face(sighting: Sighting) -> Face:
    """The one face of the photo. Raises NoFaceDetected, MultipleFaces."""
    face = largest_face(sighting)
    if len(sighting.faces) > 1:
        raise MultipleFaces(
            f"{len(sighting.faces)} faces found in the photo ({_size(sighting)}) where exactly one is allowed; "
            "crop it to one person, or ask for face=largest"
        )
    return face


def largest_face(sighting: Sighting, *, which: str = "the photo", enforce: bool = True) -> Face:
    """The largest face of the photo; without any, the whole picture when detection is not enforced.

    which: the name of the image in the sentence. Raises NoFaceDetected.
    """
    if sighting.faces:
        return sighting.faces[0]
    if not enforce:
        return whole_picture(sighting.photograph.pixels)
    raise NoFaceDetected(
        f"no face found in {which} ({_size(sighting)}); use a photo where the face is at least 40 px wide and in view"
    )


def central_face(sighting: Sighting, *, which: str = "the photo") -> Face:
    """The face whose box is centred nearest to the middle of the photo; of two as near, the larger.

    The rule of test sets such as LFW: the person meant is in the middle (Huang et al., UMass TR 07-49, section II).
    which: the name of the image in the sentence. Raises NoFaceDetected.
    """
    largest = largest_face(sighting, which=which)
    height, width = sighting.photograph.pixels.shape[:2]
    return min(sighting.faces, key=lambda face: _off_centre(face, width, height), default=largest)


def how_chosen(sighting: Sighting) -> str | None:
    """How the face was chosen, in words; None when there was no choice."""
    return f"largest of {len(sighting.faces)}" if len(sighting.faces) > 1 else None


def _off_centre(face: Face, width: int, height: int) -> float:
    """Pixels from the middle of the box to the middle of the picture."""
    x_min, y_min, x_max, y_max = face.box
    return math.hypot((x_min + x_max - width) / 2, (y_min + y_max - height) / 2)


def _size(sighting: Sighting) -> str:
    return f"{sighting.photograph.width}x{sighting.photograph.height} px"
