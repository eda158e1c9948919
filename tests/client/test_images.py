"""Every form of an image becomes bytes that show the same picture, and what is none is refused with a sentence."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vultus_client
from tests.pictures import drawn_photo, encoded, opened
from vultus_client import InvalidImage, InvalidRequest
from vultus_client.images import read_images

PHOTO = drawn_photo(1)
RED = np.full((6, 8, 3), (250, 10, 10), np.uint8)


def one(image: object, bgr: bool | None = None) -> bytes | str:
    (content,) = read_images([image], bgr)
    return content


def first_pixel(content: bytes) -> tuple[int, ...]:
    return opened(content).getpixel((0, 0))


def test_files_and_bytes_are_sent_as_they_are(tmp_path):
    path = tmp_path / "ännä 写真.heic"
    path.write_bytes(PHOTO)
    with path.open("rb") as file:
        forms = [PHOTO, bytearray(PHOTO), memoryview(PHOTO), path, str(path), file, io.BytesIO(PHOTO)]
        assert [one(form) for form in forms] == [PHOTO] * len(forms)


@pytest.mark.parametrize("url", ["https://example.org/a.jpg", "HTTP://x/a", "data:image/png;base64,AA=="])
def test_a_url_is_sent_as_text(url):
    assert one(url) == url


def test_the_order_of_an_array_s_colours_is_what_the_caller_says():
    assert first_pixel(one(RED, bgr=False)) == pytest.approx((250, 10, 10), abs=4)
    assert first_pixel(one(RED[:, :, ::-1], bgr=True)) == pytest.approx((250, 10, 10), abs=4)
    assert first_pixel(one(RED[:, :, 1])) == pytest.approx((10, 10, 10), abs=4)


def test_an_array_without_the_order_of_its_colours_is_refused():
    with pytest.raises(InvalidRequest, match="needs bgr=True"):
        one(RED)
    with pytest.raises(InvalidRequest, match="bgr= is for arrays"):
        one(PHOTO, bgr=True)


@pytest.mark.parametrize(
    "array", [RED.astype(float), np.zeros((2, 2, 4), np.uint8), np.zeros(4, np.uint8), np.zeros((0, 5, 3), np.uint8)]
)
def test_an_array_that_is_no_photo_is_refused_with_its_shape(array):
    with pytest.raises(InvalidImage, match="uint8 of shape") as caught:
        one(array, bgr=False)
    assert str(array.shape) in str(caught.value)


def test_without_pillow_arrays_are_encoded_by_opencv_and_without_both_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    assert first_pixel(one(RED[:, :, ::-1], bgr=True)) == pytest.approx((250, 10, 10), abs=4)
    assert first_pixel(one(RED, bgr=False)) == pytest.approx((250, 10, 10), abs=4)
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(InvalidImage, match="Pillow or OpenCV must be installed"):
        one(RED, bgr=False)


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "LA", "P", "1", "CMYK", "I;16", "YCbCr"])
def test_pillow_images_of_every_mode(mode):
    picture = Image.new(mode, (40, 30))
    assert Image.open(io.BytesIO(one(picture))).size == (40, 30)


def test_a_pillow_image_is_sent_upright():
    sideways = Image.Exif()
    sideways[0x0112] = 6
    picture = Image.open(io.BytesIO(encoded(Image.new("RGB", (40, 30)), "JPEG", exif=sideways.tobytes())))
    sent = Image.open(io.BytesIO(one(picture)))
    assert sent.size == (30, 40)
    assert sent.getexif().get(0x0112, 1) == 1


def test_a_broken_pillow_image_is_refused():
    cut = Image.open(io.BytesIO(encoded(opened(PHOTO), "JPEG")[:900]))
    with pytest.raises(InvalidImage, match="Pillow could not encode"):
        one(cut)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (Path("/nowhere/a.jpg"), "'/nowhere/a.jpg' cannot be read: No such file"),
        (Path("/dev/zero"), "is not a file"),
        (Path("/"), "is not a file"),
        ("a\0b.jpg", "cannot be read: embedded null"),
        (io.StringIO("text"), "binary mode"),
        (5, "int is no image"),
        (None, "NoneType is no image"),
    ],
)
def test_what_is_no_image_is_refused(image, words):
    with pytest.raises(InvalidImage) as caught:
        one(image)
    assert words in str(caught.value)


def test_a_file_larger_than_any_photo_is_not_read_whole(tmp_path):
    film = tmp_path / "film.jpg"
    with film.open("wb") as file:
        file.truncate(3 << 30)
    with pytest.raises(vultus_client.RequestTooLarge, match="256 MiB"):
        one(film)


def test_libraries_for_images_are_not_imported_without_such_an_image():
    script = (
        "import sys; import vultus_client.images as images; images.read_images([b'x'], None);"
        "print(*{'numpy', 'PIL', 'cv2', 'onnxruntime', 'vultus'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=_path(), check=True)
    assert done.stdout.split() == []


def _path() -> dict[str, str]:
    return {"PYTHONPATH": str(Path(vultus_client.__file__).parents[1])}
