"""GalleryReader: all that is enrolled, as it is read. Every method sees one moment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property

from sqlalchemy import true

from vultus.records.seen import Float32
from vultus.records.server_processes import ServerProcess
from vultus.records.stored import Collection, EnrolledFace, Subject, SubjectOrder, SubjectPlace
from vultus.search.segments import empty_rows
from vultus.search.source import Allocate, ChangeSet, Fits, Mark, Owner, StoredEmbeddings, none_fits
from vultus.storage import collections as c
from vultus.storage import faces as f
from vultus.storage import subjects as s
from vultus.storage import tables as t
from vultus.storage.collections import quoted
from vultus.storage.database import Database
from vultus.storage.photo_records import photo_rows
from vultus.storage.replication.server_list import select_servers
from vultus.storage.search_source import SearchSelects
from vultus.storage.subject_lists.subject_pages import select_subject, select_subjects

COLLECTIONS_NAMED = 5  # in a sentence


def doubly_spelled_sentence(found: Sequence[tuple[str, str]]) -> str:
    """What an operator has to know of ids in two spellings. found: collections and ids, at least one."""
    where = ", ".join(sorted({quoted(collection) for collection, _ in found})[:COLLECTIONS_NAMED])
    return (
        f"{len(found)} subject ids of an earlier release are the same text as another id in other code points "
        f"(decomposed Unicode), in collection {where}; each is reached by its exact spelling. List them with "
        "`vultus subjects spellings`; add --merge to merge each into the composed spelling"
    )


class GalleryReader:
    """Collections, their subjects, their faces. Used by many threads and several processes at once.

    Ids, names and metadata are data: any Unicode text. Every method may raise StorageFailed.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @cached_property
    def _selects(self) -> SearchSelects:
        """Compiled at the first search: that takes as long as a hundred of them."""
        database = self._database
        return SearchSelects(database.engine.dialect, database.installation_key if database.seals_rows else None)

    # --- collections ----------------------------------------------------------------------------------------------

    def collection(self, name: str) -> Collection:
        """Raises: CollectionNotFound."""
        with self._database.reading() as connection:
            c.collection_row(connection, name)
            return c.select_collections(connection, name)[0]

    def binding(self, name: str) -> Collection:
        """The collection without its counts, which take longer the larger it is. Raises: CollectionNotFound."""
        with self._database.cursor(once=True) as cursor:
            return self._selects.binding(cursor, name)

    def collections(self) -> tuple[Collection, ...]:
        """All collections, by name."""
        with self._database.reading() as connection:
            return c.select_collections(connection)

    def keeps_photos(self, name: str) -> bool:
        """Whether a photo is kept of any face of a collection. Raises: CollectionNotFound."""
        with self._database.reading() as connection:
            return f.any_photo(connection, c.collection_row(connection, name).pk)

    def subjects(
        self, collection: str, *, after: str | None = None, limit: int, query: str | None = None
    ) -> tuple[Subject, ...]:
        """At most `limit` subjects by id, those after the id `after`. Raises: CollectionNotFound.

        query: only subjects whose id begins with it, or whose name contains it, in any letter case.
        """
        place = None if after is None else SubjectPlace("id", after, after)
        return tuple(one for one, _ in self.subject_page(collection, after=place, limit=limit, query=query))

    def subject_page(
        self,
        collection: str,
        *,
        order: SubjectOrder = "id",
        after: SubjectPlace | None = None,
        limit: int,
        query: str | None = None,
    ) -> tuple[tuple[Subject, SubjectPlace], ...]:
        """As `subjects`, in this order; each with its place, after which another page begins."""
        with self._database.reading() as connection:
            row = c.collection_row(connection, collection)
            return select_subjects(connection, row, order=order, after=after, limit=limit, query=query)

    def subject(self, collection: str, subject_id: str) -> Subject:
        """Raises: CollectionNotFound, SubjectNotFound."""
        with self._database.reading() as connection:
            row = c.collection_row(connection, collection)
            return select_subject(connection, row, subject_id)

    def look_alikes(self, collection: str, subject_id: str) -> tuple[str, ...]:
        """The ids of some other subjects that look like this one, see `lookalikes`. Raises: CollectionNotFound."""
        with self._database.reading() as connection:
            return s.select_look_alikes(connection, c.collection_row(connection, collection).pk, subject_id)

    def all_look_alikes(self, collection: str, subject_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """The same for some ids at once, without those that have none. Raises: CollectionNotFound."""
        with self._database.reading() as connection:
            return s.select_all_look_alikes(connection, c.collection_row(connection, collection).pk, subject_ids)

    def doubly_spelled(self) -> tuple[tuple[str, str], ...]:
        """Collection and id of the subjects whose ids are not canonical, see `doubly_spelled_sentence`."""
        with self._database.reading() as connection:
            return s.select_doubly_spelled(connection)

    def subject_ids_beginning(self, collection: str, beginning: str, *, limit: int) -> tuple[str, ...]:
        """At most `limit` ids of subjects that begin so, letter case counts. Raises: CollectionNotFound."""
        with self._database.reading() as connection:
            row = c.collection_row(connection, collection)
            subjects = t.subjects.c
            return s.select_ids_beginning(connection, subjects.collection_pk == row.pk, subjects.id, beginning, limit)

    def face_ids_beginning(self, beginning: str, *, limit: int) -> tuple[str, ...]:
        """At most `limit` ids of faces, of all collections, that begin so."""
        with self._database.reading() as connection:
            return s.select_ids_beginning(connection, true(), t.faces.c.id, beginning, limit)

    def find_faces_by_source(
        self, collection: str, subject_id: str, source_sha256s: Sequence[str]
    ) -> dict[str, EnrolledFace]:
        """The subject's faces from photos sent before, by source_sha256; empty when there is no such subject.

        Raises: CollectionNotFound.
        """
        with self._database.reading() as connection:
            row = c.collection_row(connection, collection)
            subject = s.find_subject_row(connection, row.pk, subject_id)
            return {} if subject is None else f.select_faces_by_source(connection, subject.pk, source_sha256s)

    def faces_of_image(self, collection: str, image_id: str) -> tuple[EnrolledFace, ...]:
        """The faces of the image that callers know by this id, oldest first. Raises: CollectionNotFound."""
        with self._database.reading() as connection:
            return f.select_faces_of_image(connection, c.collection_row(connection, collection).pk, image_id)

    def faces_by_id(self, collection: str, face_ids: Sequence[str]) -> dict[str, EnrolledFace]:
        """Those of the faces that the collection has, by id. Raises: CollectionNotFound."""
        with self._database.reading() as connection:
            return f.select_faces_by_id(connection, c.collection_row(connection, collection).pk, face_ids)

    def count_subjects(self, collection: str, beginning: str) -> int:
        """How many subjects have an id that begins so. Raises: CollectionNotFound."""
        with self._database.reading() as connection:
            return s.count_ids_beginning(connection, c.collection_row(connection, collection).pk, beginning)

    def faces(self, collection: str, subject_id: str) -> tuple[EnrolledFace, ...]:
        """The subject's faces, oldest first. Raises: CollectionNotFound, SubjectNotFound."""
        with self._database.reading() as connection:
            row = c.collection_row(connection, collection)
            return f.select_subject_faces(connection, s.subject_row(connection, row, subject_id).pk)

    def face_ids(self, collection: str, subject_id: str) -> tuple[str, ...]:
        """The ids of the subject's faces, oldest first. Raises: CollectionNotFound, SubjectNotFound."""
        with self._database.reading() as connection:
            row = c.collection_row(connection, collection)
            subject = s.subject_row(connection, row, subject_id)
            return f.face_ids(connection, lambda table: table.c.subject_pk == subject.pk)

    def face(self, face_id: str) -> EnrolledFace:
        """Raises: FaceNotFound."""
        with self._database.reading() as connection:
            return f.select_face(connection, face_id)

    def face_embedding(self, face_id: str) -> tuple[EnrolledFace, Float32, int]:
        """A face, its embedding, (D,) float32, and the number of its space. Raises: FaceNotFound."""
        with self._database.reading() as connection:
            return f.select_face_embedding(connection, face_id)

    def faces_of_collection(
        self, collection: str, *, after: int = 0, limit: int
    ) -> tuple[tuple[EnrolledFace, int], ...]:
        """At most `limit` faces in the order of enrolment, each with its number; those after the number `after`.

        Raises: CollectionNotFound.
        """
        with self._database.reading() as connection:
            return f.select_faces(connection, c.collection_row(connection, collection).pk, after, limit)

    def face_names(
        self, collection: str, *, subject: str | None, skip: int, limit: int
    ) -> tuple[tuple[tuple[str, str], ...], int]:
        """Ids of faces and of their subjects, in the order of enrolment; and how many there are in all.

        subject: only its faces; one that is not there has none. Raises: CollectionNotFound.
        """
        with self._database.reading() as connection:
            row = c.collection_row(connection, collection)
            if subject is None:
                return f.select_face_names(connection, t.faces.c.collection_pk == row.pk, skip, limit)
            owner = s.find_subject_row(connection, row.pk, subject)
            if owner is None:
                return (), 0
            return f.select_face_names(connection, t.faces.c.subject_pk == owner.pk, skip, limit)

    def subjects_named(self, collection: str, subject_id: str) -> tuple[str, ...]:
        """The ids that are this one but for the case of letters. Raises: CollectionNotFound."""
        with self._database.reading() as connection:
            return s.select_same_letters(connection, c.collection_row(connection, collection).pk, subject_id)

    def subject_number(self, collection: str, subject_id: str) -> int:
        """The number by which a search index knows the subject. Raises: CollectionNotFound, SubjectNotFound."""
        with self._database.reading() as connection:
            return int(s.subject_row(connection, c.collection_row(connection, collection), subject_id).pk)

    def embeddings(
        self, collection: str, subject_id: str, *, space: int | None = None
    ) -> tuple[tuple[str, ...], Float32]:
        """The subject's face ids, oldest first, and their embeddings, (N, D) float32.

        Raises: CollectionNotFound, SubjectNotFound, SpaceChanged.
        """
        with self._database.reading() as connection:
            row = c.collection_row(connection, collection)
            c.require_space(row, space)
            subject = s.subject_row(connection, row, subject_id)
            return f.select_embeddings(connection, subject.pk, row.dimension, row.space)

    def whole_subject(
        self, collection: str, subject_id: str, *, space: int
    ) -> tuple[Subject, tuple[tuple[EnrolledFace, str, Float32 | None], ...]]:
        """A subject as of one moment, and its faces, oldest first: each with its source_sha256 and its embedding, (D,).

        An embedding is None where the face has none in the space.
        Raises: CollectionNotFound, SubjectNotFound, SpaceChanged; SealBroken, when a face was changed from outside.
        """
        with self._database.reading() as connection:
            row = c.collection_row(connection, collection)
            c.require_space(row, space)
            pk = s.subject_row(connection, row, subject_id).pk
            ids, vectors = f.select_embeddings(connection, pk, row.dimension, row.space)
            embeddings, sources = dict(zip(ids, vectors, strict=True)), f.select_sources(connection, pk)
            faces = f.select_subject_faces(connection, pk)
            parts = tuple((face, sources[face.id], embeddings.get(face.id)) for face in faces)
            return select_subject(connection, row, subject_id), parts

    def embeddings_beside(self, face_id: str, *, space: int) -> tuple[str, tuple[str, ...], Float32]:
        """The id of a face's subject, and the ids and embeddings, (N, D) float32, of all its faces.

        Raises: FaceNotFound, SpaceChanged.
        """
        with self._database.reading() as connection:
            face = f.face_row(connection, face_id)
            row = c.collection_row(connection, c.collection_name(connection, face.collection_pk))
            c.require_space(row, space)
            face_ids, vectors = f.select_embeddings(connection, face.subject_pk, row.dimension, row.space)
            return s.subject_id(connection, face.subject_pk), face_ids, vectors

    # --- for a search index, see `SearchSource` ---------------------------------------------------------------------

    def mark(self, collection: str) -> Mark:
        """The mark of the collection as it is committed now. Raises: CollectionNotFound."""
        with self._database.cursor(once=True) as cursor:
            return self._selects.mark(cursor, collection)

    def changes_since(
        self, collection: str, since: Mark | None, fits: Fits = none_fits, allocate: Allocate = empty_rows
    ) -> ChangeSet:
        """The changes of a collection's faces after a mark (None: everything), as of one moment.

        fits: asked whether the added rows are to have embeddings. allocate: makes these rows.
        Raises: CollectionNotFound.
        """
        with self._database.cursor() as cursor:
            return self._selects.changes(cursor, collection, since, fits, allocate)

    def stored_embeddings(self, mark: Mark, face_pks: Sequence[int]) -> StoredEmbeddings:
        """Those of the faces (by number) that were there at `mark` and still are, in any order."""
        with self._database.cursor(once=True) as cursor:
            return self._selects.stored_embeddings(cursor, mark, face_pks)

    def owners(self, mark: Mark, face_pks: Sequence[int]) -> dict[int, Owner]:
        """Whose they are now, of those of the faces (by number) that were there at `mark` and still are."""
        with self._database.cursor(once=True) as cursor:
            return self._selects.owners(cursor, mark, face_pks)

    def database_bytes(self) -> tuple[int, int]:
        """The size of the database, and of a log beside it that is its own; 0 where it has none."""
        with self._database.reading() as connection:
            return self._database.stored_bytes(connection)

    def photo_bytes(self) -> int:
        """The bytes of all photos that a face uses, each photo once."""
        with self._database.reading() as connection:
            return f.photo_bytes(connection)

    def waiting_photos(self) -> tuple[int, datetime | None]:
        """How many photos of erased faces are still to be removed, and since when the oldest waits."""
        with self._database.reading() as connection:
            return photo_rows.waiting(connection), photo_rows.oldest_waiting(connection)

    def servers(self) -> tuple[ServerProcess, ...]:
        """The server processes of the database, see `select_servers`."""
        with self._database.reading() as connection:
            return select_servers(connection)

    def photo_keys(self) -> frozenset[str]:
        """The keys of all photos that a face uses."""
        with self._database.reading() as connection:
            return f.all_photos(connection)
