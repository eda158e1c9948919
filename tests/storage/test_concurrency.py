"""Several threads, several databases on one file, and a writer that is killed."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

from tests.storage.synthetic import new_face, sha256, unit
from vultus.search.index import FlatIndex
from vultus.storage.database import open_database
from vultus.storage.gallery import Gallery
from vultus.storage.photos import LocalPhotoStore

ROUNDS = 4
ACKNOWLEDGED_BEFORE_THE_KILL = 25
CHECKOUT = Path(__file__).parents[2]

WRITER = """
import sys
from tests.storage.synthetic import new_face
from vultus.storage.database import open_database
from vultus.storage.gallery import Gallery
gallery = Gallery(open_database(sys.argv[1]))
for seed in range(int(sys.argv[2]), 10**9):
    _, (enrolled,) = gallery.add_faces("people", f"s{seed % 7}", [new_face(seed)])
    print(enrolled.face.id, flush=True)
"""


def test_what_is_acknowledged_is_found_through_every_database(gallery, other_gallery):
    index, other_index = FlatIndex(gallery), FlatIndex(other_gallery)

    def enroll_and_find(thread: int) -> int:
        writer, search = ((gallery, other_index), (other_gallery, index))[thread % 2]
        misses = 0
        for seed in range(thread * 1000, thread * 1000 + 25):
            _, (enrolled,) = writer.add_faces("people", f"subject {seed}", [new_face(seed)])
            face = enrolled.face
            ((best, *_),) = search.search("people", unit(seed)[None, :], 1)
            misses += best.face_id != face.id
            if seed % 3 == 0:
                writer.delete_subject("people", f"subject {seed}")
                found = search.search("people", unit(seed)[None, :], 100)[0]
                misses += any(line.subject == f"subject {seed}" for line in found)
        return misses

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(enroll_and_find, range(4))) == 0


def test_two_threads_enrolling_one_photo_give_one_face(gallery, other_gallery):
    start = threading.Barrier(2)

    def enroll(writer: Gallery) -> list[tuple[str, bool]]:
        stored = []
        for seed in range(30):
            start.wait()
            _, (enrolled,) = writer.add_faces("people", "anna", [new_face(seed)])
            face, created = enrolled.face, enrolled.created
            stored.append((face.id, created))
        return stored

    with ThreadPoolExecutor(2) as pool:
        ours, theirs = pool.map(enroll, (gallery, other_gallery))
    assert [face for face, _ in ours] == [face for face, _ in theirs]
    assert all(mine != yours for (_, mine), (_, yours) in zip(ours, theirs, strict=True))
    assert gallery.subject("people", "anna").faces == 30


def test_an_erasure_between_photo_and_row_takes_no_photo_away(tmp_path, gallery, other_gallery):
    photos = LocalPhotoStore(tmp_path / "photos")
    key = photos.put(b"photo 1")

    def make_sure() -> None:
        assert not photos.exists(key)  # an erasure came between
        photos.put(b"photo 1")
        sweeps.append(pool.submit(other_gallery.photos.remove_strays, [key], photos.delete))
        assert not wait(sweeps, timeout=0.1).done  # the next one has to wait for the row

    with ThreadPoolExecutor(1) as pool:
        sweeps: list[Future[int]] = []
        assert other_gallery.photos.remove_strays([key], photos.delete) == 1
        gallery.add_faces("people", "anna", [new_face(1)], before_commit=make_sure)
        assert sweeps[0].result() == 0
    assert photos.get(key) == b"photo 1"


def test_enrolments_racing_with_erasures_keep_their_photos(tmp_path, gallery, other_gallery):
    photos = LocalPhotoStore(tmp_path / "photos")
    data = b"the one photo"
    key = photos.put(data)

    def enroll(seed: int) -> None:
        new = new_face(seed, photo=data.decode())
        gallery.add_faces("people", f"subject {seed}", [new], before_commit=lambda: assert_put(photos, data))
        assert photos.get(key) == data  # the row is there, so is the photo
        _, orphans = gallery.delete_subject("people", f"subject {seed}")
        gallery.photos.remove(orphans, photos.delete)

    assert key == sha256(data.decode())
    with ThreadPoolExecutor(4) as pool:
        sweeps = [pool.submit(other_gallery.photos.remove_strays, [key], photos.delete) for _ in range(60)]
        for done in [*(pool.submit(enroll, seed) for seed in range(30)), *sweeps]:
            done.result()
    assert not photos.exists(key)


def assert_put(photos: LocalPhotoStore, data: bytes) -> None:
    assert photos.exists(photos.put(data))


def test_a_killed_writer_loses_nothing_it_acknowledged(gallery, url):
    acknowledged: list[str] = []
    for turn in range(ROUNDS):
        acknowledged += _write_until_killed(url, turn)
        database = open_database(url)
        with database.reading() as connection:
            assert database.is_undamaged(connection, thorough=True)
            assert database.orphans(connection) == 0
        changes = Gallery(database).changes_since("people", None)
        pks = [int(pk) for rows in changes.added for pk in rows.face_pks]
        ids = Gallery(database).owners(changes.mark, pks)
        assert set(acknowledged) <= {one.face for one in ids.values()}
        assert len(pks) == Gallery(database).collection("people").faces
        database.close()


def _write_until_killed(url: str, turn: int) -> list[str]:
    """Face ids that a process acknowledged before it was killed in the middle of its work."""
    command = [sys.executable, "-c", WRITER, url, str(turn * 1_000_000)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(ACKNOWLEDGED_BEFORE_THE_KILL)]
        time.sleep(0.003 * turn)  # not waiting for anything: to die at another moment each time
        process.kill()
        rest = process.stdout.read().splitlines(keepends=True)
    assert all(len(line) == 32 for line in lines), "the writer failed"
    return lines + [line.strip() for line in rest if line.endswith("\n")]
