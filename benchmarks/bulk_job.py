"""How long a bulk job takes, and what it costs the searches beside it.

    python -m benchmarks.bulk_job PHOTOS [--photos 1000] [--seed 1]

PHOTOS: one sub-folder for each person. Photos drawn at random are sent as one archive to a new server without keys; one
photo is searched for again and again before, during (every few seconds) and after. Medians.
"""

from __future__ import annotations

import argparse
import io
import random
import statistics
import tempfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

import httpx

from benchmarks.serving import serving
from benchmarks.timing import milliseconds
from vultus.evaluation.labelled_folder import PhotoFile, list_photos

FINDS = 40  # before, and after
ASK_SECONDS, ASKS_PER_FIND = 2.0, 3
MOST_SECONDS = 3600.0
UNFINISHED = ("queued", "running")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="PHOTOS")
    parser.add_argument("--photos", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    known = list(list_photos(options.folder).photos)
    photos = random.Random(options.seed).sample(known, min(options.photos, len(known)))
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder, "data")) as server,
        httpx.Client(base_url=f"http://{server.host}:{server.port}", timeout=60) as http,
    ):
        _measure(http, photos)


def _measure(http: httpx.Client, photos: Sequence[PhotoFile]) -> None:
    photo = photos[0].path.read_bytes()
    _checked(http.post("/enroll", files={"img": photo}, data={"subject": "probe", "face": "largest"}))

    def find() -> float:
        return milliseconds(lambda: _checked(http.post("/find", files={"img": photo})))

    find()  # loads the collection
    before = [find() for _ in range(FINDS)]
    started = time.perf_counter()
    job = _checked(http.post("/jobs", files={"zip": _archive(photos)})).json()["job_id"]
    during: list[float] = []
    asked, state = 0, {"state": UNFINISHED[0]}
    while state["state"] in UNFINISHED and time.perf_counter() - started < MOST_SECONDS:
        time.sleep(ASK_SECONDS)
        asked += 1
        if asked % ASKS_PER_FIND == 0:
            during.append(find())
        state = _checked(http.get(f"/jobs/{job}")).json()
    seconds = time.perf_counter() - started
    after = [find() for _ in range(FINDS)]
    print(f"{len(photos):,} photos: {seconds:.1f} s, {state['state']}, {state.get('counts')}")
    for name, times in (("before", before), ("during", during), ("after", after)):
        if times:
            print(f"/find {name:<7} {statistics.median(times):>7.1f} ms, {len(times)} of them")


def _archive(photos: Sequence[PhotoFile]) -> bytes:
    """A ZIP archive with a folder for each person; photos are not packed again."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        for number, one in enumerate(photos):
            archive.writestr(f"{one.subject}/{number}{one.path.suffix}", one.path.read_bytes())
    return made.getvalue()


def _checked(answer: httpx.Response) -> httpx.Response:
    if not answer.is_success:
        raise SystemExit(f"{answer.request.url.path} answered {answer.status_code}: {answer.text[:200]}")
    return answer


if __name__ == "__main__":
    main()
