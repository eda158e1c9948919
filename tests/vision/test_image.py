import contextlib
import io
import random

import numpy as np
import pytest
from PIL import Image

from tests import pictures
from vultus.errors import InvalidImage, RequestTooLarge, VultusError
from vultus.vision.image import decode, encode_jpeg

RED, BLUE = (255, 0, 0), (0, 0, 255)


def two_halves(width: int, height: int) -> Image.Image:
    """Red above, blue below."""
    picture = Image.new("RGB", (width, height), BLUE)
    picture.paste(RED, (0, 0, width, height // 2))
    return picture


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_decodes_each_format_to_upright_rgb(kind):
    photograph = decode(pictures.encoded(two_halves(60, 40), kind))
    assert photograph.pixels.shape == (40, 60, 3)
    assert photograph.pixels.dtype == np.uint8
    assert photograph.pixels[5, 30, 0] > 200
    assert photograph.pixels[35, 30, 2] > 200


# Where the stored picture's rows and columns must go to be upright: EXIF 2.3, orientation tag.
UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_exif_orientation_is_applied(orientation):
    stored = np.random.default_rng(1).integers(0, 256, (24, 40, 3)).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    photograph = decode(pictures.encoded(Image.fromarray(stored), "PNG", exif=exif.tobytes()))
    np.testing.assert_array_equal(photograph.pixels, UPRIGHT[orientation](stored))
    assert (photograph.height, photograph.width) == photograph.pixels.shape[:2]


def test_a_large_jpeg_is_reduced_while_decoding_and_says_so():
    photograph = decode(pictures.encoded(two_halves(4000, 3000), "JPEG"))
    assert photograph.pixels.shape == (750, 1000, 3)
    assert (photograph.width, photograph.height, photograph.reduction) == (4000, 3000, 4.0)


def test_a_reduced_sideways_jpeg_is_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    photograph = decode(pictures.encoded(two_halves(4000, 3000), "JPEG", exif=exif.tobytes()))
    assert photograph.pixels.shape == (1000, 750, 3)
    assert (photograph.width, photograph.height) == (3000, 4000)
    assert photograph.pixels[500, 700, 0] > 200  # the top of the stored picture is the right of the upright one


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_every_pixel_mode_becomes_rgb(mode):
    kind = "JPEG" if mode == "CMYK" else "PNG"
    picture = (
        Image.fromarray(np.full((32, 32), 40000, np.uint16)) if mode == "I;16" else two_halves(32, 32).convert(mode)
    )
    assert decode(pictures.encoded(picture, kind)).pixels.shape == (32, 32, 3)


def test_sixteen_bit_grey_keeps_its_upper_byte():
    grey = Image.fromarray(np.full((32, 32), 40000, np.uint16))
    assert decode(pictures.encoded(grey)).pixels[0, 0].tolist() == [156, 156, 156]  # 40000 // 256


def test_transparent_becomes_white():
    assert decode(pictures.encoded(Image.new("RGBA", (32, 32), (10, 10, 10, 0)))).pixels.min() == 255


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"just some text in a file called photo.jpg", "not a JPEG, PNG or WebP"),
        (b"\xff\xd8\xff", "not a JPEG|cut short"),
        (pictures.encoded(Image.new("RGB", (1, 1))), "1x1 pixels"),
        (pictures.encoded(Image.new("RGB", (2000, 20))), "2000x20"),
        (pictures.encoded(Image.new("RGB", (40, 40)), "GIF"), "not a JPEG, PNG or WebP"),
        (pictures.encoded(Image.new("RGB", (40, 40)), "BMP"), "not a JPEG, PNG or WebP"),
    ],
)
def test_what_is_no_usable_image_is_refused_in_words(data, words):
    with pytest.raises(InvalidImage, match=words):
        decode(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_truncated_file_is_refused(kind, share):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 300, 3)).astype(np.uint8))
    data = pictures.encoded(noise, kind)
    with pytest.raises(InvalidImage, match=r"cut short|not a JPEG"):
        decode(data[: int(len(data) * share)])


def test_a_png_with_damaged_pixels_is_refused_and_not_decoded_to_noise():
    whole = pictures.drawn_photo(1)
    with pytest.raises(InvalidImage, match="damaged"):
        decode(whole[:100] + bytes(200) + whole[300:])


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])
def test_an_animated_image_is_refused(kind):
    frames = [Image.new("RGB", (40, 40), colour) for colour in (RED, BLUE)]
    data = pictures.encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    with pytest.raises(InvalidImage, match="animated"):
        decode(data)


def test_a_decompression_bomb_is_refused_before_decoding():
    bomb = pictures.encoded(Image.new("1", (9000, 9000)), "PNG")
    assert len(bomb) < 100_000
    with pytest.raises(RequestTooLarge, match="9000x9000"):
        decode(bomb)


def test_a_bomb_beyond_the_decoders_own_limit_is_refused_too():
    with pytest.raises(RequestTooLarge, match="far more pixels"):
        decode(pictures.encoded(Image.new("1", (20000, 20000)), "PNG"))


def test_the_pixel_limit_is_the_callers():
    with pytest.raises(RequestTooLarge, match="100x100 pixels, more than 9999"):
        decode(pictures.encoded(Image.new("RGB", (100, 100))), max_pixels=9999)


def test_broken_exif_does_not_cost_the_photo():
    data = pictures.encoded(two_halves(60, 40), "JPEG", exif=b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\xff\xff\x01\x12")
    assert decode(data).pixels.shape == (40, 60, 3)


def test_flipped_bits_give_pixels_or_our_error_only():
    original = pictures.encoded(pictures.opened(pictures.astronaut()).resize((128, 128)), "JPEG")
    random.seed(5)
    for _ in range(200):
        broken = bytearray(original)
        for _ in range(random.randint(1, 8)):
            broken[random.randrange(len(broken))] ^= 1 << random.randrange(8)
        with contextlib.suppress(VultusError):
            assert decode(bytes(broken)).pixels.ndim == 3


def test_a_stored_photo_is_at_most_so_long_and_carries_no_metadata():
    pixels = np.asarray(two_halves(1000, 600))
    data, width, height = encode_jpeg(pixels, max_side=512)
    stored = Image.open(io.BytesIO(data))
    assert (width, height) == stored.size == (512, 307)
    assert not stored.getexif()


def test_a_small_photo_is_not_enlarged():
    assert encode_jpeg(np.zeros((60, 80, 3), np.uint8), max_side=512)[1:] == (80, 60)
