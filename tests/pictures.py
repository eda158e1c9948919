"""Pictures for tests: drawn faces for the stand-in detector, and real photos from packages on the index."""

from __future__ import annotations

import io
from collections.abc import Sequence
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

FRAME = (255, 0, 255)  # the colour that the stand-in detector looks for
BLOCKS = 8


def astronaut() -> bytes:
    """One person, PNG, 512x512 (scikit-image's sample picture)."""
    return _file("scikit-image", "skimage/data/astronaut.png").read_bytes()


def group() -> bytes:
    """Six people, JPEG, 1280x886 (the insightface wheel's sample picture)."""
    return _file("insightface", "insightface/data/images/t1.jpg").read_bytes()


def portrait() -> bytes:
    """Another person, tightly cropped, PNG, 112x112 (the insightface wheel's sample picture)."""
    return _file("insightface", "insightface/data/images/Tom_Hanks_54745.png").read_bytes()


def no_face() -> bytes:
    """A cup of coffee, PNG (scikit-image's sample picture)."""
    return _file("scikit-image", "skimage/data/coffee.png").read_bytes()


def _file(package: str, path: str) -> Path:
    return Path(str(distribution(package).locate_file(path)))


def opened(photo: bytes) -> Image.Image:
    return Image.open(io.BytesIO(photo)).convert("RGB")


def encoded(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def variants(photo: bytes) -> dict[str, bytes]:
    """Other photos of the same person, derived honestly: a mated pair each with the original."""
    picture = opened(photo)
    half = picture.resize((picture.width * 2 // 3, picture.height * 2 // 3))
    sideways = Image.Exif()
    sideways[0x0112] = 6
    return {
        "mirror": encoded(picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
        "smaller": encoded(half),
        "jpeg quality 40": encoded(picture, "JPEG", quality=40),
        "darker": encoded(ImageEnhance.Brightness(picture).enhance(0.6)),
        "webp": encoded(picture, "WEBP", quality=80),
        "sideways by EXIF": encoded(
            picture.transpose(Image.Transpose.ROTATE_90), "JPEG", quality=90, exif=sideways.tobytes()
        ),
    }


def drawn_face(seed: int, *, noise: float = 0.0, photo: int = 0) -> np.ndarray:
    """(80, 80, 3) uint8: the block pattern of one person; noise and photo number vary it."""
    blocks = np.random.default_rng(seed).integers(0, 256, (BLOCKS, BLOCKS, 3))
    blurred = blocks + np.random.default_rng([seed, photo]).normal(0, noise, blocks.shape)
    return np.kron(np.clip(blurred, 0, 254), np.ones((10, 10, 1))).astype(np.uint8)


def drawn_photo(
    *people: int, noise: float = 0.0, photo: int = 0, size: tuple[int, int] = (320, 240), liveness: int = 90
) -> bytes:
    """A PNG with one framed drawn face per person, left to right, the first the largest.

    liveness: the grey of the background, in hundredths the score of the stand-in liveness model.
    """
    canvas = np.full((size[1], size[0], 3), liveness, np.uint8)
    left = 10
    for i, person in enumerate(people):
        side = 80 if i == 0 else 60
        face = np.asarray(Image.fromarray(drawn_face(person, noise=noise, photo=photo)).resize((side, side), 0))
        canvas[20 : 20 + side + 4, left : left + side + 4] = FRAME
        canvas[22 : 22 + side, left + 2 : left + 2 + side] = face
        left += side + 20
    return encoded(Image.fromarray(canvas))


def with_comment(png: bytes, text: str) -> bytes:
    """The same pixels in other bytes."""
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("comment", text)
    return encoded(opened(png), pnginfo=info)


def cosine(first: Sequence[float] | np.ndarray, second: Sequence[float] | np.ndarray) -> float:
    a, b = np.asarray(first, float), np.asarray(second, float)
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
