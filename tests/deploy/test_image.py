"""The container image, built from this checkout and run with a read-only root and one writable folder, as root of a
Debian machine with buildah and mmdebstrap. It needs the package index, so it is part of `make soak` alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests import pictures
from tests.waiting import patient, wait_until

ROOT = Path(__file__).parents[2]
TOOLS = ("buildah", "mmdebstrap", "unshare", "chroot")
PORT = 18431
MOST_BYTES = 650_000_000  # unpacked
RUN = """
set -eu
root=$1 data=$2
shift 2
mount --make-rprivate /
mount --bind "$root" "$root"
mount -o remount,ro,bind "$root"
mount --bind "$data" "$root/data"
mount -t tmpfs tmpfs "$root/tmp"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
exec chroot --userspec=10001:10001 "$root" /usr/bin/env -i "$@"
"""

pytestmark = [
    pytest.mark.soak,
    pytest.mark.image,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may build without a container engine"),
    pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason=f"needs {', '.join(TOOLS)}"),
]


def buildah(*arguments: str) -> str:
    done = subprocess.run(["buildah", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip()


@pytest.fixture(scope="module")
def image():
    """The tag of the image; it is removed in the end."""
    tag = f"localhost/vultus:test-{uuid4().hex[:8]}"
    done = subprocess.run(["sh", "deploy/image/on_debian.sh", tag], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    yield tag
    buildah("rmi", tag)


@pytest.fixture(scope="module")
def root(image):
    """The folder of the unpacked image."""
    container = buildah("from", image)
    yield Path(buildah("mount", container))
    buildah("rm", container)


@pytest.fixture(scope="module")
def config(image):
    return json.loads(buildah("inspect", "--type", "image", image))["Docker"]["config"]


@pytest.fixture
def server(root, config, tmp_path):
    """The image's own command, as its engine would run it; its output."""
    data = tmp_path / "data"
    data.mkdir()
    os.chown(data, 10001, 10001)
    log = tmp_path / "log"
    environment = [*config["Env"], f"VULTUS_PORT={PORT}", "VULTUS_HOST=127.0.0.1"]
    command = [*config["Entrypoint"], *config["Cmd"]]
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", RUN, "sh", str(root), str(data), *environment, *command],
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_until(lambda: process.poll() is not None or is_ready(), "the image to serve")
            assert process.poll() is None, log.read_text()
            yield log
            process.terminate()
            assert process.wait(patient()) == 0
        finally:
            process.kill()
            process.wait()


def is_ready() -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{PORT}/readiness", timeout=patient()).status_code == 200
    except httpx.TransportError:
        return False


def files_of(root: Path) -> dict[str, int]:
    """Path -> bytes of each file; a link is no file."""
    found = (Path(folder) / name for folder, _, names in os.walk(root) for name in names)
    return {str(path): path.lstat().st_size for path in found if not path.is_symlink()}


def test_the_image_is_small_and_has_neither_installer_nor_compiler(root):
    sizes = files_of(root)
    print(f"image: {sum(sizes.values()) / 1e6:.0f} MB unpacked")
    assert sum(sizes.values()) < MOST_BYTES
    assert {Path(path).name for path in sizes} & {"pip", "pip3", "gcc", "cc", "strip", "make"} == set()
    assert not any("/site-packages/pip/" in path for path in sizes)


def test_the_image_says_how_it_is_run(config):
    assert config["User"] == "10001:10001"
    assert config["Healthcheck"]["Test"] == ["CMD", "vultus", "health"]
    assert config["StopSignal"] == "SIGTERM"
    assert list(config["Volumes"]) == ["/data"]


def test_it_enrols_and_finds_and_writes_nothing_but_data(server, root):
    before = files_of(root)
    key = server.read_text().partition("keep it safe): ")[2].split()[0]
    url, headers = f"http://127.0.0.1:{PORT}", {"Authorization": f"Bearer {key}"}
    photo = {"img": pictures.astronaut()}
    with httpx.Client(base_url=url, headers=headers, timeout=patient()) as client:
        enrolled = client.post("/enroll", files=photo, data={"subject": "eileen"})
        assert enrolled.status_code == 201, enrolled.text
        found = client.post("/find", files=photo).json()
    assert found["faces_found"] == 1
    assert "eileen" in json.dumps(found)
    assert files_of(root) == before
