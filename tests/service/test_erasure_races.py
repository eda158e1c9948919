"""Who was erased stays erased, whatever was under way: orders made to happen, and many threads against a model."""

from __future__ import annotations

import random
from collections.abc import Callable
from threading import Lock, Thread
from typing import Any

import pytest

from tests.pictures import drawn_photo
from vultus.errors import CollectionNotFound, SubjectErased, SubjectNotFound

KNOWN, NEW = drawn_photo(1), drawn_photo(1, photo=1, noise=10)
ROUNDS, THREADS = 40, 4


class Meanwhile:
    """A detector; something happens in its first call, as it may while a photo waits for a slot."""

    def __init__(self, detector: Any, happens: Callable[[], Any]) -> None:
        self._detector, self._happens, self.name = detector, happens, detector.name

    def detect(self, pixels: Any) -> Any:
        happens, self._happens = self._happens, lambda: None
        happens()
        return self._detector.detect(pixels)


def during_the_photo(small, happens: Callable[[], Any]) -> None:
    small.service.context.pipeline._detectors["frames"] = Meanwhile(small.detector, happens)


ERASURES: dict[str, Callable[[Any, str], Any]] = {
    "subject": lambda service, _: service.galleries.forget("default", "ada"),
    "face": lambda service, face: service.galleries.delete_face(face),
    "subject, enrolled again": lambda service, _: (
        service.galleries.forget("default", "ada"),
        service.enrolment.enroll([drawn_photo(2)], subject="ada"),
    ),
    "collection, made again": lambda service, _: (
        service.galleries.delete_collection("default"),
        service.enrolment.enroll([drawn_photo(2)], subject="bob"),
    ),
}


@pytest.mark.parametrize("erasure", ERASURES)
def test_an_enrolment_that_an_erasure_overtook_brings_nothing_back(small, erasure):
    face = small.service.enrolment.enroll([KNOWN], subject="ada").faces[0].face.id
    during_the_photo(small, lambda: ERASURES[erasure](small.service, face))
    with pytest.raises(SubjectErased):
        small.service.enrolment.enroll([KNOWN, NEW], subject="ada")
    found = small.service.identification.find(NEW).faces[0].matches
    assert not any(match.face_id == face or match.similarity > 0.99 for match in (line.candidate for line in found))


def test_a_subject_made_and_erased_during_an_enrolment_does_not_come_back(small):
    small.service.enrolment.enroll([drawn_photo(2)], subject="bob")

    def made_and_erased() -> None:
        small.service.enrolment.enroll([KNOWN], subject="ada")
        small.service.galleries.forget("default", "ada")

    during_the_photo(small, made_and_erased)
    with pytest.raises(SubjectErased):
        small.service.enrolment.enroll([NEW], subject="ada")
    with pytest.raises(SubjectNotFound):
        small.service.galleries.subject("default", "ada")


def test_a_group_photo_and_embeddings_do_not_bring_anyone_back(small):
    small.service.enrolment.enroll([KNOWN], subject="ada")
    during_the_photo(small, lambda: small.service.galleries.forget("default", "ada"))
    with pytest.raises(SubjectErased):
        small.service.enrolment.enroll_all_faces(drawn_photo(1, 2), subjects=["ada", "bob"])
    assert small.service.galleries.collection("default").subjects == 0


def test_a_verification_that_an_erasure_overtook_finds_nobody(small):
    small.service.enrolment.enroll([KNOWN], subject="ada")
    during_the_photo(small, lambda: small.service.galleries.forget("default", "ada"))
    with pytest.raises(SubjectNotFound):
        small.service.recognition.verify_subject(NEW, "ada")


def test_many_threads_answer_as_some_sequence_would(small):
    """All threads change the same two subjects. Nobody is found whose last enrolment had been erased before."""
    clock, history = Lock(), []

    def note(kind: str, subject: str, begun: int, ok: bool) -> None:
        with clock:
            history.append((kind, subject, begun, len(history), ok))

    def work(seed: int) -> None:
        chosen = random.Random(seed)
        for _ in range(ROUNDS):
            subject, kind = chosen.choice(("ada", "bob")), chosen.choice(("enroll", "erase", "verify", "find"))
            with clock:
                begun = len(history)
            note(kind, subject, begun, _done(small.service, kind, subject))

    threads = [Thread(target=work, args=(seed,)) for seed in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(history) == ROUNDS * THREADS
    for kind, subject, begun, ended, ok in history:
        if kind in ("verify", "find") and ok:
            assert _may_be_enrolled(history, subject, begun, ended), (kind, subject, begun, ended)


def _done(service: Any, kind: str, subject: str) -> bool:
    photo = drawn_photo(1 if subject == "ada" else 2)
    try:
        if kind == "enroll":
            service.enrolment.enroll([photo], subject=subject)
        elif kind == "erase":
            service.galleries.forget("default", subject)
        elif kind == "verify":
            service.recognition.verify_subject(photo, subject)
        else:
            matches = service.identification.find(photo).faces[0].matches
            return any(match.candidate.subject == subject for match in matches)
    except (SubjectErased, SubjectNotFound, CollectionNotFound):
        return False
    return True


def _may_be_enrolled(history: list[tuple[str, str, int, int, bool]], subject: str, begun: int, ended: int) -> bool:
    """Whether an enrolment can lie after the last erasure that had ended before the call began."""
    erased = [(b, e) for kind, who, b, e, ok in history if (kind, who, ok) == ("erase", subject, True) and e < begun]
    last_begun = max((b for b, _ in erased), default=-1)
    return any(
        kind == "enroll" and who == subject and ok and e >= last_begun and b <= ended for kind, who, b, e, ok in history
    )
