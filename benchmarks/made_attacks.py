"""Made attacks, NOT FOR CLAIMS: photos as if printed or on a screen, photographed again.

    python -m benchmarks.made_attacks PHOTOS OUT [--count 150]

They try the pipeline (`vultus evaluate --liveness`) where no real attacks are at hand; how well a model sees through
them says nothing of real prints and screens.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.evaluation.labelled_folder import list_photos
from vultus.records.seen import RGB
from vultus.vision.decoding.decode import decode
from vultus.vision.image import encode_jpeg

Random = np.random.Generator
Picture = NDArray[np.float32]
SIDE = 800  # pixels of the photograph of the attack
SHARE = 0.72  # of its side that the print or the screen takes


def printed(photo: RGB, random: Random) -> RGB:
    """On paper: less colour and contrast, grain, a white margin, held at an angle before a wall, in uneven light."""
    picture = photo.astype(np.float32)
    grey = picture.mean(axis=2, keepdims=True)
    picture = grey + 0.7 * (picture - grey)  # the gamut of ink
    picture = 38 + 0.72 * picture  # paper is not white, ink not black
    picture += random.normal(0, 4, picture.shape[:2])[..., None]
    return _photographed(_framed(picture, 0.05, 225.0), random, light=0.25)


def shown(photo: RGB, random: Random) -> RGB:
    """On a screen: its grid, which beats with that of the camera (moire), a bluish white, a bezel, a reflection."""
    picture = 255 * (photo.astype(np.float32) / 255) ** 1.15
    picture *= np.array([0.93, 0.98, 1.06], np.float32)  # of a white of 7500 K
    height, width = picture.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    angle, pitch = random.uniform(-0.15, 0.15), random.uniform(3.2, 6.5)
    beat = np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / pitch)
    rows = np.sin(2 * np.pi * (y * np.cos(angle) - x * np.sin(angle)) / (pitch * 1.13))
    shift = np.array([0, 2 * np.pi / 3, 4 * np.pi / 3], np.float32)  # the colours of a pixel lie beside each other
    colours = np.sin(2 * np.pi * x[..., None] / (pitch * 1.7) + shift)
    picture *= (1 + 0.06 * beat * rows)[..., None] + 0.03 * colours
    return _photographed(_framed(_reflected(picture, random), 0.04, 18.0), random, light=0.08)


ATTACKS: Mapping[str, Callable[[RGB, Random], RGB]] = {"print": printed, "screen": shown}


def _framed(picture: Picture, share: float, level: float) -> Picture:
    edge = max(int(share * min(picture.shape[:2])), 2)
    framed = cv2.copyMakeBorder(picture, edge, edge, edge, edge, cv2.BORDER_CONSTANT, value=(level,) * 3)
    return np.asarray(framed, np.float32)


def _reflected(picture: Picture, random: Random) -> Picture:
    """With a bright spot, as of a lamp."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    across, down = random.uniform(0.1, 0.9) * width, random.uniform(0.1, 0.9) * height
    spot = np.exp(-(((x - across) / (0.12 * width)) ** 2 + ((y - down) / (0.2 * height)) ** 2))
    return np.asarray(picture + 90 * spot[..., None], np.float32)


def _photographed(picture: Picture, random: Random, *, light: float) -> RGB:
    """Held at an angle before a wall, photographed: perspective, uneven light, a little blur and noise."""
    height, width = picture.shape[:2]
    wall = np.full((SIDE, SIDE, 3), random.uniform(90, 170, 3), np.float32)
    scale = SHARE * SIDE / max(height, width)
    left, top = (SIDE - scale * width) / 2, (SIDE - scale * height) / 2
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    seen = corners * scale + [left, top] + random.uniform(-0.03, 0.03, (4, 2)) * SIDE
    turn = cv2.getPerspectiveTransform(corners, seen.astype(np.float32))
    area = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    cv2.warpPerspective(picture, turn, (SIDE, SIDE), dst=wall, flags=area, borderMode=cv2.BORDER_TRANSPARENT)
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32) / SIDE - 0.5
    direction = random.uniform(0, 2 * np.pi)
    lit = wall * (1 + light * (x * np.cos(direction) + y * np.sin(direction)))[..., None]
    lit = cv2.GaussianBlur(lit, (0, 0), 0.8) + random.normal(0, 2, lit.shape)
    return np.clip(lit, 0, 255).astype(np.uint8)


def main() -> None:
    """Write the folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=100, help="of photos, evenly from the folder; 100")
    given = parser.parse_args()
    found = [photo.path for photo in list_photos(given.photos).photos]
    chosen = found[:: max(len(found) // given.count, 1)][: given.count]
    for kind in ("live", *ATTACKS):
        (given.out / kind).mkdir(parents=True, exist_ok=True)
    for number, path in enumerate(chosen):
        pixels = decode(path.read_bytes()).pixels
        made = {
            kind: make(pixels, np.random.default_rng([number, seed]))
            for seed, (kind, make) in enumerate(ATTACKS.items())
        }
        for kind, picture in {"live": pixels, **made}.items():
            (given.out / kind / f"{number:04}.jpg").write_bytes(encode_jpeg(picture, max_side=SIDE)[0])
    print(f"{len(chosen)} photos and {len(chosen) * len(ATTACKS)} made attacks in {given.out}: not for claims")


if __name__ == "__main__":
    main()
