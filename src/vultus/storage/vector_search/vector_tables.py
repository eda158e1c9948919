"""The tables of the search in the database, and what is known of a collection in them.

All of it is derived from the embeddings: made when the operator turns this search on, filled when a collection is
searched, and free to be dropped. What is erased leaves it in the same transaction, by the foreign keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, cast

from sqlalchemy import Connection
from sqlalchemy.engine.interfaces import DBAPICursor

from vultus.search.recall import Recall
from vultus.search.source import Mark
from vultus.storage.collections import no_collection
from vultus.storage.search_source import TIMELINE_NOW

LAST_FACE = 2**63 - 1
# place: a hash of the number, by which the cohort is chosen. The terms have a table of their own: to change one in a
# table with an HNSW index would add the vector to that index again.
TABLES = (
    """CREATE TABLE IF NOT EXISTS search_collections (
        collection_pk BIGINT PRIMARY KEY REFERENCES collections (pk) ON DELETE CASCADE,
        space BIGINT NOT NULL, subjects BIGINT NOT NULL DEFAULT 0, faces BIGINT NOT NULL DEFAULT 0,
        filled_revision BIGINT NOT NULL DEFAULT 0, filled_face BIGINT NOT NULL DEFAULT 0,
        rule TEXT, terms_revision BIGINT NOT NULL DEFAULT 0, terms_face BIGINT NOT NULL DEFAULT 0,
        least_term REAL NOT NULL DEFAULT 0, cohort_revision BIGINT NOT NULL DEFAULT 0,
        changed_since BIGINT NOT NULL DEFAULT 0,
        recall_mated DOUBLE PRECISION, recall_non_mated DOUBLE PRECISION, ef_search INTEGER,
        measured_faces BIGINT NOT NULL DEFAULT 0)""",
    """CREATE TABLE IF NOT EXISTS search_vectors (
        face_pk BIGINT PRIMARY KEY REFERENCES faces (pk) ON DELETE CASCADE,
        collection_pk BIGINT NOT NULL, place BIGINT NOT NULL, vector halfvec NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS search_vectors_by_place ON search_vectors (collection_pk, place)",
    "ALTER TABLE search_vectors ALTER COLUMN vector SET STORAGE EXTERNAL",
    "ALTER TABLE search_vectors SET (toast_tuple_target = 8160)",
    """CREATE TABLE IF NOT EXISTS search_terms (
        face_pk BIGINT PRIMARY KEY REFERENCES search_vectors (face_pk) ON DELETE CASCADE, term REAL NOT NULL)""",
)
STATE = f"""
    SELECT c.pk, c.revision, c.space, {TIMELINE_NOW}, c.dimension,
        s.space, s.subjects, s.faces, s.filled_revision, s.filled_face,
        s.rule, s.terms_revision, s.terms_face, s.least_term, s.cohort_revision, s.changed_since,
        s.recall_mated, s.recall_non_mated, s.ef_search, s.measured_faces
    FROM collections c LEFT JOIN search_collections s ON s.collection_pk = c.pk WHERE c.name = %s
"""


class VectorDatabase(Protocol):
    """What the search needs of PostgreSQL: see `Database`, and `engines/postgres.py`."""

    def cursor(self, *, once: bool = False) -> AbstractContextManager[DBAPICursor]: ...

    def adding(self) -> AbstractContextManager[Connection]: ...

    def migrating(self) -> AbstractContextManager[Connection]: ...

    def maintaining(self) -> AbstractContextManager[DBAPICursor | None]: ...

    def use_vectors(self) -> None: ...


@dataclass(frozen=True)
class State:
    """A collection, and what the search knows of it at the same moment.

    space: of the vectors; None: nothing is known yet. subjects, faces: those that can be found. filled_*, terms_*: up
    to which face, in the order of (revision, number), there are vectors, and terms by `rule`. least_term: none is
    lower. cohort_revision: of the collection when all terms were computed; changed_since: how many faces were enrolled,
    moved or erased since. recall_*: of the HNSW index with this ef_search, measured with so many faces; None: no index.
    """

    mark: Mark
    dimension: int
    space: int | None
    subjects: int
    faces: int
    filled_revision: int
    filled_face: int
    rule: str | None
    terms_revision: int
    terms_face: int
    least_term: float
    cohort_revision: int
    changed_since: int
    recall_mated: float | None
    recall_non_mated: float | None
    ef_search: int | None
    measured_faces: int

    @property
    def recall(self) -> Recall | None:
        """Of the HNSW index, as it was measured; None where there is none."""
        if self.recall_mated is None or self.recall_non_mated is None:
            return None
        return Recall(self.recall_mated, self.recall_non_mated)

    def is_filled(self, wanted: Mark | None = None) -> bool:
        """Whether there is a vector of every face; wanted: of those that were there at this mark."""
        reached = (self.filled_revision, self.filled_face)
        return self.space == self.mark.space and reached >= (self._revision(wanted), LAST_FACE)

    def has_terms(self, rule: str | None, wanted: Mark | None = None) -> bool:
        """Whether each of these faces has its term by the rule of this digest; None: terms are not asked for."""
        reached = (self.terms_revision, self.terms_face)
        return rule is None or (self.rule == rule and reached >= (self._revision(wanted), LAST_FACE))

    def _revision(self, wanted: Mark | None) -> int:
        return wanted.revision if wanted is not None and self.mark.follows(wanted) else self.mark.revision


def prepare_database(database: VectorDatabase) -> None:
    """Make the tables where there are none. Raises: SettingsInvalid, without the extension; StorageFailed."""
    database.use_vectors()
    with database.cursor(once=True) as cursor:
        cursor.execute("SELECT to_regclass('search_terms') IS NOT NULL")  # the last one
        if cursor.fetchall()[0][0]:
            return
    with database.migrating() as connection:
        for statement in TABLES:
            connection.exec_driver_sql(statement)


@contextmanager
def writing(database: VectorDatabase) -> Iterator[DBAPICursor]:
    """A write transaction, in which nothing is erased and no collection switches its space."""
    with database.adding() as connection:
        driver = cast(Any, connection.connection.driver_connection)
        yield cast(DBAPICursor, driver.cursor(binary=True))


def read_state(cursor: DBAPICursor, name: str) -> State:
    """Raises: CollectionNotFound."""
    cursor.execute(STATE, [name])
    rows = cursor.fetchall()
    if not rows:
        raise no_collection(name)
    pk, revision, space, timeline, dimension, *known = rows[0]
    mark = Mark(pk, revision, space, timeline)
    if known[0] is None:
        return State(mark, dimension, None, 0, 0, 0, 0, None, 0, 0, 0.0, 0, 0, None, None, None, 0)
    return State(mark, dimension, *known)


def update_state(cursor: DBAPICursor, collection_pk: int, **values: Any) -> None:
    """Set some columns of a collection's row."""
    columns = ", ".join(f"{name} = %({name})s" for name in values)
    cursor.execute(
        f"UPDATE search_collections SET {columns} WHERE collection_pk = %(pk)s", values | {"pk": collection_pk}
    )
