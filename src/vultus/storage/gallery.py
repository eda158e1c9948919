"""Gallery: all that is enrolled. Every method is one transaction: done and durable when it returns, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from vultus.records.answers import Deleted, EnrolledPhoto
from vultus.records.decisions import Decision
from vultus.records.stored import Collection, CollectionPolicies, NewFace, Subject
from vultus.storage import collections as c
from vultus.storage import faces as f
from vultus.storage import subjects as s
from vultus.storage.adding.additions import (
    Beginning,
    add_to_subject,
    beginning,
    face_ids_of,
    photo_keys_of,
    require_not_erased,
)
from vultus.storage.adding.batch_additions import BatchAdditions
from vultus.storage.audit import Act, record
from vultus.storage.client_keys.request_tokens import RequestTokens
from vultus.storage.corrections.subject_corrections import Corrections
from vultus.storage.database import Database
from vultus.storage.erasure_ledger.ledger import Erasure, ErasureLedger, Made
from vultus.storage.erasure_ledger.noted import erasing
from vultus.storage.erasure_marks import mark_erased
from vultus.storage.gallery_reader import GalleryReader
from vultus.storage.job_records.job_history import JobHistory
from vultus.storage.job_records.job_items import forget_collection
from vultus.storage.job_records.webhook_queue import WebhookQueue
from vultus.storage.jobs import JobStore
from vultus.storage.lifetimes.emptying import Emptying
from vultus.storage.lifetimes.erasures import PhotoKeys, erase_faces, erase_subject
from vultus.storage.lifetimes.expiry import Expiry
from vultus.storage.lifetimes.holdings import HoldingsReader
from vultus.storage.photo_records import photo_rows
from vultus.storage.photo_records.photo_removal import PhotoRemoval
from vultus.storage.replication.removal_pruning import RemovalPruning
from vultus.storage.review.similar_pairs import SimilarPairStore
from vultus.storage.review.unknown_faces import UnknownFaceStore, erase_unknown
from vultus.storage.spaces import Spaces
from vultus.storage.subject_lists.cover_faces import choose_cover
from vultus.storage.subject_lists.subject_pages import select_subject


def _nothing() -> None:
    """The default of `before_commit`."""


class Gallery(GalleryReader):
    """What a `GalleryReader` reads, and the changes of it."""

    def __init__(self, database: Database, ledger: ErasureLedger | None = None) -> None:
        """ledger: has a line of each erasure before it is done; None: none is kept."""
        super().__init__(database)
        self._act: Act | None = None
        self._ledger = ledger

    def acting_as(self, act: Act) -> Gallery:
        """The same gallery for one actor: each change adds an audit line in the same transaction."""
        acting = copy(self)
        acting._act = act
        return acting

    @property
    def corrections(self) -> Corrections:
        """Renames, merges and moves, on behalf of the same actor."""
        return Corrections(self._database, self._act)

    @property
    def batches(self) -> BatchAdditions:
        """Faces of many people at once, on behalf of the same actor."""
        return BatchAdditions(self._database, self._act)

    @property
    def expiry(self) -> Expiry:
        """Subjects whose time is over, erased on behalf of the same actor."""
        return Expiry(self._database, self._act, self._ledger)

    @property
    def emptying(self) -> Emptying:
        """Single faces and empty subjects, erased on behalf of the same actor."""
        return Emptying(self._database, self._act, self._ledger)

    @property
    def holdings(self) -> HoldingsReader:
        """All that is held on one subject."""
        return HoldingsReader(self._database)

    @property
    def photos(self) -> PhotoRemoval:
        """The stored photos that no face uses yet, or any more."""
        return PhotoRemoval(self._database)

    def removal_pruning(self) -> RemovalPruning:
        """Deletes what no index needs any more to follow erasures."""
        return RemovalPruning(self._database)

    @property
    def jobs(self) -> JobStore:
        """The work in the background, on behalf of the same actor."""
        return JobStore(self._database, self._act)

    @property
    def job_history(self) -> JobHistory:
        """Which jobs are unfinished, and which have ended and are kept for a while."""
        return JobHistory(self._database)

    @property
    def webhooks(self) -> WebhookQueue:
        """Which jobs that have ended are still to be told."""
        return WebhookQueue(self._database)

    @property
    def request_tokens(self) -> RequestTokens:
        """The tokens of requests that were done."""
        return RequestTokens(self._database)

    @property
    def similar_pairs(self) -> SimilarPairStore:
        """Subjects that may be one person, on behalf of the same actor."""
        return SimilarPairStore(self._database, self._act)

    @property
    def unknown_faces(self) -> UnknownFaceStore:
        """Faces of nobody known, on behalf of the same actor."""
        return UnknownFaceStore(self._database, self._act)

    @property
    def spaces(self) -> Spaces:
        """The second spaces of collections, on behalf of the same actor."""
        return Spaces(self._database, self._act)

    # --- collections ----------------------------------------------------------------------------------------------

    def create_collection(
        self,
        name: str,
        *,
        model_id: str,
        pipeline_version: int,
        dimension: int,
        policies: CollectionPolicies | None = None,
    ) -> tuple[Collection, bool]:
        """The collection and whether it is new. policies: None means any that it has, and none when it is new.

        Raises: ModelMismatch, CollectionExists, when it exists with another model or other policies.
        """
        wanted = c.new_collection(name, model_id, pipeline_version, dimension, datetime.now(UTC))
        if policies is not None:
            wanted = replace(wanted, policies=policies)
        with self._database.writing() as connection:
            for existing in c.select_collections(connection, name):
                c.require_same_model(existing, wanted)
                if policies is not None:
                    c.require_same_policies(existing, policies)
                return existing, False
            c.insert_collection(connection, wanted)
            record(connection, self._act, "collection.create", collection=name)
        return wanted, True

    def change_policies(self, name: str, changes: Mapping[str, Any]) -> Collection:
        """Replace some policies of a collection, by name; None takes one away. Raises: CollectionNotFound."""
        with self._database.erasing() as connection:  # also of unknown faces, where none is kept any more
            row = c.collection_row(connection, name, lock=True)
            old = c.collection_of(row).policies
            new = c.changed_policies(old, changes)
            if new != old:
                c.update_policies(connection, row.pk, new)
                if new.keep_unknown_days is None:
                    erase_unknown(connection, row.pk)
                record(connection, self._act, "collection.policy", collection=name)
            return c.select_collections(connection, name)[0]

    def delete_collection(self, name: str) -> tuple[Deleted, PhotoKeys]:
        """Erase a collection with all it holds. Returns also the keys of photos that no face uses any more.

        Raises: CollectionNotFound.
        """
        with erasing(self._database, self._ledger) as (connection, note):
            row = c.collection_row(connection, name, lock=True)
            gone = c.select_collections(connection, name)[0]
            orphans = f.photos_only_of(connection, lambda faces: faces.c.collection_pk == row.pk)
            mark_erased(connection, name)
            forget_collection(connection, name)
            c.delete_collection_row(connection, row.pk)
            photo_rows.doom(connection, orphans)
            record(connection, self._act, "collection.erase", collection=name, count=gone.faces)
            note(Erasure("collection", Made(name, row.created_at)))
        return Deleted(gone.subjects, gone.faces, len(orphans)), orphans

    # --- subjects -------------------------------------------------------------------------------------------------

    def update_subject(
        self,
        collection: str,
        subject_id: str,
        *,
        name: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        expires_at: datetime | None = None,
        never_expires: bool = False,
        cover_face: str | None = None,
    ) -> Subject:
        """Replace name, metadata and expiry; None leaves a field as it is, never_expires takes the expiry away.

        cover_face: the id of the face that shows the subject; an empty text takes the choice away.
        Raises: CollectionNotFound, SubjectNotFound, InvalidRequest (metadata that is no JSON object, a cover face
        without a photo), FaceNotFound (a cover face that the subject has not).
        """
        with self._database.writing() as connection:
            row = c.collection_row(connection, collection, lock=True)
            subject = s.subject_row(connection, row, subject_id)
            subject_pk = subject.pk
            if cover_face is not None:
                choose_cover(connection, subject, cover_face or None)
            s.update_subject_row(connection, subject_pk, name, metadata, expires_at, never_expires=never_expires)
            its_faces = f.face_ids(connection, lambda faces: faces.c.subject_pk == subject_pk)
            record(connection, self._act, "subject.update", collection=collection, objects=its_faces)
            return select_subject(connection, row, subject_id)

    def delete_subject(self, collection: str, subject_id: str) -> tuple[Deleted, PhotoKeys]:
        """Erase a subject, its faces and embeddings. Returns also the keys of photos that no face uses any more.

        Raises: CollectionNotFound, SubjectNotFound.
        """
        with erasing(self._database, self._ledger) as (connection, note):
            row = c.collection_row(connection, collection, lock=True)
            subject = s.subject_row(connection, row, subject_id)
            others = s.other_spellings(connection, row.pk, subject)
            gone, orphans = erase_subject(connection, row, subject)
            record(connection, self._act, "subject.erase", collection=collection, objects=gone)
            made = Made(subject.id, subject.created_at)
            note(Erasure("subject", Made(collection, row.created_at), made, gone))
        return Deleted(1, len(gone), len(orphans), subject.id, others), orphans

    def record_export(self, collection: str, face_ids: Sequence[str]) -> None:
        """Audit that all that is held on a subject was given out."""
        with self._database.writing() as connection:
            record(connection, self._act, "subject.export", collection=collection, objects=face_ids)

    # --- faces ----------------------------------------------------------------------------------------------------

    def begin_enrolment(self, collection: str, subject_ids: Sequence[str | None]) -> Beginning:
        """What `add_faces` compares with, so that nobody who is erased meanwhile comes back."""
        with self._database.reading() as connection:
            return beginning(connection, collection, subject_ids)

    def add_faces(
        self,
        collection: str,
        subject_id: str | None,
        faces: Sequence[NewFace],
        *,
        name: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        expires_at: datetime | None = None,
        space: int | None = None,
        begun: Beginning | None = None,
        known_faces: Sequence[str] = (),
        decisions: Sequence[Decision] = (),
        before_commit: Callable[[], None] = _nothing,
    ) -> tuple[Subject, tuple[EnrolledPhoto, ...]]:
        """Add faces to a subject, made when new (with an id of ours when None); each face, and whether it is new.

        A face whose source photo the subject has already is not stored again. name, metadata, expires_at: replaced when
        given.
        space: of the embeddings; None: that of the collection as it is now.
        begun: what the enrolment found when it began. known_faces: ids of faces that it relies on. decisions: for the
        audit.
        before_commit: called last, while nothing can be erased or swept; an exception from it undoes everything.
        Raises: CollectionNotFound, SubjectErased, ModelMismatch, SpaceChanged, VectorMismatch, InvalidRequest (metadata
        that is no JSON object).
        """
        with self._database.adding() as connection:
            row = c.collection_row(connection, collection, lock=True)
            if begun is not None:
                require_not_erased(connection, row, [subject_id], begun, known_faces)
            c.require_space(row, space)
            photo_rows.lock(connection, photo_keys_of(faces))
            person: dict[str, Any] = {"name": name, "metadata": metadata, "expires_at": expires_at}
            added = add_to_subject(connection, row, subject_id, faces, datetime.now(UTC), **person)
            answer = select_subject(connection, row, added.subject_id)
            if added.changed:
                ids = face_ids_of([added])
                record(connection, self._act, "enroll", collection=collection, objects=ids, decisions=decisions)
            # Inside the transaction: an erasure that removes the same photo comes wholly before or wholly after.
            before_commit()
        return answer, added.faces

    def add_faces_of_several(
        self,
        collection: str,
        faces: Sequence[tuple[str | None, NewFace]],
        *,
        space: int | None = None,
        begun: Beginning | None = None,
        decisions: Sequence[Decision] = (),
        before_commit: Callable[[], None] = _nothing,
    ) -> tuple[EnrolledPhoto, ...]:
        """Add one face to each of several subjects, as `add_faces` does; each face, and whether it is new.

        A subject has a revision of its own: an index takes all faces of a revision for those of one subject.
        Raises: CollectionNotFound, SubjectErased, ModelMismatch, SpaceChanged, VectorMismatch.
        """
        now = datetime.now(UTC)
        with self._database.adding() as connection:
            row = c.collection_row(connection, collection, lock=True)
            if begun is not None:
                require_not_erased(connection, row, [one for one, _ in faces], begun)
            c.require_space(row, space)
            photo_rows.lock(connection, photo_keys_of([face for _, face in faces]))
            added = [add_to_subject(connection, row, subject_id, [face], now) for subject_id, face in faces]
            if any(one.changed for one in added):
                ids = face_ids_of(added)
                record(connection, self._act, "enroll", collection=collection, objects=ids, decisions=decisions)
            before_commit()
        return tuple(face for one in added for face in one.faces)

    def delete_face(self, face_id: str) -> tuple[Deleted, PhotoKeys]:
        """Erase one face; its subject stays, perhaps with no face. Returns also the photo's key if no face uses it now.

        Raises: FaceNotFound.
        """
        with erasing(self._database, self._ledger) as (connection, note):
            row = f.face_row(connection, face_id)
            gone, orphans = erase_faces(connection, row.collection_pk, lambda faces: faces.c.pk == row.pk)
            name = c.collection_name(connection, row.collection_pk)
            record(connection, self._act, "face.erase", collection=name, objects=gone)
            note(Erasure("face", Made(name, c.collection_row(connection, name).created_at), faces=gone))
        return Deleted(0, len(gone), len(orphans)), orphans
