"""Models are tested when they are loaded: wrong arithmetic is never served, and int8 falls back to fp32."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from tests.standins import FrameDetector
from tests.test_model_registry import INT8, fused_card, make_card, nearly
from vultus.errors import ModelInvalid
from vultus.model_loading import LEAST_AGREEMENT, RecogniserLoader
from vultus.model_registry import ModelRegistry
from vultus.models.card import find_card, in_box_cards
from vultus.models.importers import QUANTIZERS, Quantizer
from vultus.models.precision import cpu_flags, int8_weight_bits
from vultus.models.repository.store import ModelStore
from vultus.models.self_test_values import self_test_values
from vultus.vision.compute_slots import ComputeSlots
from vultus.vision.self_test.answers import agreement, detector_answers, displacement, recogniser_answers
from vultus.vision.self_test.drawn_faces import drawn_faces
from vultus.vision.session import TwinSession

WRONG = 0.5  # of the weights: an agreement of 0.87


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


def loader(folder, *cards, share=WRONG, **given):
    """A loader whose int8 networks have weights that are wrong by this share."""
    store = ModelStore(folder, cards, quantizer=Quantizer(1, lambda data, ranges: nearly(data, share)))
    for card in cards:
        store.prepare(card)
    return RecogniserLoader(store, **given)


def no_reliability(card):
    return None


def test_int8_that_computes_wrong_falls_back_to_fp32_and_is_logged(folder, caplog):
    card = make_card(folder, "a", int8=INT8)
    caplog.set_level(logging.WARNING)
    chosen = loader(folder, card, precision="int8", fall_back=True)
    assert chosen.precision(card) == "int8"
    model, _ = chosen.load(card, no_reliability)
    exact, _ = loader(folder, card).load(card, no_reliability)
    assert np.array_equal(recogniser_answers(model), recogniser_answers(exact))
    assert chosen.precision(card) == "fp32"
    assert [(test.precision, test.passed) for test in chosen.self_tests] == [("int8", False), ("fp32", True)]
    assert "a computes wrong in int8 here (agrees with its fp32 network on drawn faces by 0.8" in caplog.text


def test_int8_that_was_asked_for_and_computes_wrong_is_refused(folder):
    card = make_card(folder, "a", int8=INT8)
    with pytest.raises(ModelInvalid, match=r"a computes wrong in int8 .* set VULTUS_PRECISION to auto or fp32"):
        loader(folder, card, precision="int8").load(card, no_reliability)


def test_int8_that_rounds_is_right(folder):
    card = make_card(folder, "a", int8=INT8)
    chosen = loader(folder, card, share=0.02, precision="int8", fall_back=True)
    chosen.load(card, no_reliability)
    assert chosen.precision(card) == "int8"


def test_fp32_that_differs_from_the_stored_values_is_refused(folder):
    card = make_card(folder, "a")
    right = recogniser_answers(loader(folder, card).load(card, no_reliability)[0])
    loader(folder, card, values={"a": right * 1.001}).load(card, no_reliability)
    with pytest.raises(ModelInvalid, match=r"a computes wrong in fp32 .* nothing is served with it"):
        loader(folder, card, values={"a": right * 1.1}).load(card, no_reliability)


def test_wrong_fp32_is_refused_also_after_a_fall_back(folder):
    card = make_card(folder, "a", int8=INT8)
    right = recogniser_answers(loader(folder, card).load(card, no_reliability)[0])
    with pytest.raises(ModelInvalid, match="wrong in fp32"):
        loader(folder, card, values={"a": -right}, precision="int8", fall_back=True).load(card, no_reliability)


def test_a_fused_model_computes_in_fp32_when_one_member_does(folder):
    cards = make_card(folder, "a", int8=INT8), make_card(folder, "bb"), fused_card(folder, a=0.5, bb=0.5)
    chosen = loader(folder, *cards, precision="int8", fall_back=True)
    assert chosen.precision(cards[2]) == "fp32"  # bb has no int8
    chosen.load(cards[2], no_reliability)
    assert [test.model_id for test in chosen.self_tests] == ["a", "a", "bb"]


def test_a_detector_that_finds_other_faces_is_refused(folder):
    seen = detector_answers(FrameDetector())
    loader(folder, values={"frames": seen}).test_detector("frames", FrameDetector())
    moved = seen + np.r_[np.full(14, 3), 0].astype(np.float32)
    with pytest.raises(ModelInvalid, match=r"frames computes wrong .* 3\.00 pixels from their places, at most 2\.0"):
        loader(folder, values={"frames": moved}).test_detector("frames", FrameDetector())
    loader(folder, values={}).test_detector("frames", FrameDetector())  # nothing to compare with


@pytest.mark.parametrize(
    ("found", "wanted", "expected"),
    [
        ([[3, 4]], [[3, 4]], 1.0),
        ([[4, 3]], [[3, 4]], 0.96),  # the cosine, as lengths are equal: 24 / 25
        ([[6, 8]], [[3, 4]], 0.5),  # twice as long: 1 - 25 / 50
        ([[3, 4], [4, 3]], [[3, 4], [3, 4]], 0.96),  # the face where it is least
        ([[3, np.nan]], [[3, 4]], -1.0),
        ([[3, 4, 5]], [[3, 4]], -1.0),
    ],
)
def test_agreement_by_hand(found, wanted, expected):
    assert agreement(np.array(found, np.float32), np.array(wanted, np.float32)) == pytest.approx(expected)


def test_displacement_by_hand():
    wanted = np.full((2, 15), 0.5, np.float32)
    found = wanted.copy()
    found[1, 3] += 1.5
    assert displacement(found, wanted) == pytest.approx(1.5)
    found[0, 14] -= 0.1  # of the score, 40 pixels for 1
    assert displacement(found, wanted) == pytest.approx(4.0)
    found[0, 0] = np.nan
    assert displacement(found, wanted) == np.inf


def test_the_drawn_faces_are_the_same_everywhere():
    light, dark = drawn_faces()
    assert [int(picture.astype(np.int64).sum()) for picture in (light, dark)] == [9829704, 8227038]
    assert light[82, 80].tolist() == [201, 157, 131]


def test_values_are_stored_for_the_models_of_a_default_installation():
    values, cards = self_test_values(), in_box_cards()
    assert {"yunet", "mtcnn", "sface", "facenet512-casia-webface"} <= set(values)
    for name, stored in values.items():
        card = find_card(cards, name)
        assert card is not None
        numbers = {"detection": 15, "liveness": 6}.get(card.task, card.output_dimension)
        assert stored.shape == (len(drawn_faces()), numbers)


@pytest.mark.real
@pytest.mark.parametrize("name", ["sface", "facenet512-casia-webface"])
def test_8_bit_weights_are_served_only_where_this_processor_computes_them_right(name, model_dir, tmp_path):
    """On x86 without VNNI they saturate; where a processor's flags say otherwise the self-test finds it."""
    cards = in_box_cards()
    card = find_card(cards, name)
    ModelStore(model_dir, cards).prepare(card)
    store = ModelStore(tmp_path, cards, quantizer=QUANTIZERS[8])
    for end in ("", ".json"):
        (tmp_path / f"{card.files[0].output}{end}").hardlink_to(model_dir / f"{card.files[0].output}{end}")
    store.prepare(card)
    chosen = RecogniserLoader(store, precision="int8", fall_back=True)
    chosen.load(card, no_reliability)
    right = int8_weight_bits(cpu_flags()) == 8
    assert chosen.precision(card) == ("int8" if right else "fp32")
    if not right:
        with pytest.raises(ModelInvalid, match=f"{name} computes wrong in int8"):
            RecogniserLoader(store, precision="int8").load(card, no_reliability)


@pytest.mark.real
def test_the_models_of_the_box_pass_in_the_arithmetic_of_this_processor(model_dir):
    store = ModelStore(model_dir, in_box_cards())
    for name in ("sface", "facenet512-casia-webface"):
        store.prepare(find_card(store.cards, name))
        for precision, least in LEAST_AGREEMENT.items():
            models = ModelRegistry(store, store.cards, default=name, precision=precision)
            models.served(name).embedder()
            (test,) = models.self_tests
            assert (test.precision, test.passed) == (precision, True)
            assert str(least) in test.finding
    models.open_task("detection", ComputeSlots(1, queue=0, wait_seconds=0))
    assert [test.model_id for test in models.self_tests[1:]] == ["yunet", "mtcnn"]


def test_a_model_alone_may_take_a_second_core_and_members_run_beside_each_other(folder, monkeypatch):
    cards = make_card(folder, "a", int8=INT8), make_card(folder, "bb", int8=INT8)
    fused = fused_card(folder, a=0.5, bb=0.5)
    monkeypatch.setattr("vultus.model_loading.int8_weight_bits", lambda flags: 7)
    (alone, size), (both, _) = (loader(folder, *cards, fused).load(card, no_reliability) for card in (cards[0], fused))
    assert isinstance(alone._session, TwinSession)
    assert not any(isinstance(member._session, TwinSession) for member in both._members)
    monkeypatch.setattr("vultus.model_loading.int8_weight_bits", lambda flags: 8)
    with_vnni, smaller = loader(folder, cards[0], share=0, precision="int8").load(cards[0], no_reliability)
    assert not isinstance(with_vnni._session, TwinSession)
    assert smaller < size
