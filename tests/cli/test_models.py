from __future__ import annotations

import json

import pytest

from vultus.models.card import in_box_cards

MODELS = [card.id for card in in_box_cards()]


def listed(run) -> dict[str, dict]:
    return {model["model_id"]: model for model in json.loads(run("models", "list", "--json").stdout)["models"]}


def test_all_models_are_listed_with_their_state_and_licence(run, surroundings):
    answer = run("models", "list")
    assert answer.exit_code == 0
    assert all(model in answer.stdout for model in MODELS)
    assert f"Model folder: {surroundings / 'models'}" in answer.stdout
    licences = {model_id: model["licence"]["weights"] for model_id, model in listed(run).items()}
    assert (licences["yunet"], licences["sface"]) == ("MIT", "Apache-2.0")


def test_a_model_is_prepared_once_asked_for(run):
    assert listed(run)["yunet"]["state"] == "available"
    assert run("models", "prepare", "yunet").exit_code == 0
    assert listed(run)["yunet"]["state"] == "prepared"


def test_a_damaged_model_is_broken_and_prepare_mends_it(run, yunet_file):
    run("models", "prepare", "yunet")
    yunet_file.write_bytes(b"damage")
    assert listed(run)["yunet"]["state"] == "broken"
    assert "has changed since it was prepared" in run("models", "list").stderr
    assert run("models", "prepare", "yunet").exit_code == 0
    assert listed(run)["yunet"]["state"] == "prepared"


def test_a_model_folder_that_cannot_be_written_is_one_sentence(run, surroundings):
    (surroundings / "file").write_bytes(b"")
    answer = run("models", "prepare", "yunet", "--model-dir", surroundings / "file" / "models", "--json")
    assert answer.exit_code == 1
    assert json.loads(answer.stdout)["error"] == "storage_failed"


@pytest.mark.parametrize("model", MODELS)
def test_show_tells_licence_training_data_and_origin(run, model):
    text = run("models", "show", model).stdout
    assert all(
        f"{field}:" in text for field in ("weights", "training_data_terms", "commercial_note", "origin", "state")
    )


def test_show_in_json_is_the_whole_card(run):
    card = json.loads(run("models", "show", "YuNet", "--json").stdout)
    assert (card["id"], card["task"], card["files"][0]["name"]) == ("yunet", "detection", "detector")


def test_an_unknown_model_is_refused_with_the_known_ones(run):
    answer = run("models", "show", "nobody")
    assert answer.exit_code == 1
    assert answer.stderr == f"there is no model 'nobody'; known: {', '.join(MODELS)}\n"
