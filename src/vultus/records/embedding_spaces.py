"""Spaces of embeddings: what a model at a version makes. A collection is in one; re-embedding moves it to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vultus.records.stored import Collection, Job

SpaceState = Literal["filling", "kept", "removing"]


@dataclass(frozen=True)
class Space:
    """What a model at a version makes."""

    model_id: str
    pipeline_version: int
    dimension: int


@dataclass(frozen=True)
class OtherSpace:
    """The space that a collection has beside its own. embedded, missing: faces of it with, and without an embedding.

    state: filling: before a switch; kept: the former one, after it; removing: given up.
    """

    space: Space
    state: SpaceState
    embedded: int
    missing: int


@dataclass(frozen=True)
class Missing:
    """A face that has no embedding in a space, and why. number: its place in the order of enrolment."""

    face_id: str
    number: int
    reason: str


@dataclass(frozen=True)
class Reembedding:
    """Where a collection stands. missing: faces that cannot be embedded again, or that were left out; a page of them.

    next_missing: the number that the next page begins after, None at the end. job: the latest one.
    """

    collection: Collection
    other: OtherSpace | None
    missing: tuple[Missing, ...]
    next_missing: int | None
    job: Job | None


def space_of(collection: Collection) -> Space:
    """The space that a collection is in."""
    return Space(collection.model_id, collection.pipeline_version, collection.dimension)
