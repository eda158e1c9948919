"""Photos in a local folder."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import pytest

from vultus.errors import InvalidRequest, NotFound, StorageFailed
from vultus.storage.photos import LocalPhotoStore

DATA = b"a photo"
KEY = sha256(DATA).hexdigest()


@pytest.fixture
def photos(tmp_path) -> LocalPhotoStore:
    return LocalPhotoStore(tmp_path / "photos")


def test_a_photo_comes_back_under_the_hash_of_its_bytes(tmp_path, photos):
    assert photos.put(DATA) == KEY
    assert photos.get(KEY) == DATA
    assert photos.exists(KEY)
    assert (tmp_path / "photos" / KEY[:2] / KEY[2:4] / KEY).read_bytes() == DATA


def test_the_same_photo_is_written_once(tmp_path, photos):
    photos.put(DATA)
    (file,) = (path for path in (tmp_path / "photos").rglob("*") if path.is_file())
    before = file.stat().st_ino
    photos.put(DATA)
    assert file.stat().st_ino == before
    assert list(photos.keys()) == [KEY]


def test_files_and_folders_are_private(tmp_path, photos):
    photos.put(DATA)
    for path in (tmp_path / "photos").rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600)


def test_a_deleted_photo_is_gone_and_may_be_deleted_again(photos):
    photos.put(DATA)
    photos.delete(KEY)
    photos.delete(KEY)
    assert not photos.exists(KEY)
    with pytest.raises(NotFound, match=KEY[:12]):
        photos.get(KEY)


@pytest.mark.parametrize("key", ["", "../../etc/passwd", KEY.upper(), KEY + "\n", KEY[:-1], "/" + KEY[1:]])
def test_only_a_hash_reaches_a_path(photos, key):
    for method in (photos.get, photos.exists, photos.delete):
        with pytest.raises(InvalidRequest, match="64 hex digits"):
            method(key)


def test_a_damaged_photo_is_not_handed_out(tmp_path, photos):
    photos.put(DATA)
    file = tmp_path / "photos" / KEY[:2] / KEY[2:4] / KEY
    file.write_bytes(b"b photo")
    with pytest.raises(StorageFailed, match="damaged"):
        photos.get(KEY)
    file.write_bytes(b"a ph")
    photos.put(DATA)  # cut short: written again
    assert photos.get(KEY) == DATA


def test_keys_are_those_of_whole_photos(tmp_path, photos):
    wanted = {photos.put(bytes([n])) for n in range(50)}
    (tmp_path / "photos" / "note.txt").write_text("not a photo")
    (tmp_path / "photos" / KEY[:2] / KEY[2:4]).mkdir(parents=True, exist_ok=True)
    (tmp_path / "photos" / KEY[:2] / KEY[2:4] / ".tmp-1").write_bytes(b"half")
    assert sorted(photos.keys()) == sorted(wanted)


def test_an_empty_store_has_no_keys(photos):
    assert list(photos.keys()) == []
    assert photos.remove_leftovers() == 0


def test_old_leftovers_are_removed_and_young_ones_stay(tmp_path, photos):
    photos.put(DATA)
    folder = tmp_path / "photos" / KEY[:2] / KEY[2:4]
    (folder / ".tmp-old").write_bytes(b"half")
    (folder / ".tmp-young").write_bytes(b"half")
    os.utime(folder / ".tmp-old", (0, 0))
    assert photos.remove_leftovers() == 1
    assert {path.name for path in folder.iterdir()} == {KEY, ".tmp-young"}


@pytest.mark.parametrize(
    ("code", "words"),
    [(errno.ENOSPC, "is full"), (errno.EROFS, "read-only"), (errno.EACCES, "closed to this user"), (errno.EIO, "disk")],
)
def test_a_refusing_disk_is_named_and_leaves_nothing(tmp_path, photos, monkeypatch, code, words):
    def refuse(_: int) -> None:
        raise OSError(code, os.strerror(code))

    (tmp_path / "photos" / KEY[:2] / KEY[2:4]).mkdir(parents=True)
    with monkeypatch.context() as patched:  # a disk cannot be filled from here
        patched.setattr(os, "fsync", refuse)
        with pytest.raises(StorageFailed, match=words):
            photos.put(DATA)
    assert [path for path in (tmp_path / "photos").rglob("*") if path.is_file()] == []


def test_threads_may_store_one_photo_at_once(photos):
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(photos.put, [DATA] * 40)) == {KEY}
    assert photos.get(KEY) == DATA
