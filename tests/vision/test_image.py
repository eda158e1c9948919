import io

import numpy as np
from PIL import Image

from vultus.vision.image import encode_jpeg


def test_a_stored_photo_is_at_most_so_long_and_carries_no_metadata():
    pixels = np.zeros((600, 1000, 3), np.uint8)
    data, width, height = encode_jpeg(pixels, max_side=512)
    stored = Image.open(io.BytesIO(data))
    assert (width, height) == stored.size == (512, 307)
    assert not stored.getexif()


def test_a_small_photo_is_not_enlarged():
    assert encode_jpeg(np.zeros((60, 80, 3), np.uint8), max_side=512)[1:] == (80, 60)
