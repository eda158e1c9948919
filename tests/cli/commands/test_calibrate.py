from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from tests import pictures
from tests.relative import RELATIVE, made_reference
from vultus.models.card import find_card, in_box_cards
from vultus.models.liveness_calibration import (
    LivenessCalibration,
    liveness_calibration_path,
    write_liveness_calibration,
)
from vultus.models.operator_calibration import calibration_text, operator_calibration_path

MODEL = "facenet512-casia-webface"


@pytest.fixture
def people(tmp_path) -> Path:
    """Ten people with two photos each: 180 non-mated comparisons, which claim FMR down to 1.7 %."""
    for person in range(10):
        for photo in range(2):
            path = tmp_path / "people" / f"person {person}" / f"{photo}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(pictures.drawn_photo(person, noise=3.0, photo=photo))
    return tmp_path / "people"


def test_the_calibration_is_written_into_the_data_folder(run, people, surroundings):
    answer = run("calibrate", people, "--data", "our staff", "--json")
    assert answer.exit_code == 0, answer.output
    written = tomllib.loads((surroundings / "tiny-32.calibration.toml").read_text("utf-8"))
    assert written["model"] == "tiny-32"
    assert written["calibration"]["comparisons"] == 180
    assert [rate for rate, _ in written["calibration"]["thresholds"]] == [0.1, 0.03]
    assert written["calibration"]["data"] == "our staff: 20 photos of 10 people, largest face"
    assert written["calibration"]["weighting"] == "all pairs"
    assert "search" not in written["calibration"]
    assert "too few for a model of galleries" in answer.stderr
    assert json.loads(answer.stdout)["calibration"]["precision"] == "fp32"


def test_relative_scores_of_the_card_get_thresholds_of_these_photos(run, small, surroundings):
    model = small.models.resolve(None)
    model.card_scores = (RELATIVE, made_reference())
    for person in range(31):
        for photo in range(2):
            path = surroundings / "staff" / f"{person:02}" / f"{photo}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(pictures.drawn_photo(person, noise=3.0, photo=photo))
    answer = run("calibrate", surroundings / "staff")
    assert answer.exit_code == 0, answer.output
    found = tomllib.loads((surroundings / "tiny-32.calibration.toml").read_text("utf-8"))["calibration"]
    assert found["thresholds"]  # of cosines, as before
    relative = found["relative"]
    assert relative["data"] == found["data"] == "staff: 62 photos of 31 people, largest face"
    assert [one["faces"] for one in relative["fmr"]] == [0, 10]
    assert [one["faces"] for one in relative["fpir"]] == [1, 4, 10]
    assert [rate for rate, _ in relative["fpir"][0]["thresholds"]] == [0.3, 0.1]  # 3 / 31 is the smallest
    assert (relative["mean_faces"], relative["likeness"]) == (RELATIVE.mean_faces, list(RELATIVE.likeness))
    assert "reliability" in relative


def test_too_few_people_for_relative_scores_are_refused(run, small, people, surroundings):
    small.models.resolve(None).card_scores = (RELATIVE, made_reference())
    answer = run("calibrate", people)
    assert answer.exit_code == 1
    assert "10 people are too few to calibrate scores relative to other faces; 30 or more" in answer.stderr
    assert not list(surroundings.rglob("*.calibration.toml"))


def test_thresholds_that_are_equal_once_rounded_are_refused_and_leave_no_file(run, people, surroundings, monkeypatch):
    monkeypatch.setattr("vultus.cli.commands.calibrate.COSINE_DIGITS", 0)
    answer = run("calibrate", people)
    assert answer.exit_code == 1
    assert "no calibration that can be used: thresholds must fall in rate and rise in cosine" in answer.stderr
    assert not list(surroundings.rglob("*.calibration.toml"))


def test_out_writes_elsewhere_and_takes_no_effect(run, people, surroundings, tmp_path):
    assert run("calibrate", people, "--out", tmp_path / "table.toml").exit_code == 0
    assert (tmp_path / "table.toml").is_file()
    assert not list(surroundings.glob("*.calibration.toml"))


def test_show_says_where_the_calibration_comes_from(run, surroundings):
    card = find_card(in_box_cards(), MODEL)
    assert json.loads(run("calibrate", "--show", "--json").stdout)["source"] == "the model card"
    path = operator_calibration_path(surroundings, MODEL)
    path.parent.mkdir(exist_ok=True)
    path.write_text(calibration_text(MODEL, card.calibration), "utf-8")
    shown = run("calibrate", "--show", "--model", MODEL)
    assert str(path) in shown.stdout
    assert "87,307,271 non-mated comparisons, all pairs" in shown.stdout


def test_show_says_which_liveness_threshold_is_in_use(run, surroundings):
    (of_card,) = json.loads(run("calibrate", "--show", "--json").stdout)["liveness"]
    assert (of_card["model_id"], of_card["source"]) == ("minifasnet", "the model card")
    threshold = of_card["liveness"]["threshold"]
    assert (
        f"Liveness threshold of minifasnet, from the model card: {threshold:.4f}" in run("calibrate", "--show").stdout
    )
    card = find_card(in_box_cards(), "minifasnet")
    own = LivenessCalibration(0.25, 0.05, 100, 5, "our door", "2026-01-02", card.pipeline_version)
    path = liveness_calibration_path(surroundings, "minifasnet")
    write_liveness_calibration(path, "minifasnet", own)
    assert f"Liveness threshold of minifasnet, from {path}: 0.2500" in run("calibrate", "--show").stdout


def test_show_says_that_cosines_decide_in_place_of_the_scores_of_the_card(run, surroundings, monkeypatch):
    card = find_card(in_box_cards(), MODEL)
    cosines = replace(card.calibration, relative=None)
    scored = replace(card, calibration=replace(cosines, relative=RELATIVE))
    monkeypatch.setattr("vultus.cli.commands.calibrate.known_cards", lambda folder: [scored])
    shown = run("calibrate", "--show", "--model", MODEL)
    assert "Scores relative to other faces, which decide" in shown.stdout
    assert "150 faces" in shown.stdout
    path = operator_calibration_path(surroundings, MODEL)
    path.parent.mkdir(exist_ok=True)
    path.write_text(calibration_text(MODEL, cosines), "utf-8")
    shown = run("calibrate", "--show", "--model", MODEL)
    assert shown.exit_code == 0
    assert "cosines decide" in shown.stderr
    assert "calibrate again" in shown.stderr


def test_an_overlay_of_another_pipeline_version_is_refused(run, surroundings):
    card = find_card(in_box_cards(), MODEL)
    path = operator_calibration_path(surroundings, MODEL)
    path.parent.mkdir(exist_ok=True)
    text = calibration_text(MODEL, card.calibration).replace("pipeline_version = 1", "pipeline_version = 7")
    path.write_text(text, "utf-8")
    answer = run("calibrate", "--show", "--model", MODEL)
    assert answer.exit_code == 1
    assert "pipeline version 7" in answer.stderr


def test_a_folder_is_needed(run):
    assert run("calibrate").exit_code == 2


def test_an_unknown_model_is_refused(run):
    answer = run("calibrate", "--show", "--model", "nobody")
    assert answer.exit_code == 1
    assert "nobody" in answer.stderr


def test_a_calibration_of_an_earlier_release_in_the_model_folder_is_named(run, surroundings):
    card = find_card(in_box_cards(), MODEL)
    path = operator_calibration_path(surroundings / "models", MODEL)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(calibration_text(MODEL, card.calibration), "utf-8")
    answer = run("calibrate", "--show", "--model", MODEL)
    assert f"Calibration of {MODEL}, from {path}" in answer.stdout
    assert "holds for every data folder that has none of its own; move it to" in answer.stderr


def test_a_calibration_needs_a_data_folder_or_another_place(run, people, surroundings, monkeypatch):
    monkeypatch.setenv("VULTUS_DATA_DIR", str(surroundings / "nowhere"))
    answer = run("calibrate", people)
    assert answer.exit_code == 1
    assert "there is no database" in answer.stderr
    assert not (surroundings / "nowhere").exists()
    assert run("calibrate", people, "--out", surroundings / "mine.toml").exit_code == 0
