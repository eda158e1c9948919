"""Which face of a photo is meant; never a silent choice."""

from __future__ import annotations

from vultus.errors import MultipleFaces, NoFaceDetected
from vultus.records import Face
from vultus.vision.pipeline import Sighting, whole_picture


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


def how_chosen(sighting: Sighting) -> str | None:
    """How the face was chosen, in words; None when there was no choice."""
    return f"largest of {len(sighting.faces)}" if len(sighting.faces) > 1 else None


def _size(sighting: Sighting) -> str:
    return f"{sighting.photograph.width}x{sighting.photograph.height} px"
