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


def test_prepare_without_a_name_makes_what_is_on_this_machine(run):
    assert run("models", "prepare").exit_code == 0
    assert {listed(run)[name]["state"] for name in ("sface", "yunet", "sface-facenet512-fused")} == {"prepared"}


@pytest.mark.parametrize("model", [model for model in MODELS if "fused" not in model])
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


def test_show_of_a_fused_model_tells_its_members(run):
    assert "sface 0.7" in run("models", "show", "Fused").stdout


def test_pull_from_a_file_that_is_another_one_is_refused_and_nothing_of_it_kept(run, surroundings):
    (surroundings / "weights.h5").write_bytes(b"other weights")
    answer = run("models", "pull", "Facenet512", "--from", surroundings / "weights.h5")
    assert answer.exit_code == 1
    assert "3f76b5117a9ca574d536af8199e6720089eb4ad3dc7e93534496d88265de864f" in answer.stderr
    assert listed(run)["facenet512-vggface2"]["state"] == "missing"


def test_verify_reads_the_files_anew(run, yunet_file):
    run("models", "prepare", "yunet")
    assert run("models", "verify", "yunet").exit_code == 0
    yunet_file.write_bytes(b"damage")
    answer = run("models", "verify", "yunet", "--json")
    assert answer.exit_code == 1
    assert [file["ok"] for file in json.loads(answer.stdout)["files"]] == [True, False]


def test_remove_takes_away_what_was_converted(run, yunet_file):
    run("models", "prepare", "yunet")
    assert yunet_file.name in run("models", "remove", "yunet").stdout
    assert not yunet_file.exists()
    assert listed(run)["yunet"]["state"] == "available"
