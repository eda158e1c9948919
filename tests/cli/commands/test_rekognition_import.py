"""vultus import --from rekognition: photos of a list, indexed with their ExternalImageIds and users."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Small
from tests.pictures import drawn_photo


@pytest.fixture
def listing(tmp_path: Path) -> Path:
    """Two photos of a user, one of nobody, one without a face, one that is not there."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, photo in [
        ("a1.png", drawn_photo(1)),
        ("a2.png", drawn_photo(1, 3, photo=1)),
        ("b.png", drawn_photo(2)),
        ("empty.png", drawn_photo()),
    ]:
        (folder / name).write_bytes(photo)
    rows = ["file,external_image_id,user_id", "a1.png,badge-1,anna", "a2.png,badge-2,anna", "b.png,badge-3,"]
    path = folder / "faces.csv"
    path.write_text("\n".join([*rows, "empty.png,badge-4,", "gone.png,badge-5,"]) + "\n", "utf-8")
    return path


def imported(run: Any, given: Path, *options: object, code: int = 3) -> dict[str, Any]:
    answer = run("import", "--from", "rekognition", given, "--collection", "staff", *options, "--json")
    assert answer.exit_code == code, answer.output
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def test_photos_are_indexed_once_with_labels_and_users(run: Any, small: Small, listing: Path) -> None:
    answer = imported(run, listing)
    assert (answer["photos"], answer["enrolled"]) == (5, 3)
    assert {one["error"] for one in answer["refused"]} == {"no_face_detected", "file_failed"}
    assert [face.label.external_id for face in small.gallery.faces("staff", "anna")] == ["badge-1", "badge-2"]
    (page, _) = small.service.face_groups.subjects("staff", after=None, limit=9)
    assert [(one.id, one.faces) for one in page] == [("anna", 2)]
    again = imported(run, listing.parent)  # the folder has one list
    assert (again["enrolled"], again["already_there"]) == (0, 3)
    assert small.gallery.collection("staff").faces == 3


def test_a_limit_leaves_the_rest_for_later(run: Any, small: Small, listing: Path) -> None:
    assert imported(run, listing, "--limit", 1, code=0)["left_out"] == 4
    assert small.gallery.collection("staff").faces == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("file,user_id\na.png,anna\n", "lacks the column external_image_id"),
        ("file,external_image_id\n", "lists no photo"),
        ("file,external_image_id\na.png,two words\n", "line 2 of faces.csv: external_image_id must have"),
        ("file,external_image_id,user_id\na.png,b," + "u" * 129 + "\n", "line 2 of faces.csv: user_id must have"),
        ("file,external_image_id\n,b\n", "line 2 of faces.csv: file is empty"),
    ],
)
def test_a_wrong_list_is_refused_before_anything_is_stored(
    run: Any, small: Small, listing: Path, text: str, sentence: str
) -> None:
    listing.write_text(text, "utf-8")
    answer = run("import", "--from", "rekognition", listing, "--collection", "staff")
    assert answer.exit_code != 0
    assert sentence in " ".join(answer.output.split())
    assert small.service.galleries.collections() == ()


def test_a_folder_has_to_have_one_list(run: Any, listing: Path) -> None:
    (listing.parent / "more.csv").write_text("file,external_image_id\n")
    answer = run("import", "--from", "rekognition", listing.parent)
    assert "holds 2 CSV files" in " ".join(answer.output.split())
