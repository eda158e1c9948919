"""Detectors by the decoder that a card names."""

from __future__ import annotations

from dataclasses import replace
from importlib import resources

import numpy as np
import pytest

from tests.standins import FrameDetector
from vultus.config import Settings
from vultus.errors import DetectorNotAllowed, ModelInvalid
from vultus.models.card import TASKS, cards_of, in_box_cards
from vultus.models.catalogue import known_cards
from vultus.models.repository.store import ModelStore
from vultus.vision.decoders import DECODERS, decoded_cards
from vultus.vision.image import encode_jpeg
from vultus.vision.pipeline import Pipeline
from vultus.wiring.networks import open_models, open_pipeline


def test_the_cards_in_the_box_name_the_detectors_served():
    cards = decoded_cards(cards_of(in_box_cards(), "detection"), "detection")
    assert [card.id for card in cards] == ["yunet", "mtcnn"]


def test_an_unknown_decoder_is_refused_by_the_name_of_its_card():
    own = replace(in_box_cards()[0], id="own", decoder="other")
    with pytest.raises(ModelInvalid, match="the card of own names the decoder 'other'; use one of: yunet, mtcnn"):
        decoded_cards([own], "detection")
    with pytest.raises(ModelInvalid, match="'other'; use one of: minifasnet"):
        decoded_cards([own], "liveness")


def test_every_task_whose_cards_name_a_decoder_has_its_row():
    assert set(DECODERS) == {task for task, fields in TASKS.items() if "decoder" in (*fields.needed, *fields.allowed)}


def test_a_detector_is_named_in_any_letter_case():
    pipeline = Pipeline({"frames": FrameDetector(), "Own": FrameDetector()}, default_detector="frames")
    assert [pipeline.detector_name(name) for name in (None, "own", "OWN", "Frames")] == [
        "frames",
        "Own",
        "Own",
        "frames",
    ]
    with pytest.raises(DetectorNotAllowed, match="'other' is not served; use one of: Own, frames"):
        pipeline.detector_name("other")


@pytest.mark.real
def test_a_card_with_a_decoder_is_all_that_a_detector_needs(tmp_path, real):
    text = (resources.files("vultus.models") / "cards" / "yunet.toml").read_text("utf-8")
    own = text.replace('id = "yunet"', 'id = "own"').replace("yunet-2023mar.onnx", "own.onnx")
    (tmp_path / "own.toml").write_text(own, "utf-8")
    cards = known_cards(tmp_path)
    store = ModelStore(tmp_path, cards)
    for card in cards:
        if card.task == "detection" and card.decoder is not None:
            store.prepare(card)
    settings = Settings(model_dir=tmp_path, default_detector="own")
    pipeline = open_pipeline(settings, open_models(settings, store))
    assert pipeline.detectors == ("yunet", "own", "mtcnn")
    blank = encode_jpeg(np.full((64, 64, 3), 127, np.uint8), max_side=64)[0]
    assert pipeline.detect(blank, detector="own").detector == "own"
