"""Selects the face of a photo that a request means, and says how it was chosen and which others there are.

The person meant is the most prominent one: large, sharp, near the middle and whole. Size alone is wrong where a
bystander stands before the camera, blurred or cut off by the edge.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from vultus.errors import MultipleFaces, NoFaceDetected
from vultus.records.chosen import ChoiceRule, FaceChoice, OtherFace
from vultus.records.seen import RGB, Face, Quality
from vultus.vision.detected_photo import DetectedPhoto, whole_picture
from vultus.vision.quality import share_inside, sharpness

# Each takes something off the area of a face, at most down to these shares of it.
LEAST_FOR_BLUR = 0.5  # a face without any detail; at 0.3 and without the place, 7 of 130 photos of LFW go wrong
LEAST_FOR_PLACE = 0.4  # a face in the corner of the photo
LEAST_PROMINENCE = 1e-6  # to divide by
CUT_POWER = 3.0  # a face of which two thirds are in the photo counts 0.3 of what it would


def by_prominence(faces: Sequence[Face], pixels: RGB) -> list[Face]:
    """The faces of a (H, W, 3) uint8 RGB picture, most prominent first."""
    if len(faces) < 2:
        return list(faces)
    return sorted(faces, key=lambda face: _prominence(face, pixels), reverse=True)


def _prominence(face: Face, pixels: RGB) -> float:
    """The area times the detector's score, less for blur, for a place far from the middle, and for being cut off."""
    height, width = pixels.shape[:2]
    blur = 1 - (1 - LEAST_FOR_BLUR) * (1 - sharpness(pixels, face) / 100)
    away = min(2 * _off_centre(face, width, height) / math.hypot(width, height), 1.0)
    place = 1 - (1 - LEAST_FOR_PLACE) * away
    return float(face.area * face.score * blur * place * share_inside(pixels, face) ** CUT_POWER)


def only_face(detected: DetectedPhoto) -> Face:
    """The one face of the photo. Raises NoFaceDetected, MultipleFaces."""
    face = largest_face(detected)
    if detected.found > 1:
        raise MultipleFaces(
            f"{detected.found} faces found in the photo ({_size(detected)}) where exactly one is allowed; "
            "crop it to one person, or ask for face=largest"
        )
    return face


def largest_face(detected: DetectedPhoto, *, which: str = "the photo", enforce: bool = True) -> Face:
    """The most prominent face of the photo; without any, the whole picture when detection is not enforced.

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


def choice_of(
    detected: DetectedPhoto, face: Face, others: Sequence[tuple[Face, Quality]], rule: ChoiceRule | None = None
) -> FaceChoice:
    """How a face of the photo was chosen, and the others to list. rule: None: it is that of `largest_face`."""
    index = next((place for place, one in enumerate(detected.faces) if one is face), None)
    rule = rule or _rule(detected, face, index)
    pixels = detected.photograph.pixels
    own = max(_prominence(face, pixels), LEAST_PROMINENCE) if others else 1.0
    return FaceChoice(
        found=detected.found,
        rule=rule,
        index=index,
        face=detected.as_sent(face),
        sentence=_sentence(rule, detected.found, index),
        others=tuple(
            OtherFace(detected.as_sent(other), quality, round(_prominence(other, pixels) / own, 3))
            for other, quality in others
        ),
        left_out=detected.left_out,
    )


def _rule(detected: DetectedPhoto, face: Face, index: int | None) -> ChoiceRule:
    if index is None:
        return "whole_image"
    if detected.found == 1:
        return "only"
    return "largest" if all(face.area >= other.area for other in detected.faces) else "most_prominent"


def _sentence(rule: ChoiceRule, found: int, index: int | None) -> str:
    return {
        "only": "the only face",
        "largest": f"largest of {found}",
        "most_prominent": f"most prominent of {found}: a larger face is blurred, cut off or far from the middle",
        "usable": f"most prominent of {found} that is usable: a more prominent face has too low a quality",
        "face_index": f"face_index {index} of {found}",
        "all": f"one of {found}, all of which were taken",
        "whole_image": "no face was found, the whole image was taken",
    }[rule]


def _off_centre(face: Face, width: int, height: int) -> float:
    """Pixels from the middle of the box to the middle of the picture."""
    x_min, y_min, x_max, y_max = face.box
    return math.hypot((x_min + x_max - width) / 2, (y_min + y_max - height) / 2)


def _size(detected: DetectedPhoto) -> str:
    return f"{detected.photograph.width}x{detected.photograph.height} px"
