"""Crops a face by its landmarks, or by its box, as a model card asks for."""

from __future__ import annotations

import cv2
import numpy as np

from vultus.records.seen import RGB, Box, CropRule, Float32

BOX_MARGIN = 1.37  # box x 1.37 is the best box crop for YuNet's boxes (LFW 98.45 %)
SMALLEST_SCALE = 1e-4  # crop / picture: below it the landmarks lie in one point, or a face is larger than any picture
MAX_SHRINK = 2.0  # a bilinear warp skips pixels when it shrinks by more than this
REPEATS_EDGE = 1  # the version of the pipeline that repeats the picture's edge outside; later ones fill with MID_GREY
MID_GREY = 127  # near the mean that the networks' inputs are shifted by, so that what is missing says little
LATEST_VERSION = 2
ROOM = 0.01  # of the longer side: a photo may have been decoded so many times smaller when it was cropped


def crop_by_landmarks(
    pixels: RGB, landmarks: Float32, rule: CropRule, *, width: int, height: int, version: int = LATEST_VERSION
) -> RGB:
    """The (height, width, 3) uint8 crop in which the landmarks (5, 2) lie on the rule's template.

    A similarity (Umeyama, IEEE TPAMI 13(4), 1991) is fitted to the template with x shrunk by the horizontal stretch
    about the centre; then x is stretched. Outside the picture the crop is mid grey; in version 1 of the pipeline the
    edge is repeated. A crop that lies inside the picture is the same in both.
    """
    return _warp(pixels, _onto_template(landmarks, rule, width), width, height, _border(version))


def share_outside(landmarks: Float32, rule: CropRule, *, width: int, height: int, picture: tuple[int, int]) -> float:
    """How much of the crop that `crop_by_landmarks` makes lies outside the picture: 0 nothing, 1 all of it.

    picture: width and height in pixels. 1 too where the landmarks lie in one point, which has no crop.
    """
    transform = np.vstack([_onto_template(landmarks, rule, width), [0, 0, 1]])
    if abs(np.linalg.det(transform)) < SMALLEST_SCALE**2:
        return 1.0
    corners = np.array([[0, 0, 1], [width, 0, 1], [width, height, 1], [0, height, 1]]) - [0.5, 0.5, 0]
    crop = (corners @ np.linalg.inv(transform).T)[:, :2].astype(np.float32)
    across, down = picture
    frame = np.array([[0, 0], [across, 0], [across, down], [0, down]], np.float32) - np.float32(0.5)
    inside, _ = cv2.intersectConvexConvex(crop, frame)
    return min(max(1.0 - inside / cv2.contourArea(crop), 0.0), 1.0)


def lies_inside(landmarks: Float32, rule: CropRule, picture: tuple[float, float], *, width: int, height: int) -> bool:
    """Whether the crop by landmarks lies inside a picture of this width and height, with room for rounding.

    Such a crop is the same in versions 1 and 2.
    """
    if not np.isfinite(landmarks).all():
        return False
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], dtype=np.float64)
    back = np.linalg.inv(np.vstack([_onto_template(landmarks, rule, width), [0, 0, 1]]))[:2]
    points, room = corners @ back.T, ROOM * max(picture)
    return bool((points >= room).all() and (points <= np.array(picture) - room).all())


def _onto_template(landmarks: Float32, rule: CropRule, width: int) -> np.ndarray:
    """(2, 3): from pixels of the picture to pixels of the crop in which the landmarks lie on the template."""
    centre = width / 2
    squeeze = np.array([1 / rule.horizontal_stretch, 1.0])
    template = (np.asarray(rule.template, dtype=np.float64) - [centre, 0]) * squeeze + [centre, 0]
    transform = fit_similarity(np.asarray(landmarks, dtype=np.float64), template)
    stretch = np.array([[rule.horizontal_stretch, 0, centre * (1 - rule.horizontal_stretch)], [0, 1, 0], [0, 0, 1]])
    onto: np.ndarray = (stretch @ np.vstack([transform, [0, 0, 1]]))[:2]
    return onto


def crop_by_box(pixels: RGB, box: Box, *, width: int, height: int, version: int = LATEST_VERSION) -> RGB:
    """The (height, width, 3) uint8 crop of the box with a margin, not turned upright; outside as by landmarks."""
    x_min, y_min, x_max, y_max = box
    scale = np.array([width / max(x_max - x_min, 1.0), height / max(y_max - y_min, 1.0)]) / BOX_MARGIN
    shift = np.array([width, height]) / 2 - scale * [(x_min + x_max) / 2, (y_min + y_max) / 2]
    return _warp(pixels, np.array([[scale[0], 0, shift[0]], [0, scale[1], shift[1]]]), width, height, _border(version))


def crop_square(pixels: RGB, left: float, top: float, side: float, *, size: int) -> RGB:
    """The (size, size, 3) uint8 picture of a square of the picture. Outside the picture the edge is repeated."""
    scale = size / side
    # Pixel centres: the square's edge is half a pixel before the centre of its first pixel.
    shift = (np.array([-left, -top]) + 0.5) * scale - 0.5
    return _warp(pixels, np.array([[scale, 0, shift[0]], [0, scale, shift[1]]]), size, size, cv2.BORDER_REPLICATE)


def fit_similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The (2, 3) rotation, scale and shift that takes source (N, 2) nearest to target (N, 2), least squares.

    In the plane the solution is closed: with centred points as complex numbers, scale * e^(i angle) = <s, t> / <s, s>.
    """
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    s, t = source - source_mean, target - target_mean
    energy = max(float((s * s).sum()), 1e-12)  # not 0: five landmarks in one point have no scale
    a = float((s * t).sum()) / energy
    b = float((s[:, 0] * t[:, 1] - s[:, 1] * t[:, 0]).sum()) / energy
    linear = np.array([[a, -b], [b, a]])
    return np.column_stack([linear, target_mean - linear @ source_mean])


def _border(version: int) -> int:
    return cv2.BORDER_REPLICATE if version == REPEATS_EDGE else cv2.BORDER_CONSTANT


def _warp(pixels: RGB, transform: np.ndarray, width: int, height: int, border: int) -> RGB:
    pixels, transform = _shrink_first(pixels, transform, width, height)
    return cv2.warpAffine(  # type: ignore[no-any-return]
        pixels, transform, (width, height), flags=cv2.INTER_LINEAR, borderMode=border, borderValue=(MID_GREY,) * 3
    )


def _shrink_first(pixels: RGB, transform: np.ndarray, width: int, height: int) -> tuple[RGB, np.ndarray]:
    """For a warp that shrinks a lot: the region it reads, averaged down so that no pixel is skipped; its transform."""
    factor = int(1 / max(np.sqrt(abs(np.linalg.det(transform[:, :2]))), 1e-6) / MAX_SHRINK + 0.5)
    if factor < 2:
        return pixels, transform
    x0, y0, x1, y1 = _region(pixels, transform, width, height)
    if x1 - x0 < factor or y1 - y0 < factor:
        return pixels, transform
    region = pixels[y0:y1, x0:x1]
    small = cv2.resize(region, ((x1 - x0) // factor, (y1 - y0) // factor), interpolation=cv2.INTER_AREA)
    ratio = np.array([(x1 - x0) / small.shape[1], (y1 - y0) / small.shape[0]])
    # Pixel centres: a point p of the small picture lies at ratio * (p + 0.5) - 0.5 + (x0, y0) of the full one.
    linear = transform[:, :2] * ratio
    shift = transform[:, 2] + transform[:, :2] @ (ratio * 0.5 - 0.5 + [x0, y0])
    return small, np.column_stack([linear, shift])


def _region(pixels: RGB, transform: np.ndarray, width: int, height: int) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 of the pixels that the warp reads."""
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], dtype=np.float64)
    back = np.linalg.inv(np.vstack([transform, [0, 0, 1]]))[:2]
    points = corners @ back.T
    # Two pixels more on each side: bilinear interpolation reads the neighbours too.
    x0, y0 = np.floor(points.min(axis=0)).astype(int) - 2
    x1, y1 = np.ceil(points.max(axis=0)).astype(int) + 2
    return max(x0, 0), max(y0, 0), min(x1, pixels.shape[1]), min(y1, pixels.shape[0])
