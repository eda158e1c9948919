"""What `vultus import` takes beside computing alone: processor milliseconds a photo, and photos a second.

    python -m benchmarks.import_limit PHOTOS [--photos 160] [--processes 2]     PHOTOS: one sub-folder per person

limit: the same photos by `accept_photo` in a loop in as many processes at once: what an import computes, and nothing
else. Two imports into new data folders, of a quarter of the photos and of all; their difference has no start in it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from hashlib import sha256
from itertools import islice
from pathlib import Path

from vultus.cli.opening import open_analysis
from vultus.config import Settings
from vultus.errors import BadInput, FaceRefused
from vultus.service.accepted_faces import Acceptance, accept_photo

WARM = 8  # photos that do not count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="PHOTOS")
    parser.add_argument("--photos", type=int, default=160)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    photos = [path.read_bytes() for path in islice(sorted(options.folder.glob("*/*.jpg")), options.photos)]
    some = len(photos) // 4
    shares = [photos[number :: options.processes] for number in range(options.processes)]
    with ProcessPoolExecutor(options.processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        limit = statistics.mean(pool.map(_limit, shares))
    few, all_of_them = (_imported(options.folder, count, options.processes) for count in (some, len(photos)))
    spent, taken = ((after - before) / (len(photos) - some) for before, after in zip(few, all_of_them, strict=True))
    print(f"limit   {limit * 1000:>7.1f} ms of processor time a photo")
    print(f"import  {spent * 1000:>7.1f} ms: {limit / spent:.0%} of it is the limit; {1 / taken:.1f} photos a second")


def _limit(photos: list[bytes]) -> float:
    """Processor seconds a photo."""
    with open_analysis(Settings(_env_file=None).model_copy(update={"compute_slots": 1})) as vision:
        model = vision.models.resolve(None)
        rules = Acceptance(model.id, model.pipeline_version, floor=20.0, face="largest")
        for number, photo in enumerate(photos):
            if number == WARM:
                start = time.process_time()
            try:
                accept_photo(vision.pipeline, vision.models, photo, sha256(photo).hexdigest(), rules)
            except (BadInput, FaceRefused):
                continue
        return (time.process_time() - start) / (len(photos) - WARM)


def _imported(folder: Path, count: int, processes: int) -> tuple[float, float]:
    """Processor seconds of all processes of an import, and seconds by the clock."""
    before, clock = _spent(), time.perf_counter()
    with tempfile.TemporaryDirectory() as data:
        command = [sys.executable, "-m", "vultus", "import", str(folder), "--limit", str(count), "--data-dir", data]
        subprocess.run([*command, "--processes", str(processes)], stdout=subprocess.DEVNULL, check=False)
    return _spent() - before, time.perf_counter() - clock


def _spent() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


if __name__ == "__main__":
    main()
