"""SearchSource: the changes of a collection and the stored embeddings of some faces, as a search index reads them.

The gallery implements the protocol; the index knows nothing else of it, and no SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from vultus.records.seen import Float32
from vultus.search.segments import Int64, Rows, empty_rows


@dataclass(frozen=True)
class Mark:
    """A revision of a collection; the collection's number distinguishes it from an earlier one of the same name.

    space: the number of its space; embeddings of another one do not compare. timeline: which history the database
    has; on another one the same revisions may have been other changes.
    """

    collection_pk: int
    revision: int
    space: int = 0
    timeline: str = ""

    def follows(self, earlier: Mark) -> bool:
        """Whether it comes after a mark by changes alone, so that what is known at that one can be kept."""
        return self.is_beside(earlier) and self.revision >= earlier.revision

    def is_beside(self, other: Mark) -> bool:
        """Whether it is of the same collection, space and timeline, so that their revisions compare."""
        ours, theirs = ((one.collection_pk, one.space, one.timeline) for one in (self, other))
        return ours == theirs


@dataclass(frozen=True, eq=False)
class ChangeSet:
    """The changes of a collection's faces up to `mark`.

    fresh: True: these are all its faces, and older ones are to be dropped; False: the changes since the mark given.
    dimension: D of the collection. added: new faces, and faces that moved to another subject, in the order of these
    changes, at most SEGMENT_ROWS at a time; the arrays may be kept without a copy; a moved face takes the place of its
    older row. removed: (R,) int64, numbers of erased faces; some may be unknown to the reader, and an added face may
    have the number of a removed one: remove first.
    """

    mark: Mark
    fresh: bool
    dimension: int
    added: Sequence[Rows]
    removed: Int64


@dataclass(frozen=True, eq=False)
class StoredEmbeddings:
    """Some faces: their numbers, and their embeddings (N, D) float32."""

    face_pks: Sequence[int]
    embeddings: Float32


class Owner(NamedTuple):
    """A face, by its id, and whose it is: the id, name and metadata of its subject."""

    face: str
    subject: str
    name: str | None = None
    metadata: Mapping[str, Any] = MappingProxyType({})


Fits = Callable[[int, int], bool]  # of so many faces in so many dimensions: whether their embeddings are wanted


def none_fits(faces: int, dimension: int) -> bool:
    """No embeddings are wanted."""
    return False


class Allocate(Protocol):
    """Makes uninitialised rows, as `empty_rows` does."""

    def __call__(self, count: int, dimension: int, *, embeddings: bool = False) -> Rows: ...


class SearchSource(Protocol):
    """The part of the gallery that the flat index needs."""

    def mark(self, collection: str) -> Mark:
        """The mark of the collection as it is committed now; takes microseconds. Raises: CollectionNotFound."""

    def changes_since(
        self, collection: str, since: Mark | None, fits: Fits = none_fits, allocate: Allocate = empty_rows
    ) -> ChangeSet:
        """The changes after a mark (None: everything). fits: asked whether the added rows are to have embeddings.

        allocate: makes these rows. Raises: CollectionNotFound.
        """

    def stored_embeddings(self, mark: Mark, face_pks: Sequence[int]) -> StoredEmbeddings:
        """Those of the faces (by number) that were there at `mark` and still are, in any order."""

    def owners(self, mark: Mark, face_pks: Sequence[int]) -> dict[int, Owner]:
        """Whose they are now, of those of the faces (by number) that were there at `mark` and still are."""
