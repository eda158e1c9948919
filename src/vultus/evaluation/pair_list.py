"""Pair lists: which two photos are compared and whether they show one person, read without decoding a photo."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InvalidRequest
from vultus.evaluation.csv_list import read_rows
from vultus.plain_numbers import plain_integer

SHOWN = 10  # missing photos named in a sentence
SAME = {"1": True, "true": True, "yes": True, "same": True, "0": False, "false": False, "no": False, "different": False}

PairRow = tuple[str, str, bool, int | None, str | None]  # path1, path2, same, fold, attribute


@dataclass(frozen=True)
class PhotoPair:
    """Two photos by their index in the list's `paths`; `same`: mated. fold: None where the list has none."""

    first: int
    second: int
    same: bool
    fold: int | None = None
    attribute: str | None = None


@dataclass(frozen=True)
class PairList:
    """Pairs of photos, each photo once in `paths`; notes: sentences on pairs that were left out."""

    paths: tuple[Path, ...]
    pairs: tuple[PhotoPair, ...]
    notes: tuple[str, ...]

    @property
    def same(self) -> NDArray[np.bool_]:
        return np.array([pair.same for pair in self.pairs])

    @property
    def folds(self) -> NDArray[np.int64] | None:
        """(P,) the fold of each pair, None unless every pair has one."""
        folds = [pair.fold for pair in self.pairs if pair.fold is not None]
        return np.array(folds, np.int64) if len(folds) == len(self.pairs) else None


def read_pairs(path: Path, *, root: Path | None = None, skip_missing: bool = False) -> PairList:
    """Read a CSV of pairs with the columns path1, path2 and same (1 or 0), optionally fold and attribute.

    Photo paths are relative to `root`, to the list's own folder when None. LFW's `pairs.csv` is such a list.
    skip_missing: leave pairs of missing photos out, with a note, instead of refusing.
    Raises InvalidRequest when the list cannot be read, a column or value is wrong, photos are missing, or when all
    pairs are mated or all are not.
    """
    base = root or path.parent
    rows = [
        _pair_row(row, f"{path.name}, line {number}") for number, row in read_rows(path, {"path1", "path2", "same"})
    ]
    found = _locate(base, (name for row in rows for name in row[:2]))
    missing = {name for name, place in found.items() if place is None}
    if missing and not skip_missing:
        raise InvalidRequest(f"{_list_missing(path, missing)}; correct the list or leave those pairs out")
    kept = [row for row in rows if not missing.intersection(row[:2])]
    _check_kinds(kept, path)
    index = {name: number for number, name in enumerate(dict.fromkeys(name for row in kept for name in row[:2]))}
    pairs = (PhotoPair(index[one], index[two], same, fold, group) for one, two, same, fold, group in kept)
    notes = (f"{_list_missing(path, missing)}; {len(rows) - len(kept)} pairs are left out",) if missing else ()
    return PairList(tuple(place for name in index if (place := found[name])), tuple(pairs), notes)


def _pair_row(row: Mapping[str, str], where: str) -> PairRow:
    same, fold = SAME.get(row["same"].lower()), row.get("fold") or None
    if same is None:
        raise InvalidRequest(f"{where}: same is {row['same']!r}; give 1 for a mated pair, 0 for a non-mated one")
    number = _fold(fold, where)
    if not row["path1"] or not row["path2"]:
        raise InvalidRequest(f"{where}: a photo is not named; give path1 and path2")
    return row["path1"], row["path2"], same, number, row.get("attribute") or None


def _fold(text: str | None, where: str) -> int | None:
    try:
        number = None if text is None else plain_integer(text)
    except ValueError:
        number = -1
    if number is not None and number < 0:
        raise InvalidRequest(f"{where}: fold is {text!r}; give a whole number")
    return number


def _locate(base: Path, names: Iterable[str]) -> dict[str, Path | None]:
    """The file of each name, None where there is none; accents may be composed in one and decomposed in the other."""
    return {name: _place(base, name) for name in dict.fromkeys(names)}


def _place(base: Path, name: str) -> Path | None:
    forms = (name, normalize("NFC", name), normalize("NFD", name))
    return next((base / form for form in forms if (base / form).is_file()), None)


def _list_missing(path: Path, missing: set[str]) -> str:
    shown = sorted(missing)[:SHOWN]
    more = f" and {len(missing) - len(shown)} more" if len(missing) > len(shown) else ""
    return f"{len(missing)} photos named in {path.name} do not exist: {', '.join(shown)}{more}"


def _check_kinds(rows: Sequence[PairRow], path: Path) -> None:
    mated = sum(row[2] for row in rows)
    if mated == 0:
        raise InvalidRequest(
            f"{path.name} has no mated pair among {len(rows)} with both photos; add some with same = 1"
        )
    if mated == len(rows):
        raise InvalidRequest(f"{path.name} has no non-mated pair among {len(rows)}; add some with same = 0")
