import contextlib
import random

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from tests import pictures
from vultus.errors import InvalidImage, RequestTooLarge, VultusError
from vultus.vision.decoding.decode import decode
from vultus.vision.decoding.limits import MIB, DecodeLimits

RED, BLUE = (255, 0, 0), (0, 0, 255)


def two_halves(width: int, height: int) -> Image.Image:
    """Red above, blue below."""
    picture = Image.new("RGB", (width, height), BLUE)
    picture.paste(RED, (0, 0, width, height // 2))
    return picture


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "BMP", "GIF"])
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


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_exif_orientation_is_applied_once(orientation, kind):
    stored = np.random.default_rng(1).integers(0, 256, (24, 40, 3)).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    photograph = decode(pictures.encoded(Image.fromarray(stored), kind, exif=exif.tobytes(), **options))
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


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_the_orientation_of_an_avif_is_applied_once(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = two_halves(60, 40)
    photograph = decode(pictures.encoded(stored, "AVIF", exif=exif.tobytes(), subsampling="4:4:4"))
    difference = photograph.pixels.astype(int) - UPRIGHT[orientation](np.asarray(stored).astype(int))
    assert np.abs(difference).max() < 30


def test_transparent_becomes_white():
    assert decode(pictures.encoded(Image.new("RGBA", (32, 32), (10, 10, 10, 0)))).pixels.min() == 255


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"just some text in a file called photo.jpg", "the file is text, which is not read; send the bytes"),
        (b"\xff\xd8\xff", "damaged or cut short before its pixels"),
        (pictures.encoded(Image.new("RGB", (1, 1))), "1x1 pixels"),
        (pictures.encoded(Image.new("RGB", (2000, 20))), "2000x20"),
        (pictures.encoded(Image.new("1", (40, 40)), "MSP"), "not an image of a format that is read"),
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
    with pytest.raises(InvalidImage, match="cut short"):
        decode(data[: int(len(data) * share)])


def test_a_png_with_damaged_pixels_is_refused_and_not_decoded_to_noise():
    whole = pictures.drawn_photo(1)
    with pytest.raises(InvalidImage, match="damaged"):
        decode(whole[:100] + bytes(200) + whole[300:])


@pytest.mark.parametrize("missing", [1, 4, 11, 12])
def test_a_png_without_its_end_is_its_picture(missing):
    whole = pictures.drawn_photo(1)
    assert np.array_equal(decode(whole[:-missing]).pixels, decode(whole).pixels)


@pytest.mark.parametrize("add", ["add_text", "add_itxt"])
def test_texts_of_a_png_that_unpack_to_a_lot_do_not_cost_the_photo(add):
    texts = PngImagePlugin.PngInfo()
    for number in range(70):
        getattr(texts, add)(f"note {number}", "x" * 1_500_000, zip=True)
    assert decode(pictures.encoded(two_halves(60, 40), "PNG", pnginfo=texts)).pixels.shape == (40, 60, 3)


@pytest.mark.parametrize("packed", [False, True])
def test_the_orientation_in_a_text_of_a_png_is_applied(packed):
    texts = PngImagePlugin.PngInfo()
    note = f'<x tiff:Orientation="6"/>{" " * 100_000}'
    texts.add_itxt("XML:com.adobe.xmp", note, zip=packed)
    assert decode(pictures.encoded(two_halves(60, 40), "PNG", pnginfo=texts)).pixels.shape == (60, 40, 3)


@pytest.mark.parametrize("kind", ["WEBP", "PNG", "GIF", "AVIF"])
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
        decode(pictures.encoded(Image.new("RGB", (100, 100))), limits=DecodeLimits(pixels=9999))


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


def test_a_half_transparent_pixel_is_mixed_with_white():
    half = pictures.encoded(Image.new("RGBA", (32, 32), (10, 20, 30, 128)))
    assert decode(half).pixels[0, 0].tolist() == [132, 137, 142]  # (10 * 128 + 255 * 127) / 255, and so on


def test_a_large_transparent_picture_is_the_same_as_a_small_one():
    rng = np.random.default_rng(3)
    rgba = rng.integers(0, 256, (1100, 1000, 4)).astype(np.uint8)  # more than one band of rows
    whole = decode(pictures.encoded(Image.fromarray(rgba), compress_level=1)).pixels
    last = decode(pictures.encoded(Image.fromarray(rgba[1050:]), compress_level=1)).pixels
    np.testing.assert_array_equal(whole[1050:], last)


# --- files that end early -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", [1, 2])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 3}, {"quality": 95}])
def test_a_jpeg_without_its_end_marker_is_its_picture(missing, options):
    whole = pictures.encoded(pictures.opened(pictures.astronaut()), "JPEG", **options)
    np.testing.assert_array_equal(decode(whole[:-missing]).pixels, decode(whole).pixels)


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.99])
def test_a_jpeg_that_lacks_pixels_is_refused(share, options):
    whole = pictures.encoded(pictures.opened(pictures.astronaut()), "JPEG", **options)
    with pytest.raises(InvalidImage, match="the JPEG is cut short: a part of its pixels is missing; send the whole"):
        decode(whole[: int(len(whole) * share)])


# --- several pictures in a file -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["MPO", "TIFF"])
def test_of_a_file_with_several_stills_the_first_is_read(kind):
    first, second = two_halves(60, 40), Image.new("RGB", (30, 30))
    data = pictures.encoded(first, kind, save_all=True, append_images=[second])
    np.testing.assert_array_equal(
        decode(data).pixels, decode(pictures.encoded(first, "JPEG" if kind == "MPO" else kind)).pixels
    )


def test_a_motion_photo_is_its_still():
    still = pictures.encoded(two_halves(60, 40), "JPEG")
    video = b"\0\0\0\x18ftypmp42\0\0\0\0isommp42" + bytes(range(256)) * 40
    np.testing.assert_array_equal(decode(still + video).pixels, decode(still).pixels)


# --- colours and depths -------------------------------------------------------------------------------------------


def grey_ramp(levels: int, dtype: type) -> np.ndarray:
    """Black on the left to the highest level on the right."""
    return np.tile(np.linspace(0, levels, 64).astype(dtype), (32, 1))


@pytest.mark.parametrize(
    ("levels", "dtype"), [(65535, np.uint16), (65535, np.int32), (255, np.int32), (1, np.float32), (255, np.float32)]
)
def test_deep_greys_of_a_tiff_range_from_black_to_white(levels, dtype):
    pixels = decode(pictures.encoded(Image.fromarray(grey_ramp(levels, dtype)), "TIFF")).pixels
    assert (pixels[0, 0, 0], pixels[0, -1, 0]) == (0, 255)
    assert abs(int(pixels[0, 32, 0]) - 129) <= 1  # 32 / 63 of 255


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "LA"])
@pytest.mark.parametrize("compression", [None, "packbits", "tiff_lzw", "tiff_adobe_deflate"])
def test_a_tiff_of_each_colour_space_shows_its_colours(mode, compression):
    if mode == "LAB":
        lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
        picture = ImageCms.applyTransform(two_halves(64, 64), lab)
    else:
        picture = two_halves(64, 64).convert(mode)
    pixels = decode(pictures.encoded(picture, "TIFF", compression=compression)).pixels.astype(int)
    wanted = np.asarray(two_halves(64, 64).convert("L" if mode in ("1", "L", "LA") else "RGB").convert("RGB"))
    if mode == "1":
        assert set(np.unique(pixels)) == {0, 255}
    else:
        assert np.abs(pixels - wanted).max() < 30


def test_a_jpeg_in_a_tiff_is_read():
    data = pictures.encoded(two_halves(64, 64), "TIFF", compression="jpeg")
    assert decode(data).pixels[5, 5, 0] > 200


def test_a_big_endian_tiff_of_16_bits_is_read():
    grey = Image.fromarray(grey_ramp(65535, np.uint16).byteswap().view(">u2"))
    assert decode(pictures.encoded(grey, "TIFF")).pixels[0, -1].tolist() == [255, 255, 255]


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_a_bmp_of_each_depth_is_read(mode):
    assert decode(pictures.encoded(two_halves(64, 64).convert(mode), "BMP")).pixels.shape == (64, 64, 3)


def test_a_cmyk_jpeg_shows_its_colours():
    pixels = decode(pictures.encoded(two_halves(64, 64).convert("CMYK"), "JPEG", quality=95)).pixels
    assert pixels[5, 5, 0] > 200 > 60 > pixels[5, 5, 2]
    assert pixels[60, 5, 2] > 200 > 60 > pixels[60, 5, 0]


# --- memory -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "most"), [("PNG", 8), ("WEBP", 20), ("BMP", 12), ("TIFF", 12), ("AVIF", 16)])
def test_formats_that_cannot_be_reduced_are_bounded_by_memory(kind, most):
    data = pictures.encoded(Image.new("RGB", (1000, 1000)), kind)
    decode(data, limits=DecodeLimits(memory_bytes=most * 1_000_000))
    with pytest.raises(RequestTooLarge, match=rf"1000x1000 pixels as a {kind}, .* the limit is \d+ MiB; send it as"):
        decode(data, limits=DecodeLimits(memory_bytes=most * 1_000_000 - 1))


def test_a_jpeg_of_one_scan_is_not_bounded_by_memory():
    small = DecodeLimits(memory_bytes=MIB)
    assert decode(pictures.encoded(two_halves(4000, 3000), "JPEG"), limits=small).reduction == 4
    with pytest.raises(RequestTooLarge, match="a JPEG of several scans"):
        decode(pictures.encoded(two_halves(4000, 3000), "JPEG", progressive=True), limits=small)
