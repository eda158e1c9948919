"""Detectors by the decoder that a card names."""

from __future__ import annotations

from importlib import resources

import numpy as np
import pytest

from tests.standins import FrameDetector
from vultus.config import Settings
from vultus.errors import DetectorNotAllowed, ModelInvalid
from vultus.models.card import in_box_cards
from vultus.models.catalogue import known_cards
from vultus.models.repository.store import ModelStore
from vultus.vision.compute_slots import ComputeSlots
from vultus.vision.detectors import DetectorNetworks, open_detectors
from vultus.vision.image import encode_jpeg
from vultus.vision.pipeline import Pipeline
from vultus.wiring import detector_decoders, open_pipeline


@pytest.fixture
def networks(tmp_path):
    return DetectorNetworks(lambda model_id, file: tmp_path, ComputeSlots(1, queue=0, wait_seconds=1))


def test_the_cards_in_the_box_name_the_detectors_served():
    assert list(detector_decoders(in_box_cards())) == ["yunet", "mtcnn"]


def test_an_unknown_decoder_is_refused_by_the_name_of_its_card(networks):
    with pytest.raises(ModelInvalid, match="the card of own names the decoder 'other'; use one of: yunet, mtcnn"):
        open_detectors({"own": "other"}, networks)


def test_no_detector_is_loaded_where_no_card_names_a_decoder(networks):
    assert open_detectors({}, networks) == {}


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
        if card.decoder is not None:
            store.prepare(card)
    pipeline = open_pipeline(Settings(model_dir=tmp_path, default_detector="own"), store, cards)
    assert pipeline.detectors == ("yunet", "own", "mtcnn")
    blank = encode_jpeg(np.full((64, 64, 3), 127, np.uint8), max_side=64)[0]
    assert pipeline.detect(blank, detector="own").detector == "own"
