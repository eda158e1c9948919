"""Sends a fixed set of requests to a fresh server and writes the answers, so that two versions can be compared.

    python -m benchmarks.replay before.txt      in a checkout of the one version
    python -m benchmarks.replay after.txt       in a checkout of the other
    diff before.txt after.txt

Ids, times and secrets are replaced by names; everything else a client could see is there byte for byte: status,
headers, bodies; then the audit and `vultus check`. The photos are sample pictures of packages.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from tests import pictures

ADMIN_KEY = "k" * 40
START_SECONDS, ANSWER_SECONDS = 300, 120
IDS = re.compile(r"\b[0-9a-f]{32}\b|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
VOLATILE_HEADERS = ("date", "content-length", "x-request-id", "ratelimit-reset", "retry-after")
JSON, PHOTO_TYPE = {"content-type": "application/json"}, "image/"


class Recorder:
    """Sends requests and keeps what came back, normalised."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._names: dict[str, str] = {}
        self.lines: list[str] = []

    def call(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Send one request."""
        answer = self._client.request(method, path, **request)
        headers = {name: value for name, value in answer.headers.items() if name not in VOLATILE_HEADERS}
        is_photo = answer.headers.get("content-type", "").startswith(PHOTO_TYPE)
        body = f"{len(answer.content)} bytes" if is_photo else answer.text
        head = f"{method} {path} -> {answer.status_code} {json.dumps(headers, sort_keys=True)}"
        self.lines += [self.normalised(head), self.normalised(body), ""]
        return answer

    def normalised(self, text: str) -> str:
        """The text without what differs from run to run."""
        text = re.sub(r'"time":[0-9.e-]+', '"time":T', text)
        text = re.sub(r"\d{4}-\d\d-\d\dT[0-9:.]+(Z|\+00:00)", "TIME", text)
        text = re.sub(r"vk_[\w-]+", "SECRET", text)
        return IDS.sub(lambda found: self._names.setdefault(found[0], f"ID{len(self._names)}"), text)


def send_all(recorder: Recorder) -> None:
    """Every call, with good and with bad input."""
    for method, path in ("GET", "/health"), ("HEAD", "/health"), ("GET", "/readiness"), ("GET", "/capabilities"):
        recorder.call(method, path)
    for method, path in ("GET", "/"), ("GET", "/docs"), ("GET", "/nothing"), ("PUT", "/health"):
        recorder.call(method, path)
    recorder.call("GET", "/health", headers={"x-request-id": "bad"})
    _enroll(recorder)
    _compare(recorder)
    _read_and_change(recorder)
    _keys(recorder)


def _enroll(recorder: Recorder) -> None:
    anna, tom, group, nobody = _photos()
    given = {"subject": "anna/1", "name": "Anna", "metadata": '{"team": "lab"}'}
    for data in given, {"subject": "anna/1"}, {"subject": "x", "unknown": "1"}, {"collection": "a b"}:
        recorder.call("POST", "/enroll", files={"img": anna}, data=data)
    recorder.call("POST", "/enroll", files={"img": tom}, data={"subject": "tom", "face": "largest", "min_quality": "1"})
    for photo in group, nobody, b"no photo":
        recorder.call("POST", "/enroll", files={"img": photo}, data={"subject": "x"})
    recorder.call("POST", "/enroll", data={"subject": "x"})


def _compare(recorder: Recorder) -> None:
    anna, tom, group, nobody = _photos()
    mirror = pictures.variants(anna)["mirror"]
    pair = {"img1": anna, "img2": tom}
    recorder.call("POST", "/verify", files={"img1": anna, "img2": mirror})
    for data in (
        {"distance_metric": "euclidean_l2", "target_fmr": "0.001"},
        {"threshold": "0.4", "model_name": "sface"},
        {"model_name": "VGG-Face"},
        {"model_name": "Facenet"},
    ):
        recorder.call("POST", "/verify", files=pair, data=data)
    for subject in "anna/1", "nobody":
        recorder.call("POST", "/verify", files={"img": mirror}, data={"subject": subject})
    recorder.call("POST", "/verify", files={"img1": nobody, "img2": anna}, data={"enforce_detection": "false"})
    recorder.call("POST", "/verify", json={"img1": "http://127.0.0.1/a.png", "img2": "aGk="})
    for data in (
        {},
        {"collection": "none"},
        {"target_fpir": "0.1", "detector_backend": "mtcnn"},
        {"threshold": "0.5", "top_k": "1"},
    ):
        recorder.call("POST", "/find", files={"img": mirror}, data=data)
    recorder.call("POST", "/find", files={"img": group}, data={"faces": "all", "top_k": "2"})
    recorder.call("POST", "/find", content=b"{", headers=JSON)
    for photo in group, nobody:
        recorder.call("POST", "/detect", files={"img": photo})
    recorder.call("POST", "/represent", files={"img": group}, data={"model_name": "sface"})
    vector = recorder.call("POST", "/represent", files={"img": anna}).json()[0]["embedding"]
    targets = [{"id": "a", "vector": vector}, {"id": "b", "vector": vector[::-1]}]
    recorder.call("POST", "/compare", json={"source_vector": vector, "target_vectors": targets})
    recorder.call("POST", "/compare", json={"source_vector": [1, 2], "target_vector": vector})


def _read_and_change(recorder: Recorder) -> None:
    subjects = "/collections/default/subjects"
    for path in "/collections", "/collections/none", subjects, f"{subjects}?limit=1", f"{subjects}/anna%2F1":
        recorder.call("GET", path)
    faces = recorder.call("GET", f"{subjects}/anna%2F1/faces").json()["faces"]
    for end in "", "/photo":
        recorder.call("GET", f"/faces/{faces[0]['face_id']}{end}")
    for change in {"name": "Tom", "metadata": {"a": 1}}, {}:
        recorder.call("PATCH", f"{subjects}/tom", json=change)
    for model in "sface", "facenet512-casia-webface":
        recorder.call("PUT", "/collections/other", json={"model": model})
    recorder.call("DELETE", "/collections/other")
    recorder.call("DELETE", f"/faces/{faces[0]['face_id']}")
    for _ in range(2):
        recorder.call("DELETE", f"{subjects}/tom")


def _keys(recorder: Recorder) -> None:
    given = {"name": "door", "scopes": ["find"], "collections": ["default"], "requests_per_minute": 2}
    key = recorder.call("POST", "/keys", json=given).json()
    recorder.call("POST", "/keys", json={"name": "boss", "scopes": ["admin"]})
    for path in "/find", "/enroll", "/find":
        recorder.call("POST", path, files={"img": _photos()[0]}, headers={"x-api-key": key["key"]})
    recorder.call("GET", "/keys", headers={"x-api-key": "wrong"})
    recorder.call("POST", f"/keys/{key['id']}/rotate", json={"overlap_minutes": 5})
    recorder.call("DELETE", f"/keys/{key['id']}")
    recorder.call("GET", "/keys")


def _photos() -> tuple[bytes, bytes, bytes, bytes]:
    return pictures.astronaut(), pictures.portrait(), pictures.group(), pictures.no_face()


@contextmanager
def serving(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """A server on an empty data folder, its address and environment; stopped in the end."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VULTUS_")}
    environment = kept | {"VULTUS_ADMIN_KEY": ADMIN_KEY, "VULTUS_DATA_DIR": str(folder)}
    command = [sys.executable, "-m", "vultus", "serve", "--port", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = re.search(r"http://\S+?:\d+", process.stdout.readline())
        if address is None:
            raise SystemExit("the server did not start; run: vultus doctor")
        try:
            yield address[0], environment
        finally:
            process.send_signal(signal.SIGTERM)


def audit_of(environment: dict[str, str]) -> list[str]:
    """What was audited, sorted: lines about reads are written a moment later than those about changes."""
    done = _vultus(environment, "audit", "--json")
    lines = json.loads(done.stdout)["lines"]
    wanted = ("action", "outcome", "collection", "object_count")
    return sorted(json.dumps([line[name] for name in wanted]) for line in lines)


def _vultus(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vultus", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=START_SECONDS, check=True)


def main(out: Path) -> None:
    """Write the answers of this checkout."""
    with tempfile.TemporaryDirectory() as folder:
        with (
            serving(Path(folder) / "data") as (url, environment),
            httpx.Client(base_url=url, headers={"x-api-key": ADMIN_KEY}, timeout=ANSWER_SECONDS) as client,
        ):
            recorder = Recorder(client)
            send_all(recorder)
        recorder.lines += [*audit_of(environment), _vultus(environment, "check").stdout]
    out.write_text("\n".join(recorder.lines) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
