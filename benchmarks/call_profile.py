"""One /find and one /verify by stage, in this process: time as the request's own thread sees it, or processor time.

For processor time open the system with one compute slot: then everything happens in the calling thread, so that the
stages add up to the cost of the call, however busy the machine is. "network ..." is ONNX Runtime alone: the floor.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from benchmarks.photos import Photos
from benchmarks.synthetic_gallery import COLLECTION
from benchmarks.timing import Bounds, Stopwatch, Target, medians, milliseconds, processor_milliseconds, repeat
from vultus.search.index import FlatIndex
from vultus.storage.gallery import Gallery
from vultus.vision import pipeline as steps
from vultus.vision.decoding.isolated import IsolatedDecoder
from vultus.vision.detect import YuNet
from vultus.vision.embed import Embedder
from vultus.vision.fuse import FusedEmbedder
from vultus.vision.mtcnn import ONet
from vultus.vision.session import Session
from vultus.wiring.parts import System

EMBED = "embed_with_recognisability"  # the call of the pipeline that takes crops

DETECTION: dict[str, Target] = {
    "decode": (IsolatedDecoder, "__call__"),
    "detect": (YuNet, "detect"),
    "landmarks": (ONet, "refine"),
}
STAGES: dict[str, Target] = {
    **DETECTION,
    "crop": (Embedder, "crop"),
    "embed": (Embedder, EMBED),
    "join of two models": (FusedEmbedder, EMBED),
    "quality": (steps, "assess"),
    "search": (FlatIndex, "search"),
    "gallery: collection": (Gallery, "binding"),
    "gallery: owners": (Gallery, "owners"),
}
NETWORKS: dict[str, Target] = {"network {0.name}": (Session, "run")}
CALLS = ("find", "verify")

Row = dict[str, Any]


def find_profile(system: System, photos: Photos, size: str, bounds: Bounds) -> Row:
    """One /find by stage, medians of the self times, of the rest, and of the whole, ms."""
    return _profile(system, photos, "find", size, bounds, Stopwatch(STAGES), milliseconds)


def processor_profile(system: System, photos: Photos, call: str, size: str, bounds: Bounds) -> Row:
    """The same in processor time of this thread, for a call of CALLS, the networks apart. system: with one slot."""
    watch = Stopwatch({**STAGES, **NETWORKS}, clock=time.thread_time)
    return _profile(system, photos, call, size, bounds, watch, processor_milliseconds)


def _profile(
    system: System,
    photos: Photos,
    call: str,
    size: str,
    bounds: Bounds,
    watch: Stopwatch,
    timed: Callable[[Callable[[], object]], float],
) -> Row:
    some = photos.some(size, 8, first=500)
    laps: list[dict[str, float]] = []

    def work(number: int) -> None:
        one, other = some[number % len(some)], some[(number + 1) % len(some)]
        whole = timed(lambda: _call(system, call, one, other))
        lap = watch.lap()
        laps.append({**lap, "rest": whole - sum(lap.values()), "whole": whole})

    with watch:
        repeat(work, bounds)
    laps = laps[1:]
    stages = medians([{name: ms for name, ms in lap.items() if name != "whole"} for lap in laps])
    whole = statistics.median(lap["whole"] for lap in laps)
    return {"call": call, "size": size, "stages_ms": stages, "whole_ms": whole, "missing": watch.missing}


def _call(system: System, call: str, one: bytes, other: bytes) -> object:
    if call == "find":
        return system.service.identification.find(one, collection=COLLECTION)
    return system.service.recognition.verify(one, other)
