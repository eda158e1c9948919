"""The last verified backup, as it is kept in the data folder."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from vultus.backup.last_backup import FILE_NAME, LastBackup, read_last_backup, write_last_backup

BACKUP = LastBackup(datetime(2026, 11, 26, 10, 30, tzinfo=UTC), "saved.tar", 12_345, "ab" * 32)


def test_what_is_written_is_read(tmp_path):
    write_last_backup(tmp_path, BACKUP)
    assert read_last_backup(tmp_path) == BACKUP
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_without_a_backup_none_is_known(tmp_path):
    assert read_last_backup(tmp_path) is None


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", '{"at": "yesterday"}', '{"at": "2026-11-26T10:30:00"', "\xff"]
)
def test_a_damaged_file_is_no_backup(tmp_path, text):
    (tmp_path / FILE_NAME).write_text(text, "latin-1")
    assert read_last_backup(tmp_path) is None


def test_a_time_without_a_zone_is_no_time(tmp_path):
    text = '{"at": "2026-11-26T10:30:00", "file": "f", "bytes": 1, "sha256": "ab"}'
    (tmp_path / FILE_NAME).write_text(text)
    assert read_last_backup(tmp_path) is None
