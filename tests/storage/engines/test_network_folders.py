from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import make_url

from vultus.errors import StorageFailed
from vultus.storage.engines import sqlite
from vultus.storage.engines.network_folders import network_file_system
from vultus.storage.engines.sqlite import SQLiteDatabase

MOUNTED = """/dev/vda / ext4 rw 0 0
proc /proc proc rw 0 0
server:/export {folder}/far nfs4 rw 0 0
me@host:/ {folder}/with\\040space fuse.sshfs rw 0 0
/dev/vdb {folder}/far/near xfs rw 0 0
"""


@pytest.mark.parametrize(
    ("place", "kind"),
    [("", None), ("far", "nfs4"), ("far/deep/er", "nfs4"), ("far/near/data", None), ("with space", "fuse.sshfs")],
)
def test_the_mount_that_holds_the_folder_decides(tmp_path, place, kind):
    (mounts := tmp_path / "mounts").write_text(MOUNTED.format(folder=tmp_path))
    assert network_file_system(tmp_path / place, mounts) == kind


def test_without_a_list_of_mounts_nothing_is_said(tmp_path):
    assert network_file_system(tmp_path, tmp_path / "absent") is None


def test_a_database_over_a_network_is_refused_with_the_way_out(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite, "network_file_system", lambda folder: "nfs4")
    with pytest.raises(StorageFailed, match=r"network file system \(nfs4\).*VULTUS_DATA_DIR"):
        SQLiteDatabase(make_url(f"sqlite:///{tmp_path / 'vultus.db'}"))
    assert not list(tmp_path.iterdir())


def test_this_machine_s_own_list_is_read():
    assert network_file_system(Path("/proc")) is None
