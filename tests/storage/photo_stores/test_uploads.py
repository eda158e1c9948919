"""Uploads of jobs: kept until they are removed, in a folder and in S3, where another server finds them."""

from __future__ import annotations

import pytest

from tests.storage.photo_stores.object_storage import BUCKET
from vultus.errors import NotFound
from vultus.storage.job_records.s3_uploads import RANGE_BYTES, S3Uploads
from vultus.storage.job_records.upload_place import open_uploads
from vultus.storage.job_records.uploads import FolderUploads
from vultus.storage.photo_stores.s3 import S3PhotoStore

JOB = "a" * 32


@pytest.fixture(params=["folder", "s3"])
def uploads(request, tmp_path):
    """The same place as two servers have it."""
    if request.param == "folder":
        return FolderUploads(tmp_path / "uploads"), FolderUploads(tmp_path / "uploads")
    request.getfixturevalue("s3")
    prefix = f"photos/{tmp_path.name}"
    return S3Uploads(BUCKET, prefix, tmp_path / "one"), S3Uploads(BUCKET, prefix, tmp_path / "two")


def keep(uploads, content, job=JOB):
    with uploads.new() as file:
        assert file.stat().st_mode & 0o777 == 0o600
        file.write_bytes(content)
        uploads.keep(file, job)


@pytest.mark.parametrize("content", [b"", b"small", bytes(range(256)) * (RANGE_BYTES // 256) + b"and more"])
def test_what_one_server_keeps_another_reads_until_it_is_removed(uploads, content):
    one, two = uploads
    keep(one, content)
    with two.opened(JOB) as file:
        assert file.read_bytes() == content
    assert [name for name, _ in two.kept()] == [JOB]
    assert next(two.kept())[1] < 3600
    for each in (two, one):
        each.remove(JOB)
    assert list(one.kept()) == []
    with pytest.raises(NotFound, match="no longer stored"), two.opened(JOB):
        pass


def test_what_is_not_kept_goes_at_once(uploads):
    one, _ = uploads
    with one.new() as file:
        file.write_bytes(b"x")
        assert [name for name, _ in one.kept()] == [file.name]
    assert list(one.kept()) == []


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "", "a" * 31])
def test_no_name_leads_out_of_the_folder(tmp_path, name):
    with pytest.raises(NotFound), FolderUploads(tmp_path).opened(name):
        pass


def test_uploads_beside_photos_are_no_photos(s3, tmp_path):
    uploads = S3Uploads(BUCKET, "beside", tmp_path)
    keep(uploads, b"x")
    assert list(S3PhotoStore(BUCKET, "beside").keys()) == []


def test_several_servers_keep_uploads_where_their_photos_are(s3, tmp_path):
    assert isinstance(open_uploads(None, tmp_path, one_server=True), FolderUploads)
    shared = open_uploads(f"file://{tmp_path}/shared", tmp_path / "data", one_server=False)
    keep(shared, b"x")
    assert tmp_path.joinpath("shared", ".uploads", JOB).is_file()
    assert isinstance(open_uploads(f"s3://{BUCKET}/x", tmp_path, one_server=False), S3Uploads)
    alone = open_uploads(f"s3://{BUCKET}/x", tmp_path, one_server=True)
    keep(alone, b"x")
    assert tmp_path.joinpath("uploads", JOB).is_file()
