"""Renames, merges, moves and undo: the fields of the calls, their answers, and the converters."""

from __future__ import annotations

from typing import Any, Literal, cast

from pydantic import AwareDatetime, BaseModel, Field

from vultus.records.answers import ChangedSubject, MovedFace, Undone
from vultus.records.stored import Undo
from vultus.schemas.answers import caution_answer
from vultus.schemas.field_types import KnownSubjectId, SubjectId
from vultus.schemas.recognition import CautionAnswer
from vultus.schemas.requests import CallFields
from vultus.schemas.resources import FaceAnswer, SubjectAnswer, face_answer, subject_answer

Action = Literal["subject.rename", "subject.merge", "face.move"]


class RenameFields(CallFields):
    """POST /collections/{collection}/subjects/{subject}/rename."""

    subject: SubjectId = Field(description="The new id. It must be free.")


class MergeFields(CallFields):
    """POST /collections/{collection}/subjects/{subject}/merge."""

    into: KnownSubjectId = Field(description="The subject of the same collection that gets all faces and stays.")


class MoveFields(CallFields):
    """POST /faces/{face_id}/move."""

    subject: SubjectId = Field(description="The subject of the same collection that gets the face; created when new.")


class UndoAnswer(BaseModel):
    id: str = Field(description="POST /undo/{id} undoes the change, once.")
    until: AwareDatetime = Field(description="Until then, unless a face or subject of the change is erased.")


CAUTIONS: Any = Field(
    default=[], exclude_if=lambda cautions: not cautions, description="Present when the new id looks like another one."
)


class RenamedSubject(SubjectAnswer):
    undo: UndoAnswer
    cautions: list[CautionAnswer] = CAUTIONS


class MergedSubject(SubjectAnswer):
    moved: int = Field(description="How many faces came to the subject.")
    undo: UndoAnswer


class MovedFaceAnswer(FaceAnswer):
    created: bool = Field(description="Whether the subject is new.")
    undo: UndoAnswer
    cautions: list[CautionAnswer] = CAUTIONS


class UndoneAnswer(BaseModel):
    undone: Action
    subject: SubjectAnswer = Field(description="The subject that has its id, or its faces, again.")
    moved: int = Field(description="How many faces came back to it.")
    other: str = Field(
        description="The subject that had the faces meanwhile: that of the merge or the move; of a rename, the id "
        "that it had meanwhile."
    )


def renamed_subject(changed: ChangedSubject) -> RenamedSubject:
    known = vars(subject_answer(changed.subject))
    cautions = [caution_answer(caution) for caution in changed.cautions]
    return RenamedSubject(**known, undo=undo_answer(changed.undo), cautions=cautions)


def merged_subject(changed: ChangedSubject) -> MergedSubject:
    known = vars(subject_answer(changed.subject))
    return MergedSubject(**known, moved=changed.moved, undo=undo_answer(changed.undo))


def moved_face(moved: MovedFace) -> MovedFaceAnswer:
    known = vars(face_answer(moved.face))
    cautions = [caution_answer(caution) for caution in moved.cautions]
    return MovedFaceAnswer(**known, created=moved.created, undo=undo_answer(moved.undo), cautions=cautions)


def undo_answer(undo: Undo) -> UndoAnswer:
    return UndoAnswer(id=undo.id, until=undo.until)


def undone_answer(undone: Undone) -> UndoneAnswer:
    subject = subject_answer(undone.subject)
    return UndoneAnswer(undone=cast(Action, undone.action), subject=subject, moved=undone.moved, other=undone.other)
