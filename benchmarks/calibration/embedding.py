"""Embeds the samples with the pipeline of the service, in processes of one thread each; a stopped run goes on.

A chunk of samples is one file of the cache, written whole. It holds unit embeddings and quality parts, no photo.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from zlib import crc32

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.calibration.photo_sets import Sample
from benchmarks.calibration.treatments import treated
from vultus.config import Settings
from vultus.errors import BadInput, FaceRefused, ModelInvalid
from vultus.models.card import known_card
from vultus.models.catalogue import known_cards
from vultus.models.repository.store import ModelStore
from vultus.records.seen import Float32
from vultus.vision.embed import Recogniser
from vultus.vision.face_selection import central_face
from vultus.vision.pipeline import Pipeline
from vultus.vision.quality import QUALITY_VERSION, assess
from vultus.wiring.networks import open_models, open_pipeline, prepare

FUSED = "sface-facenet512-fused"
MEMBERS = {"sface": 128, "facenet512-casia-webface": 512}  # id -> dimension
PARTS = ("size", "sharpness", "brightness", "contrast", "pose", "crop", "detector", "resolution", "noise")
PARTS += ("exposure", "inside", "landmarks", "recognisability")
CHUNK = 128  # samples; at most so many are lost when a run is stopped
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Embedded:
    """vectors: member -> (N, D) unit embeddings, NaN without a face. parts: (N, len(PARTS)) of 0..100, NaN: unknown."""

    samples: list[Sample]
    vectors: dict[str, Float32]
    parts: Float32


def embed_all(samples: Sequence[Sample], cache: Path, *, processes: int = 2) -> Embedded:
    """The embeddings of all samples, those in the cache taken from there. Raises OSError, and errors of the models."""
    cache.mkdir(parents=True, exist_ok=True)
    chunks = [samples[start : start + CHUNK] for start in range(0, len(samples), CHUNK)]
    missing = [chunk for chunk in chunks if not place(cache, chunk).exists()]
    if missing:
        with get_context("spawn").Pool(min(processes, len(missing)), _start) as pool:
            for done, _ in enumerate(pool.imap_unordered(_embed_chunk, [(cache, chunk) for chunk in missing]), 1):
                print(f"{done} of {len(missing)} chunks of {CHUNK} photos embedded", file=sys.stderr, flush=True)
    return gather(samples, cache)


def gather(samples: Sequence[Sample], cache: Path) -> Embedded:
    """What the cache holds of all samples. Raises OSError where a chunk is missing."""
    read = [np.load(place(cache, samples[i : i + CHUNK])) for i in range(0, len(samples), CHUNK)]
    joined = {name: np.concatenate([chunk[name] for chunk in read]) for name in (*MEMBERS, "parts")}
    return Embedded(list(samples), {member: joined[member] for member in MEMBERS}, joined["parts"])


def place(cache: Path, chunk: Sequence[Sample]) -> Path:
    """The file of a chunk: its name changes with the samples, the models' preprocessing and the quality."""
    cards = known_cards(Settings().model_dir)
    versions = [str(known_card(cards, member).pipeline_version) for member in MEMBERS]
    recipe = "\n".join([*versions, str(QUALITY_VERSION), *(sample.key for sample in chunk)])
    return cache / f"{sha256(recipe.encode()).hexdigest()[:24]}.npz"


class _Worker:
    """The models of one process."""

    pipeline: Pipeline
    model: Recogniser[Any]


def _start() -> None:
    settings = Settings(precision="int8", compute_slots=1, default_model=FUSED)
    cards = known_cards(settings.model_dir)
    store = ModelStore(settings.model_dir, cards)
    prepare(store, cards, settings)
    models = open_models(settings, store)
    _Worker.pipeline, _Worker.model = open_pipeline(settings, models), models.served(FUSED).embedder()


def _embed_chunk(given: tuple[Path, Sequence[Sample]]) -> None:
    cache, chunk = given
    rows = list(_rows(chunk))
    unfinished = cache / f"unfinished-{os.getpid()}.npz"
    np.savez(unfinished, **{name: np.array([row[name] for row in rows]) for name in rows[0]})
    os.replace(unfinished, place(cache, chunk))


def _rows(chunk: Sequence[Sample]) -> Iterator[Arrays]:
    for sample in chunk:
        empty = {member: np.full(size, np.nan, np.float32) for member, size in MEMBERS.items()}
        row: Arrays = {**empty, "parts": np.full(len(PARTS), np.nan, np.float32)}
        with suppress(BadInput, FaceRefused, ModelInvalid):
            row |= _seen(_bytes_of(sample))
        yield row


def _seen(photo: bytes) -> Arrays:
    """Embeddings and quality parts of the central face."""
    pipeline, model = _Worker.pipeline, _Worker.model
    with pipeline.slot():
        detected = pipeline.detect(photo)
        face = central_face(detected)
        near, closer = detected.closer(face)
        joined, recognisability = model.embed_with_recognisability([model.crop(near.pixels, closer)])
    quality = assess(near.pixels, closer, reduction=near.reduction).parts
    known = {**quality, "recognisability": np.nan if recognisability[0] is None else recognisability[0]}
    found: Arrays = {"parts": np.array([known.get(name, np.nan) for name in PARTS], np.float32)}
    start = 0
    for member, size in MEMBERS.items():  # in the order of the fused model's card
        part = joined[0, start : start + size]
        found[member] = (part / np.linalg.norm(part)).astype(np.float32)
        start += size
    return found


def _bytes_of(sample: Sample) -> bytes:
    """The file, or its treated pixels as PNG."""
    photo = sample.path.read_bytes()
    if not sample.treatment:
        return photo
    pixels = np.ascontiguousarray(cv2.imdecode(np.frombuffer(photo, np.uint8), cv2.IMREAD_COLOR)[..., ::-1])
    changed = treated(pixels, sample.treatment, crc32(sample.key.encode()))
    return bytes(cv2.imencode(".png", changed[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])[1])
