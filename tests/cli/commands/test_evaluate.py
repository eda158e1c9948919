from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests import pictures
from tests.relative import RELATIVE, directions, made_reference
from tests.standins import THRESHOLDS
from vultus.matching.decision import ThresholdTable
from vultus.matching.reliability import ReliabilityModel
from vultus.model_references import relative_rates

NAMES = ("anna", "bén", "çelik", "dora")


@pytest.fixture
def people(tmp_path) -> Path:
    """Four people with three photos each, one file that is no photo, one photo without a face."""
    folder = tmp_path / "people"
    for person, name in enumerate(NAMES):
        for photo in range(3):
            write(folder / name / f"{photo}.png", pictures.drawn_photo(person, noise=3.0, photo=photo))
    write(folder / "bén" / "broken.jpg", b"no picture")
    write(folder / "bén" / "faceless.png", pictures.drawn_photo())
    return folder


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def evaluated(run, *arguments: object) -> dict:
    answer = run("evaluate", *arguments, "--json")
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.stdout)


@pytest.fixture
def relative(small) -> None:
    """Makes scores relative to other faces decide."""
    model = small.models.resolve(None)
    model.reference = made_reference()
    model.calibration = ThresholdTable(model.id, THRESHOLDS, relative=relative_rates(RELATIVE))


def test_what_the_service_decides_by_is_measured(run, people, relative):
    found = evaluated(run, people)
    assert found["score"] == found["setup"]["score"] == "relative"
    folder = found["folder"]
    in_use = {line["asked"]: line["threshold"] for line in folder["thresholds_in_use"]}
    assert in_use[1e-3] == pytest.approx(0.04)  # of the family without a gallery
    (search, _) = folder["searches_in_use"]
    assert (search["asked"], search["faces"]) == (0.1, 2)  # half of four people
    assert -0.15 < search["threshold"] < 0.03  # between galleries of 1 and of 150
    assert folder["verification"]["points"][0]["euclidean_distance"] is None
    shown = run("evaluate", people).stdout
    assert "scores relative to other faces, by which the service decides" in shown
    assert "threshold (score)" in shown


def test_photos_too_damaged_are_counted_and_left_out(run, small, people, relative):
    flat = ReliabilityModel(
        constant=0.0,
        linear={"sharpness": -20.0},
        squared={},
        product=0.0,
        centroids=directions(4),
        damaged=np.array([False, False, True, True]),
    )  # reliability 50 and more at any sharpness
    small.models.resolve(None).reference = made_reference(flat)
    found = evaluated(run, people)
    assert found["acquisition"]["not_decided_on"]["errors"] == 0
    small.models.resolve(None).reference = made_reference(replace(flat, constant=30.0, linear={}))
    answer = run("evaluate", people, "--json")
    assert answer.exit_code == 1  # nothing is left to measure
    assert evaluated(run, people, "--by", "cosine")["folder"]["photos"] == 12


def test_cosines_are_measured_when_asked_for(run, people, relative):
    found = evaluated(run, people, "--by", "cosine")
    assert found["score"] == "cosine"
    in_use = {line["asked"]: line["threshold"] for line in found["folder"]["thresholds_in_use"]}
    assert in_use[1e-2] == 0.5


def test_relative_scores_of_a_model_without_them_are_wrong_usage(run, people):
    assert evaluated(run, people)["score"] == "cosine"
    answer = run("evaluate", people, "--by", "relative")
    assert answer.exit_code == 2
    assert "decides by cosines" in answer.stderr


def test_a_bad_file_in_the_middle_is_counted_and_the_rest_is_measured(run, people):
    found = evaluated(run, people)
    assert found["acquisition"]["reasons"] == {"invalid_image": 1, "no_face_detected": 1}
    assert found["acquisition"]["examples"]["invalid_image"] == ["bén/broken.jpg"]
    assert found["acquisition"]["failure_to_acquire"]["trials"] == 14
    assert found["folder"]["verification"]["mated"] == 12  # 4 people, 3 pairs each
    assert found["folder"]["verification"]["nonmated"] == 54  # 6 pairs of people, 9 pairs of photos each
    assert found["setup"]["model_id"] == "tiny-32"


def test_files_that_are_not_decoded_are_ignored_and_no_failures_to_acquire(run, people):
    write(people / "anna" / "scan.pdf", b"a format that Vultus does not decode")
    write(people / "anna" / "scan.svg", b"another one")
    found = evaluated(run, people)
    assert found["acquisition"]["failure_to_acquire"]["trials"] == 14
    (note,) = found["notes"]
    assert note.startswith("ignored 1 of: .pdf, 1 of: .svg;")


def test_a_second_run_with_a_cache_embeds_no_photo(run, small, people, tmp_path):
    first = evaluated(run, people, "--cache", tmp_path / "cache")
    looked = small.detector.calls
    second = evaluated(run, people, "--cache", tmp_path / "cache")
    assert small.detector.calls == looked
    assert first["folder"] == second["folder"]


def test_a_model_without_a_calibration_is_measured_and_the_rates_in_use_are_left_out(run, small, people):
    small.models.resolve(None).calibration = None
    found = evaluated(run, people)
    assert found["folder"]["verification"]["mated"] == 12
    assert found["folder"]["thresholds_in_use"] == []
    assert any("tiny-32 has no calibration" in note for note in found["folder"]["notes"])


def test_groups_are_compared_side_by_side(run, people, tmp_path):
    (tmp_path / "groups.csv").write_text("subject,age\nanna,old\nbén,old\nçelik,young\ndora,young\n", "utf-8")
    found = evaluated(run, people, "--attributes", tmp_path / "groups.csv", "--column", "age")
    assert [(group["name"], group["people"]) for group in found["folder"]["groups"]] == [("old", 2), ("young", 2)]


def test_a_pair_list_is_scored_by_folds_and_missing_photos_are_named(run, people):
    rows = ["path1,path2,same,fold"]
    for fold in (1, 2):
        rows += [f"people/anna/0.png,people/anna/1.png,1,{fold}", f"people/anna/0.png,people/dora/1.png,0,{fold}"]
    rows.append("people/anna/0.png,people/anna/gone.png,1,1")
    (people.parent / "pairs.csv").write_text("\n".join(rows), "utf-8")
    found = evaluated(run, "--pairs", people.parent / "pairs.csv")
    assert found["folder"] is None
    assert found["pairs"]["ten_fold"]["mean"] == 1.0
    assert found["pairs"]["pairs"] == 4
    assert "people/anna/gone.png" in found["notes"][0]


def test_a_pair_list_may_name_photos_relative_to_the_folder(run, people, tmp_path):
    elsewhere = tmp_path / "lists" / "pairs.csv"
    write(elsewhere, b"path1,path2,same\nanna/0.png,anna/1.png,1\nanna/0.png,dora/1.png,0\n")
    found = evaluated(run, people, "--pairs", elsewhere)
    assert found["pairs"]["pairs"] == 2
    assert found["folder"]["people"] == 4


def test_the_same_file_under_two_people_is_reported(run, people):
    write(people / "dora" / "copy.png", (people / "anna" / "0.png").read_bytes())
    found = evaluated(run, people)
    assert found["duplicates"] == [["anna/0.png", "dora/copy.png"]]
    assert found["folder"]["worst_nonmated"][0] == {"first": "anna/0.png", "second": "dora/copy.png", "score": 1.0}


def test_the_tables_are_for_people_and_the_report_is_one_file(run, people, tmp_path):
    answer = run("evaluate", people, "--report", tmp_path / "report.html", "--data", "our staff")
    assert answer.exit_code == 0, answer.output
    assert "failure to acquire" in answer.stdout
    assert "cannot be claimed" in answer.stdout
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "Recognition accuracy on our staff" in page


def test_damaged_copies_are_measured_beside_the_photos_as_they_are(run, people):
    found = evaluated(run, people, "--degrade")["damage"]
    assert (found[0]["treatment"], found[0]["unanswered"]["trials"]) == ("none", 8)  # two of each of four people
    assert len(found) == 1 + 8 * 3
    assert {line["asked"] for line in found[0]["rates"]} == {0.01, 0.001, 0.0001}
    dark = [one["unanswered"]["errors"] for one in found if one["treatment"] == "dark"]
    assert dark == [8, 8, 8]  # the stand-in finds faces by a colour
    answer = run("evaluate", people, "--degrade")
    assert "Damaged photos" in answer.stdout
    assert run("evaluate", "--pairs", "pairs.csv", "--degrade").exit_code == 2


@pytest.mark.parametrize(
    ("keep", "sentence"),
    [(["anna"], "show one person"), (["anna/0.png", "dora/0.png"], "no mated pair"), ([], "no photo was found")],
)
def test_data_that_cannot_be_measured_is_refused_in_a_sentence(run, people, tmp_path, keep, sentence):
    chosen = tmp_path / "chosen"
    chosen.mkdir()
    for name in keep:
        source = people / name
        for path in [source] if source.is_file() else source.iterdir():
            write(chosen / path.relative_to(people), path.read_bytes())
    answer = run("evaluate", chosen)
    assert answer.exit_code == 1
    assert sentence in answer.stderr


def test_an_unserved_detector_is_refused_before_anything_is_embedded(run, small, people):
    answer = run("evaluate", people, "--detector", "nobody")
    assert answer.exit_code == 1
    assert "nobody" in answer.stderr
    assert small.detector.calls == 0


def test_nothing_to_evaluate_is_wrong_usage(run):
    assert run("evaluate").exit_code == 2


def test_the_report_without_matplotlib_is_refused_before_anything_is_measured(run, monkeypatch, tmp_path):
    monkeypatch.setattr("vultus.cli.commands.evaluate.can_draw", lambda: False)
    answer = run("evaluate", tmp_path, "--report", "report.html")
    assert answer.exit_code == 2
    assert "--report needs the Python package matplotlib" in answer.stderr
