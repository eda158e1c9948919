from __future__ import annotations

from vultus.cli.terminal.progress import Lines, Rate


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_lines_come_no_more_often_than_every_half_minute(capsys):
    clock = Clock()
    lines = Lines("embedding", 9, clock=clock)
    for clock.now in (10.0, 31.0, 40.0, 62.0):
        lines.advance()
    assert capsys.readouterr().err.splitlines() == [
        "embedding: 2 of 9; 0.1 a second over the last 31 s, 7 left, about 2 min",
        "embedding: 4 of 9; 0.1 a second over the last 62 s, 5 left, about 78 s",
    ]


def test_the_estimate_is_of_the_last_minute(capsys):
    """1,000 photos that were there already go by in 10 s; the next ones take a second each, and 900 are left."""
    clock = Clock()
    rate = Rate(2000, clock=clock)
    for number in range(1, 1001):
        clock.now = number / 100
        rate.advance()
    assert rate.estimate().startswith("100.0 a second over the last 10 s, 1000 left")
    for number in range(1, 101):
        clock.now = 10.0 + number
        rate.advance()
    assert rate.estimate() == "1.0 a second over the last 60 s, 900 left, about 15 min"


def test_nothing_is_estimated_from_little_or_at_the_end():
    clock = Clock()
    rate = Rate(2, clock=clock)
    clock.now = 4.0
    rate.advance()
    assert rate.estimate() == ""
    clock.now = 40.0
    rate.advance()
    assert rate.estimate() == ""


def test_hours_are_told_in_hours():
    clock = Clock()
    rate = Rate(11_110, clock=clock)
    for clock.now in range(1, 11):
        rate.advance()
    assert rate.estimate().endswith("11100 left, about 3 h 5 min")
