"""The truth about the few faces that a search over codes cannot rule out: their embeddings and ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, bindparam, select

from vultus.records import Float32
from vultus.storage.search_source import Mark
from vultus.storage.subjects import in_chunks
from vultus.storage.tables import embeddings, faces, subjects


@dataclass(frozen=True, eq=False)
class References:
    """Some faces: their numbers and ids, the ids of their subjects, embeddings (N, D) float32."""

    face_pks: Sequence[int]
    face_ids: Sequence[str]
    subjects: Sequence[str]
    embeddings: Float32


def select_references(connection: Connection, mark: Mark, face_pks: Sequence[int]) -> References:
    """Those of the faces that were there at `mark` and still are, in any order.

    A number can have gone to another face since: that one has a later revision, or another collection.
    """
    found = [row for some in in_chunks(face_pks) for row in connection.execute(_STATEMENT, {"pks": some})]
    # told apart here: in the WHERE it tempts SQLite to go through all faces of the collection, 60 times slower
    known = [row[:4] for row in found if row.collection_pk == mark.collection_pk and row.revision <= mark.revision]
    pks, ids, owners, vectors = zip(*known, strict=True) if known else ((), (), (), ())
    return References(pks, ids, owners, np.array(vectors, np.float32))


_STATEMENT = (  # made once: making it takes as long as running it
    select(faces.c.pk, faces.c.id, subjects.c.id, embeddings.c.embedding, faces.c.collection_pk, faces.c.revision)
    .join(subjects, subjects.c.pk == faces.c.subject_pk)
    .join(embeddings, embeddings.c.face_pk == faces.c.pk)
    .where(faces.c.pk.in_(bindparam("pks", expanding=True)))
)
