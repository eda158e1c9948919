"""Collections, subjects and faces: read, change, erase."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from vultus.errors import NotFound, SubjectExists
from vultus.records.answers import Deleted
from vultus.records.stored import (
    Collection,
    CollectionPolicies,
    EnrolledFace,
    Photo,
    Subject,
    SubjectOrder,
    SubjectPlace,
)
from vultus.search.recall import SearchState
from vultus.service.context import ServiceContext
from vultus.storage.lifetimes.expiry import Expired

CROP_VERSION = 1  # raised when `face_crop` cuts or encodes in another way, so that callers do not keep old pictures


class Galleries:
    """What is enrolled. Erasing goes rows first, photos second: a crash between leaves files that a sweep removes."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    def collections(self) -> tuple[Collection, ...]:
        """All collections by name."""
        return tuple(self._context.gallery.collections())

    def collection(self, name: str) -> Collection:
        """One collection. Raises CollectionNotFound."""
        return self._context.gallery.collection(name)

    def create_collection(
        self, name: str, *, model_name: str | None = None, policies: CollectionPolicies | None = None
    ) -> tuple[Collection, bool]:
        """The collection, and whether it is new. policies: None means any that it has, and none when it is new.

        Raises ModelMismatch, CollectionExists, when it exists with another model or other policies.
        """
        return self._context.create_collection(name, self._context.models.resolve(model_name), policies)

    def change_policies(self, name: str, changes: Mapping[str, Any]) -> Collection:
        """Replace some policies of a collection, by name; None takes one away. Requests that run keep the old ones.

        Raises CollectionNotFound.
        """
        return self._context.gallery.change_policies(name, changes)

    def search_state(self, collection: str) -> SearchState:
        """How a collection is searched just now; exactly, when it is not in memory."""
        return self._context.index.state(collection)

    def delete_collection(self, name: str) -> Deleted:
        """Erase a collection with all its subjects. Raises CollectionNotFound."""
        deleted = self._context.gallery.delete_collection(name)
        self._context.index.discard(name)
        return self._with_photos(*deleted)

    def subjects(
        self, collection: str, *, cursor: str | None, limit: int, query: str | None = None
    ) -> tuple[tuple[Subject, ...], str | None]:
        """One page of subjects in the order of their ids, and the cursor of the next page (None at the end).

        cursor: the last id of the page before. query: only subjects whose id begins with it, or whose name contains
        it, in any letter case. Raises CollectionNotFound.
        """
        page = tuple(self._context.gallery.subjects(collection, after=cursor, limit=limit + 1, query=query))
        return page[:limit], page[limit - 1].id if len(page) > limit else None

    def subject_page(
        self,
        collection: str,
        *,
        order: SubjectOrder = "id",
        after: SubjectPlace | None = None,
        limit: int,
        query: str | None = None,
    ) -> tuple[tuple[Subject, ...], SubjectPlace | None]:
        """One page of subjects in one of three orders, and the place after which the next begins (None at the end).

        query: as of `subjects`. Raises CollectionNotFound.
        """
        page = self._context.gallery.subject_page(collection, order=order, after=after, limit=limit + 1, query=query)
        following = page[limit - 1][1] if len(page) > limit else None
        return tuple(subject for subject, _ in page[:limit]), following

    def subject(self, collection: str, subject: str) -> Subject:
        """One subject. Raises CollectionNotFound, SubjectNotFound."""
        return self._context.gallery.subject(collection, subject)

    def create_subject(self, collection: str, subject: str) -> Subject:
        """A subject without faces; the collection is created when new.

        Raises SubjectExists, also for an id that differs by the case of letters alone.
        """
        gallery = self._context.gallery
        self.create_collection(collection)
        alike = gallery.subjects_named(collection, subject)
        if alike:
            raise SubjectExists("a subject of this name exists; the case of its letters makes no difference")
        created, _ = gallery.add_faces(collection, subject, (), begun=gallery.begin_enrolment(collection, [subject]))
        return created

    def face_names(
        self, collection: str, *, subject: str | None, skip: int, limit: int
    ) -> tuple[tuple[tuple[str, str], ...], int]:
        """Ids of faces and of their subjects, in the order of enrolment; and how many there are in all.

        subject: only its faces; one that is not there has none. Raises CollectionNotFound.
        """
        return self._context.gallery.face_names(collection, subject=subject, skip=skip, limit=limit)

    def update_subject(
        self,
        collection: str,
        subject: str,
        *,
        name: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        expires_at: datetime | None = None,
        never_expires: bool = False,
        cover_face: str | None = None,
    ) -> Subject:
        """Replace name, metadata, expiry and cover face; None leaves a field as it is.

        never_expires takes the expiry away, an empty cover_face the choice of a face.
        """
        return self._context.gallery.update_subject(
            collection,
            subject,
            name=name,
            metadata=metadata,
            expires_at=expires_at,
            never_expires=never_expires,
            cover_face=cover_face,
        )

    def forget(self, collection: str, subject: str) -> Deleted:
        """Erase a person: templates, faces, photos that no one else uses, index entries."""
        deleted = self._context.gallery.delete_subject(collection, subject)
        self._context.index.refresh(collection)
        return self._with_photos(*deleted)

    def erase_expired(self, now: datetime) -> bool:
        """Erase some of the subjects whose expiry has come; whether there may be more."""
        return self._erased(self._context.gallery.expiry.erase_expired(now))

    def erase_not_renewed(self, now: datetime) -> bool:
        """Erase some of the subjects that their collections no longer keep; whether there may be more."""
        return self._erased(self._context.gallery.expiry.erase_not_renewed(now))

    def _erased(self, expired: Expired) -> bool:
        for collection in expired.collections:
            self._context.index.refresh(collection)
        self._context.remove_photos(expired.photos)
        return expired.more

    def subject_faces(self, collection: str, subject: str) -> tuple[EnrolledFace, ...]:
        """The faces of a subject. Raises CollectionNotFound, SubjectNotFound."""
        return tuple(self._context.gallery.faces(collection, subject))

    def faces(self, collection: str, *, cursor: int, limit: int) -> tuple[tuple[EnrolledFace, ...], int | None]:
        """One page of all faces in the order of enrolment, and the cursor of the next page (None at the end).

        cursor: 0 for the first page. A face that moves to another subject keeps its place. Raises CollectionNotFound.
        """
        page = self._context.gallery.faces_of_collection(collection, after=cursor, limit=limit + 1)
        following = page[limit - 1][1] if len(page) > limit else None
        return tuple(face for face, _ in page[:limit]), following

    def face(self, face_id: str) -> EnrolledFace:
        """One face. Raises FaceNotFound."""
        return self._context.gallery.face(face_id)

    def face_of(self, collection: str, face_id: str) -> EnrolledFace:
        """One face of a collection. Raises FaceNotFound, alike where there is none and where another collection has it.

        So nobody learns which faces are enrolled where their key does not reach.
        """
        return self._context.face_of(collection, face_id)

    def delete_face(self, face_id: str) -> Deleted:
        """Erase one face and its photo. Raises FaceNotFound."""
        collection = self._context.gallery.face(face_id).collection
        deleted = self._context.gallery.delete_face(face_id)
        self._context.index.refresh(collection)
        return self._with_photos(*deleted)

    def face_photo(self, face_id: str) -> bytes:
        """The stored JPEG of a face's photo. Raises FaceNotFound; NotFound when no photo is kept of it."""
        return self._context.photos.get(stored_photo_of(self._context.gallery.face(face_id)).sha256)

    def face_crop(self, face_id: str, *, size: int) -> bytes:
        """A square JPEG of the face, size x size pixels, from its stored photo.

        Raises FaceNotFound; NotFound when no photo is kept of it, or the face is not found in it any more.
        """
        face = self._context.gallery.face(face_id)
        photo = self._context.photos.get(stored_photo_of(face).sha256)
        with self._context.pipeline.slot():
            return self._context.pipeline.face_picture(photo, face, size=size)

    def sweep(self) -> int:
        """Remove the photos in the folder that no face uses, as a copy of it may have. How many went."""
        photos = self._context.photos
        return self._context.gallery.photos.remove_strays(tuple(photos.keys()), photos.delete)

    def remove_erased_photos(self) -> bool:
        """Remove some of the photos that could not be removed with their faces; whether there may be more.

        Raises: StorageFailed, TryLater, when one cannot be removed now either.
        """
        done = self._context.gallery.photos.step(self._context.photos.delete)
        if done.problem is not None:
            raise done.problem
        return done.more

    def _with_photos(self, deleted: Deleted, photo_keys: tuple[str, ...]) -> Deleted:
        done = self._context.remove_photos(photo_keys)
        return replace(deleted, photos=done.removed, photos_left=done.left)


def stored_photo_of(face: EnrolledFace) -> Photo:
    """The photo that is kept of a face. Raises NotFound."""
    if face.photo is None:
        raise NotFound(f"no photo is kept of face {face.id}; enroll one if you need it")
    return face.photo
