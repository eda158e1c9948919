"""Enroll, delete, find and restart in any order, against a model made of dictionaries."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.attack.budget import STATE, rounds
from tests.conftest import Small, open_small
from tests.pictures import drawn_photo
from tests.standins import OTHER, TINY
from vultus.errors import CollectionNotFound, FaceNotFound, ModelMismatch, NoFaceDetected, SubjectNotFound

PEOPLE = 5
PHOTOS = {person: drawn_photo(person) for person in range(PEOPLE)}
SAME = 0.999  # cosine: the same photo again; different drawn people are far below

people = st.integers(0, PEOPLE - 1)
collections = st.sampled_from(["staff", "guests", "Staff"])
subjects = st.sampled_from(["anna", "Anna", "a/b", "ånna", "%2F"])


class Galleries(RuleBasedStateMachine):
    """known: collection -> subject -> person in the photo -> face id."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.known: dict[str, dict[str, dict[int, str]]] = {}
        self.models: dict[str, str] = {}
        self.gone: list[str] = []
        self.open()

    def open(self) -> None:
        self.opened = ExitStack()
        self.small: Small = self.opened.enter_context(open_small(self.folder))
        self.service = self.small.service

    def teardown(self) -> None:
        self.opened.close()
        self.stack.close()

    # --- changes --------------------------------------------------------------------------------------------------

    @initialize(collection=collections)
    def begin(self, collection: str) -> None:
        self.create(collection, TINY)

    @rule(collection=collections, model=st.sampled_from([TINY, OTHER]))
    def create(self, collection: str, model: str) -> None:
        if self.models.get(collection, model) != model:
            with pytest.raises(ModelMismatch):
                self.service.galleries.create_collection(collection, model_name=model)
            return
        _, created = self.service.galleries.create_collection(collection, model_name=model)
        assert created == (collection not in self.known)
        self.known.setdefault(collection, {})
        self.models[collection] = model

    @rule(collection=collections, subject=subjects, person=people)
    def enroll(self, collection: str, subject: str, person: int) -> None:
        result = self.service.enrolment.enroll([PHOTOS[person]], collection=collection, subject=subject, min_quality=0)
        self.models.setdefault(collection, TINY)
        faces = self.known.setdefault(collection, {}).setdefault(subject, {})
        (line,) = result.faces
        assert line.created == (person not in faces)
        assert faces.setdefault(person, line.face.id) == line.face.id
        assert line.face.id not in self.gone

    @rule(collection=collections, subject=subjects)
    def enroll_nobody(self, collection: str, subject: str) -> None:
        with pytest.raises(NoFaceDetected):
            self.service.enrolment.enroll([drawn_photo()], collection=collection, subject=subject)

    @rule(collection=collections, subject=subjects)
    def forget(self, collection: str, subject: str) -> None:
        faces = self.known.get(collection, {}).pop(subject, None)
        if faces is None:
            with pytest.raises((SubjectNotFound, CollectionNotFound)):
                self.service.galleries.forget(collection, subject)
            return
        assert self.service.galleries.forget(collection, subject).faces == len(faces)
        self.gone += faces.values()

    @rule(data=st.data())
    def delete_face(self, data: st.DataObject) -> None:
        faces = sorted((c, s, p) for c, known in self.known.items() for s, of in known.items() for p in of)
        if not faces:
            return
        collection, subject, person = data.draw(st.sampled_from(faces))
        face_id = self.known[collection][subject].pop(person)
        assert self.service.galleries.delete_face(face_id).faces == 1
        self.gone.append(face_id)
        with pytest.raises(FaceNotFound):
            self.service.galleries.delete_face(face_id)

    @rule(collection=collections)
    def delete_collection(self, collection: str) -> None:
        self.models.pop(collection, None)
        known = self.known.pop(collection, None)
        if known is None:
            with pytest.raises(CollectionNotFound):
                self.service.galleries.delete_collection(collection)
            return
        deleted = self.service.galleries.delete_collection(collection)
        assert (deleted.subjects, deleted.faces) == (len(known), sum(map(len, known.values())))
        self.gone += [face_id for faces in known.values() for face_id in faces.values()]

    @rule()
    def restart(self) -> None:
        self.opened.close()
        self.open()

    # --- questions ------------------------------------------------------------------------------------------------

    @rule(collection=collections, person=people, top_k=st.sampled_from([1, 100]))
    def find(self, collection: str, person: int, top_k: int) -> None:
        if collection not in self.known:
            with pytest.raises(CollectionNotFound):
                self.service.identification.find(PHOTOS[person], collection=collection)
            return
        found = self.service.identification.find(PHOTOS[person], collection=collection, top_k=top_k, threshold=SAME)
        known = self.known[collection]
        owners = {subject for subject, faces in known.items() if person in faces}
        (answer,) = found.faces
        above = [match.candidate for match in answer.matches if match.above_threshold]
        assert len({line.candidate.subject for line in answer.matches}) == len(answer.matches)  # one line per subject
        assert {line.subject for line in above} <= owners
        assert len(above) == min(len(owners), top_k)
        assert {line.face_id for line in above} <= {known[owner][person] for owner in owners}
        assert answer.decision == ("unknown" if not owners else "match" if len(owners) == 1 else "ambiguous")

    @rule(collection=collections, subject=subjects, person=people)
    def verify(self, collection: str, subject: str, person: int) -> None:
        faces = self.known.get(collection, {}).get(subject)
        if not faces:
            with pytest.raises((SubjectNotFound, CollectionNotFound)):
                self.service.recognition.verify_subject(PHOTOS[person], subject, collection=collection)
            return
        distance = 1 - SAME
        answer = self.service.recognition.verify_subject(
            PHOTOS[person], subject, collection=collection, threshold=distance
        )
        assert answer.verified == (person in faces)

    # --- what always holds ----------------------------------------------------------------------------------------

    @invariant()
    def the_lists_agree(self) -> None:
        stored = {one.name: one for one in self.service.galleries.collections()}
        assert {name: one.model_id for name, one in stored.items()} == self.models
        for name, known in self.known.items():
            subjects, _ = self.service.galleries.subjects(name, cursor=None, limit=100)
            assert {one.id: one.faces for one in subjects} == {one: len(faces) for one, faces in known.items()}
            assert stored[name].faces == sum(map(len, known.values()))

    @invariant()
    def photos_and_rows_agree(self) -> None:
        shown: set[Any] = {person for known in self.known.values() for faces in known.values() for person in faces}
        assert len(list(self.small.photos.keys())) == len(shown)


def run(examples: int, steps: int) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Galleries,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            derandomize=examples < 50,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_any_order_of_changes_agrees_with_the_model() -> None:
    run(25, 25)


@pytest.mark.soak
def test_very_many_orders_of_changes_agree_with_the_model() -> None:
    blocks = sum(1 for _ in rounds(10, STATE) if run(50, 60) is None)
    print(f"\n{blocks * 50} of 500 orders of up to 60 changes")
