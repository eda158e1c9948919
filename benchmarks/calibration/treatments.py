"""Treatments: what happens to photos on their way, at strengths from light to heavy, for photos of 250 pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.records.seen import RGB

SIDE = 250  # pixels: strengths in pixels are for photos of this size
GREY = (127, 127, 127)

# Strengths from light to heavy. Recognition hardly loses by the first; nobody could tell people apart by the last.
STRENGTHS: Mapping[str, tuple[float, ...]] = {
    "blur": (2, 4, 6, 10),  # standard deviation, pixels
    "motion": (9, 17, 25),  # length, pixels
    "enlarge": (64, 40, 28),  # pixels of the long side before the enlargement
    "noise": (20, 40, 70),  # standard deviation, grey levels
    "dark": (0.25, 0.12, 0.06),  # times the light
    "bright": (1.8, 2.6, 4),
    "jpeg": (10, 5, 3),  # quality
    "turn": (90, 180),  # degrees
    "eyes": (14, 22),  # half the height of a bar over the eyes, pixels
    "mouth": (16, 26),
    "grey": (1,),
    "tight": (0.22, 0.27, 0.31),  # share cut off at each side
}
# Treatments of which recognition loses little, and those in between, from which reliability is not learned.
LIGHT = frozenset(
    {"blur:2", "bright:1.8", "dark:0.25", "enlarge:64", "grey:1", "jpeg:10", "motion:9", "noise:20"}
    | {"tight:0.22", "tight:0.27", "turn:90", "turn:180"}
)
MEDIUM = frozenset(("mouth:16", "jpeg:5", "enlarge:40", "dark:0.12", "tight:0.31", "noise:40"))


def all_treatments() -> list[str]:
    """Each treatment with its strength, as in "blur:4"."""
    return [f"{name}:{strength:g}" for name, strengths in STRENGTHS.items() for strength in strengths]


def treated(pixels: RGB, treatment: str, seed: int) -> RGB:
    """The (H, W, 3) uint8 photo after a treatment, as in "blur:4", or "border:0.3". seed: of what is random in it."""
    name, _, strength = treatment.partition(":")
    return TREATMENTS[name](pixels, float(strength), np.random.default_rng(seed))


def _unit(pixels: RGB) -> float:
    return max(pixels.shape[:2]) / SIDE


def _light(pixels: RGB, factor: float, _: np.random.Generator) -> RGB:
    return _bytes(pixels * factor)


def _bytes(values: NDArray[np.floating]) -> RGB:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _blur(pixels: RGB, sigma: float, _: np.random.Generator) -> RGB:
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma * _unit(pixels)), np.uint8)


def _motion(pixels: RGB, length: float, random: np.random.Generator) -> RGB:
    side = int(length * _unit(pixels)) | 1
    line = np.zeros((side, side), np.float32)
    line[side // 2] = 1
    turn = cv2.getRotationMatrix2D((side // 2, side // 2), random.uniform(0, 180), 1)
    line = np.asarray(cv2.warpAffine(line, turn, (side, side)))
    return np.asarray(cv2.filter2D(pixels, -1, line / line.sum(), borderType=cv2.BORDER_REPLICATE), np.uint8)


def _enlarge(pixels: RGB, side: float, _: np.random.Generator) -> RGB:
    height, width = pixels.shape[:2]
    factor = side / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def _noise(pixels: RGB, sigma: float, random: np.random.Generator) -> RGB:
    return _bytes(pixels + random.normal(0, sigma, pixels.shape))


def _jpeg(pixels: RGB, quality: float, _: np.random.Generator) -> RGB:
    _, data = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def _turn(pixels: RGB, degrees: float, _: np.random.Generator) -> RGB:
    return np.ascontiguousarray(np.rot90(pixels, int(degrees) // 90))


def _eyes(pixels: RGB, half: float, _: np.random.Generator) -> RGB:
    return _bar(pixels, rows=(112 - half, 112 + half), columns=(70, 180), colour=(30, 30, 30))


def _mouth(pixels: RGB, half: float, _: np.random.Generator) -> RGB:
    return _bar(pixels, rows=(160 - half, 170 + half), columns=(75, 175), colour=(180, 200, 220))


def _bar(pixels: RGB, *, rows: tuple[float, float], columns: tuple[float, float], colour: tuple[int, int, int]) -> RGB:
    unit, covered = _unit(pixels), pixels.copy()
    covered[int(rows[0] * unit) : int(rows[1] * unit), int(columns[0] * unit) : int(columns[1] * unit)] = colour
    return covered


def _grey(pixels: RGB, _: float, __: np.random.Generator) -> RGB:
    return np.repeat(_bytes(pixels.mean(axis=2, keepdims=True)), 3, axis=2)


def _tight(pixels: RGB, share: float, _: np.random.Generator) -> RGB:
    cut = round(share * max(pixels.shape[:2]))
    return np.ascontiguousarray(pixels[cut:-cut, cut:-cut])


def _border(pixels: RGB, share: float, _: np.random.Generator) -> RGB:
    width = round(share * max(pixels.shape[:2]))
    return np.asarray(cv2.copyMakeBorder(pixels, *[width] * 4, cv2.BORDER_CONSTANT, value=GREY), np.uint8)


TREATMENTS: Mapping[str, Callable[[RGB, float, np.random.Generator], RGB]] = {
    "blur": _blur,
    "motion": _motion,
    "enlarge": _enlarge,
    "noise": _noise,
    "dark": _light,
    "bright": _light,
    "jpeg": _jpeg,
    "turn": _turn,
    "eyes": _eyes,
    "mouth": _mouth,
    "grey": _grey,
    "tight": _tight,
    "border": _border,
}
