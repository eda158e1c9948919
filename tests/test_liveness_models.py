"""The liveness model of a process: found, tested when it is loaded, and with the threshold that holds."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.models.importers.test_minifasnet import WEIGHTS, made_tensors
from tests.models.importers.torch_bytes import torch_file
from vultus.errors import ModelInvalid, ModelNotInstalled
from vultus.liveness_models import LivenessModels, read_liveness_calibrations
from vultus.models.card import find_card, in_box_cards
from vultus.models.liveness_calibration import (
    LivenessCalibration,
    MeasuredAttacks,
    liveness_calibration_path,
    write_liveness_calibration,
)
from vultus.models.repository.pull import pull
from vultus.models.repository.store import ModelStore
from vultus.models.self_test_values import self_test_values
from vultus.vision.self_test.answers import liveness_answers
from vultus.vision.self_test.drawn_faces import as_detected, drawn_faces

CARD = find_card(in_box_cards(), "minifasnet")
OWN = LivenessCalibration(0.7, 0.05, 200, 10, "our door", "2026-11-26", 1, (MeasuredAttacks("print", 40, 3, 0.7, "x"),))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A store with MiniFASNet's card over made weights."""
    folder = tmp_path_factory.mktemp("models")
    files = []
    for file, excited in zip(CARD.files, (False, True), strict=True):
        data = torch_file(made_tensors(excited))
        (folder / file.sources[0].file).write_bytes(data)
        files.append(replace(file, sha256=hashlib.sha256(data).hexdigest(), converted_sha256=None))
    card = replace(CARD, files=tuple(files))
    store = ModelStore(folder, [card])
    store.prepare(card)
    return store, card


def models_of(made, **given):
    store, card = made
    return LivenessModels(store, [card], **({"self_test_values": {}} | given))


def test_a_face_is_scored_by_both_networks(made):
    served = models_of(made).get()
    probabilities = served.detector.probabilities(drawn_faces()[0], as_detected().box)
    assert served.score(drawn_faces()[0], as_detected().box) == pytest.approx(probabilities[:, 1].mean())
    assert (served.id, served.box_scales) == ("minifasnet", (2.7, 4.0))
    assert (served.rule.threshold, served.rule.source) == (CARD.liveness.threshold, "card")


def test_one_that_computes_otherwise_than_stored_is_refused(made):
    right = liveness_answers(models_of(made).get().detector)
    assert models_of(made, self_test_values={"minifasnet": right}).get()
    wrong = right.copy()
    wrong[0, :3] = wrong[0, [1, 2, 0]]
    with pytest.raises(ModelInvalid, match="minifasnet computes wrong on this machine"):
        models_of(made, self_test_values={"minifasnet": wrong}).get()


def test_the_operators_threshold_wins_over_the_cards(made, tmp_path):
    write_liveness_calibration(liveness_calibration_path(tmp_path, "minifasnet"), "minifasnet", OWN)
    own = read_liveness_calibrations(tmp_path, [made[1]])
    assert own == {"minifasnet": OWN}
    models = models_of(made, operator_calibrations=own)
    assert (models.get().rule.threshold, models.get().rule.bpcer, models.get().rule.source) == (0.7, 0.05, "operator")
    told = models.capabilities()
    assert (told["threshold_from"], told["attacks"][0]["apcer"]) == ("operator", 3 / 40)
    assert "no certified presentation attack detection" in told["note"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace('"minifasnet"', '"other"'), "was measured with other, pipeline version 1, but"),
        (
            lambda text: text.replace("pipeline_version = 1", "pipeline_version = 2"),
            "pipeline version 2, but minifasnet",
        ),
        (lambda text: text.replace("threshold = 0.7", "threshold = 1.7", 1), "liveness.threshold is 1.7"),
        (lambda text: text[:40], "is no TOML|is missing"),
    ],
)
def test_a_threshold_of_another_model_or_a_broken_file_is_refused(made, tmp_path, change, said):
    path = liveness_calibration_path(tmp_path, "minifasnet")
    write_liveness_calibration(path, "minifasnet", OWN)
    path.write_text(change(path.read_text("utf-8")), "utf-8")
    with pytest.raises(ModelInvalid, match=said):
        read_liveness_calibrations(tmp_path, [made[1]])


def test_without_files_the_command_is_named_and_with_them_no_restart_is_needed(made, tmp_path):
    store, card = made
    empty = ModelStore(tmp_path, [card])
    models = LivenessModels(empty, [card], self_test_values={})
    with pytest.raises(ModelNotInstalled, match="minifasnet is not installed; run: vultus models pull minifasnet"):
        models.get()
    assert models.capabilities()["installed"] is False
    pull(empty, card, from_file=store.folder)
    empty.prepare(card)
    assert models.get().id == "minifasnet"


@pytest.mark.parametrize("damage", ["cut", "changed", "a pickle with code"])
def test_a_file_that_is_not_the_published_one_is_refused_and_not_kept(made, tmp_path, damage):
    store, card = made
    name = card.files[0].sources[0].file
    data = (store.folder / name).read_bytes()
    bad = {
        "cut": data[:-100],
        "changed": bytes([*data[:-1], data[-1] ^ 1]),
        "a pickle with code": b"cos\nsystem\n(S'touch executed'\ntR.",
    }[damage]
    (tmp_path / name).write_bytes(bad)
    target = ModelStore(tmp_path / "models", [card])
    with pytest.raises(ModelInvalid, match="is not the expected file: its SHA-256 is"):
        pull(target, card, from_file=tmp_path)
    assert not list((tmp_path / "models").glob("*.pth"))


def test_the_published_networks_answer_as_stored(tmp_path):
    folder = Path(os.environ.get("VULTUS_TEST_LIVENESS", WEIGHTS))
    if not all((folder / file.sources[0].file).is_file() for file in CARD.files):
        pytest.skip("MiniFASNet's weights are not beside this checkout")
    store = ModelStore(tmp_path, in_box_cards())
    pull(store, CARD, from_file=folder)
    store.prepare(CARD)
    served = LivenessModels(store, in_box_cards(), self_test_values=self_test_values()).get()
    stored = self_test_values()["minifasnet"]
    assert np.abs(liveness_answers(served.detector) - stored).max() < 1e-3
