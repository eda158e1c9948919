"""Backup and restore: of one moment, whole or not at all, while others write and erase."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
import threading
import tracemalloc
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.first_release.folder import make_released_database
from tests.storage.synthetic import new_face, unit
from tests.waiting import wait_until
from vultus.backup.archive import ArchiveReader, ArchiveWriter, Manifest
from vultus.backup.create import create_backup, verify
from vultus.backup.integrity import faults
from vultus.backup.restore import RESTORING, refuse_unfinished, restore_backup
from vultus.errors import NotFound, StorageFailed
from vultus.installation_key import InstallationKey
from vultus.records.stored import NewFace
from vultus.search.index import FlatIndex
from vultus.storage.audit import Act, Audit
from vultus.storage.database import open_database
from vultus.storage.gallery import Gallery
from vultus.storage.migrations.runner import migrate, newest_schema
from vultus.storage.photos import LocalPhotoStore

ACT = Act("command")
DAY = timedelta(hours=24)


@pytest.fixture
def photos(tmp_path) -> LocalPhotoStore:
    return LocalPhotoStore(tmp_path / "data" / "photos")


def enroll(gallery: Gallery, photos: LocalPhotoStore, seed: int, subject: str) -> str:
    """Enroll a photo as the service does; the id of its face."""
    data = f"photo {seed} of {subject}".encode()
    new = new_face(seed, photo=data.decode())
    stored = NewFace(new.template, replace(new.photo, size_bytes=len(data)))
    photos.put(data)
    _, (enrolled,) = gallery.add_faces("people", subject, [stored], before_commit=lambda: put_again(photos, data))
    face = enrolled.face
    return face.id


def put_again(photos: LocalPhotoStore, data: bytes) -> None:
    photos.put(data)


@pytest.fixture
def full(gallery, photos) -> list[str]:
    """Twelve faces of three subjects."""
    return [enroll(gallery, photos, seed, f"s{seed % 3}") for seed in range(12)]


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "saved.vultus"


def restored(file: Path, folder: Path) -> tuple[Gallery, LocalPhotoStore]:
    restore_backup(file, folder / "vultus.db", folder / "photos", ACT)
    database = open_database(f"sqlite:///{folder / 'vultus.db'}")
    photos = LocalPhotoStore(folder / "photos")
    assert list(faults(database, photos)) == []
    return Gallery(database), photos


def test_what_is_restored_is_what_was_there(tmp_path, database, gallery, photos, file, full):
    verified = create_backup(database, photos, file)
    manifest = verified.manifest
    assert (manifest.subjects, manifest.faces, manifest.photos) == (3, 12, 12)
    assert verify(file) == verified
    assert verified.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    copy, copied_photos = restored(file, tmp_path / "new")
    assert copy.subjects("people", limit=10) == gallery.subjects("people", limit=10)
    assert [copy.face(face) for face in full] == [gallery.face(face) for face in full]
    assert set(copied_photos.keys()) == set(photos.keys())
    for seed, face in enumerate(full):
        ((best, *_),) = FlatIndex(copy).search("people", unit(seed)[None, :], 1)
        assert best.face_id == face


def test_a_restore_is_audited_where_it_was_done(tmp_path, database, photos, file, full):
    create_backup(database, photos, file)
    restored(file, tmp_path / "new")
    copy = Audit(open_database(f"sqlite:///{tmp_path / 'new' / 'vultus.db'}"))
    assert [(line.actor, line.action) for line in copy.lines()] == [("command", "restore")]


def test_the_file_is_private_and_nothing_else_is_left(tmp_path, database, photos, file, full):
    create_backup(database, photos, file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {"data", file.name}


def test_a_file_that_is_there_is_not_overwritten(database, photos, file):
    file.write_text("something else")
    with pytest.raises(StorageFailed, match="is there already"):
        create_backup(database, photos, file)
    assert file.read_text() == "something else"


def test_a_backup_can_be_verified_by_hand(tmp_path, database, photos, file, full):
    create_backup(database, photos, file)
    folder = tmp_path / "by hand"
    folder.mkdir()
    subprocess.run(["tar", "xf", file], cwd=folder, check=True)
    done = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.count(": OK") == 12 + 2


# --- while others write -------------------------------------------------------------------------------------------


def test_backups_while_others_enroll_and_erase_are_each_of_one_moment(
    tmp_path, database, gallery, photos, other_gallery
):
    stop, written = threading.Event(), Counter[int]()

    def write(writer: Gallery, first: int) -> None:
        for seed in range(first, 10**9):
            enroll(writer, photos, seed, f"s{first}-{seed % 5}")
            if seed % 4 == 0:
                _, orphans = writer.delete_subject("people", f"s{first}-{seed % 5}")
                writer.photos.remove(orphans, photos.delete)
            written[first] += 1
            if stop.is_set():
                return

    def back_up_when_both_went_on(turn: int) -> Manifest:
        wait_until(
            lambda: min(written[0], written[10**6]) >= 4 * turn or any(writer.done() for writer in writers),
            "both writers to go on",
        )
        return create_backup(database, photos, tmp_path / f"{turn}.vultus").manifest

    with ThreadPoolExecutor(2) as pool:
        writers = [pool.submit(write, writer, first) for writer, first in ((gallery, 0), (other_gallery, 10**6))]
        try:
            manifests = [back_up_when_both_went_on(turn) for turn in range(4)]
        finally:
            stop.set()
        for writer in writers:
            writer.result()
    for turn, manifest in enumerate(manifests):
        copy, _ = restored(tmp_path / f"{turn}.vultus", tmp_path / str(turn))
        assert copy.collection("people").faces == manifest.faces


class ErasedMeanwhile(LocalPhotoStore):
    """Erases a subject after the database was copied and before the first photo is."""

    def __init__(self, folder: Path, erase: object) -> None:
        super().__init__(folder)
        self._erase = erase

    def get(self, key: str) -> bytes:
        erase, self._erase = self._erase, None
        if erase:
            erase()
        return super().get(key)


def test_a_subject_erased_while_a_backup_runs_is_not_in_it(tmp_path, database, gallery, photos, file, full):
    def erase() -> None:
        _, orphans = gallery.delete_subject("people", "s1")
        gallery.photos.remove(orphans, photos.delete)

    create_backup(database, ErasedMeanwhile(tmp_path / "data" / "photos", erase), file)
    copy, _ = restored(file, tmp_path / "new")
    assert [subject.id for subject in copy.subjects("people", limit=10)] == ["s0", "s2"]


def test_a_subject_renamed_and_emptied_while_a_backup_runs_stays_in_it(tmp_path, database, gallery, photos, file, full):
    """Its faces were erased, the subject was not."""

    def change() -> None:
        gallery.corrections.rename("people", "s1", "new", undo_for=DAY)
        for face in gallery.faces("people", "new"):
            _, orphans = gallery.delete_face(face.id)
            gallery.photos.remove(orphans, photos.delete)

    create_backup(database, ErasedMeanwhile(tmp_path / "data" / "photos", change), file)
    copy, _ = restored(file, tmp_path / "new")
    assert [(one.id, one.faces) for one in copy.subjects("people", limit=10)] == [("s0", 4), ("s1", 0), ("s2", 4)]


def test_a_subject_merged_and_erased_while_a_backup_runs_is_not_in_it(tmp_path, database, gallery, photos, file, full):
    def change() -> None:
        gallery.corrections.merge("people", "s1", "s2", undo_for=DAY)
        _, orphans = gallery.delete_subject("people", "s2")
        gallery.photos.remove(orphans, photos.delete)

    create_backup(database, ErasedMeanwhile(tmp_path / "data" / "photos", change), file)
    copy, _ = restored(file, tmp_path / "new")
    assert [one.id for one in copy.subjects("people", limit=10)] == ["s0"]


def test_a_merge_is_undone_after_a_restore(tmp_path, database, gallery, photos, file, full):
    undo = gallery.corrections.merge("people", "s1", "s2", undo_for=DAY).undo
    create_backup(database, photos, file)
    copy, _ = restored(file, tmp_path / "new")
    assert copy.corrections.undo(undo.id).subject.faces == 4


def test_what_was_merged_and_erased_while_a_backup_ran_is_not_undone_in_it(
    tmp_path, database, gallery, photos, file, full
):
    undo = gallery.corrections.merge("people", "s1", "s2", undo_for=DAY).undo

    def erase() -> None:
        _, orphans = gallery.delete_subject("people", "s2")
        gallery.photos.remove(orphans, photos.delete)

    create_backup(database, ErasedMeanwhile(tmp_path / "data" / "photos", erase), file)
    copy, _ = restored(file, tmp_path / "new")
    with pytest.raises(NotFound):
        copy.corrections.undo(undo.id)


def test_a_photo_that_is_missing_while_its_face_is_there_ends_the_backup(
    tmp_path, database, gallery, photos, file, full
):
    photos.delete(gallery.face(full[3]).photo.sha256)
    with pytest.raises(StorageFailed, match=f"of face {full[3]} is missing, so no backup was made; run: vultus check"):
        create_backup(database, photos, file)
    assert {path.name for path in tmp_path.iterdir()} == {"data"}


# --- damaged files ------------------------------------------------------------------------------------------------


def refused(file: Path, folder: Path) -> str:
    """The sentence with which a restore refuses; nothing may be left of it."""
    with pytest.raises(StorageFailed) as caught:
        restore_backup(file, folder / "vultus.db", folder / "photos", ACT)
    assert not folder.exists() or list(folder.iterdir()) == []
    return str(caught.value)


def test_a_file_cut_anywhere_is_refused(tmp_path, database, photos, file, full):
    create_backup(database, photos, file)
    whole = file.read_bytes()
    end = whole.rindex(b"SHA256SUMS")
    for length in (0, 100, 512, 5000, len(whole) // 2, end - 1, end + 200, end + 600):
        file.write_bytes(whole[:length])
        assert "take another one" in refused(file, tmp_path / "new")


def test_every_flipped_byte_of_content_is_noticed(tmp_path, database, photos, file, full):
    create_backup(database, photos, file)
    whole = file.read_bytes()
    with tarfile.open(file) as tar:
        places = [member.offset_data + member.size // 2 for member in tar]
    for place in places:
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert "cannot be used" in refused(file, tmp_path / "new")


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE])
def test_a_long_extended_header_is_refused_before_it_is_read(tmp_path, kind):
    file = tmp_path / "hostile.vultus"
    member = tarfile.TarInfo("x")
    member.type, member.size = kind, 32 << 20
    with file.open("wb") as out:
        out.write(member.tobuf(tarfile.GNU_FORMAT))
        out.truncate(member.size + 4096)
    tracemalloc.start()
    try:
        with pytest.raises(StorageFailed, match="it is no backup, or it is cut off"):
            list(ArchiveReader(file).photos(None))
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_headers_of_headers_and_files_of_holes_are_refused(tmp_path):
    endless, holes = tmp_path / "endless.vultus", tmp_path / "holes.vultus"
    member = tarfile.TarInfo("x")
    member.type, member.size = tarfile.GNUTYPE_LONGNAME, 1
    endless.write_bytes((member.tobuf(tarfile.GNU_FORMAT) + b"x".ljust(512, b"\0")) * 3000)
    sparse = bytearray(tarfile.TarInfo("vultus.db").tobuf(tarfile.GNU_FORMAT))
    sparse[156:157] = tarfile.GNUTYPE_SPARSE
    sparse[483:495] = b"77777777777\0"  # 8 GiB of nothing
    sparse[148:156] = b" " * 8
    sparse[148:156] = f"{sum(sparse):06o}\0 ".encode()
    holes.write_bytes(sparse + bytes(1024))
    for file, sentence in ((endless, "no backup"), (holes, "does not belong there")):
        with pytest.raises(StorageFailed, match=sentence):
            list(ArchiveReader(file).photos(tmp_path / "vultus.db"))
    assert not (tmp_path / "vultus.db").exists()


@pytest.mark.parametrize("kind", ["path", "link", "device", "twice"])
def test_a_hostile_member_is_refused_and_never_written(tmp_path, kind):
    file, outside = tmp_path / "hostile.vultus", tmp_path / "outside"
    member = tarfile.TarInfo(f"../{outside.name}" if kind == "path" else "vultus.db")
    if kind == "link":
        member.type, member.linkname = tarfile.SYMTYPE, str(outside)
    if kind == "device":
        member.type = tarfile.CHRTYPE
    with tarfile.open(file, "w") as tar:
        for _ in range(2 if kind == "twice" else 1):
            member.size = 4 if kind in ("path", "twice") else 0
            tar.addfile(member, io.BytesIO(b"evil"))
    assert "cannot be used" in refused(file, tmp_path / "new")
    assert not outside.exists()


def test_a_file_that_is_no_backup_is_refused(tmp_path):
    (tmp_path / "text").write_text("no backup" * 1000)
    assert "it is no backup, or it is cut off" in refused(tmp_path / "text", tmp_path / "new")


def test_a_backup_of_a_newer_format_is_refused_in_words(tmp_path):
    values = {**vars(Manifest("9.9", 9, "2030-01-01", 0, 0, 0)), "format": 2}
    data = json.dumps(values).encode()
    member = tarfile.TarInfo("manifest.json")
    member.size = len(data)
    with tarfile.open(tmp_path / "newer", "w") as tar:
        tar.addfile(member, io.BytesIO(data))
    assert "made by a newer Vultus" in refused(tmp_path / "newer", tmp_path / "new")


def test_a_backup_whose_rows_and_photos_disagree_is_refused(tmp_path, database, photos, file, full):
    create_backup(database, photos, file)
    forged = tmp_path / "forged"
    members = {}
    with tarfile.open(file) as tar:
        for member in tar:
            members[member.name] = tar.extractfile(member).read()
    del members[next(name for name in members if name.startswith("photos/"))]
    names = [name for name in members if name != "SHA256SUMS"]
    sums = "".join(f"{hashlib.sha256(members[name]).hexdigest()}  {name}\n" for name in names)
    with tarfile.open(forged, "w") as tar:
        for name, data in [*((name, members[name]) for name in names), ("SHA256SUMS", sums.encode())]:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    assert "is missing; restore a backup" in refused(forged, tmp_path / "new")


# --- where it is put ----------------------------------------------------------------------------------------------


def test_a_folder_that_is_not_empty_is_left_as_it_is(tmp_path, database, photos, file, full):
    create_backup(database, photos, file)
    folder = tmp_path / "data"
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(StorageFailed, match="is there already; restore into an empty data folder"):
        restore_backup(file, folder / "vultus.db", folder / "photos", ACT)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("died_after", ["nothing", "photos"])
def test_a_restore_that_died_is_refused_by_the_server_and_started_again(
    tmp_path, database, photos, file, full, died_after
):
    create_backup(database, photos, file)
    folder = tmp_path / "new"
    list(ArchiveReader(file).photos(_made(folder / f"vultus.db{RESTORING}")))
    if died_after == "photos":
        LocalPhotoStore(folder / "photos").put(b"a photo in its place")
    with pytest.raises(StorageFailed, match="did not finish; run it again: vultus restore"):
        refuse_unfinished(f"sqlite:///{folder / 'vultus.db'}")
    copy, copied = restored(file, folder)
    assert copy.collection("people").faces == 12
    assert set(copied.keys()) == set(photos.keys())
    refuse_unfinished(f"sqlite:///{folder / 'vultus.db'}")


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True)
    return path


def test_a_backup_of_an_older_schema_is_brought_up(tmp_path, url, photos, file):
    database = open_database(url)
    migrate(database, until=2)
    with database.writing() as connection:
        connection.exec_driver_sql(
            "INSERT INTO collections VALUES (1, 'people', 'model-a', 1, 16, 0, '2026-01-01 00:00:00')"
        )
    assert create_backup(database, photos, file).manifest.schema == 2
    copy, _ = restored(file, tmp_path / "new")
    assert copy.collection("people").faces == 0


def test_a_backup_that_the_release_before_alembic_made_is_restored(tmp_path, file):
    old = tmp_path / "old.db"
    make_released_database(old)
    with ArchiveWriter(file) as writer:
        for seed in range(3):
            data = f"photo {seed}".encode()
            writer.add_photo(hashlib.sha256(data).hexdigest(), data)
        writer.add_database(old)
        writer.add_manifest(Manifest("0.1.0", 3, "2026-11-26T01:22:18+00:00", 2, 3, 3))
    copy, photos = restored(file, tmp_path / "new")
    assert [(subject.id, subject.faces) for subject in copy.subjects("people", limit=10)] == [("s0", 2), ("s1", 1)]
    assert len(list(photos.keys())) == 3


def test_a_backup_of_this_release_names_its_schema(database, photos, file, full):
    assert create_backup(database, photos, file).manifest.schema == newest_schema()


# --- seals ----------------------------------------------------------------------------------------------------------


def sealed_restore(file: Path, folder: Path) -> tuple[bool, list[str]]:
    """Whether the rows were verified by their seals, and what a check finds afterwards."""
    verified = restore_backup(file, folder / "vultus.db", folder / "photos", ACT).sealed
    with closing(open_database(f"sqlite:///{folder / 'vultus.db'}")) as database:
        return verified, [fault.sentence for fault in faults(database, LocalPhotoStore(folder / "photos"))]


def test_a_backup_holds_no_installation_key_unless_asked_and_is_sealed_anew(tmp_path, database, photos, file, full):
    create_backup(database, photos, file)
    with tarfile.open(file) as tar:
        assert "installation.key" not in tar.getnames()
    assert sealed_restore(file, tmp_path / "new") == (False, [])


def test_a_backup_with_its_installation_key_is_verified(tmp_path, database, photos, file, full):
    create_backup(database, photos, file, with_key=True)
    assert sealed_restore(file, tmp_path / "new") == (True, [])
    key = tmp_path / "new" / "installation.key"
    assert key.read_bytes() == database.installation_key.path.read_bytes()
    assert key.stat().st_mode & 0o777 == 0o600


def test_a_key_that_is_in_the_folder_already_verifies_too(tmp_path, database, photos, file, full):
    create_backup(database, photos, file)
    (tmp_path / "new").mkdir()
    shutil.copy(database.installation_key.path, tmp_path / "new" / "installation.key")
    assert sealed_restore(file, tmp_path / "new") == (True, [])


def test_a_backup_with_a_changed_row_is_refused_where_its_key_is_there(tmp_path, database, photos, file, full):
    connection = database.engine.raw_connection()
    connection.execute("UPDATE api_keys SET seal = zeroblob(16)")
    connection.execute("UPDATE subjects SET seal = zeroblob(16)")
    connection.close()
    create_backup(database, photos, file, with_key=True)
    assert "rows of subjects were changed from outside" in refused(file, tmp_path / "new")


def test_a_key_that_is_not_that_of_the_backup_is_kept(tmp_path, database, photos, file, full):
    create_backup(database, photos, file, with_key=True)
    key = InstallationKey(tmp_path / "new" / "installation.key")
    key.path.parent.mkdir()
    key.make()
    before = key.path.read_bytes()
    with pytest.raises(StorageFailed, match="is not the installation key of the backup; move it away"):
        sealed_restore(file, tmp_path / "new")
    assert key.path.read_bytes() == before
