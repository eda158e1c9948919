"""Policies of collections: which value holds, by policy, request and scope; and that every use case asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.conftest import Small
from tests.pictures import drawn_photo
from tests.standins import TINY
from vultus.errors import CollectionExists, LowQuality, PolicyLoosened
from vultus.records.answers import ThresholdRule
from vultus.records.stored import CollectionPolicies
from vultus.service import FaceService
from vultus.service.policies import Effective, effective_limit, effective_threshold
from vultus.storage.audit import Act

REFUSED = None


@pytest.mark.parametrize(
    ("limit", "asked", "policy", "with_scope", "without_scope"),
    [
        # neither asked for nor a policy: the default, here 20
        ("min_quality", None, None, Effective(20), Effective(20)),
        # no policy: what is asked for, the default may be loosened
        ("min_quality", 5, None, Effective(5), Effective(5)),
        ("min_quality", 0, None, Effective(0), Effective(0)),
        # not asked for: the policy, also where it is below the default
        ("min_quality", None, 40, Effective(40), Effective(40)),
        ("min_quality", None, 0, Effective(0), Effective(0)),
        # as strict, stricter, looser
        ("min_quality", 40, 40, Effective(40), Effective(40)),
        ("min_quality", 60, 40, Effective(60), Effective(60)),
        ("min_quality", 39.9, 40, Effective(39.9, overridden=True), REFUSED),
        ("min_quality", 0, 40, Effective(0, overridden=True), REFUSED),
        ("target_fmr", 1e-5, 1e-5, Effective(1e-5), Effective(1e-5)),
        ("target_fmr", 1e-6, 1e-5, Effective(1e-6), Effective(1e-6)),
        ("target_fmr", 1e-4, 1e-5, Effective(1e-4, overridden=True), REFUSED),
        ("target_fpir", None, 0.001, Effective(0.001), Effective(0.001)),
        ("target_fpir", 0.0005, 0.001, Effective(0.0005), Effective(0.0005)),
        ("target_fpir", 0.01, 0.001, Effective(0.01, overridden=True), REFUSED),
        # a policy looser than the default is a limit all the same
        ("target_fpir", 0.5, 0.2, Effective(0.5, overridden=True), REFUSED),
    ],
)
def test_the_limit_that_holds(limit, asked, policy, with_scope, without_scope):
    assert effective_limit(limit, asked, policy=policy, default=20, may_override=True) == with_scope
    if without_scope is not REFUSED:
        assert effective_limit(limit, asked, policy=policy, default=20, may_override=False) == without_scope
        return
    with pytest.raises(PolicyLoosened, match=f'{asked:g} is asked for; leave {limit} out, .* scope "override"'):
        effective_limit(limit, asked, policy=policy, default=20, may_override=False)


@pytest.mark.parametrize(
    ("asked", "policy", "with_scope", "without_scope"),
    [
        (0.1, None, Effective(0.1), Effective(0.1)),
        (0.7, 0.7, Effective(0.7), Effective(0.7)),
        (0.9, 0.7, Effective(0.9), Effective(0.9)),
        (0.69, 0.7, Effective(0.69, overridden=True), REFUSED),
        # 0.7000004 is answered as 0.7, and 0.7 sent back is the policy, not less
        (0.7, 0.7000004, Effective(0.7000004), Effective(0.7000004)),
        (0.7, 0.700002, Effective(0.7, overridden=True), REFUSED),
    ],
)
def test_the_threshold_that_holds(asked, policy, with_scope, without_scope):
    rule = None if policy is None else ThresholdRule("target_fmr", policy, 1e-5, "tiny")
    assert effective_threshold(asked, policy=rule, may_override=True) == with_scope
    if without_scope is not REFUSED:
        assert effective_threshold(asked, policy=rule, may_override=False) == without_scope
        return
    with pytest.raises(PolicyLoosened, match="a target_fmr of 1e-05, needs a similarity of at least"):
        effective_threshold(asked, policy=rule, may_override=False)


# --- the use cases


def with_policies(small: Small, **policies: Any) -> None:
    """The default collection with ada in it and these policies."""
    small.service.enrolment.enroll([drawn_photo(1)], subject="ada")
    small.service.galleries.change_policies("default", policies)


def find_face(service: FaceService, **options: Any) -> Any:
    (face,) = service.galleries.subject_faces("default", "ada")
    return service.identification.find_face(face.id, **options)


def find_embedding(service: FaceService, **options: Any) -> Any:
    embedding = service.recognition.represent(drawn_photo(1))[0].embedding.tolist()
    return service.identification.find_embedding(embedding, model_name="tiny-32", **options)


def find(service: FaceService, **options: Any) -> Any:
    return service.identification.find(drawn_photo(1), **options)


def verify(service: FaceService, **options: Any) -> Any:
    return service.recognition.verify_subject(drawn_photo(1), "ada", **options)


def enroll(service: FaceService, **options: Any) -> Any:
    return service.enrolment.enroll([drawn_photo(1, photo=2, noise=20)], subject="ada", **options)


Call = Callable[..., Any]
# By THRESHOLDS of the stand-in models: FMR 1e-6 is a similarity of 0.9, 1e-4 of 0.7, 1e-2 of 0.5; FPIR the same for one
# template. The threshold of verify is a distance, that of find a similarity.
LOOSER = [
    (enroll, {"min_quality": 30}, {"min_quality": 29}),
    (verify, {"target_fmr": 1e-4}, {"target_fmr": 1e-2}),
    (verify, {"target_fmr": 1e-4}, {"threshold": 0.31}),
    (verify, {"target_fmr": 1e-4}, {"threshold": 1.0, "metric": "euclidean_l2"}),
    (find, {"target_fpir": 1e-4}, {"target_fpir": 1e-2}),
    (find, {"target_fpir": 1e-4}, {"threshold": 0.69}),
    (find_face, {"target_fpir": 1e-4}, {"target_fpir": 1e-2}),
    (find_face, {"target_fpir": 1e-4}, {"threshold": 0.69}),
    (find_embedding, {"target_fpir": 1e-4}, {"target_fpir": 1e-2}),
    (find_embedding, {"target_fpir": 1e-4}, {"threshold": 0.69}),
]
STRICTER = [
    (enroll, {"min_quality": 30}, {"min_quality": 30}),
    (verify, {"target_fmr": 1e-4}, {"target_fmr": 1e-6}),
    (verify, {"target_fmr": 1e-4}, {"threshold": 0.3}),
    (verify, {"target_fmr": 1e-4}, {}),
    (find, {"target_fpir": 1e-4}, {"target_fpir": 1e-6}),
    (find, {"target_fpir": 1e-4}, {"threshold": 0.7}),
    (find_face, {"target_fpir": 1e-4}, {"threshold": 0.9}),
    (find_embedding, {"target_fpir": 1e-4}, {}),
    # a policy of one call does not concern another
    (find, {"target_fmr": 1e-6, "min_quality": 90}, {"target_fpir": 0.5}),
    (verify, {"target_fpir": 1e-6, "min_quality": 90}, {"target_fmr": 0.1}),
    (enroll, {"target_fpir": 1e-6, "target_fmr": 1e-6}, {"min_quality": 0}),
]


@pytest.mark.parametrize(("call", "policies", "options"), LOOSER)
def test_a_looser_request_is_refused_before_any_work_and_overridden_with_the_scope(
    small: Small, call: Call, policies: dict[str, Any], options: dict[str, Any]
) -> None:
    with_policies(small, **policies)
    for act in None, Act("key"):
        service = small.service if act is None else small.service.acting_as(act)
        calls = small.detector.calls
        with pytest.raises(PolicyLoosened):
            call(service, **options)
        assert small.detector.calls - calls == (1 if call is find_embedding else 0)  # for the embedding itself
    act = Act("key", may_override=True)
    call(small.service.acting_as(act), **options)
    assert act.overridden


@pytest.mark.parametrize(("call", "policies", "options"), STRICTER)
def test_a_stricter_request_is_taken(
    small: Small, call: Call, policies: dict[str, Any], options: dict[str, Any]
) -> None:
    with_policies(small, **policies)
    for act in Act("key"), Act("key", may_override=True):
        call(small.service.acting_as(act), **options)
        assert not act.overridden


def test_a_policy_holds_where_the_request_leaves_it_open(small: Small) -> None:
    with_policies(small, target_fmr=1e-6, target_fpir=1e-2, min_quality=100)
    assert verify(small.service).rule.similarity == pytest.approx(0.9)
    assert find(small.service).faces[0].rule.similarity == pytest.approx(0.5)
    with pytest.raises(LowQuality, match="below the 100 asked for"):
        enroll(small.service)


def test_two_photos_have_no_collection_and_no_policy(small: Small) -> None:
    with_policies(small, target_fmr=1e-6)
    assert small.service.recognition.verify(drawn_photo(1), drawn_photo(1), target_fmr=1e-2).rule.expected == 1e-2


def test_probes_are_flagged_by_the_floor_of_the_collection(small: Small) -> None:
    with_policies(small, min_quality=100)
    (caution,) = verify(small.service).cautions
    assert "below the 100" in caution.detail
    for search, image in ((find, "img"), (find_face, "face_id")):
        assert [(one.code, one.image) for one in search(small.service).faces[0].cautions] == [("low_quality", image)]


def test_the_threshold_of_a_search_is_held_to_the_policy_at_the_size_of_the_gallery(small: Small) -> None:
    with_policies(small, target_fpir=1e-2)
    for person in range(2, 12):
        small.service.enrolment.enroll([drawn_photo(person)], subject=f"s{person}")
    threshold = find(small.service).faces[0].rule.similarity  # of 11 templates, above the 0.5 of one
    assert threshold > 0.55
    with pytest.raises(PolicyLoosened, match=r"a target_fpir of 0\.01, needs a similarity of at least"):
        find(small.service, threshold=0.55)
    assert find(small.service, threshold=round(threshold, 6)).faces[0].rule.kind == "explicit"


# --- making and changing them


def test_a_collection_is_made_with_policies(small: Small) -> None:
    policies = CollectionPolicies(min_quality=40)
    made, is_new = small.service.galleries.create_collection("staff", policies=policies)
    assert is_new
    assert small.service.galleries.collection("staff").policies == made.policies == policies
    with pytest.raises(CollectionExists, match="other policies"):
        small.service.galleries.create_collection("staff", policies=CollectionPolicies())


def test_a_collection_that_an_enrolment_makes_has_none(small: Small) -> None:
    assert enroll(small.service).collection.policies == CollectionPolicies()


def test_a_policy_keeps_no_photo_and_the_rest_works(small: Small) -> None:
    small.service.galleries.create_collection("staff", policies=CollectionPolicies(store_photos=False))
    (line,) = enroll(small.service, collection="staff").faces
    assert line.face.photo is None
    assert list(small.photos.keys()) == []
    (again,) = enroll(small.service, collection="staff").faces  # the same photo is still known by its digest
    assert (again.face.id, again.created) == (line.face.id, False)
    small.service.galleries.change_policies("staff", {"store_photos": True})
    assert small.gallery.face(line.face.id).photo is None  # what was not kept does not come back


def test_an_embedding_has_no_quality_and_needs_an_override_where_a_policy_asks_for_one(small: Small) -> None:
    small.service.galleries.create_collection("staff", policies=CollectionPolicies(min_quality=50))
    unit = [1.0] + [0.0] * 31
    given: dict[str, Any] = {"model_name": TINY, "collection": "staff", "subject": "ada"}
    with pytest.raises(PolicyLoosened, match="min_quality of at least 50, and an embedding has no quality"):
        small.service.enrolment.enroll_embeddings([unit], **given)
    act = Act("k", may_override=True)
    small.service.acting_as(act).enrolment.enroll_embeddings([unit], **given)
    assert act.overridden


def test_an_enrolment_keeps_the_policies_that_it_began_with(small: Small) -> None:
    with_policies(small)
    detect = small.detector.detect

    def change_then_detect(pixels: Any) -> Any:
        small.service.galleries.change_policies("default", {"min_quality": 100})
        return detect(pixels)

    small.detector.detect = change_then_detect  # type: ignore[method-assign]
    assert enroll(small.service).faces[0].created
    small.detector.detect = detect  # type: ignore[method-assign]
    with pytest.raises(LowQuality):
        small.service.enrolment.enroll([drawn_photo(1, photo=3, noise=20)], subject="ada")


def test_the_defaults_of_the_service_are_no_policy(small: Small) -> None:
    strict = replace(small.service.context, policy=replace(small.service.context.policy, min_quality=100))
    assert enroll(FaceService(strict), min_quality=0).faces[0].created
