"""Mean faces: embeddings averaged over LEAST_PEOPLE and more who are alike, or whose photos were damaged alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.calibration.people import CHILD_AGE, Faces, Rows, join
from benchmarks.calibration.treatments import LIGHT
from vultus.models.relative_calibration import LEAST_PEOPLE, WHOLE, MeanFaces
from vultus.records.seen import Float32

AGE_BINS = ((0, 2), (3, 5), (6, 12), (13, 17), (18, 29), (30, 44), (45, 64), (65, 200))
TEEN = 13  # years: from here on there is a mean face of each race and gender, over all ages
PEOPLE_A_CLUSTER, MOST_CLUSTERS = 20, 16  # of a group, of one half of the people
PEOPLE_A_CLUSTER_OF_ALL = 2 * PEOPLE_A_CLUSTER  # as many clusters as a half makes, and those of smaller groups
LFW_CLUSTERS, CLUSTERS_A_DAMAGE = 32, 2
LIFT = 0.07  # of damaged photos, which are more alike than the mean of them tells; 0.05 to 0.1 do as well
ROUNDS = 8  # of k-means


@dataclass(frozen=True, eq=False)
class Cluster:
    """People who are averaged: their mean of each network's embeddings, (D,). kind: WHOLE, or a damage's name."""

    kind: str
    people: int
    means: dict[str, Float32]

    @property
    def lift(self) -> float:
        return 0.0 if self.kind == WHOLE else LIFT


def clusters_of(faces: Faces, joined: Float32, half: bool | None) -> list[Cluster]:
    """The mean faces of the people of one half, or of all. joined: (N, D) by the fused model, which groups people."""
    chosen = np.ones(len(faces.half), bool) if half is None else faces.half == half
    found: list[Cluster] = []
    size = PEOPLE_A_CLUSTER_OF_ALL if half is None else PEOPLE_A_CLUSTER
    for rows, most in _groups(faces, chosen):
        found += _clustered(faces, joined, rows, (size, most), WHOLE)
    for treatment in sorted(set(faces.treatment[faces.source == "treated"]) - LIGHT):
        rows = np.flatnonzero(chosen & (faces.source == "treated") & (faces.treatment == treatment))
        found += _clustered(faces, joined, rows, (size, CLUSTERS_A_DAMAGE), treatment)
    return found


def children_of(faces: Faces, half: bool | None) -> Cluster:
    """The mean of children under six."""
    chosen = (faces.source == "utkface") & (faces.age >= 0) & (faces.age < CHILD_AGE)
    rows = np.flatnonzero(chosen if half is None else chosen & (faces.half == half))
    return _cluster(faces, rows, WHOLE)


def _groups(faces: Faces, chosen: NDArray[np.bool_]) -> Iterator[tuple[Rows, int]]:
    """The rows of groups of people alike, and into how many clusters at most each is divided."""
    labelled = chosen & (faces.source == "utkface")
    kinds = [(race, gender) for race in range(5) for gender in range(2)]
    for race, gender in kinds:
        alike = labelled & (faces.race == race) & (faces.gender == gender)
        for low, high in AGE_BINS:
            yield np.flatnonzero(alike & (faces.age >= low) & (faces.age <= high)), MOST_CLUSTERS
        yield np.flatnonzero(alike & (faces.age >= TEEN)), 1
    yield np.flatnonzero(chosen & (faces.source == "lfw")), LFW_CLUSTERS
    yield np.flatnonzero(chosen & (faces.source == "orl")), 1


def _clustered(faces: Faces, joined: Float32, rows: Rows, shape: tuple[int, int], kind: str) -> list[Cluster]:
    """shape: people of a cluster, and clusters at most."""
    people, place = np.unique(faces.person[rows], return_inverse=True)
    if len(people) < LEAST_PEOPLE:
        return []
    means = person_means(joined[rows], place)
    label = k_means(means, min(max(len(people) // shape[0], 1), shape[1]))
    parts = [rows[label[place] == one] for one in range(label.max() + 1)]
    return [_cluster(faces, part, kind) for part in parts if len(np.unique(faces.person[part])) >= LEAST_PEOPLE]


def _cluster(faces: Faces, rows: Rows, kind: str) -> Cluster:
    people, place = np.unique(faces.person[rows], return_inverse=True)
    means = {member: person_means(vectors[rows], place).mean(axis=0) for member, vectors in faces.vectors.items()}
    return Cluster(kind, len(people), means)


def person_means(vectors: Float32, place: Rows) -> Float32:
    """The mean of each person's embeddings, of unit length, so that every person weighs the same, (P, D)."""
    total = np.zeros((int(place.max()) + 1, vectors.shape[1]))
    np.add.at(total, place, vectors)
    return np.asarray(total / np.linalg.norm(total, axis=1, keepdims=True), np.float32)


def k_means(vectors: Float32, clusters: int, *, seed: int = 0) -> Rows:
    """The cluster of each unit vector, (N,); a cluster that becomes too small begins again within the largest."""
    random = np.random.default_rng(seed)
    centres = vectors[random.choice(len(vectors), clusters, replace=False)].copy()
    for _ in range(ROUNDS):
        label = (vectors @ centres.T).argmax(axis=1)
        counts = np.bincount(label, minlength=clusters)
        for one in range(clusters):
            if counts[one] < LEAST_PEOPLE:
                centres[one] = vectors[random.choice(np.flatnonzero(label == counts.argmax()))]
            else:
                mean = vectors[label == one].mean(axis=0)
                centres[one] = mean / np.linalg.norm(mean)
    return np.asarray((vectors @ centres.T).argmax(axis=1))


def as_mean_faces(clusters: Sequence[Cluster], children: Cluster, members: Sequence[tuple[str, float]]) -> MeanFaces:
    """The mean faces as a model reads them from the file, rounded alike."""
    rows = [[_rounded(cluster.means[member]) for cluster in (*clusters, children)] for member, _ in members]
    joined = join([np.array(part) for part in rows], members)
    lifts = np.array([cluster.lift for cluster in clusters], np.float32)
    return MeanFaces(joined[:-1], lifts, np.array([one.kind != WHOLE for one in clusters]), joined[-1])


def write_mean_faces(path: Path, clusters: Sequence[Cluster], children: Cluster) -> None:
    """The file that the package ships: see `models.relative_calibration.read_mean_faces`. Raises OSError."""
    arrays = {member: np.array([_rounded(one.means[member]) for one in clusters]) for member in children.means}
    arrays |= {f"children.{member}": _rounded(mean) for member, mean in children.means.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        path,
        lifts=np.array([one.lift for one in clusters], np.float32),
        kinds=np.array([one.kind for one in clusters]),
        people=np.array([one.people for one in clusters], np.int32),
        **arrays,
    )


def _rounded(mean: Float32) -> NDArray[np.float16]:
    return mean.astype(np.float16)
