"""Models that a request names and that are not installed or not calibrated: the default answers, and says so."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from tests.conftest import Small
from tests.pictures import drawn_photo
from tests.standins import OTHER, TINY, TinyModel, TinyModels
from vultus.errors import InvalidRequest, ModelMismatch, ModelNotInstalled, VectorMismatch
from vultus.service import FaceService, Policy

ANNA, ANNA_AGAIN = drawn_photo(1), drawn_photo(1, noise=6, photo=2)


@dataclass
class SomeModels:
    """`absent` is not installed, `other` as it was made without a calibration, and the default serves."""

    models: TinyModels
    length_of_absent: int = 64

    def resolve(self, name: str | None) -> TinyModel:
        if name == "absent":
            raise ModelNotInstalled("absent is not on this machine; put it to /srv/models/absent")
        model = self.models.resolve(name)
        return replace(model, calibration=None) if model.id == OTHER else model

    def served(self, name: str) -> TinyModel:
        if name == "absent":
            return replace(self.models.resolve(OTHER), id=name, dimension=self.length_of_absent)
        return self.resolve(name)


@pytest.fixture
def service(small: Small) -> FaceService:
    return FaceService(replace(small.service.context, models=SomeModels(small.models)))


@pytest.fixture
def strict(service: FaceService) -> FaceService:
    return FaceService(replace(service.context, policy=Policy(refuse_unavailable_models=True)))


@pytest.mark.parametrize(
    ("name", "code"), [("absent", "model_not_installed"), (OTHER, "model_not_calibrated")], ids=["absent", "other"]
)
def test_verify_is_decided_by_the_default_model_and_says_so(service, name, code):
    found = service.recognition.verify(ANNA, ANNA_AGAIN, model_name=name)
    plain = service.recognition.verify(ANNA, ANNA_AGAIN)
    assert (found.verified, found.model_id, found.rule) == (True, TINY, plain.rule)
    (caution,) = found.cautions
    assert (caution.code, caution.image) == (code, "model_name")
    assert caution.detail.startswith(name)
    assert TINY in caution.detail
    assert "/srv" not in caution.detail  # the folders of the server are none of the caller's business


def test_represent_uses_the_default_only_while_the_named_weights_are_missing(service):
    absent, other = (service.recognition.represent(ANNA, model_name=name) for name in ("absent", OTHER))
    assert [template.model_id for template in (*absent, *other)] == [TINY, OTHER]
    assert [caution.code for caution in absent.cautions] == ["model_not_installed"]
    assert other.cautions == ()


def test_a_threshold_of_the_caller_is_one_of_the_named_model(service):
    assert service.recognition.verify(ANNA, ANNA_AGAIN, model_name=OTHER, threshold=0.5).model_id == OTHER
    with pytest.raises(ModelNotInstalled):
        service.recognition.verify(ANNA, ANNA_AGAIN, model_name="absent", threshold=0.5)
    service.enrolment.enroll([ANNA], subject="anna")
    with pytest.raises(ModelNotInstalled):
        service.recognition.verify_subject(ANNA, "anna", model_name="absent", threshold=0.5)


@pytest.mark.parametrize("name", ["absent", OTHER])
def test_a_subject_is_compared_by_the_model_of_its_collection(service, name):
    service.enrolment.enroll([ANNA], subject="anna")
    found = service.recognition.verify_subject(ANNA_AGAIN, "anna", model_name=name)
    assert (found.verified, found.model_id, len(found.cautions)) == (True, TINY, 1)


def test_an_available_model_that_is_not_the_collections_is_still_refused(service, small):
    service.enrolment.enroll([ANNA], subject="anna")
    with pytest.raises(ModelMismatch):
        small.service.recognition.verify_subject(ANNA, "anna", model_name=OTHER)


def test_an_uncalibrated_collection_is_decided_by_no_other_model(service):
    service.enrolment.enroll([ANNA], subject="anna", collection="others", model_name=OTHER)
    with pytest.raises(InvalidRequest, match="no calibration"):
        service.recognition.verify_subject(ANNA, "anna", collection="others", model_name=OTHER)


def test_vectors_that_the_default_made_in_its_place_are_compared_by_the_default(service):
    (made,) = service.recognition.represent(ANNA, model_name="absent")
    found = service.comparison.compare(ANNA_AGAIN, [made.embedding.tolist()], model_name="absent")
    assert (found.matches(), found.model_id) == ((True,), TINY)
    assert [caution.code for caution in found.cautions] == ["model_not_installed"]


def test_vectors_that_the_named_model_may_have_made_are_not_compared_by_another(service):
    with pytest.raises(ModelNotInstalled):
        service.comparison.compare(ANNA, [[1.0] * 64], model_name="absent")
    same_length = FaceService(replace(service.context, models=SomeModels(service.context.models.models, 32)))
    with pytest.raises(ModelNotInstalled):
        same_length.comparison.compare(ANNA, [[1.0] * 32], model_name="absent")
    with pytest.raises(VectorMismatch, match="5 numbers"):
        service.comparison.compare(ANNA, [[1.0] * 5], model_name="absent")


def test_one_setting_refuses_instead(strict):
    for call in (strict.recognition.verify, strict.comparison.compare):
        second = ANNA if call == strict.recognition.verify else [[1.0] * 32]
        with pytest.raises(ModelNotInstalled, match="absent is not on this machine"):
            call(ANNA, second, model_name="absent")
    with pytest.raises(ModelNotInstalled):
        strict.recognition.represent(ANNA, model_name="absent")
    with pytest.raises(InvalidRequest, match="no calibration"):
        strict.recognition.verify(ANNA, ANNA, model_name=OTHER)
    assert strict.recognition.verify(ANNA, ANNA).verified
