"""Rates of liveness from scores, and the folders that they are measured on; numbers worked by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from vultus.errors import InvalidRequest
from vultus.evaluation.liveness.measure_liveness import Outcome, measure_kinds, threshold_for, trade_offs
from vultus.evaluation.liveness.presentations import read_presentations

LIVE = [Outcome("live", score / 100) for score in range(1, 101)]  # 0.01 to 1.00


def test_errors_are_counted_by_kind_and_what_is_unjudged_apart():
    prints = [Outcome("print", score) for score in (0.1, 0.2, 0.6)]
    outcomes = [*LIVE, Outcome("live", None, "grey photo"), *prints, Outcome("print", None, "no face")]
    live, (attack,) = measure_kinds([*outcomes, Outcome("screen", None, "no face")][:-1], 0.5)
    assert (live.errors.errors, live.errors.trials) == (49, 100)  # 0.01 to 0.49 are below
    assert (live.unanswered.errors, live.unanswered.trials, live.reasons) == (1, 101, {"grey photo": 1})
    assert (attack.kind, attack.errors.errors, attack.errors.trials) == ("print", 1, 3)
    assert (attack.unanswered.errors, attack.median) == (1, 0.2)


def test_a_kind_of_which_nothing_could_be_judged_has_no_rate():
    _, (screen,) = measure_kinds([*LIVE, Outcome("screen", None, "no face")], 0.5)
    assert (screen.errors.trials, screen.median) == (0, None)


def test_the_threshold_is_the_highest_that_keeps_the_rate():
    scores = [one.score for one in LIVE]
    assert threshold_for(scores, 0.01) == 0.02  # one of a hundred, 0.01, is below
    assert threshold_for(scores, 0.05) == 0.06
    assert sum(score < threshold_for(scores, 0.029) for score in scores) == 2
    with pytest.raises(
        InvalidRequest, match=r"99 live photos .* cannot set a BPCER of 0\.01; use at least 100, better 300"
    ):
        threshold_for(scores[:99], 0.01)


def test_trade_offs_are_those_that_the_photos_can_set():
    found = trade_offs([*LIVE, Outcome("print", 0.015), Outcome("print", 0.3)])
    assert [one.bpcer for one in found] == [0.01, 0.02, 0.05, 0.1]  # 0.005 needs 200
    assert [one.apcer["print"].errors for one in found] == [1, 1, 1, 1]
    assert found[0].note.startswith("cannot be claimed: BPCER 0.01 needs at least 300 live photos")
    assert found[2].note is None


def test_a_folder_has_live_photos_and_a_folder_for_each_kind(tmp_path: Path):
    for name in ("screen/b.jpg", "live/a.jpg", "print/c.jpg", "live/deep/d.png", "live/readme.txt", "loose.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = read_presentations(tmp_path)
    assert [(one.kind, one.path.name) for one in found] == [
        ("live", "a.jpg"),
        ("live", "d.png"),
        ("print", "c.jpg"),
        ("screen", "b.jpg"),
    ]


def test_a_folder_without_live_photos_is_refused_with_the_form_of_one(tmp_path: Path):
    (tmp_path / "print").mkdir()
    (tmp_path / "print" / "a.jpg").touch()
    with pytest.raises(InvalidRequest, match=r"has no photo in live/; put photos of live faces into live/"):
        read_presentations(tmp_path)
