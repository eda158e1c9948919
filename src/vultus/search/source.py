"""What a search index reads: the changes of a collection, and the stored embeddings of some of its faces.

The gallery implements `SearchSource`; the index knows only this protocol, and no SQL.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from vultus.records import Float32
from vultus.search.segments import Int64, Rows


@dataclass(frozen=True)
class Mark:
    """How much of a collection is known: which collection (one made anew under its name is another), which revision."""

    collection_pk: int
    revision: int


@dataclass(frozen=True, eq=False)
class ChangeSet:
    """What happened to a collection's faces up to `mark`.

    fresh: the whole content from the beginning, so drop what is held. Otherwise: since the mark that was asked about.
    dimension: D of the collection. added: the faces there are now and were not, in the order of their enrolment, at
    most SEGMENT_ROWS at a time, to be kept without a copy. removed: (R,) int64, numbers of faces that are gone; some
    may never have been seen, and an added face may have got the number of a removed one: remove first.
    """

    mark: Mark
    fresh: bool
    dimension: int
    added: Sequence[Rows]
    removed: Int64


@dataclass(frozen=True, eq=False)
class StoredEmbeddings:
    """Some faces: their numbers and ids, the ids of their subjects, embeddings (N, D) float32."""

    face_pks: Sequence[int]
    face_ids: Sequence[str]
    subjects: Sequence[str]
    embeddings: Float32


class SearchSource(Protocol):
    """What the flat index needs of the gallery."""

    def changes_since(self, collection: str, since: Mark | None) -> ChangeSet:
        """The changes after a mark (None: everything). Raises: CollectionNotFound."""

    def stored_embeddings(self, mark: Mark, face_pks: Sequence[int]) -> StoredEmbeddings:
        """Those of the faces (by number) that were there at `mark` and still are, in any order."""
