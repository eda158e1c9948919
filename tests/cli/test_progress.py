from __future__ import annotations

from vultus.cli.output import Lines


def test_lines_come_no_more_often_than_every_half_minute(capsys):
    times = iter([0.0, 10.0, 31.0, 31.0, 40.0, 62.0, 62.0])
    lines = Lines("embedding", 9, clock=lambda: next(times))
    for _ in range(4):
        lines.advance()
    assert capsys.readouterr().err.splitlines() == ["embedding: 2 of 9", "embedding: 4 of 9"]
