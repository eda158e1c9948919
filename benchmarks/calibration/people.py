"""The faces that were embedded: whose they are, their half of the people, and the pools of people alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.calibration.embedding import Embedded
from vultus.records.seen import Float32
from vultus.vectors import unit_length

SAME_PERSON = 0.6  # cosine of the fused model above which two photos of a set without identities are of one person
SAME_CHILD, CHILD_AGE = 0.9, 6  # children under six are alike: they need more
AGES = {"0-5": (0, 5), "6-12": (6, 12), "13-17": (13, 17), "18-39": (18, 39), "40-64": (40, 64), "65+": (65, 200)}
# By UTKFace's labels of race and gender, 18 to 64 years. Pairs are of one race and one gender in each.
RACES = {
    "White men": ((0, 0),),
    "White women": ((0, 1),),
    "Black": ((1, 0), (1, 1)),
    "Asian": ((2, 0), (2, 1)),
    "Indian men": ((3, 0),),
    "Indian women": ((3, 1),),
}
TODDLERS = "0-5"
POOLS = ("6-12", "13-17", "18-39", "40-64", "65+", *RACES, "LFW")  # of these a threshold's rate is the mean
WATCHED = (TODDLERS, *POOLS, "CelebA", "ORL")  # reported; the first and the last two set no threshold of comparisons

Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Faces:
    """Faces with embeddings, row by row.

    vectors: member -> (N, D). parts: of the quality, (N, P), NaN: unknown. person: (N,) numbers. age, gender, race:
    (N,), -1 where not labelled. treatment: (N,) text. half: (N,) bool, the same for all photos of a person. photo:
    (N,) person/file name.
    """

    vectors: Mapping[str, Float32]
    parts: Float32
    source: NDArray[np.str_]
    treatment: NDArray[np.str_]
    person: Rows
    age: Rows
    gender: Rows
    race: Rows
    half: NDArray[np.bool_]
    photo: NDArray[np.str_]

    def joined(self, members: Sequence[tuple[str, float]]) -> Float32:
        """The embeddings of a model: a member with weight 1, or the fused model, (N, D)."""
        return join([self.vectors[member] for member, _ in members], members)

    def rows(self, source: str, half: bool | None = None) -> Rows:
        """The rows of a set, of one half of the people or of all."""
        wanted = self.source == source
        return np.flatnonzero(wanted if half is None else wanted & (self.half == half))


def join(parts: Sequence[NDArray[np.floating]], members: Sequence[tuple[str, float]]) -> Float32:
    """Rows of several members as rows of the fused model, of unit length."""
    wide = [np.sqrt(weight) * part.astype(np.float64) for part, (_, weight) in zip(parts, members, strict=True)]
    return np.asarray(unit_length(np.concatenate(wide, axis=1)), np.float32)


def faces_of(embedded: Embedded, fused: Sequence[tuple[str, float]], *, seed: int = 3) -> Faces:
    """The faces among the samples. seed: of the halves."""
    usable = np.flatnonzero(np.isfinite(next(iter(embedded.vectors.values())))[:, 0])
    samples = [embedded.samples[row] for row in usable]
    vectors = {member: rows[usable] for member, rows in embedded.vectors.items()}
    source = np.array([sample.source for sample in samples])
    labels = np.array([_labels(sample.person) if sample.source == "utkface" else (-1,) * 3 for sample in samples])
    names = [f"{'lfw' if sample.source == 'treated' else sample.source}/{sample.person}" for sample in samples]
    joined = join([vectors[member] for member, _ in fused], fused)
    person = identities(joined, names, source, labels[:, 0])
    half = np.random.default_rng(seed).random(person.max() + 1) < 0.5
    treatment = np.array([sample.treatment for sample in samples])
    photo = np.array([f"{sample.person}/{sample.path.name}" for sample in samples])
    return Faces(vectors, embedded.parts[usable], source, treatment, person, *labels.T, half[person], photo)


def _labels(name: str) -> tuple[int, int, int]:
    """Age, gender and race in the name of UTKFace's file; -1 where it has none."""
    fields = name.split("_")
    return tuple(int(field) if field.isdigit() else -1 for field in (*fields, "", "", "")[:3])  # type: ignore[return-value]


def identities(joined: Float32, names: Sequence[str], source: NDArray[np.str_], age: Rows) -> Rows:
    """Person numbers, (N,): equal names, and of LFW and UTKFace also what links of high cosine join."""
    _, number = np.unique(np.array(names), return_inverse=True)
    parent = np.arange(number.max() + 1)
    for wanted in ("utkface", "lfw"):
        rows = np.flatnonzero(source == wanted)
        least = np.where((age[rows] >= 0) & (age[rows] < CHILD_AGE), SAME_CHILD, SAME_PERSON).astype(np.float32)
        for first, second in _links(joined[rows], least):
            parent[_root(parent, number[rows[first]])] = _root(parent, number[rows[second]])
    return np.unique([_root(parent, one) for one in number], return_inverse=True)[1]


def _links(vectors: Float32, least: Float32) -> Iterator[tuple[int, int]]:
    """Pairs of rows whose cosine is above the thresholds of both."""
    for start in range(0, len(vectors), 1000):
        cosines = vectors[start : start + 1000] @ vectors.T
        rows, columns = np.nonzero(cosines > np.maximum(least[start : start + 1000, None], least))
        for row, column in zip((rows + start).tolist(), columns.tolist(), strict=True):
            if row < column:
                yield row, column


def _root(parent: Rows, one: int) -> int:
    while parent[one] != one:
        parent[one] = parent[parent[one]]
        one = int(parent[one])
    return one


def pool_groups(faces: Faces, half: bool | None = None) -> dict[str, list[Rows]]:
    """The rows of each pool, in groups: people of two groups are not compared. half: None means all people."""
    found = (faces.source == "utkface") & ((faces.half == half) if half is not None else True)
    groups = {name: [found & (faces.age >= low) & (faces.age <= high)] for name, (low, high) in AGES.items()}
    grown = found & (faces.age >= 18) & (faces.age <= 64)
    for name, labels in RACES.items():
        groups[name] = [grown & (faces.race == race) & (faces.gender == gender) for race, gender in labels]
    rows = {name: [np.flatnonzero(group) for group in parts] for name, parts in groups.items()}
    return rows | {name: [faces.rows(name.lower(), half)] for name in ("LFW", "CelebA", "ORL")}


def one_each(faces: Faces, rows: Rows, random: np.random.Generator) -> Rows:
    """One row of each person, in random order."""
    mixed = random.permutation(rows)
    _, first = np.unique(faces.person[mixed], return_index=True)
    return mixed[np.sort(first)]
