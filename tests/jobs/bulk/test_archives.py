"""Archives that strangers send: what is a photo of whom, and what is refused, each with its sentence."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

from tests.jobs.bulk.archives import zip_of
from tests.pictures import drawn_photo
from vultus.errors import BadInput, InvalidRequest, RequestTooLarge, VultusError
from vultus.service.bulk.bulk_items import BulkLimits
from vultus.service.bulk.zip_directory import END, FEWEST_ENTRIES, open_zip
from vultus.service.bulk.zip_listing import list_zip, read_entry

PHOTO = drawn_photo(1)
LIMITS = BulkLimits(items=20, image_bytes=3_000_000, unpacked_bytes=10_000_000)


@pytest.fixture
def listed(tmp_path):
    """The items of an archive, by their names: subject, and the sentence of a refusal."""

    def items(content: bytes, limits: BulkLimits = LIMITS):
        file = tmp_path / "sent.zip"
        file.write_bytes(content)
        with open_zip(file, limits.items) as archive:
            return {one.file: (one.subject, one.problem and one.problem.sentence) for one in list_zip(archive, limits)}

    return items


def of(entry: zipfile.ZipInfo, content: bytes = PHOTO) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(entry, content)
    return buffer.getvalue()


def test_a_folder_is_a_subject_at_any_depth(listed):
    found = listed(zip_of({"anna/1.jpg": PHOTO, "anna/more/2.png": PHOTO, "Émile/1.jpg": PHOTO, "./bob/1.jpg": PHOTO}))
    assert found == {
        "anna/1.jpg": ("anna", None),
        "anna/more/2.png": ("anna", None),
        "Émile/1.jpg": ("Émile", None),
        "bob/1.jpg": ("bob", None),
    }


def test_what_systems_put_there_and_hidden_files_are_passed_over(listed):
    junk = ("__MACOSX/anna/._1.jpg", "anna/.DS_Store", "anna/Thumbs.db", ".git/x.jpg", "anna/@eaDir/1.jpg")
    assert list(listed(zip_of({"anna/": b"", "anna/1.jpg": PHOTO} | dict.fromkeys(junk, PHOTO)))) == ["anna/1.jpg"]


def test_a_manifest_says_whose_the_photos_are(listed):
    lines = "file,subject,name\nIMG_1.jpg,a-7,Anna\nx/2.jpg,b-8,\ngone.jpg,c-9,\nx/3.jpg, d\u202e ,\n"
    photos = {"IMG_1.jpg": PHOTO, "x/2.jpg": PHOTO, "x/3.jpg": PHOTO, "left.jpg": PHOTO}
    found = listed(zip_of({"manifest.csv": lines.encode("utf-8-sig"), **photos}))
    assert found["IMG_1.jpg"] == ("a-7", None)
    assert found["x/2.jpg"] == ("b-8", None)
    assert "no file of this name" in found["gone.jpg"][1]
    assert "does not list this file" in found["left.jpg"][1]
    assert "the subject in manifest.csv must not contain" in found["x/3.jpg"][1]


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (b"name,person\na,b\n", "lacks the column file, subject"),
        (b"file,subject\na.jpg,anna\na.jpg,bob\n", "line 3 of manifest.csv lists a file again"),
        (b"file,subject\na.jpg,\n", "line 2 of manifest.csv has no file or no subject"),
        (b"file,subject\n\xff.jpg,anna\n", "no CSV in UTF-8"),
    ],
)
def test_a_wrong_manifest_is_refused_with_its_line(listed, lines, sentence):
    with pytest.raises(InvalidRequest, match=sentence):
        listed(zip_of({"manifest.csv": lines, "a.jpg": PHOTO}))


@pytest.mark.parametrize(
    "name", ["../anna/1.jpg", "/anna/1.jpg", "anna/../../1.jpg", "C:/anna/1.jpg", "anna\\1.jpg", "//host/1.jpg"]
)
def test_a_name_that_leads_out_of_the_archive_is_refused(listed, name):
    ((_, sentence),) = listed(zip_of({name: PHOTO})).values()
    assert "leads out of the archive" in sentence


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_a_link_or_a_device_is_refused(listed, kind):
    entry = zipfile.ZipInfo("anna/1.jpg")
    entry.external_attr = (kind | 0o777) << 16
    assert "a link or a device" in listed(of(entry, b"/etc/passwd"))["anna/1.jpg"][1]


def test_encrypted_nested_and_oddly_packed_entries_are_refused(listed):
    content = bytearray(zip_of({"anna/1.jpg": PHOTO, "anna/2.zip": PHOTO, "anna/3.txt": b"x"}))
    content[content.find(b"PK\1\2") + 8] |= 1  # the flag of encryption, in the directory
    found = listed(bytes(content))
    assert "encrypted" in found["anna/1.jpg"][1]
    assert "an archive in the archive" in found["anna/2.zip"][1]
    assert "does not end as that of a photo" in found["anna/3.txt"][1]
    assert "packed by method 14" in listed(zip_of({"anna/1.jpg": PHOTO}, zipfile.ZIP_LZMA))["anna/1.jpg"][1]


def test_of_two_files_of_one_name_the_first_is_taken(tmp_path):
    file = tmp_path / "sent.zip"
    file.write_bytes(zip_of({"anna/1.jpg": PHOTO, "anna/2.jpg": drawn_photo(2)}).replace(b"anna/2", b"anna/1"))
    with open_zip(file, 20) as archive:
        first, second = list_zip(archive, LIMITS)
        assert first.problem is None
        assert read_entry(archive, first, LIMITS) == PHOTO
        assert "two files of this name" in second.problem.sentence


def with_name(raw: bytes, *, flagged: bool) -> bytes:
    """An archive of anna/?.jpg whose name has other bytes in the place of the ?."""
    content = zip_of({"anna/?.jpg": PHOTO}).replace(b"anna/?.jpg", b"anna/" + raw + b".jpg")
    content = bytearray(content)
    for signature, offset in (b"PK\3\4", 6), (b"PK\1\2", 8):
        at = content.find(signature) + offset
        content[at : at + 2] = struct.pack("<H", 0x800 if flagged else 0)
    return bytes(content)


def test_names_of_another_encoding_are_refused_and_utf_8_is_read_without_its_flag(listed):
    ((_, sentence),) = listed(with_name(b"\xe4", flagged=False)).values()
    assert "not UTF-8" in sentence
    photo = zip_of({"anna/??.jpg": PHOTO}).replace(b"anna/??.jpg", b"anna/\xc3\xa9.jpg")
    assert listed(photo) == {"anna/é.jpg": ("anna", None)}
    with pytest.raises(InvalidRequest, match="not what they are declared to be"):
        listed(with_name(b"\xe4", flagged=True))


def test_what_unpacks_to_too_much_is_refused_before_it_is_unpacked(listed):
    bomb = zip_of({"anna/1.bmp": bytes(2_900_000)}, zipfile.ZIP_DEFLATED)
    assert "more than 100 times its size" in listed(bomb)["anna/1.bmp"][1]
    large = zip_of({"anna/1.bmp": bytes(3_000_001)}, zipfile.ZIP_DEFLATED)
    assert listed(large)["anna/1.bmp"][1] == "the file has 3000001 bytes, the limit is 3000000"
    with pytest.raises(RequestTooLarge, match="would be 11600000 bytes unpacked, the limit is 10000000"):
        listed(zip_of({f"anna/{i}.bmp": bytes(2_900_000) for i in range(4)}, zipfile.ZIP_DEFLATED))


def test_an_entry_that_is_larger_or_other_than_it_declares_is_refused_when_it_is_read(tmp_path):
    content = bytearray(zip_of({"anna/1.bmp": bytes(500_000)}, zipfile.ZIP_DEFLATED))
    at = content.find(b"PK\1\2")
    content[at + 24 : at + 28] = struct.pack("<L", 1000)  # the size unpacked, in the directory
    file = tmp_path / "sent.zip"
    file.write_bytes(content)
    with open_zip(file, 20) as archive:
        (item,) = list_zip(archive, LIMITS)
        with pytest.raises(BadInput, match="zip it again"):
            read_entry(archive, item, LIMITS)


def test_too_many_photos_are_refused(listed):
    with pytest.raises(RequestTooLarge, match="holds 21 files, the limit is 20"):
        listed(zip_of({f"anna/{i}.jpg": b"x" for i in range(21)}))


def test_a_directory_of_millions_is_refused_before_it_is_read(tmp_path):
    """ZIP64 too: a small record declares any number."""
    file = tmp_path / "sent.zip"
    file.write_bytes(zip_of({f"a/{i}.jpg": b"" for i in range(FEWEST_ENTRIES + 30)}))
    with pytest.raises(RequestTooLarge, match="declares 1030 entries"), open_zip(file, 20):
        pass
    declared = END.pack(b"PK\5\6", 0, 0, 65535, 65535, 0xFFFFFFFF, 0, 0)
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 10**9, 10**9, 46 * 10**9, 0)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, 0, 1)
    file.write_bytes(record + locator + declared)
    with pytest.raises(RequestTooLarge, match="declares 1000000000 entries"), open_zip(file, 20):
        pass


@pytest.mark.parametrize(
    "content", [b"", b"PK", PHOTO, zip_of({"a/1.jpg": PHOTO})[:-30], b"PK\5\6" + bytes(18), zip_of({})]
)
def test_what_is_no_archive_of_photos_is_refused(listed, content):
    with pytest.raises(InvalidRequest, match=r"no ZIP archive|holds no photos"):
        listed(content)


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_archive_is_refused_or_some_of_its_photos(tmp_path, seed):
    """Whatever byte is changed: our errors, or photos as they were."""
    content = bytearray(zip_of({"anna/1.jpg": PHOTO, "bob/1.jpg": PHOTO}))
    directory = content.find(b"PK\1\2")
    content[directory + seed * (len(content) - directory) // 40] ^= 0xFF
    file: Path = tmp_path / "sent.zip"
    file.write_bytes(content)
    with suppress(VultusError), open_zip(file, 20) as archive:
        for item in list_zip(archive, LIMITS):
            if item.problem is None:
                assert read_entry(archive, item, LIMITS) == PHOTO
