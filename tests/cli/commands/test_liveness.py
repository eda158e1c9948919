"""evaluate --liveness and calibrate --liveness on drawn photos and a stand-in model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import pictures
from vultus.models.liveness_calibration import read_liveness_calibration


@pytest.fixture
def presented(tmp_path: Path) -> Path:
    """Ten live photos that score 0.35 to 0.80, prints that score 0.04 and 0.60, one screen without a face."""
    folder = tmp_path / "camera"
    shots = [("live", 35 + 5 * i) for i in range(10)] + [("print", 4), ("print", 60)]
    for number, (kind, score) in enumerate(shots):
        path = folder / kind / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pictures.drawn_photo(1, photo=number, noise=2, liveness=score))
    (folder / "screen").mkdir()
    (folder / "screen" / "none.png").write_bytes(pictures.drawn_photo())
    return folder


def test_rates_are_printed_and_reported(run, presented, tmp_path):
    found = run("evaluate", "--liveness", presented, "--report", tmp_path / "report.html", "--json")
    assert found.exit_code == 0, found.output
    answer = json.loads(found.stdout)
    assert (answer["bpcer"]["errors"], answer["bpcer"]["trials"]) == (3, 10)  # 0.35, 0.40 and 0.45 are below 0.5
    assert (answer["apcer"]["print"]["errors"], answer["apcer"]["print"]["trials"]) == (1, 2)
    assert (answer["apcer"]["screen"]["rate"], answer["apcer"]["screen"]["not_judged"]["errors"]) == (None, 1)
    assert answer["worst_attack"] == "print"
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "APCER of print" in page
    assert "no certified presentation attack detection subsystem" in page
    shown = run("evaluate", "--liveness", presented).output
    assert "no certified presentation attack detection" in shown
    assert "not measured" in shown


def test_a_folder_without_attacks_gives_bpcer_alone_and_says_so(run, presented):
    for kind in ("print", "screen"):
        (presented / kind).rename(presented.parent / kind)
    answer = json.loads(run("evaluate", "--liveness", presented, "--json").stdout)
    assert (answer["apcer"], answer["worst_attack"]) == ({}, None)
    assert "the folder has no attacks" in answer["notes"][0]


def test_the_operators_threshold_is_stored_for_the_service(run, presented, small, surroundings):
    found = run("calibrate", "--liveness", presented, "--bpcer", "0.2")
    assert found.exit_code == 0, found.output
    stored = read_liveness_calibration(surroundings, "tiny-live", 1)
    assert stored is not None
    assert (stored.threshold, stored.bpcer, stored.live, stored.refused) == (pytest.approx(0.45), 0.2, 10, 2)
    assert [(one.kind, one.accepted, one.presented) for one in stored.attacks] == [("print", 1, 2)]
    assert "the service uses it from its next start on" in found.output


def test_too_few_photos_set_no_threshold(run, presented, surroundings):
    found = run("calibrate", "--liveness", presented)
    assert found.exit_code == 1
    assert "10 live photos that can be judged cannot set a BPCER of 0.01; use at least 100" in found.output
    assert not list(surroundings.glob("*.liveness.toml"))


def test_without_the_model_the_command_is_named(run, presented, small):
    small.models.liveness_model = None
    found = run("evaluate", "--liveness", presented)
    assert (found.exit_code, "vultus models pull tiny-live" in found.output) == (1, True)


@pytest.mark.parametrize("more", [["people"], ["--pairs", "list.csv"], ["--degrade"]])
def test_liveness_is_measured_by_itself(run, presented, more):
    found = run("evaluate", "--liveness", presented, *more)
    assert found.exit_code == 2


def test_commands_on_photos_ask_for_liveness(run, presented):
    live, attack = presented / "live" / "9.png", presented / "print" / "10.png"
    refused = run("enroll", attack, "--subject", "ada", "--liveness", "require")
    assert (refused.exit_code, "taken for a picture of a face" in refused.output) == (1, True)
    assert run("enroll", live, "--subject", "ada", "--liveness", "require").exit_code == 0
    assert "attack: the liveness score 0.0400" in run("find", attack, "--liveness", "report").output
    assert "img2: attack" in run("verify", live, attack, "--liveness", "report").output
    assert run("verify", live, attack, "--liveness", "require").exit_code == 1


def test_a_collection_gets_the_policy(run, presented):
    run("collections", "create", "door", "--liveness", "require")
    refused = run("find", presented / "print" / "10.png", "--collection", "door")
    assert (refused.exit_code, "taken for a picture of a face" in refused.output) == (1, True)
