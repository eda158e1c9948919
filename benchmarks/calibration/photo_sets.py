"""The photos to embed: LFW, UTKFace with a grey border, CelebA in the wild, ORL, and treated photos of LFW."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from benchmarks.calibration.treatments import all_treatments
from vultus.evaluation.labelled_folder import list_photos
from vultus.vision.decoding.formats import PHOTO_SUFFIXES

UTKFACE_BORDER = "border:0.3"  # UTKFace's photos are tight crops; a whole head is what the service is sent
WITH_TWO, WITH_ONE = 120, 100  # people of LFW whose photos are treated: two photos each, and one
FOLDERS = {"lfw": "lfw/images", "celeba": "celeba_dev/images", "orl": "orl/images", "utkface": "utkface/images"}


@dataclass(frozen=True)
class Sample:
    """A photo to embed. source: the set. person: its folder; for UTKFace the file's name. treatment: "" for none."""

    source: str
    person: str
    path: Path
    treatment: str = ""

    @property
    def key(self) -> str:
        """Tells samples apart, whatever folder the data lie in."""
        return "/".join((self.source, self.person, self.path.name, self.treatment))


def all_samples(data: Path) -> list[Sample]:
    """All samples of the data folder, always in the same order. Raises OSError where a set is missing."""
    small = [sample for source in ("orl", "celeba") for sample in _labelled(data, source)]
    lfw = _labelled(data, "lfw")
    return small + _utkface(data) + _treated(lfw) + lfw


def _labelled(data: Path, source: str) -> list[Sample]:
    return [Sample(source, photo.subject, photo.path) for photo in list_photos(data / FOLDERS[source]).photos]


def _utkface(data: Path) -> list[Sample]:
    paths = sorted(p for p in (data / FOLDERS["utkface"]).rglob("*") if p.suffix.lower() in PHOTO_SUFFIXES)
    return [Sample("utkface", path.name, path, UTKFACE_BORDER) for path in paths]


def _treated(lfw: list[Sample]) -> list[Sample]:
    photos: dict[str, list[Sample]] = {}
    for sample in lfw:
        photos.setdefault(sample.person, []).append(sample)
    chosen = random.Random(5)
    two = [person for person, found in photos.items() if len(found) >= 2]
    one = [person for person, found in photos.items() if len(found) == 1]
    pairs = [sample for person in chosen.sample(two, min(WITH_TWO, len(two))) for sample in photos[person][:2]]
    base = pairs + [photos[person][0] for person in chosen.sample(one, min(WITH_ONE, len(one)))]
    return [Sample("treated", one.person, one.path, treatment) for treatment in all_treatments() for one in base]
