"""Groups of faces: subjects that callers make, and the faces that they put into them and take out again."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from vultus.errors import FaceNotFound, InvalidRequest, SubjectExists, SubjectNotFound
from vultus.matching.percent_scale import UNDECIDED
from vultus.records.answers import Deleted
from vultus.records.seen import Float32
from vultus.records.stored import Collection, EnrolledFace, Subject
from vultus.service.context import ServiceContext
from vultus.service.evidence import is_reliable
from vultus.service.loose_faces.face_lists import FaceLists
from vultus.service.loose_faces.holders import LAST_LOOSE, LOOSE, holder, is_loose

MOST_FACES = 100  # of one group
Why = Literal["not_found", "of_another", "of_a_group", "unlike"]


class GroupFull(InvalidRequest):
    """A group may not have so many faces."""


@dataclass(frozen=True)
class Unchanged:
    """A face that stays where it is, and why. subject: that has it, of a group; percent: how alike, where measured."""

    face_id: str
    why: Why
    subject: str | None = None
    percent: float | None = None


@dataclass
class Regrouped:
    """The faces that were put into a group, taken out of it, or erased; those that were not; how many it has now."""

    done: list[str] = field(default_factory=list)
    unchanged: list[Unchanged] = field(default_factory=list)
    faces: int = 0


class FaceGroups:
    """Changes which faces are whose; all but `erase_faces` and the row of an emptied subject stays."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    def subjects(self, collection: str, *, after: str | None, limit: int) -> tuple[tuple[Subject, ...], str | None]:
        """One page of the groups by id, without holders, and the cursor of the next (None at the end)."""
        gallery = self._context.gallery
        page = [one for one in gallery.subjects(collection, after=after, limit=limit + 1) if not is_loose(one.id)]
        if len(page) <= limit and (after is None or after < LOOSE):
            page += gallery.subjects(collection, after=LAST_LOOSE, limit=limit + 1 - len(page))
        return tuple(page[:limit]), page[limit - 1].id if len(page) > limit else None

    def count(self, collection: Collection) -> int:
        """How many groups a collection has, of which the number of subjects is known. Raises CollectionNotFound."""
        return collection.subjects - self._context.gallery.count_subjects(collection.name, LOOSE)

    def create(self, collection: str, subject: str) -> None:
        """Make a group without faces. Raises CollectionNotFound, SubjectExists."""
        try:
            self._context.gallery.subject(collection, subject)
        except SubjectNotFound:
            self._context.gallery.add_faces(collection, subject, ())
            return
        raise SubjectExists("a user of this id exists in the collection; choose another id, or delete that one first")

    def delete(self, collection: str, subject: str) -> None:
        """Remove a group; its faces stay, loose, also those that come in meanwhile.

        Raises CollectionNotFound, SubjectNotFound.
        """
        while True:
            for face in self._context.gallery.faces(collection, subject):
                self._move_out(face.id)
            if self._context.gallery.emptying.remove(collection, subject):
                return

    def add(
        self, collection: str, subject: str, face_ids: Sequence[str], *, least: float, again: bool = False
    ) -> Regrouped:
        """Put loose faces into a group, each that is at least `least` percent alike to one that is in it by then.

        Faces that it has already are passed over; again: they count as put in, as by the same request before.
        Raises CollectionNotFound, SubjectNotFound, GroupFull, and then nothing is changed.
        """
        ids, rows = self._context.gallery.embeddings(collection, subject)
        faces = self._context.gallery.faces_by_id(collection, face_ids)
        known, enrolled = set(ids), list(rows)
        wanted = [one for one in dict.fromkeys(face_ids) if one in faces and one not in known]
        if len(known) + len(wanted) > MOST_FACES:
            raise GroupFull(
                f"the user has {len(known)} faces and {len(wanted)} more were sent; at most {MOST_FACES} are allowed"
            )
        result = Regrouped(faces=len(known))
        for face_id in dict.fromkeys(face_ids):
            if face_id in known:
                result.done += [face_id] if again else []
                continue
            kept = self._why_not(faces.get(face_id), face_id, collection, subject, enrolled, least)
            if isinstance(kept, Unchanged):
                result.unchanged.append(kept)
                continue
            if not self._move_in(faces[face_id], collection, subject):
                result.unchanged.append(self._moved_meanwhile(collection, face_id, "of_another"))
                continue
            enrolled.append(kept)
            result.done.append(face_id)
            result.faces += 1
        return result

    def _why_not(
        self,
        face: EnrolledFace | None,
        face_id: str,
        collection: str,
        subject: str,
        enrolled: Sequence[Float32],
        least: float,
    ) -> Unchanged | Float32:
        """Why a face cannot come into a group; its embedding where it can."""
        if face is None:
            return Unchanged(face_id, "not_found")
        if not is_loose(face.subject):
            return Unchanged(face_id, "of_another", face.subject)
        _, embedding, _ = self._context.gallery.face_embedding(face_id)
        alike = FaceLists(self._context).pairs(embedding, enrolled, collection=collection)
        percent = max(alike, default=100.0)
        percent = percent if is_reliable(face.quality) else min(percent, UNDECIDED)
        if alike and percent < least:
            return Unchanged(face_id, "unlike", subject, percent)
        return np.asarray(embedding)

    def remove(self, collection: str, subject: str, face_ids: Sequence[str], *, again: bool = False) -> Regrouped:
        """Take faces out of a group; they stay, loose. Loose ones are passed over; again: they count as taken out.

        Raises CollectionNotFound, SubjectNotFound.
        """
        owner = self._context.gallery.subject(collection, subject)
        faces = self._context.gallery.faces_by_id(collection, face_ids)
        result = Regrouped(faces=owner.faces)
        for face_id in dict.fromkeys(face_ids):
            face = faces.get(face_id)
            if face is None:
                result.unchanged.append(Unchanged(face_id, "not_found"))
            elif face.subject == owner.id:
                result.faces -= 1
                if self._move_out(face_id):
                    result.done.append(face_id)
                else:
                    result.unchanged.append(Unchanged(face_id, "not_found"))
            elif is_loose(face.subject):
                result.done += [face_id] if again else []
            else:
                result.unchanged.append(Unchanged(face_id, "of_another", face.subject))
        return result

    def erase_faces(self, collection: str, face_ids: Sequence[str]) -> tuple[Regrouped, Deleted]:
        """Erase loose faces, with their holders where these have no other; those of a group stay.

        Raises CollectionNotFound.
        """
        faces, result = self._context.gallery.faces_by_id(collection, face_ids), Regrouped()
        orphans: list[str] = []
        for face_id in dict.fromkeys(face_ids):
            face = faces.get(face_id)
            if face is None:
                result.unchanged.append(Unchanged(face_id, "not_found"))
            elif not is_loose(face.subject):
                result.unchanged.append(Unchanged(face_id, "of_a_group", face.subject))
            else:
                try:
                    orphans += self._context.gallery.emptying.erase_face(collection, face.subject, face_id)
                    result.done.append(face_id)
                except (FaceNotFound, SubjectNotFound):
                    result.unchanged.append(self._moved_meanwhile(collection, face_id, "of_a_group"))
        self._context.index.refresh(collection)
        removal = self._context.remove_photos(orphans)
        return result, Deleted(0, len(result.done), removal.removed, photos_left=removal.left)

    def _move_in(self, face: EnrolledFace, collection: str, subject: str) -> bool:
        """By a merge, where the holder has no other face: it goes with it, and nothing is erased.

        False where somebody else has moved or erased the face meanwhile. Raises SubjectNotFound, of the group.
        """
        gallery, undo_for = self._context.gallery, self._context.policy.undo_for
        try:
            if gallery.face_ids(collection, face.subject) == (face.id,):
                gallery.corrections.merge(collection, face.subject, subject, undo_for=undo_for)
            else:
                gallery.subject(collection, subject)
                gallery.corrections.move(face.id, subject, undo_for=undo_for)
        except (FaceNotFound, SubjectNotFound):
            gallery.subject(collection, subject)
            return False
        return True

    def _move_out(self, face_id: str) -> bool:
        """False where somebody else has erased the face meanwhile."""
        corrections, undo_for = self._context.gallery.corrections, self._context.policy.undo_for
        try:
            with suppress(InvalidRequest):  # somebody else has taken it out meanwhile
                corrections.move(face_id, holder(face_id), undo_for=undo_for)
        except FaceNotFound:
            return False
        return True

    def _moved_meanwhile(self, collection: str, face_id: str, why: Why) -> Unchanged:
        """why: where it is in a group now."""
        face = self._context.gallery.faces_by_id(collection, [face_id]).get(face_id)
        if face is None or is_loose(face.subject):
            return Unchanged(face_id, "not_found")
        return Unchanged(face_id, why, face.subject)
