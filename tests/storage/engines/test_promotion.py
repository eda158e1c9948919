"""A standby that lacks what its primary acknowledged last is promoted: revisions that were seen come again."""

from __future__ import annotations

import signal
from contextlib import ExitStack, closing

import pytest

from tests.postgres_server import primary_and_standby, state_of_standby
from tests.storage.synthetic import DIMENSION, MODEL, new_face
from tests.waiting import wait_until
from vultus.search.index import FlatIndex
from vultus.storage.database import open_database
from vultus.storage.gallery import Gallery
from vultus.storage.migrations.runner import migrate

pytestmark = pytest.mark.postgres


def test_a_search_after_a_promotion_knows_only_what_the_new_primary_has():
    with ExitStack() as stack:
        primary, standby = stack.enter_context(primary_and_standby())
        url = primary.url(primary.create_database(), standby)
        database = stack.enter_context(closing(open_database(url)))
        migrate(database)
        gallery = Gallery(database)
        gallery.create_collection("people", model_id=MODEL, pipeline_version=1, dimension=DIMENSION)
        index = FlatIndex(gallery)
        enroll(gallery, 1)
        primary.configure("synchronous_standby_names", "")
        standby.configure("primary_conninfo", "")
        wait_until(lambda: state_of_standby(primary) is None, "the standby to be cut off")
        enroll(gallery, 2, 3)
        assert [found(index, seed) for seed in (1, 2, 3)] == ["p1", "p2", "p3"]
        before = gallery.mark("people")
        primary.stop(signal.SIGKILL)
        standby.execute("SELECT pg_promote()")
        enroll(gallery, 4, 5, 6)
        assert gallery.mark("people").revision > before.revision
        assert [found(index, seed) for seed in (1, 4, 5, 6)] == ["p1", "p4", "p5", "p6"]
        assert found(index, 2) != "p2"
        assert gallery.owners(before, [1, 2, 3]) == {}  # of a search that was under way


def enroll(gallery: Gallery, *seeds: int) -> None:
    for seed in seeds:
        gallery.add_faces("people", f"p{seed}", [new_face(seed)])


def found(index: FlatIndex, seed: int) -> str:
    ((best,),) = index.search("people", new_face(seed).template.embedding[None], 1)
    return best.subject
