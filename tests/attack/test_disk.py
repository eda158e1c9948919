"""A disk that is full, and one that turns read-only: one clear error, nothing half written, and reading goes on."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.attack.process import Server, photos_of_one_face, serving
from tests.attack.test_kill import found_faults

pytestmark = [pytest.mark.real, pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="Linux only")]

SMALLEST_BYTES = 4096  # no file may grow beyond: neither the log of the database nor a photo
DISK = "size=24m"


@contextmanager
def mounted(folder: Path, *arguments: str) -> Iterator[Path]:
    """A file system of its own at the folder; skips where this user may not mount."""
    folder.mkdir(mode=0o700)
    done = subprocess.run(["mount", *arguments, str(folder)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"this user may not mount: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def assert_fails_clearly(answer: httpx.Response) -> None:
    """The one shape, a 5xx, and no word about the inside of the server."""
    assert answer.status_code >= 500
    assert set(answer.json()) == {"error", "detail", "request_id"}
    assert "Traceback" not in answer.text
    assert "sqlite" not in answer.text.lower()


def assert_reads(client: httpx.Client, photo: bytes, subjects: set[str]) -> None:
    """The server still lists, finds and compares; it holds just these subjects."""
    there = client.get("/collections/default/subjects").json()["subjects"]
    assert {one["subject"] for one in there} == subjects
    matches = client.post("/find", files={"img": photo}).json()["faces"][0]["matches"]
    assert {match["subject"] for match in matches} == subjects
    assert client.post("/verify", files={"img1": photo, "img2": photo}).json()["verified"]


def suffers(server: Server, folder: Path, fill: Callable[[], Any], free: Callable[[], Any]) -> None:
    """Enroll, fill the disk, be refused clearly, go on reading, free it, enroll again: without a restart."""
    first, second, third = photos_of_one_face(3)
    with server.client() as client:
        assert server.enroll(client, first, "first").status_code == 201
        fill()
        for _ in range(3):
            assert_fails_clearly(server.enroll(client, second, "second"))
            assert_reads(client, first, {"first"})
        assert client.delete("/collections/default/subjects/nobody").status_code == 404
        free()
        assert server.enroll(client, second, "second").status_code == 201
        assert server.enroll(client, third, "third").status_code == 201
        assert_reads(client, first, {"first", "second", "third"})
        assert found_faults(folder) == []


def test_a_limit_of_file_size_is_survived(tmp_path, model_dir):
    folder = tmp_path / "data"
    with serving(folder, model_dir) as server:
        limits = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)

        def limit(size: int) -> None:
            resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, limits[1]))

        suffers(server, folder, lambda: limit(SMALLEST_BYTES), lambda: limit(limits[0]))


def test_a_full_disk_is_survived(tmp_path, model_dir):
    with mounted(tmp_path / "data", "-t", "tmpfs", "-o", DISK, "tmpfs") as folder, serving(folder, model_dir) as server:
        ballast = folder / "ballast"
        suffers(server, folder, lambda: fill_up(ballast), ballast.unlink)


def fill_up(ballast: Path) -> None:
    """Take all the space that is left, to the last byte."""
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            while wrote(file, size):
                pass


def wrote(file: FileIO, size: int) -> bool:
    """Whether there was room for so many bytes."""
    try:
        return file.write(b"\0" * size) == size
    except OSError as exc:
        if exc.errno != errno.ENOSPC:
            raise
        return False


def test_a_disk_that_turns_read_only_is_survived(tmp_path, model_dir):
    image = tmp_path / "disk"
    with image.open("wb") as file:
        file.truncate(64 << 20)
    with suppress(FileNotFoundError):
        subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
    with mounted(tmp_path / "data", "-o", "loop,errors=remount-ro", str(image)) as disk:
        folder = disk / "vultus"
        first, second = photos_of_one_face(2)
        with serving(folder, model_dir) as server, server.client() as client:
            assert server.enroll(client, first, "first").status_code == 201
            os.sync()
            subprocess.run(["mount", "-o", "remount,abort", str(disk)], check=True)  # as after an error of the disk
            for _ in range(2):
                assert_fails_clearly(server.enroll(client, second, "second"))
                assert_fails_clearly(client.delete("/collections/default/subjects/first"))
                assert_reads(client, first, {"first"})
