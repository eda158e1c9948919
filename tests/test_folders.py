"""Folders that Vultus makes: closed to others, and durable up to the first that was there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vultus import files
from vultus.storage.database import open_database
from vultus.storage.photos import LocalPhotoStore
from vultus.storage.server_lock import serving_alone


@pytest.fixture
def open_umask():
    before = os.umask(0)
    yield
    os.umask(before)


def lock(folder: Path) -> None:
    with serving_alone(folder):
        pass


MAKERS = {
    "database": lambda folder: open_database(f"sqlite:///{folder}/vultus.db"),
    "lock": lock,
    "photos": lambda folder: LocalPhotoStore(folder).put(b"photo"),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_new_folder_and_its_new_parents_are_for_this_user_only(tmp_path, open_umask, make):
    make(tmp_path / "new" / "parent" / "data")
    made = [path for path in tmp_path.rglob("*") if path.is_dir()]
    assert len(made) >= 3
    assert {path.stat().st_mode & 0o777 for path in made} == {0o700}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_each_name_that_was_made_is_synced(tmp_path, monkeypatch, make):
    synced, fsync = [], os.fsync

    def noted(descriptor: int) -> None:
        synced.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    make(tmp_path / "new" / "parent" / "data")
    assert {tmp_path, tmp_path / "new", tmp_path / "new" / "parent"} <= set(synced)


def test_the_name_of_a_new_database_is_synced(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr("vultus.storage.engines.sqlite.sync_folder", synced.append)
    for _ in range(2):
        open_database(f"sqlite:///{tmp_path}/vultus.db").close()
    assert synced == [tmp_path]


def test_an_existing_folder_keeps_its_mode(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir(mode=0o750)
    folder.chmod(0o750)
    files.make_folders(folder)
    assert folder.stat().st_mode & 0o777 == 0o750
