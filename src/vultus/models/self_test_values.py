"""What the models of the box answer to drawn faces in fp32, as stored values: a self-test at load compares with them.

Made by `python -m benchmarks.self_test_values` from the weights of the cards; made again when a card, its preprocessing
or the drawn faces change. They come from no photo.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from functools import cache
from importlib import resources

import numpy as np

from vultus.errors import ModelInvalid
from vultus.records.seen import Float32

FILE = "values.npz"


@cache
def self_test_values() -> Mapping[str, Float32]:
    """Model id -> float32 (faces, numbers): raw outputs of a recogniser; box, landmarks and score of a detector.

    Models without values have no entry. Raises: ModelInvalid when the file cannot be read.
    """
    try:
        path = resources.files("vultus.models") / "self_test" / FILE
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            return {name: arrays[name].astype(np.float32) for name in arrays.files}
    except (OSError, ValueError, zipfile.BadZipFile) as exc:
        raise ModelInvalid(f"the values of the self-test cannot be read: {exc!r}; install Vultus again") from exc
