"""Each stage alone, in this process, on the system that `vultus serve` opens: medians of single calls.

decode      JPEG bytes -> pixels, reduced while decoding where the photo is large
detect      the detector of the default pipeline without landmarks: their refinement, on the same photo
crop        the aligned crop of one face; quality: its assessment
stored      the JPEG of at most 512 pixels, made and (photo put) written durably
embed       a batch of 1 or 8 crops, each model that is installed, in fp32 and in int8
search      one probe against the gallery; commit: one face enrolled, durably; the search after it pulls the change
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.call_profile import DETECTION
from benchmarks.photos import SIZES, Photos
from benchmarks.search import Faces
from benchmarks.synthetic_gallery import COLLECTION, new_face
from benchmarks.timing import Bounds, Stopwatch, milliseconds, repeat, summary
from vultus.config import Settings
from vultus.models.catalogue import known_cards
from vultus.models.repository.store import ModelStore
from vultus.records.seen import RGB
from vultus.vision.decoding.decode import decode
from vultus.wiring.networks import open_models
from vultus.wiring.parts import System

BATCHES = (1, 8)
INSTALLED = ("prepared", "available")
LINES = 5

Row = dict[str, Any]


def stages(system: System, photos: Photos, bounds: Bounds) -> list[Row]:
    """A row per stage: stage, of, median_ms, p95_ms, best_ms, n."""
    rows = [*_decoding(photos, bounds), *_detection(system, photos, bounds), *_face(system, photos, bounds)]
    return [*rows, *_embedding(system.settings, _crops(system, photos), bounds), *_storing(system, bounds)]


def _row(stage: str, of: str, taken: list[float]) -> Row:
    return {"stage": stage, "of": of, **summary(taken)}


def _decoding(photos: Photos, bounds: Bounds) -> Iterator[Row]:
    for size in SIZES:
        some = photos.some(size, 4)
        yield _row("decode", size, repeat(lambda i: decode(some[i % 4]), bounds))  # noqa: B023


def _detection(system: System, photos: Photos, bounds: Bounds) -> Iterator[Row]:
    named = {size: photos.some(size, 1)[0] for size in SIZES} | {"6 faces": photos.group()}
    for name, photo in named.items():
        with Stopwatch(DETECTION) as watch:
            laps = _laps(watch, lambda _: system.pipeline.detect(photo), bounds)  # noqa: B023
        for stage in ("detect", "landmarks"):
            if taken := [lap[stage] for lap in laps if stage in lap]:
                yield _row(stage, name, taken)


def _laps(watch: Stopwatch, work: Callable[[int], object], bounds: Bounds) -> list[dict[str, float]]:
    """The self times of each call, the warm-up left out."""
    laps: list[dict[str, float]] = []

    def one(number: int) -> None:
        work(number)
        laps.append(watch.lap())

    repeat(one, bounds)
    return laps[1:]


def _face(system: System, photos: Photos, bounds: Bounds) -> Iterator[Row]:
    pipeline, model = system.pipeline, system.models.served(system.models.default).embedder()
    for size in SIZES:
        detected = pipeline.detect(photos.some(size, 1)[0])
        if not detected.faces:
            continue
        face, pixels = detected.faces[0], detected.photograph.pixels
        yield _row("crop", size, repeat(lambda _: model.crop(pixels, face), bounds))  # noqa: B023
        yield _row("quality", size, repeat(lambda _: pipeline.quality(detected, face), bounds))  # noqa: B023
        yield _row("stored photo", size, repeat(lambda _: pipeline.stored_photo(detected), bounds))  # noqa: B023
    jpegs = [pipeline.stored_photo(pipeline.detect(one))[0] for one in photos.some("640x480", 32, first=9_000)]
    puts = Bounds(len(jpegs) - 1, bounds.seconds)
    yield _row(
        "photo put",
        f"{len(jpegs[0]) / 1000:.0f} kB",
        repeat(lambda i: system.service.context.photos.put(jpegs[i]), puts),
    )


def _crops(system: System, photos: Photos) -> list[tuple[RGB, Any]]:
    """As many faces as the largest batch has, each with the pixels it is in."""
    detected = system.pipeline.detect(photos.group())
    faces = [(detected.photograph.pixels, face) for face in detected.faces]
    return (faces * max(BATCHES))[: max(BATCHES)]


def _embedding(settings: Settings, faces: list[tuple[RGB, Any]], bounds: Bounds) -> Iterator[Row]:
    store = ModelStore(settings.model_dir, known_cards(settings.model_dir))
    for card in store.cards:
        if card.task != "recognition" or store.status(card).state not in INSTALLED:
            continue
        store.prepare(card)
        for precision in ("fp32", "int8"):
            chosen = settings.model_copy(update={"precision": precision, "allow_noncommercial": True})
            models = open_models(chosen, store)
            if models.served(card.id).precision != precision:
                continue
            model = models.served(card.id).embedder()
            for batch in BATCHES:
                crops = [model.crop(pixels, face) for pixels, face in faces[:batch]]
                taken = repeat(lambda _: model.embed(crops), bounds)  # noqa: B023
                yield _row("embed", f"{card.id} {precision}, batch {batch}", taken)


def _storing(system: System, bounds: Bounds) -> Iterator[Row]:
    gallery, index = system.gallery, system.service.context.index
    collection = gallery.collection(COLLECTION)
    made = Faces(collection.dimension)
    probes = made.probes(bounds.count + 1)
    size = f"{collection.faces:,} faces"
    yield _row("search", size, repeat(lambda i: index.search(COLLECTION, probes[i][None], LINES), bounds))

    def commit(number: int) -> None:
        face = new_face(10_000_000 + number, probes[number % len(probes)], collection.model_id)
        gallery.add_faces(COLLECTION, f"committed-{number}", [face])

    def search_after_commit(number: int) -> float:
        commit(bounds.count + number)
        return milliseconds(lambda: index.search(COLLECTION, probes[:1], LINES))

    yield _row("commit", size, repeat(commit, bounds))
    pulls = [search_after_commit(number) for number in range(1, min(20, bounds.count) + 1)]
    yield _row("search after a commit", size, pulls)
