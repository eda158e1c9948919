"""What a GPU gives: loading, milliseconds a face by batch, a photo by stage, and how far its embeddings are away.

    python -m benchmarks.device [--devices cpu cuda] [--json FILE]

Each device in a process of its own, as a server of that setting opens it; the processor computes in what it would
choose (int8 or fp32), which the table says. Clock milliseconds, medians; embeddings are compared with those of the
processor in fp32.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine
from benchmarks.photos import SIZES, Photos
from benchmarks.report.plain_table import ms, table
from benchmarks.search import in_new_process
from benchmarks.timing import milliseconds
from vultus.config import Settings
from vultus.model_registry import ModelRegistry
from vultus.models.repository.store import open_store
from vultus.records.seen import Float32
from vultus.service.accepted_faces import Acceptance, accept_photo
from vultus.vision.pipeline import Pipeline
from vultus.wiring.networks import chosen_arithmetic, open_models, open_pipeline, prepare, warm_up

MODELS = ("facenet512-casia-webface", "sface", "sface-facenet512-fused")
BATCHES = (1, 8, 32)
RUNS, WARM, SECONDS = 20, 2, 2.0
DIFFERENT = 8  # photos
REFERENCE = "cpu-fp32"
ARRANGEMENTS = {REFERENCE: ("cpu", "fp32"), "cpu": ("cpu", "auto"), "cuda": ("cuda", "auto")}

Row = dict[str, Any]


def main() -> None:
    given = _arguments()
    rows: dict[str, Row] = {}
    for name in (REFERENCE, *given.devices):
        rows[name] = in_new_process(measure, *ARRANGEMENTS[name])
        print(f"... {name}: {rows[name]['face_ms']}", file=sys.stderr, flush=True)
    reference = rows[REFERENCE]["embeddings"]
    for row in rows.values():
        row["cosines"] = {model: _least(row["embeddings"][model], reference[model]) for model in MODELS}
    for row in rows.values():
        del row["embeddings"]
    found = {"machine": machine.facts(), "rows": rows}
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n")
    print("\n".join(_text(found)))


def measure(device: str, precision: str) -> Row:
    """The figures of one device, in a process that has computed nothing before."""
    settings = Settings(_env_file=None).model_copy(
        update={"device": device, "precision": precision, "compute_slots": 1}
    )
    began = time.perf_counter()
    store = open_store(settings.model_dir)
    prepare(store, store.cards, settings)
    models = open_models(settings, store)
    pipeline = open_pipeline(settings, models)
    warm_up(pipeline, models)
    row: Row = {"ready_s": time.perf_counter() - began, "arithmetic": chosen_arithmetic(settings)[1].precision}
    photos = Photos()
    row["photo_ms"] = {size: _photo_ms(pipeline, models, photos.some(size, DIFFERENT)) for size in SIZES}
    row["face_ms"], row["embeddings"] = {}, {}
    for name in MODELS:
        row["embeddings"][name], row["face_ms"][name] = _embedded(pipeline, models, name, photos)
    return row


def _photo_ms(pipeline: Pipeline, models: ModelRegistry, photos: list[bytes]) -> float:
    """All that is computed of a photo to enroll."""
    rules = Acceptance(models.default, models.served(models.default).pipeline_version, floor=0.0, face="largest")

    def one(number: int) -> None:
        accept_photo(pipeline, models, photos[number % DIFFERENT], "0" * 64, rules)

    return _median(one)


def _embedded(pipeline: Pipeline, models: ModelRegistry, name: str, photos: Photos) -> tuple[Float32, dict[str, float]]:
    """The embeddings of the faces of a group, and milliseconds a face for each size of batch."""
    recogniser = models.served(name).embedder()
    with pipeline.slot():
        detected = pipeline.detect(photos.group())
    near = (detected.closer(face) for face in detected.faces)
    crops = [recogniser.crop(photograph.pixels, face) for photograph, face in near]
    taken = {}
    for batch in BATCHES:
        some = [crops[i % len(crops)] for i in range(batch)]
        taken[str(batch)] = _median(lambda _: recogniser.embed(some)) / batch  # noqa: B023
    return recogniser.embed(crops), taken


def _median(work: Callable[[int], object]) -> float:
    """Milliseconds by the clock, of RUNS or of as many as SECONDS allow; the first WARM do not count."""
    taken: list[float] = []
    end = time.perf_counter() + SECONDS
    while len(taken) < WARM + 1 or (len(taken) < WARM + RUNS and time.perf_counter() < end):
        taken.append(milliseconds(partial(work, len(taken))))
    return statistics.median(taken[WARM:])


def _least(embeddings: Float32, reference: Float32) -> float:
    """The least cosine of an embedding with that of the same face in the reference."""
    return float(np.min(np.sum(embeddings.astype(np.float64) * reference, axis=1)))


def _text(found: Row) -> Iterator[str]:
    facts = found["machine"]
    yield f"{facts['cpu']}, {facts['cores']} cores"
    heads = ("device", "arithmetic", "ready s", *(f"photo {size}" for size in SIZES))
    yield from table(
        heads,
        [
            (name, row["arithmetic"], f"{row['ready_s']:.1f}", *(ms(row["photo_ms"][size]) for size in SIZES))
            for name, row in found["rows"].items()
        ],
        words=2,
    )
    heads = ("device", "model", *(f"ms a face, {batch} at once" for batch in BATCHES), "least cosine to fp32")
    yield from table(
        heads,
        [
            (name, model, *(ms(taken[str(batch)]) for batch in BATCHES), f"{row['cosines'][model]:.6f}")
            for name, row in found["rows"].items()
            for model, taken in row["face_ms"].items()
        ],
        words=2,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", nargs="+", choices=("cpu", "cuda"), default=["cpu", "cuda"], help="both")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures here")
    return parser.parse_args()


if __name__ == "__main__":
    main()
