from __future__ import annotations

from dataclasses import replace

import pytest

from tests.relative import RELATIVE
from vultus.errors import ModelInvalid, StorageFailed
from vultus.model_registry import ModelRegistry
from vultus.models.calibration import SearchCalibration
from vultus.models.card import Calibration, ModelCard, find_card, in_box_cards
from vultus.models.operator_calibration import (
    calibration_text,
    operator_calibration_path,
    read_operator_calibration,
    read_operator_calibrations,
    why_by_cosine,
    write_operator_calibration,
)
from vultus.models.repository.store import ModelStore

SEARCH = SearchCalibration(0.42, 0.325, ((1e-1, 0.21), (1e-3, 0.49)), 1.8e-6, 3e-3, 5748)
OWN = Calibration(
    ((1e-1, 0.11), (3e-2, 0.2), (1e-4, 0.99)),
    'Ärzte "A": 9 photos',
    1234,
    "2026-11-22",
    1,
    "int8",
    "all pairs",
    2e-4,
    SEARCH,
)


@pytest.fixture
def card() -> ModelCard:
    card = find_card(in_box_cards(), "facenet512-casia-webface")
    assert card is not None
    return card


def test_what_is_written_is_read_again(tmp_path, card):
    write_operator_calibration(operator_calibration_path(tmp_path / "models", card.id), card.id, OWN)
    assert read_operator_calibration(tmp_path / "models", card) == OWN


@pytest.mark.parametrize("relative", [RELATIVE, replace(RELATIVE, reliability=None)])
def test_relative_scores_are_read_as_they_were_written(tmp_path, card, relative):
    own = replace(OWN, relative=relative)
    write_operator_calibration(operator_calibration_path(tmp_path, card.id), card.id, own)
    assert read_operator_calibration(tmp_path, card) == own


def test_a_calibration_of_cosines_alone_says_what_it_hides(tmp_path, card, caplog):
    assert card.calibration is not None
    with_scores = replace(card, calibration=replace(card.calibration, relative=RELATIVE))
    write_operator_calibration(operator_calibration_path(tmp_path, card.id), card.id, OWN)
    assert read_operator_calibrations(tmp_path, tmp_path / "models", [with_scores]) == {card.id: OWN}
    assert "cosines decide and not the scores relative to other faces that its card has" in caplog.text
    assert f"vultus calibrate FOLDER --model {card.id}" in caplog.text
    assert why_by_cosine(with_scores, replace(OWN, relative=RELATIVE)) is None
    assert why_by_cosine(replace(card, calibration=replace(card.calibration, relative=None)), OWN) is None


def test_a_calibration_of_one_data_folder_holds_for_no_other(tmp_path, card, caplog):
    ours, theirs, models = (tmp_path / name for name in ("ours", "theirs", "models"))
    write_operator_calibration(operator_calibration_path(ours, card.id), card.id, OWN)
    assert read_operator_calibrations(theirs, models, [card]) == {}
    shared = replace(OWN, comparisons=99)
    write_operator_calibration(operator_calibration_path(models, card.id), card.id, shared)
    assert read_operator_calibrations(ours, models, [card]) == {card.id: OWN}
    assert "every data folder" not in caplog.text
    assert read_operator_calibrations(theirs, models, [card]) == {card.id: shared}
    assert f"holds for every data folder that has none of its own; move it to {theirs}" in caplog.text


def test_without_a_file_there_is_no_overlay(tmp_path, card):
    assert read_operator_calibration(tmp_path, card) is None


def test_a_card_takes_the_tables_as_they_are(card):
    assert card.calibration is not None
    assert "[calibration.search]" in calibration_text(card.id, card.calibration)


def test_the_overlay_wins_over_the_card(tmp_path, card):
    write_operator_calibration(operator_calibration_path(tmp_path, card.id), card.id, OWN)
    store = ModelStore(tmp_path, in_box_cards())
    models = ModelRegistry(
        store,
        store.cards,
        default=card.id,
        operator_calibrations=read_operator_calibrations(tmp_path, tmp_path, store.cards),
    )
    assert models.served(card.id).thresholds().for_fmr(1e-4).similarity == pytest.approx(0.99)
    plain = ModelRegistry(store, store.cards, default=card.id)
    of_card = plain.served(card.id).thresholds().for_fmr(1e-4)
    assert of_card.score == dict(card.calibration.relative.fmr[0].thresholds)[1e-4]


@pytest.mark.parametrize(
    ("model_id", "version"), [("facenet512-casia-webface", 3), ("sface", 1)], ids=["pipeline version", "model"]
)
def test_an_overlay_of_other_embeddings_is_refused(tmp_path, card, model_id, version):
    write_operator_calibration(
        operator_calibration_path(tmp_path, card.id), model_id, replace(OWN, pipeline_version=version)
    )
    with pytest.raises(ModelInvalid, match=f"measured with {model_id}, pipeline version {version}.*remove the file"):
        read_operator_calibration(tmp_path, card)


@pytest.mark.parametrize("version", [1, 2])
def test_an_overlay_of_a_version_that_the_card_makes_is_used(tmp_path, card, version, caplog):
    caplog.set_level("INFO")
    own = replace(OWN, pipeline_version=version)
    write_operator_calibration(operator_calibration_path(tmp_path, card.id), card.id, own)
    assert read_operator_calibration(tmp_path, card) == own
    assert ("measured with pipeline version 1; it is used with version 2 as well" in caplog.text) is (version == 1)


@pytest.mark.parametrize("text", ["", "model = 3", "no toml [", 'model = "m"\n[calibration]\ndata = "x"\n', "\udcff"])
def test_a_malformed_overlay_is_refused_by_name(tmp_path, card, text):
    path = operator_calibration_path(tmp_path, card.id)
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ModelInvalid, match="calibration"):
        read_operator_calibration(tmp_path, card)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("shape = 0.42", "shape = 0"),
        ("exponent = 0.325", "exponent = 1.0"),
        ("1.8e-6", "2"),
        ("5748", "0"),
        ("0.49", "0.1"),
    ],
)
def test_a_search_table_out_of_range_is_refused(tmp_path, card, old, new):
    text = calibration_text(card.id, OWN)
    head, search = text.split("[calibration.search]")
    assert old in search
    operator_calibration_path(tmp_path, card.id).write_text(
        f"{head}[calibration.search]{search.replace(old, new)}", "utf-8"
    )
    with pytest.raises(ModelInvalid, match="search"):
        read_operator_calibration(tmp_path, card)


def test_a_place_that_cannot_be_written_is_named(tmp_path, card):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed, match="--out"):
        write_operator_calibration(tmp_path / "file" / "x.toml", card.id, OWN)
