"""Tables that cut nothing and break no id."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from vultus.cli.id_prefix import full_id
from vultus.cli.output import print_states, print_table
from vultus.cli.terminal.colours import console
from vultus.cli.terminal.table_layout import table_of
from vultus.errors import InvalidRequest

IDS = ("0f7b6a52-8a3e-4a55-9e0e-3a9a1c6f1c11", "0f7b6a99-8a3e-4a55-9e0e-3a9a1c6f1c11")
COLUMNS = ("id", "name", "scopes", "collections", "state", "expires (UTC)", "last used (UTC)")
ROW = (IDS[0], "the front door of the lab", "enroll, verify, find, represent", "all", "active", "-", "2026-01-02 10:00")


def at_width(width: int, columns: tuple[str, ...] = COLUMNS, row: tuple[str, ...] = ROW) -> str:
    console = Console(width=width, file=io.StringIO(), markup=False, highlight=False)
    console.print(table_of(columns, [row], width))
    return console.file.getvalue()


def test_texts_are_wrapped_between_words_and_ids_are_whole():
    shown = at_width(80, ("face", "name", "quality"), (IDS[0], "the front door of the lab beside the yard", "98.123"))
    assert IDS[0] in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert " ".join(shown.split()).count("the front door of the") == 1
    assert sum(IDS[0] in line and "98.123" in line for line in shown.splitlines()) == 1


def test_what_is_too_wide_is_a_block_a_row_that_leaves_out_what_is_empty():
    lines = [line.rstrip() for line in at_width(80).splitlines() if line.strip()]
    assert lines == [
        f"id               {IDS[0]}",
        "name             the front door of the lab",
        "scopes           enroll, verify, find, represent",
        "collections      all",
        "state            active",
        "last used (UTC)  2026-01-02 10:00",
    ]


@pytest.mark.parametrize("width", [200, 80, 60, 40])
def test_nothing_is_cut_at_any_width(width):
    shown = at_width(width)
    assert max(map(len, shown.splitlines())) <= width
    assert "\u2026" not in shown
    letters = "".join(shown.split())
    assert all("".join(cell.split()) in letters or width == 200 for cell in ROW if cell != "-")


def test_an_id_with_spaces_is_not_wrapped():
    subject = "Anna Maria of the second floor, left"
    shown = at_width(80, ("subject", "name", "faces"), (subject, "Anna Maria Magdalena of the house by the lake", "3"))
    assert subject in shown


def test_a_long_sentence_is_no_narrow_strip():
    sentence = "it was refused, " * 30
    shown = at_width(80, ("id", "state", "problem"), (IDS[0], "failed", sentence))
    assert len(shown.splitlines()) < 15


def test_in_a_pipe_a_row_is_one_line(capsys):
    print_table(COLUMNS, [(*ROW[:6], "x" * 300)])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if IDS[0] in line]
    assert "x" * 300 in line


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, False),
    ],
)
def test_colours_follow_the_environment(monkeypatch, capsys, environment, coloured):
    for name in ("FORCE_COLOR", "NO_COLOR", "TERM", "COLORTERM", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    print_states([("ok  ", " database: sound")])
    out = capsys.readouterr().out
    assert ("\x1b[32m" in out) is coloured
    assert "database: sound" in out


def test_a_text_is_no_markup(capsys):
    console().print("[bold]1[/bold] :smile:")
    assert capsys.readouterr().out == "[bold]1[/bold] :smile:\n"


def test_an_id_is_known_by_a_beginning_that_is_its_alone():
    assert full_id("0f7b6a5", IDS) == IDS[0]
    assert full_id(IDS[1], IDS) == IDS[1]
    assert full_id("ffff", IDS) == "ffff"
    assert full_id("0f7", IDS[:1]) == "0f7"  # too short to be meant
    with pytest.raises(InvalidRequest, match=f"2 ids begin with 0f7b6a: {IDS[0]}, {IDS[1]}; write more"):
        full_id("0f7b6a", IDS)
