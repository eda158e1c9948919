from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests.evaluation.synthetic import synthetic_people
from vultus.evaluation.embed_photos import EmbeddedPhotos
from vultus.evaluation.labelled_folder import LabelledPhoto
from vultus.evaluation.measure import measure_pairs
from vultus.evaluation.pair_list import PairList, PhotoPair
from vultus.evaluation.presentation.as_json import evaluation_as_json
from vultus.evaluation.presentation.as_tables import evaluation_as_tables, percent
from vultus.evaluation.presentation.report import render_report
from vultus.evaluation.results import Evaluation, Setup, count_failures, measure_folder

SETUP = Setup("Ärzte & <b>", "m", 1, "fp32", "yunet", "central", "0.1.0", "2026-11-22")


def evaluation(people: int = 100) -> Evaluation:
    vectors, subjects = synthetic_people(people, 2, width=16)
    photos = [
        LabelledPhoto(Path(f"{subject}/{row}.jpg"), subject, "even" if row % 4 < 2 else "odd")
        for row, subject in enumerate(subjects)
    ]
    names = [photo.path.as_posix() for photo in photos]
    names[0] = "<script>alert(1)</script>/Zoë.jpg"
    folder = measure_folder(vectors, photos, names, in_use={0.01: 0.5})
    embedded = EmbeddedPhotos(
        tuple(Path(name) for name in names), vectors, ("no_face_detected", *(None,) * (len(names) - 1))
    )
    return Evaluation(
        SETUP, count_failures(embedded, subjects, names), folder, None, ((names[0], "b.jpg"),), ("a note",)
    )


@pytest.fixture(scope="module")
def whole() -> Evaluation:
    return evaluation()


def test_the_page_refers_to_nothing_outside(whole):
    page = render_report(whole)
    assert page.count("<svg") == 5
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!#)|url\((?!#)|@import|<script|<link|<!DOCTYPE svg""", page)
    assert set(re.findall(r"https?://[^\"' ]+", page)) == {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


def test_the_page_opens_with_three_sentences(whole):
    page = render_report(whole)
    assert page.index('class="lead">Strangers: ') < page.index('class="cards"')
    assert page.count('class="lead"') == 3
    assert page.count("Strangers: ") == 1


def test_names_are_escaped(whole):
    page = render_report(whole)
    assert "<script>alert" not in page
    assert "Ärzte &amp; &lt;b&gt;" in page


def test_failures_are_counted_by_reason_and_per_person(whole):
    assert (whole.acquisition.acquire.errors, whole.acquisition.acquire.trials) == (1, 200)
    assert whole.acquisition.reasons == {"no_face_detected": 1}
    assert (whole.acquisition.enrol.errors, whole.acquisition.enrol.trials) == (0, 100)  # p000 has a second photo


def test_what_cannot_be_claimed_shows_no_number(whole):
    (table,) = (table for table in evaluation_as_tables(whole) if table.title.startswith("Verification"))
    row = next(row for row in table.rows if row[0] == "1e-6")
    assert row[1:] == ("-", "-", "-", "cannot be claimed", "-", "-")
    assert any("too few" not in note and "rule of three" in note for note in table.notes)


def test_all_parts_are_in_the_tables(whole):
    titles = " ".join(table.title for table in evaluation_as_tables(whole))
    for part in (
        "could not be used",
        "1:1",
        "service uses now",
        "1:N",
        "found: FMR",
        "found: FPIR",
        "Groups side by side",
        "Groups: how far apart",
        "plain words",
        "wrong labels",
    ):
        assert part in titles


def test_json_is_strict_and_says_the_same(whole):
    value = json.loads(json.dumps(evaluation_as_json(whole), allow_nan=False))
    point = value["folder"]["verification"]["points"][0]
    assert point["target_fmr"] == 0.1
    assert point["euclidean_distance"] == pytest.approx(np.sqrt(2 - 2 * point["threshold"]))
    assert value["acquisition"]["reasons"] == {"no_face_detected": 1}
    assert len(value["folder"]["worst_nonmated"]) == 20
    assert value["folder"]["worst_nonmated"][0]["score"] >= value["folder"]["worst_nonmated"][1]["score"]


def test_few_people_are_noted_and_no_error():
    found = evaluation(people=6)
    assert found.folder.halves is None
    assert any("too few" in note for note in found.folder.notes)
    assert "Not measured" in render_report(found)


def test_a_pair_list_alone_makes_a_report():
    vectors = np.array([[1, 0], [0.8, 0.6], [0, 1]], np.float32)
    pairs = PairList((Path("a"), Path("b"), Path("c")), (PhotoPair(0, 1, True, 1), PhotoPair(0, 2, False, 2)), ())
    embedded = EmbeddedPhotos(pairs.paths, vectors, (None, None, None))
    failures = count_failures(embedded, [None] * 3, ["a", "b", "c"])
    found = Evaluation(SETUP, failures, None, measure_pairs(vectors, pairs))
    assert failures.enrol is None
    assert "Pair list" in render_report(found)


def test_rates_are_shown_with_three_digits():
    assert [percent(rate) for rate in (0.0, 0.5, 0.0326, 0.00457)] == ["0.00 %", "50.0 %", "3.26 %", "0.457 %"]
