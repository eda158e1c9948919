"""The folder of people that DeepFace's `find` searches: which of its files are photos of whom."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from vultus.evaluation.labelled_folder import OUTSIDE, PhotoFile, PhotoListing, lies_flat, list_photos

# What DeepFace writes beside the photos; a name of an old and of a new release: representations_vgg_face.pkl,
# ds_model_facenet_detector_opencv_aligned_normalization_base_expand_0.npz, and a signature in .ldsa.
CACHE_NAMES = ("ds_model_", "representations_")
CACHE_SUFFIXES = frozenset({".pkl", ".npz", ".feather", ".parquet", ".ldsa"})
CACHE = (
    "cache of DeepFace, never opened (a pickle can run code, and its embeddings are another model's: the photos are "
    "embedded again)"
)


def list_deepface_photos(root: Path) -> PhotoListing:
    """The photos of `list_photos`, and those beside the sub-folders, each of a person named as the file is.

    Caches are counted, never opened. Raises OSError when the folder cannot be read.
    """
    listing = list_photos(root)
    for path in sorted(root.iterdir()):
        if _is_cache(path):
            listing.ignored.update({path.suffix.lower(): -1, CACHE: 1})
        elif lies_flat(path):
            listing.ignored[OUTSIDE] -= 1
            listing.photos.append(PhotoFile(path.stem, path, path.name))
    return replace(listing, ignored=+listing.ignored)


def _is_cache(path: Path) -> bool:
    return path.name.startswith(CACHE_NAMES) and path.suffix.lower() in CACHE_SUFFIXES and not path.is_dir()
