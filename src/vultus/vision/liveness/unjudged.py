"""What a liveness model cannot judge, and what it judges worse: small, cut, tight and grey faces.

Measured with MiniFASNet on 1,287 photos of LFW and CelebA at the default threshold: the share of live faces below it.
As they are 0.9 %; shrunk to 64 px 1.4 %, 48 px 2.0 %, 32 px 4.4 %, 16 px 19.4 %; with room for 1.8 times the box 0.8 %,
1.5 times 1.0 %, 1.3 times 2.3 %, 1.1 times 3.3 %; cut at three quarters 1.6 %; in grey 59 %.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vultus.records.seen import RGB, Face
from vultus.vision.liveness.crops import crop_around, room
from vultus.vision.quality import share_inside

LEAST_PIXELS = 48  # of the narrower side of the face
LEAST_INSIDE = 0.75  # of the box: below it the face is cut
LEAST_ROOM = 1.5  # times the box
MOST_BEYOND = 0.5  # widths of the face by which the model's crop may reach out of the picture, and is moved inside
LEAST_COLOUR = 5.0  # mean difference of the channels of a pixel, of 255: grey photos have up to 3, others over 7
COLOUR_SIDE = 80  # pixels of the crop on which colour is looked at


def why_unjudged(pixels: RGB, face: Face, *, reduction: float = 1.0) -> str | None:
    """Why nothing can be said of a face, and what to do; None where it can be judged.

    pixels: (H, W, 3) uint8 RGB. reduction: original size / decoded size, so that pixels of the original count.
    """
    if face.score == 0 and not np.isfinite(face.landmarks).any():
        return "no face was found; send a photo that shows one"
    side = min(face.width, face.height) * reduction
    if side < LEAST_PIXELS:
        return f"the face is {int(side)} px wide, and at least {LEAST_PIXELS} px are needed; come nearer to the camera"
    inside = share_inside(pixels, face)
    if inside < LEAST_INSIDE:
        return f"only {100 * inside:.0f} % of the face are in the picture; bring all of it into view"
    height, width = pixels.shape[:2]
    around = room(face.box, width, height)
    if around < LEAST_ROOM:
        return (
            f"the picture is only {around:.2f} times as large as the face, and at least {LEAST_ROOM} times are needed, "
            "as frames and hands show around it; send the uncropped photo"
        )
    if _colour(pixels, face) < LEAST_COLOUR:
        return "the photo is grey, and the model judges by colour too; send the photo in colour"
    return None


def doubt(pixels: RGB, face: Face, box_scales: Sequence[float]) -> str | None:
    """Why the stated rates may not hold for a face that is judged all the same; None where they do."""
    height, width = pixels.shape[:2]
    around, wanted = room(face.box, width, height), min(box_scales)
    if around < wanted:
        return (
            f"the picture has room for {around:.1f} times the face, and the model looks at {wanted:g} times; keep more "
            "distance"
        )
    if share_inside(pixels, face) < 1:
        return "the edge of the picture cuts the face; bring all of it into view"
    x_min, y_min, x_max, y_max = face.box
    if max(_beyond(x_min, x_max, wanted, width), _beyond(y_min, y_max, wanted, height)) > MOST_BEYOND:
        return "the face is near the edge of the picture, so that only one side of what is around it is seen"
    return None


def _beyond(low: float, high: float, scale: float, size: int) -> float:
    """How far a side times `scale` about its centre reaches out of the picture, in widths of the face."""
    middle, reach = (low + high) / 2, (high - low) * scale / 2
    return max(reach - middle, middle + reach - size) / max(high - low, 1.0)


def _colour(pixels: RGB, face: Face) -> float:
    crop = crop_around(pixels, face.box, scale=1.0, side=COLOUR_SIDE).astype(np.int16)
    return float((crop.max(axis=2) - crop.min(axis=2)).mean())
