"""Encrypted backups: age files, which only their identities open, whole or not at all."""

from __future__ import annotations

import shutil
import subprocess
from io import BytesIO
from pathlib import Path

import pytest

from tests.backup.test_backup import ACT, enroll, photos, refused
from vultus.backup.archive import ArchiveReader
from vultus.backup.create import create_backup, verify
from vultus.backup.encryption import decrypting, encrypting, new_identity, read_identities, read_recipients
from vultus.backup.restore import restore_backup
from vultus.errors import InvalidRequest, StorageFailed

__all__ = ["photos"]
PIECE = 64 * 1024  # of the content, which age encrypts one by one


@pytest.fixture
def keys(tmp_path) -> tuple[Path, str]:
    """The file of an identity as age-keygen writes it, and its recipient."""
    identity, recipient = new_identity()
    file = tmp_path / "identity.txt"
    file.write_text(f"# created: 2026-11-26T10:00:00Z\n# public key: {recipient}\n{identity}\n")
    return file, str(recipient)


@pytest.fixture
def encrypted(tmp_path, database, gallery, photos, keys) -> Path:
    for seed in range(6):
        enroll(gallery, photos, seed, f"s{seed % 3}")
    file = tmp_path / "saved.tar.age"
    create_backup(database, photos, file, recipients=read_recipients([keys[1]]), work_dir=tmp_path / "data")
    return file


def restore(file: Path, folder: Path, identity: Path) -> None:
    restore_backup(file, folder / "vultus.db", folder / "photos", ACT, identities=read_identities(identity))


def refusal(file: Path, folder: Path, identity: Path) -> str:
    """The sentence of a refusal, of which nothing may be left."""
    with pytest.raises(StorageFailed) as caught:
        restore(file, folder, identity)
    assert not folder.exists() or list(folder.iterdir()) == []
    return str(caught.value)


def test_an_encrypted_backup_comes_back_and_shows_nothing_in_the_clear(tmp_path, encrypted, keys):
    data = encrypted.read_bytes()
    assert data.startswith(b"age-encryption.org/v1\n")
    assert b"manifest.json" not in data
    assert b"photo 1 of" not in data
    assert verify(encrypted, identities=read_identities(keys[0])).manifest.photos == 6
    restore(encrypted, tmp_path / "new", keys[0])
    assert sum(path.is_file() for path in (tmp_path / "new" / "photos").rglob("*")) == 6


def test_nothing_but_the_file_and_the_data_is_left(tmp_path, encrypted):
    assert {path.name for path in tmp_path.iterdir()} == {"data", "identity.txt", encrypted.name}
    assert not [path for path in (tmp_path / "data").iterdir() if "backup" in path.name]


def test_beside_the_file_nothing_is_ever_in_the_clear(tmp_path, database, gallery, photos, keys):
    """A database in the clear begins with b"SQLite format 3"."""
    seen = []

    class Watched(type(photos)):
        def get(self, key: str) -> bytes:
            seen.extend(path for path in (tmp_path / "target").rglob("*") if path.is_file())
            assert not any(path.read_bytes().startswith(b"SQLite") for path in seen if path.exists())
            return super().get(key)

    enroll(gallery, photos, 1, "s1")
    (tmp_path / "target").mkdir()
    watched = Watched(tmp_path / "data" / "photos")
    recipients = read_recipients([keys[1]])
    create_backup(database, watched, tmp_path / "target" / "f", recipients=recipients, work_dir=tmp_path / "data")
    assert seen


@pytest.mark.skipif(shutil.which("age") is None, reason="the age tool is not installed")
def test_the_age_tool_opens_it(tmp_path, encrypted, keys):
    done = subprocess.run(["age", "-d", "-i", keys[0], encrypted], capture_output=True, check=True)
    listed = subprocess.run(["tar", "tf", "-"], input=done.stdout, capture_output=True, check=True).stdout.decode()
    assert listed.split()[-3:] == ["vultus.db", "manifest.json", "SHA256SUMS"]


@pytest.mark.skipif(shutil.which("age") is None, reason="the age tool is not installed")
def test_what_the_age_tool_encrypted_is_restored(tmp_path, database, gallery, photos, keys):
    enroll(gallery, photos, 1, "s1")
    create_backup(database, photos, tmp_path / "plain")
    subprocess.run(["age", "-r", keys[1], "-o", tmp_path / "by-age", tmp_path / "plain"], check=True)
    restore(tmp_path / "by-age", tmp_path / "new", keys[0])
    assert (tmp_path / "new" / "vultus.db").is_file()


def test_another_identity_is_refused_in_words(tmp_path, encrypted):
    other = tmp_path / "other.txt"
    other.write_text(str(new_identity()[0]))
    assert "is encrypted for none of these identities" in refusal(encrypted, tmp_path / "new", other)


def test_a_file_cut_anywhere_is_refused(tmp_path, encrypted, keys):
    whole = encrypted.read_bytes()
    for length in (len(whole) - 1, len(whole) - 20, len(whole) // 2, PIECE, 400, 60, 25):
        encrypted.write_bytes(whole[:length])
        assert "take another one" in refusal(encrypted, tmp_path / "new", keys[0])


def test_a_changed_byte_is_noticed_wherever_it_is(tmp_path, encrypted, keys):
    whole = encrypted.read_bytes()
    for place in (150, 300, len(whole) // 3, len(whole) // 2, len(whole) - 1):
        encrypted.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert "backup" in refusal(encrypted, tmp_path / "new", keys[0])


def test_content_that_is_no_backup_is_refused(tmp_path, keys):
    file = tmp_path / "text.age"
    with file.open("wb") as out, encrypting(out, read_recipients([keys[1]])) as stream:
        stream.write(b"no backup" * 100_000)
    assert "it is no backup, or it is cut off" in refusal(file, tmp_path / "new", keys[0])


def test_without_an_identity_it_is_said_to_be_encrypted(tmp_path, encrypted):
    with pytest.raises(InvalidRequest, match="is encrypted; name the file of its identity with --identity"):
        list(ArchiveReader(encrypted).photos(None))


def test_a_backup_in_the_clear_is_not_taken_for_an_encrypted_one(tmp_path, database, gallery, photos, keys):
    enroll(gallery, photos, 1, "s1")
    create_backup(database, photos, tmp_path / "plain")
    with pytest.raises(InvalidRequest, match="is not encrypted; if that is right, leave --identity out"):
        list(ArchiveReader(tmp_path / "plain", read_identities(keys[0])).photos(None))


def test_a_plain_backup_is_still_refused_when_damaged(tmp_path):
    (tmp_path / "text").write_text("age-encryption.org" * 50)
    assert "it is no backup" in refused(tmp_path / "text", tmp_path / "new")


class Full(BytesIO):
    """A file on a disk with room for 100,000 bytes."""

    def write(self, data) -> int:
        if self.tell() + len(data) > 100_000:
            raise OSError(28, "No space left on device")
        return super().write(data)


def test_a_full_disk_is_named_as_such(keys):
    def write() -> None:
        with encrypting(Full(), read_recipients([keys[1]])) as stream:
            for _ in range(10_000):
                stream.write(bytes(1000))

    with pytest.raises(OSError, match="No space left on device"):
        write()


def test_a_reader_that_stops_early_is_not_blamed_on_the_file(keys):
    file = BytesIO()
    with encrypting(file, read_recipients([keys[1]])) as stream:
        stream.write(bytes(1_000_000))
    file.seek(0)

    def stop_early() -> None:
        with decrypting(file, read_identities(keys[0]), "name") as stream:
            stream.read(10)
            raise KeyError

    with pytest.raises(KeyError):
        stop_early()


# --- keys -----------------------------------------------------------------------------------------------------------


def test_recipients_are_those_given_and_those_of_the_file(tmp_path):
    (_, first), (_, second) = new_identity(), new_identity()
    (tmp_path / "team").write_text(f"# the team\n\n{second}\n")
    assert [str(one) for one in read_recipients([str(first)], tmp_path / "team")] == [str(first), str(second)]


@pytest.mark.parametrize("text", ["", "age1", "ssh-ed25519 AAAA", str(new_identity()[0])], ids=range(4))
def test_what_is_no_recipient_is_refused_and_never_shown(tmp_path, text):
    with pytest.raises(InvalidRequest, match="--recipient number 1 is no recipient of age") as caught:
        read_recipients([text])
    assert "SECRET" not in str(caught.value)


def test_files_without_keys_are_refused(tmp_path, keys):
    (tmp_path / "empty").write_text("# nothing\n")
    with pytest.raises(InvalidRequest, match="holds no recipient"):
        read_recipients([], tmp_path / "empty")
    with pytest.raises(InvalidRequest, match="holds no identity"):
        read_identities(tmp_path / "empty")
    (tmp_path / "wrong").write_text("# a comment\nAGE-SECRET-KEY-1XYZ\n")
    with pytest.raises(InvalidRequest, match=r"line 2 of .+ is no identity") as caught:
        read_identities(tmp_path / "wrong")
    assert "1XYZ" not in str(caught.value)
