"""The search index that the settings describe."""

from __future__ import annotations

import sys
from typing import cast

from vultus.config import Settings
from vultus.search.index import FlatIndex
from vultus.search.kernels import choose_kernel, spread
from vultus.search.shared_segments import SharedSegments
from vultus.storage.database import Database
from vultus.storage.gallery import Gallery
from vultus.storage.vector_search.database_index import DatabaseIndex
from vultus.storage.vector_search.vector_tables import VectorDatabase
from vultus.vision.compute_slots import ComputeSlots
from vultus.wiring.parts import Duties


def open_index(
    settings: Settings, database: Database, gallery: Gallery, duties: Duties, slots: ComputeSlots
) -> FlatIndex | DatabaseIndex:
    """In memory, or in PostgreSQL. slots: those that are free help with a search. Raises: SettingsInvalid, when the
    database lacks pgvector."""
    if settings.search == "database":
        return DatabaseIndex(
            cast(VectorDatabase, database),  # `check_settings` has refused any other
            gallery,
            hnsw_from_faces=settings.hnsw_from_faces,
            ef_search=settings.hnsw_ef_search,
            background=duties.serving,
        )
    return FlatIndex(
        gallery,
        memory_bytes=settings.index_memory_bytes,
        kernel=spread(choose_kernel(), slots.run_all, slots.count),
        pq_from_faces=settings.pq_from_faces,
        shared=SharedSegments(settings.shared_index_dir) if duties.shared else None,
    )


def preparation_bytes(settings: Settings) -> int:
    """Of memory for the collections that a server prepares when it starts."""
    return sys.maxsize if settings.search == "database" else settings.index_memory_bytes
