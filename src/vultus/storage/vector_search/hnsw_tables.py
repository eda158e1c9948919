"""The HNSW index of one collection: a partial index, so that no other collection takes places in its graph.

So a search in a small collection beside a large one finds as much as if it were alone, and erasing a collection drops
its index. Malkov and Yashunin: Efficient and robust approximate nearest neighbor search using Hierarchical Navigable
Small World graphs, 2018. https://github.com/pgvector/pgvector#hnsw
"""

from __future__ import annotations

from sqlalchemy.engine.interfaces import DBAPICursor

NEIGHBOURS, BUILDING_LIST = 16, 128  # m and ef_construction of pgvector
CANDIDATES_PER_LINE = 20  # compared exactly at least: a subject may have many faces
MOST_DIMENSIONS = 4000  # of a halfvec in an index
MOST_EF = 1000  # of hnsw.ef_search
BYTES_A_FACE = 2.5 * 1024  # of the graph at 640 dimensions, while it is built
LEAST_MEMORY, MOST_MEMORY = 64, 2048  # MiB, while it is built
PREFIX = "search_hnsw_"
KNOWN = """
    SELECT relname, indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE indrelid = to_regclass('search_vectors') AND starts_with(relname, 'search_hnsw_')
"""


def index_name(collection_pk: int) -> str:
    """Of the index of this collection."""
    return f"{PREFIX}{collection_pk}"


def known_indexes(cursor: DBAPICursor) -> dict[str, bool]:
    """The names of all indexes; whether each is whole. One that a crash left half built is not."""
    cursor.execute(KNOWN)
    return dict(cursor.fetchall())


def drop_index(cursor: DBAPICursor, collection_pk: int) -> None:
    """Drop the index, if there is one."""
    cursor.execute(f"DROP INDEX IF EXISTS {index_name(collection_pk)}")


def build_index(cursor: DBAPICursor, collection_pk: int, dimension: int, faces: int) -> None:
    """Build the index, which takes minutes, in which all else goes on. cursor: outside of any transaction."""
    memory = min(max(int(faces * BYTES_A_FACE) >> 20, LEAST_MEMORY), MOST_MEMORY)
    cursor.execute(f"SET maintenance_work_mem = '{memory}MB'")
    cursor.execute(
        f"CREATE INDEX CONCURRENTLY {index_name(collection_pk)} ON search_vectors "
        f"USING hnsw ((vector::halfvec({dimension})) halfvec_ip_ops) "
        f"WITH (m = {NEIGHBOURS}, ef_construction = {BUILDING_LIST}) WHERE collection_pk = {collection_pk}"
    )


def use_index(cursor: DBAPICursor, ef: int) -> None:
    """Let the statements of the transaction use the index, which looks at so many faces; and at more, until there are
    as many as were asked for: erased ones stay in it until PostgreSQL vacuums."""
    cursor.execute(
        "SELECT set_config('hnsw.ef_search', %s, true), set_config('hnsw.iterative_scan', 'relaxed_order', true), "
        "set_config('enable_sort', 'off', true)",
        [str(ef)],
    )
