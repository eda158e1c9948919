"""Pair lists: pairs, folds and missing photos, and what is refused."""

from __future__ import annotations

from pathlib import Path
from unicodedata import normalize

import pytest

from tests.evaluation.synthetic import photos
from vultus.errors import InvalidRequest
from vultus.evaluation.pair_list import read_pairs


def pair_list(root: Path, *lines: str, header: str = "path1,path2,same,fold") -> Path:
    path = root / "pairs.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def test_pairs_share_their_photos(tmp_path):
    photos(tmp_path, "a/1.jpg", "a/2.jpg", "b/1.jpg")
    pairs = read_pairs(pair_list(tmp_path, "a/1.jpg,a/2.jpg,1,1", "a/1.jpg,b/1.jpg,0,2"))
    assert [path.relative_to(tmp_path).as_posix() for path in pairs.paths] == ["a/1.jpg", "a/2.jpg", "b/1.jpg"]
    assert [(pair.first, pair.second, pair.same) for pair in pairs.pairs] == [(0, 1, True), (0, 2, False)]
    assert pairs.same.tolist() == [True, False]
    assert pairs.folds is not None
    assert pairs.folds.tolist() == [1, 2]


def test_fold_and_attribute_are_optional(tmp_path):
    photos(tmp_path, "1.jpg", "2.jpg", "3.jpg")
    header = "path1,path2,same,attribute"
    pairs = read_pairs(pair_list(tmp_path, "1.jpg,2.jpg,yes,day", "1.jpg,3.jpg,no,", header=header))
    assert pairs.folds is None
    assert [pair.attribute for pair in pairs.pairs] == ["day", None]


def test_pair_list_may_lie_apart_from_its_photos(tmp_path):
    photos(tmp_path / "images", "1.jpg", "2.jpg", "3.jpg")
    listed = pair_list(tmp_path, "1.jpg,2.jpg,1,1", "1.jpg,3.jpg,0,1")
    assert read_pairs(listed, root=tmp_path / "images").paths[0].is_file()


def test_composed_name_finds_a_decomposed_file(tmp_path):
    photos(tmp_path, normalize("NFD", "Zoë.jpg"), "2.jpg", "3.jpg")
    listed = pair_list(tmp_path, normalize("NFC", "Zoë.jpg,2.jpg,1,1"), "2.jpg,3.jpg,0,1")
    assert all(path.is_file() for path in read_pairs(listed).paths)


def test_missing_photos_are_listed_up_to_ten(tmp_path):
    photos(tmp_path, "a.jpg", "b.jpg")
    lines = ["a.jpg,b.jpg,1,1", *(f"a.jpg,missing{number:02}.jpg,0,1" for number in range(12))]
    with pytest.raises(InvalidRequest) as refused:
        read_pairs(pair_list(tmp_path, *lines))
    assert "12 photos named in pairs.csv do not exist: missing00.jpg, missing01.jpg" in str(refused.value)
    assert "missing09.jpg and 2 more" in str(refused.value)
    assert "missing10.jpg" not in str(refused.value)


def test_pairs_of_missing_photos_can_be_left_out(tmp_path):
    photos(tmp_path, "a.jpg", "b.jpg", "c.jpg")
    pairs = read_pairs(
        pair_list(tmp_path, "gone.jpg,b.jpg,1,1", "a.jpg,b.jpg,1,1", "a.jpg,c.jpg,0,1"), skip_missing=True
    )
    assert [path.name for path in pairs.paths] == ["a.jpg", "b.jpg", "c.jpg"]
    assert [(pair.first, pair.second) for pair in pairs.pairs] == [(0, 1), (0, 2)]
    assert pairs.notes == ("1 photos named in pairs.csv do not exist: gone.jpg; 1 pairs are left out",)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (("a.jpg,b.jpg,maybe,1",), r"pairs\.csv, line 2: same is 'maybe'"),
        (("a.jpg,b.jpg,1,1", "a.jpg,b.jpg,0,first"), r"line 3: fold is 'first'"),
        (("a.jpg,,1,1",), "line 2: a photo is not named"),
        (("a.jpg,b.jpg,0,1",), "has no mated pair among 1"),
        (("a.jpg,b.jpg,1,1",), "has no non-mated pair among 1"),
    ],
)
def test_wrong_lines_are_named(tmp_path, lines, sentence):
    with pytest.raises(InvalidRequest, match=sentence):
        read_pairs(pair_list(photos(tmp_path, "a.jpg", "b.jpg"), *lines))


def test_list_without_a_column_is_refused(tmp_path):
    with pytest.raises(InvalidRequest, match=r"lacks the column path2, same"):
        read_pairs(pair_list(tmp_path, header="path1,other"))


@pytest.mark.parametrize("content", [b"\xff\xfe\x00path1", None])
def test_list_that_is_no_csv_or_absent_is_refused(tmp_path, content):
    path = tmp_path / "pairs.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidRequest, match=r"the list .* (is no CSV in UTF-8|cannot be read)"):
        read_pairs(path)
