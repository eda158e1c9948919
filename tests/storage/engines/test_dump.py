"""The recipe of docs/operations.md for backups of PostgreSQL: pg_dump, pg_restore, vultus check."""

from __future__ import annotations

from contextlib import closing

import pytest

from tests.storage.synthetic import new_face
from vultus.backup.integrity import faults
from vultus.search.index import FlatIndex
from vultus.storage.audit import Act
from vultus.storage.database import open_database
from vultus.storage.gallery import Gallery
from vultus.storage.photos import LocalPhotoStore

pytestmark = pytest.mark.postgres


def test_what_pg_dump_saved_pg_restore_brings_back_as_it_was(gallery, url, postgres, tmp_path):
    ours, photos = gallery.acting_as(Act("k")), LocalPhotoStore(tmp_path / "photos")
    for seed in range(3):
        ours.add_faces("people", f"p{seed}", [new_face(seed)])
    ours.delete_subject("people", "p0")
    dump = postgres.folder / "vultus.dump"
    name = url.partition("?")[0].rpartition("/")[2]
    postgres.run("pg_dump", "--format=custom", f"--file={dump}", postgres.dsn(name))
    ours.add_faces("people", "later", [new_face(9)])
    restored = postgres.create_database()
    postgres.run("pg_restore", f"--dbname={postgres.dsn(restored)}", "--exit-on-error", dump)
    with closing(open_database(postgres.url(restored))) as database:
        assert {fault.kind for fault in faults(database, photos)} == {"photos"}  # of these faces none was stored
        theirs = Gallery(database)
        assert theirs.mark("people").revision == 4
        index = FlatIndex(theirs)
        for seed, subject in ((1, "p1"), (2, "p2")):
            assert index.search("people", new_face(seed).template.embedding[None], 1)[0][0].subject == subject
        theirs.acting_as(Act("k")).add_faces("people", "new", [new_face(5)])  # numbers go on after those there are
        assert index.search("people", new_face(5).template.embedding[None], 1)[0][0].subject == "new"
    postgres.drop_database(restored)
