"""Which backups are kept in a folder, and what a killed backup leaves."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest

from vultus.backup.retention import backup_name, remove_older
from vultus.backup.work_folder import PREFIX, remove_abandoned, work_folder
from vultus.files import locked
from vultus.installation_key import InstallationKey

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
URL = "sqlite:////data/vultus.db"


@pytest.fixture
def key(tmp_path) -> InstallationKey:
    key = InstallationKey(tmp_path / "installation.key")
    key.make()
    return key


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder


def made(folder, key, days: int, *, url: str = URL, encrypted: bool = False):
    path = folder / backup_name(key, url, NOON + timedelta(days=days), encrypted=encrypted)
    path.write_text("a backup")
    return path


def names(folder) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_newest_are_kept_encrypted_or_not(folder, key):
    paths = [made(folder, key, day, encrypted=day % 2 == 0) for day in range(6)]
    assert remove_older(paths[5], 3) == tuple(path.name for path in paths[:3])
    assert names(folder) == {path.name for path in paths[3:]}


def test_the_one_just_made_is_kept_although_the_clock_was_set_back(folder, key):
    paths = [made(folder, key, day) for day in (5, 6, 7)]
    new = made(folder, key, 0)
    remove_older(new, 1)
    assert names(folder) == {new.name}
    assert paths[0] != new


def test_other_files_are_never_removed(folder, key):
    new = made(folder, key, 9)
    other = made(folder, key, 1, url="sqlite:////elsewhere/vultus.db")
    mine = made(folder, key, 2)
    stem = mine.name.removesuffix(".tar")
    foreign = [f"{stem}.tar.gz", f"{stem}.tar.age.part", f"x{mine.name}", f"{stem}", "notes.txt", f"{mine.name}\n"]
    for name in foreign:
        (folder / name).write_text("precious")
    (folder / made(folder, key, 3).name).unlink()
    link = folder / backup_name(key, URL, NOON + timedelta(days=3), encrypted=False)
    link.symlink_to(folder / "notes.txt")
    (folder / backup_name(key, URL, NOON + timedelta(days=4), encrypted=False)).mkdir()
    assert remove_older(new, 1) == (mine.name,)
    assert {new.name, other.name, link.name, *foreign} <= names(folder)


def test_where_fewer_are_there_none_is_removed(folder, key):
    paths = [made(folder, key, day) for day in range(2)]
    assert remove_older(paths[1], 5) == ()
    assert names(folder) == {path.name for path in paths}


def test_a_file_with_a_name_of_its_own_removes_none(folder, key):
    made(folder, key, 1)
    (folder / "saved").write_text("a backup")
    assert remove_older(folder / "saved", 1) == ()


# --- work folders -----------------------------------------------------------------------------------------------------


def test_a_work_folder_is_private_and_gone_at_the_end(tmp_path):
    with work_folder(tmp_path) as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "copy").write_text("a gallery")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_backup_left_is_removed_by_the_next(tmp_path):
    left = tmp_path / f"{PREFIX}left"
    left.mkdir()
    (left / "vultus.db").write_text("a gallery")
    os.utime(left, (0, 0))
    with work_folder(tmp_path):
        assert not left.exists()


def test_what_another_backup_works_in_stays(tmp_path):
    used = tmp_path / f"{PREFIX}used"
    used.mkdir()
    with locked(used):
        os.utime(used, (0, 0))
        assert remove_abandoned(tmp_path) == 0
    assert used.exists()
    (tmp_path / f"{PREFIX}young").mkdir()
    os.utime(used, (0, 0))
    assert remove_abandoned(tmp_path) == 1
    assert names(tmp_path) == {f"{PREFIX}young"}
