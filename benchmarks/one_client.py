"""One client whose requests follow each other at once: milliseconds by the clock, and by stage of the server.

    python -m benchmarks.one_client FOLDER [--requests 25] [--pause 0]     FOLDER: made by `benchmarks.made_gallery`

Also each recognition network of the processor's arithmetic, one face, in one thread and in two (`TwinSession`).
"""

from __future__ import annotations

import argparse
import re
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.load.workers import wait_until_idle
from benchmarks.photos import SERVED_SIZES, Photos
from benchmarks.serving import Fields, Server, form, post, serving
from benchmarks.synthetic_gallery import COLLECTION
from benchmarks.timing import milliseconds
from vultus.config import Settings
from vultus.model_registry import ModelRegistry
from vultus.models.repository.store import open_store
from vultus.vision.compute_slots import NO_HELPERS, ComputeSlots
from vultus.wiring.networks import open_models

CALLS = (("/represent", None), ("/find", None), ("/verify", None), ("/represent", "sface"))
NETWORKS = ("facenet512-casia-webface", "sface")
WARM, RUNS = 3, 25
STAGE = re.compile(r'^vultus_\w*stage\w*_sum\{.*?stage="(\w+)".*?\} (\S+)$', re.MULTILINE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--requests", type=int, default=25)
    parser.add_argument("--pause", type=float, default=0.0, help="seconds between two requests (0)")
    given = parser.parse_args()
    for line in networks():
        print(line)
    with serving(given.folder) as server:
        wait_until_idle(server)
        for size in SERVED_SIZES:
            for call, model in CALLS:
                print(one_line(server, size, call, model, given.requests, given.pause), flush=True)


def networks() -> Iterator[str]:
    """Medians of each network, alone and with a core to spare."""
    settings = Settings(_env_file=None)
    models: ModelRegistry = open_models(settings, open_store(settings.model_dir))
    slots = ComputeSlots(2, queue=0, wait_seconds=1.0)
    for name in NETWORKS:
        model = models.served(name).embedder()
        crops = [model.blank() + 7]
        taken = []
        for helpers in (NO_HELPERS, slots):
            runs = [milliseconds(lambda: model.embed_with_recognisability(crops, helpers)) for _ in range(WARM + RUNS)]  # noqa: B023
            taken.append(statistics.median(runs[WARM:]))
        yield f"{name}: {taken[0]:.1f} ms in one thread, {taken[1]:.1f} with a core to spare"


def one_line(server: Server, size: str, call: str, model: str | None, requests: int, pause: float) -> str:
    """Median and tenth percentile of a call, then the mean of each stage."""
    photos = Photos().some(size, 8)
    bodies = [form(_fields(call, photos, number, model)) for number in range(len(photos))]
    connection = server.connect()
    for body in bodies[:WARM]:
        status, answer = post(connection, call, body)
        if status != 200:
            raise SystemExit(f"{call} was answered {status}: {answer[:300]!r}")
    before, taken = _stages(server), []
    for number in range(requests):
        time.sleep(pause)
        body = bodies[number % len(bodies)]
        taken.append(milliseconds(lambda: post(connection, call, body)))  # noqa: B023
    after = _stages(server)
    spent = ((name, (after[name] - before.get(name, 0.0)) / requests * 1000) for name in after)
    stages = ", ".join(f"{name} {ms:.1f}" for name, ms in spent if ms >= 0.05)
    least = sorted(taken)[len(taken) // 10]
    return f"{size:<8}{call:<11}{model or 'default':<8}{statistics.median(taken):>7.1f} ms, 10 %: {least:.1f}; {stages}"


def _fields(call: str, photos: list[bytes], number: int, model: str | None) -> Fields:
    named = {"model_name": model} if model else {}
    if call == "/verify":
        return {"img1": photos[number], "img2": photos[(number + 1) % len(photos)], **named}
    where = {"collection": COLLECTION} if call == "/find" else {}
    return {"img": photos[number], **where, **named}


def _stages(server: Server) -> dict[str, float]:
    connection = server.connect()
    connection.request("GET", "/metrics")
    return {name: float(value) for name, value in STAGE.findall(connection.getresponse().read().decode())}


if __name__ == "__main__":
    main()
