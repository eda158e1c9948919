"""Results have each field of the service's answers, by its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime

import pytest

import vultus.schemas.comparison as compared
import vultus.schemas.corrections as corrected
import vultus.schemas.duplicates as doubled
import vultus.schemas.faces as seen
import vultus.schemas.jobs as working
import vultus.schemas.liveness as alive
import vultus.schemas.recognition as recognised
import vultus.schemas.reembedding as reembedded
import vultus.schemas.resources as stored
import vultus.schemas.status as state
import vultus.schemas.unknown_faces as strangers
from vultus_client import UnexpectedAnswer
from vultus_client.results import administration, faces, galleries, jobs, recognition, review, status
from vultus_client.results.record import Record

PAIRS = [
    (seen.FacialArea, faces.FacialArea),
    (seen.ChosenFace, faces.ChosenFace),
    (seen.OtherFaceAnswer, faces.OtherFace),
    (recognised.CautionAnswer, faces.Caution),
    (alive.LivenessRuleAnswer, faces.LivenessRule),
    (alive.LivenessAnswer, faces.Liveness),
    (alive.LivenessByImage, recognition.LivenessByImage),
    (recognised.PhotoAnswer, faces.Photo),
    (recognised.DetectedFace, faces.DetectedFace),
    (recognised.DetectAnswer, faces.Detection),
    (recognised.Rule, recognition.ThresholdRule),
    (recognised.NewFaceAnswer, recognition.NewFace),
    (recognised.RejectedAnswer, recognition.Rejected),
    (recognised.EnrollAnswer, recognition.Enrolment),
    (recognised.FacialAreas, recognition.FacialAreas),
    (recognised.FacesFound, recognition.FacesFound),
    (recognised.ChosenFaces, recognition.ChosenFaces),
    (recognised.OtherFaces, recognition.OtherFaces),
    (recognised.EnrolledFaceAnswer, recognition.EnrolledFace),
    (recognised.VerifyAnswer, recognition.Verification),
    (recognised.MatchAnswer, recognition.Match),
    (recognised.FoundFace, recognition.FoundFace),
    (recognised.GallerySize, recognition.GallerySize),
    (recognised.FindAnswer, recognition.Search),
    (recognised.Representation, recognition.Representation),
    (compared.ComparedVector, recognition.ComparedVector),
    (compared.CompareAnswer, recognition.Comparison),
    (stored.SearchAnswer, galleries.SearchState),
    (stored.PoliciesAnswer, galleries.Policies),
    (stored.CollectionAnswer, galleries.Collection),
    (stored.SubjectAnswer, galleries.Subject),
    (stored.FaceAnswer, galleries.Face),
    (stored.Removed, galleries.Removed),
    (stored.RemovedSubjects, galleries.RemovedSubjects),
    (stored.DeletedCollection, galleries.DeletedCollection),
    (stored.DeletedSubject, galleries.DeletedSubject),
    (stored.DeletedFace, galleries.DeletedFace),
    (corrected.UndoAnswer, galleries.Undo),
    (corrected.RenamedSubject, galleries.RenamedSubject),
    (corrected.MergedSubject, galleries.MergedSubject),
    (corrected.MovedFaceAnswer, galleries.MovedFace),
    (corrected.UndoneAnswer, galleries.Undone),
    (stored.Health, administration.Health),
    (stored.KeyAnswer, administration.Key),
    (stored.NewKeyAnswer, administration.NewKey),
    (stored.RotatedKeyAnswer, administration.RotatedKey),
    (stored.DecisionAnswer, administration.Decision),
    (stored.AuditLineAnswer, administration.AuditLine),
    (working.JobAnswer, jobs.Job),
    (working.JobCounts, jobs.JobCounts),
    (working.JobItemAnswer, jobs.JobItem),
    (working.WebhookAnswer, jobs.JobWebhook),
    (working.JobDetailsAnswer, jobs.JobDetails),
    (reembedded.OtherSpaceAnswer, administration.OtherSpace),
    (reembedded.MissingFace, administration.MissingFace),
    (reembedded.ReembeddingAnswer, administration.Reembedding),
    (doubled.PairedSubjectAnswer, review.PairedSubject),
    (doubled.SimilarPairAnswer, review.SimilarPair),
    (doubled.DuplicatesAnswer, review.Duplicates),
    (doubled.DismissedAnswer, review.Dismissed),
    (strangers.UnknownFaceAnswer, review.UnknownFace),
    (strangers.UnknownGroupAnswer, review.UnknownGroup),
    (strangers.UnknownAnswer, review.Unknown),
    (strangers.AssignedAnswer, review.Assigned),
    (strangers.IgnoredAnswer, review.Ignored),
    (strangers.ForgottenAnswer, review.Forgotten),
    (state.WorkersStatus, status.Workers),
    (state.ModelStatus, status.LoadedModel),
    (state.EnrolledStatus, status.Enrolled),
    (state.QueueStatus, status.Queue),
    (state.StorageStatus, status.Storage),
    (state.ServerStatus, status.Server),
    (state.StatusAnswer, status.Status),
]


@pytest.mark.parametrize(("answer", "result"), PAIRS, ids=lambda kind: kind.__name__)
def test_a_result_has_the_fields_of_the_answer(answer, result):
    known = {one.name: one for one in fields(result) if one.name != "raw"}
    assert set(known) == set(answer.model_fields)
    # Only what an answer may leave out has a default here.
    optional = {name for name, one in answer.model_fields.items() if not one.is_required()}
    required = {name for name, one in known.items() if one.default is one.default_factory}
    assert required == set(known) - optional


def test_every_result_is_compared():
    def below(kind: type) -> set[type]:
        return {one for child in kind.__subclasses__() for one in (child, *below(child))}

    ours = {kind for kind in below(Record) if kind.__module__.startswith("vultus_client")}
    assert ours - {result for _, result in PAIRS} == {recognition.Representations}  # a bare array


@dataclass(frozen=True, kw_only=True)
class Inner(Record):
    at: datetime
    words: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Outer(Record):
    inner: Inner | None
    many: tuple[Inner, ...]
    numbers: Mapping[str, float]


def test_nested_answers_become_records_and_moments():
    raw = {"inner": None, "many": [{"at": "2026-01-02T03:04:05Z", "words": ["a"]}], "numbers": {"b": 1.0}, "new": 5}
    outer = Outer.from_json(raw)
    assert outer.inner is None
    assert outer.many == (Inner(at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), words=("a",)),)
    assert outer.numbers == {"b": 1.0}
    assert outer.raw["new"] == 5


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ([], "no object where Outer was expected"),
        ({"inner": None, "numbers": {}}, "lacks Outer.many"),
        ({"inner": None, "many": 5, "numbers": {}}, "Outer.many of the answer is no list"),
        ({"inner": {"at": 5}, "many": [], "numbers": {}}, "Inner.at of the answer is no moment"),
    ],
)
def test_an_answer_of_another_shape_is_refused(raw, words):
    with pytest.raises(UnexpectedAnswer, match=words):
        Outer.from_json(raw)
