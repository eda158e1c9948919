"""Labelled folders: which files are photos of whom, what is ignored and noted, what is refused."""

from __future__ import annotations

import os
from pathlib import Path
from unicodedata import normalize

import pytest

from tests.evaluation.synthetic import photos
from vultus.errors import InvalidRequest
from vultus.evaluation.labelled_folder import list_photos, read_folder


def test_sub_folders_are_subjects(tmp_path):
    folder = read_folder(photos(tmp_path, "bea/2.png", "bea/1.jpg", "ann/x.JPEG", "ann/notes.txt"))
    assert [(photo.subject, photo.path.name) for photo in folder.photos] == [
        ("ann", "x.JPEG"),
        ("bea", "1.jpg"),
        ("bea", "2.png"),
    ]
    assert folder.subjects == ("ann", "bea", "bea")


def test_photos_may_lie_deeper(tmp_path):
    folder = read_folder(photos(tmp_path, "ann/2024/1.jpg", "ann/2.jpg", "bea/1.jpg"))
    assert folder.subjects == ("ann", "ann", "bea")


def test_photos_are_listed_in_the_order_of_their_paths(tmp_path):
    listing = list_photos(photos(tmp_path, "ben/1.png", "anna/deeper/2.PNG", "anna/1.png"))
    assert [photo.name for photo in listing.photos] == ["anna/1.png", "anna/deeper/2.PNG", "ben/1.png"]


def test_what_is_not_decoded_is_ignored_and_noted_by_extension_and_reason(tmp_path):
    photos(tmp_path, "ann/1.jpg", "ann/2.jpg", "ann/drawing.svg", "ann/raw.CR2", "bea/1.jpg", "bea/.hidden.jpg")
    photos(tmp_path, "stray.jpg", ".cache/1.jpg", "bea/notes")
    (tmp_path / "cat").symlink_to(tmp_path / "ann")
    folder = read_folder(tmp_path)
    assert folder.subjects == ("ann", "ann", "bea")
    assert folder.notes == (
        "ignored 1 of: .cr2, 1 of: .svg, 2 of: hidden, 1 of: linked folder, 1 of: no extension, "
        "1 of: not in a sub-folder; photos are files in sub-folders whose names end in "
        ".avif, .bmp, .dib, .gif, .heic, .heif, .hif, .jfif, .jpe, .jpeg, .jpg, .mpo, .png, .tif, .tiff, .webp",
    )


def test_a_folder_that_cannot_be_read_is_counted(tmp_path, monkeypatch):
    photos(tmp_path, "ann/1.jpg", "ann/closed/2.jpg")
    scandir = os.scandir

    def scandir_of_another_user(path):
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", scandir_of_another_user)
    listing = list_photos(tmp_path)
    assert [photo.name for photo in listing.photos] == ["ann/1.jpg"]
    assert listing.ignored == {"folder that cannot be read": 1}


def test_unicode_names_are_composed(tmp_path):
    folder = read_folder(photos(tmp_path, normalize("NFD", "Zoë/1.jpg"), normalize("NFD", "Zoë/2.jpg"), "李/1.jpg"))
    assert folder.subjects == (normalize("NFC", "Zoë"), normalize("NFC", "Zoë"), "李")
    assert folder.photos[0].path.is_file()


def test_unreadable_file_is_noted_and_left_out(tmp_path):
    photos(tmp_path, "ann/1.jpg", "ann/2.jpg", "bea/1.jpg")
    (tmp_path / "bea/2.jpg").write_bytes(b"")
    (tmp_path / "bea/3.jpg").symlink_to(tmp_path / "nowhere.jpg")
    folder = read_folder(tmp_path)
    assert len(folder.photos) == 3
    assert folder.notes == (
        "bea/2.jpg cannot be read (it is empty); it is left out",
        "bea/3.jpg cannot be read (No such file or directory); it is left out",
    )


def test_subject_without_a_photo_is_noted(tmp_path):
    photos(tmp_path, "ann/1.jpg", "ann/2.jpg", "bea/1.jpg", "cat/readme.txt")
    assert read_folder(tmp_path).notes[0] == "cat: no readable photo in this folder; the subject is left out"


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (("ann/readme.txt",), "no photo was found"),
        (("ann/1.jpg", "ann/2.jpg"), "all 2 photos in .* show one person"),
        (("ann/1.jpg", "bea/1.jpg"), "each of the 2 people in .* has one photo"),
    ],
)
def test_folder_without_comparisons_is_refused(tmp_path, names, sentence):
    with pytest.raises(InvalidRequest, match=sentence):
        read_folder(photos(tmp_path, *names))


def test_absent_folder_is_refused(tmp_path):
    with pytest.raises(InvalidRequest, match="cannot be read"):
        read_folder(tmp_path / "nowhere")


def test_one_photo_under_two_names_is_reported(tmp_path):
    photos(tmp_path, "ann/1.jpg", "ann/2.jpg", "bea/1.jpg", "cat/1.jpg")
    (tmp_path / "cat/2.jpg").write_bytes((tmp_path / "ann/1.jpg").read_bytes())
    folder = read_folder(tmp_path)
    assert [[photo.subject for photo in group] for group in folder.duplicates] == [["ann", "cat"]]
    assert len(folder.photos) == 5


def test_one_photo_twice_under_one_name_is_not_reported(tmp_path):
    photos(tmp_path, "ann/1.jpg", "bea/1.jpg")
    (tmp_path / "ann/2.jpg").write_bytes((tmp_path / "ann/1.jpg").read_bytes())
    assert read_folder(tmp_path).duplicates == ()


def test_attributes_are_read_by_subject_and_by_path(tmp_path):
    photos(tmp_path, "ann/1.jpg", "ann/2.jpg", "bea/1.jpg", "cat/1.jpg")
    listed = tmp_path / "groups.csv"
    listed.write_text("subject,path,light\nann,,day\n,ann/2.jpg,night\nbea,,day\n", encoding="utf-8-sig")
    folder = read_folder(tmp_path, attributes=listed, column="light")
    assert [photo.attribute for photo in folder.photos] == ["day", "night", "day", None]


def test_attribute_list_without_its_column_is_refused(tmp_path):
    photos(tmp_path, "ann/1.jpg", "ann/2.jpg", "bea/1.jpg")
    (tmp_path / "groups.csv").write_text("subject,light\nann,day\n")
    with pytest.raises(InvalidRequest, match=r"groups\.csv lacks the column attribute"):
        read_folder(tmp_path, attributes=tmp_path / "groups.csv")


def test_attribute_line_that_names_nothing_is_refused(tmp_path):
    photos(tmp_path, "ann/1.jpg", "ann/2.jpg", "bea/1.jpg")
    (tmp_path / "groups.csv").write_text("subject,attribute\n,day\n")
    with pytest.raises(InvalidRequest, match=r"groups\.csv, line 2: no subject and no path"):
        read_folder(tmp_path, attributes=tmp_path / "groups.csv")
