"""Images as callers have them: a path, bytes, an open file, an array, a Pillow image, a URL. Gives what is sent."""

from __future__ import annotations

import io
import os
import stat
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Protocol, TypeAlias, cast, runtime_checkable

from vultus_client.errors import InvalidImage, InvalidRequest, RequestTooLarge

MAX_BYTES = 256 * 1024 * 1024  # of a file that is read; no server takes so much, and a mistaken path may lead to a film
PART_BYTES = 1 << 20
URL_BEGINNINGS = ("http://", "https://", "data:")
JPEG_QUALITY = 95
WANTED = "give a path, bytes, a file opened in binary mode, a numpy array with bgr=, a Pillow image or a URL"


@runtime_checkable
class BinaryFile(Protocol):
    """An open file or stream."""

    def read(self, size: int, /) -> bytes: ...


class Array(Protocol):
    """A numpy array: (height, width, 3) or (height, width), uint8."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def __array_interface__(self) -> Any: ...


class PillowImage(Protocol):
    """A Pillow image."""

    @property
    def mode(self) -> str: ...

    @property
    def size(self) -> tuple[int, int]: ...

    def getbands(self) -> tuple[str, ...]: ...


Image: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryFile | Array | PillowImage


def read_images(images: Sequence[Image], bgr: bool | None) -> list[bytes | str]:
    """What is sent for each image: bytes, or the text of a URL.

    bgr: the order of the colours of arrays: true as OpenCV has them, false for RGB.
    Raises: InvalidImage, RequestTooLarge; InvalidRequest, when bgr is given and no image is an array.
    """
    if bgr is not None and not any(_is_array(image) for image in images):
        raise InvalidRequest("bgr= is for arrays, and no image is one; leave it out")
    return [_read(image, bgr) for image in images]


def _read(image: Any, bgr: bool | None) -> bytes | str:
    if isinstance(image, bytes | bytearray | memoryview):
        return bytes(cast(bytes, image))
    if isinstance(image, str) and image.lower().startswith(URL_BEGINNINGS):
        return image
    if isinstance(image, str | os.PathLike):
        return _of_file(os.fspath(image))
    if _is_pillow(image):
        return _encoded(image)
    if _is_array(image):
        return _of_array(image, bgr)
    if isinstance(image, BinaryFile):
        return _of_stream(image)
    raise InvalidImage(f"{type(image).__name__} is no image that can be sent; {WANTED}")


def _of_file(path: Any) -> bytes:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise InvalidImage(f"{path!a} is not a file; give the path of a photo")
        with open(path, "rb") as file:
            return _of_stream(file)
    except (OSError, ValueError) as exc:  # ValueError: a path with a null character
        reason = exc.strerror if isinstance(exc, OSError) else str(exc)
        raise InvalidImage(f"the photo {path!r} cannot be read: {reason}") from exc


def _of_stream(file: BinaryFile) -> bytes:
    content = bytearray()
    while part := _part(file):
        content += part
        if len(content) > MAX_BYTES:
            raise RequestTooLarge(f"the file has more than {MAX_BYTES >> 20} MiB, and is hardly a photo")
    return bytes(content)


def _part(file: BinaryFile) -> bytes:
    part: Any = file.read(PART_BYTES)  # not all at once: Python makes a buffer of the size that it is asked for
    if not isinstance(part, bytes):
        raise InvalidImage("the file gives text; open it in binary mode, as in open(path, 'rb')")
    return part


# --- arrays and Pillow images: these libraries are only looked for where the caller has imported them ---------------


def _is_pillow(image: Any) -> bool:
    pillow = sys.modules.get("PIL.Image")
    return pillow is not None and isinstance(image, pillow.Image)


def _is_array(image: Any) -> bool:
    return hasattr(image, "__array_interface__") and not _is_pillow(image)


def _of_array(image: Any, bgr: bool | None) -> bytes:
    pixels = import_module("numpy").asarray(image)
    colour = pixels.ndim == 3 and pixels.shape[2] == 3
    if str(pixels.dtype) != "uint8" or not (colour or pixels.ndim == 2) or not pixels.size:
        raise InvalidImage(
            f"the array is {pixels.dtype} of shape {pixels.shape}; uint8 of shape (height, width, 3), or (height, "
            "width) for a grey one, can be sent"
        )
    if colour and bgr is None:
        raise InvalidRequest("an array needs bgr=True (as OpenCV reads photos) or bgr=False (RGB, as Pillow has them)")
    try:
        pillow = import_module("PIL.Image")
    except ImportError:
        return _by_opencv(pixels[:, :, ::-1] if colour and not bgr else pixels)
    return _encoded(pillow.fromarray(pixels[:, :, ::-1] if colour and bgr else pixels))


def _by_opencv(pixels: Any) -> bytes:
    try:
        cv2 = import_module("cv2")
    except ImportError as exc:
        raise InvalidImage("to send an array, Pillow or OpenCV must be installed; or send the file itself") from exc
    done, content = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise InvalidImage("OpenCV could not encode the array as JPEG; send the file itself")
    return bytes(content)


def _encoded(image: Any) -> bytes:
    """A Pillow image, upright: as JPEG, or as PNG where it is transparent or has more than 8 bits."""
    out = io.BytesIO()
    try:
        upright = import_module("PIL.ImageOps").exif_transpose(image)
        transparent = "A" in upright.getbands() or "transparency" in upright.info
        if transparent or upright.mode[0] in "IF":
            upright.save(out, "PNG")
        else:
            plain = upright if upright.mode in ("L", "RGB") else upright.convert("RGB")
            plain.save(out, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    except (OSError, ValueError, SyntaxError) as exc:  # as Pillow raises them for broken files, and sizes of 0
        raise InvalidImage(f"Pillow could not encode the image: {exc}; send the file itself") from exc
    return out.getvalue()
