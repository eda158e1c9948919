"""Detectors by the decoder that a card names."""

from __future__ import annotations

import pytest

from vultus.errors import ModelInvalid
from vultus.models.card import in_box_cards
from vultus.vision.compute_slots import ComputeSlots
from vultus.vision.detectors import DetectorNetworks, open_detectors
from vultus.wiring import detector_decoders


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
