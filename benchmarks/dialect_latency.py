"""What the protocol of another service adds to a call: the same photo by each, turn by turn, in one run.

    python -m benchmarks.dialect_latency PHOTOS [--rounds 40]

PHOTOS: one sub-folder for each person. The first 20 people are enrolled, and a photo of each is searched for in turn:
by /find, by CompreFace's recognize, by DeepFace's search, and by Rekognition's SearchFacesByImage, signed by botocore
and checked by the server; over one open connection, with one native key. Medians, and the median of what a call takes
as a share of the /find beside it.
"""

from __future__ import annotations

import argparse
import base64
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from benchmarks.serving import Server, serving
from benchmarks.timing import milliseconds
from vultus.evaluation.labelled_folder import list_photos

PEOPLE, COLLECTION = 20, "default"
REGION = "us-east-1"
NATIVE = "/find"

Call = Callable[[bytes], httpx.Response]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="PHOTOS")
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    photos = _photos(options.folder)
    with tempfile.TemporaryDirectory() as folder:
        data, key = Path(folder, "data"), _new_key(Path(folder, "data"))
        with serving(data, with_keys=True) as server, _client(server, key) as http:
            for number, photo in enumerate(photos):
                _checked(http.post("/enroll", files={"img": photo}, data={"subject": f"s{number}", "face": "largest"}))
            taken = measured(calls(http, key), photos, options.rounds)
    for name, times in taken.items():
        ratio = statistics.median(one / native for one, native in zip(times, taken[NATIVE], strict=True))
        print(f"{name:<32} {statistics.median(times):>7.1f} ms   {ratio:.2f} of {NATIVE}")


def calls(http: httpx.Client, key: str) -> dict[str, Call]:
    """One search by each protocol. key: the id and the secret of a signature."""
    return {
        NATIVE: lambda photo: http.post(NATIVE, files={"img": photo}),
        "CompreFace recognize": lambda photo: http.post("/api/v1/recognition/recognize", files={"file": photo}),
        "DeepFace search": lambda photo: http.post("/deepface/search", files={"img": photo}),
        "Rekognition SearchFacesByImage": lambda photo: _signed(http, key, photo),
    }


def measured(made: dict[str, Call], photos: list[bytes], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each call, all of them once a round; the first round does not count."""
    taken: dict[str, list[float]] = {name: [] for name in made}
    for number in range(rounds + 1):
        photo = photos[number % len(photos)]
        for name, call in made.items():
            spent = milliseconds(lambda: _checked(call(photo)))  # noqa: B023
            if number:
                taken[name].append(spent)
    return taken


def _signed(http: httpx.Client, key: str, photo: bytes) -> httpx.Response:
    members = {"CollectionId": COLLECTION, "Image": {"Bytes": base64.b64encode(photo).decode()}}
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "RekognitionService.SearchFacesByImage",
    }
    request = AWSRequest("POST", str(http.base_url), headers, json.dumps(members).encode())
    SigV4Auth(Credentials(key, key), "rekognition", REGION).add_auth(request)
    return http.post("/", content=request.data, headers=dict(request.headers.items()))


def _client(server: Server, key: str) -> httpx.Client:
    """Sends the key as each protocol but the signed one reads it."""
    headers = {"Authorization": f"Bearer {key}", "x-api-key": key}
    return httpx.Client(base_url=f"http://{server.host}:{server.port}", headers=headers, timeout=60)


def _new_key(data_dir: Path) -> str:
    command = [sys.executable, "-m", "vultus", "keys", "create", "benchmark", "--data-dir", str(data_dir), "--json"]
    scopes = (part for scope in ("enroll", "find") for part in ("--scope", scope))
    made = subprocess.run([*command, *scopes], stdout=subprocess.PIPE, check=True)
    return str(json.loads(made.stdout)["key"])


def _photos(folder: Path) -> list[bytes]:
    of_person: dict[str, Path] = {}
    for photo in list_photos(folder).photos:
        of_person.setdefault(photo.subject, photo.path)
    return [path.read_bytes() for path in islice(of_person.values(), PEOPLE)]


def _checked(answer: httpx.Response) -> None:
    if not answer.is_success:
        raise SystemExit(f"{answer.request.url.path} answered {answer.status_code}: {answer.text[:200]}")


if __name__ == "__main__":
    main()
