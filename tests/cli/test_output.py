"""Tables that cut nothing."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from vultus.cli.id_prefix import full_id
from vultus.cli.output import print_table, table_of
from vultus.errors import InvalidRequest

IDS = ("0f7b6a52-8a3e-4a55-9e0e-3a9a1c6f1c11", "0f7b6a99-8a3e-4a55-9e0e-3a9a1c6f1c11")
COLUMNS = ("id", "name", "scopes", "collections", "state", "expires (UTC)", "last used (UTC)")
ROW = (IDS[0], "the front door of the lab", "enroll, verify, find, represent", "all", "active", "-", "2026-01-02 10:00")


def at_width(width: int) -> str:
    console = Console(width=width, file=io.StringIO(), markup=False, highlight=False)
    console.print(table_of(COLUMNS, [ROW], width))
    return console.file.getvalue()


def test_at_80_columns_an_id_is_whole_and_nothing_is_cut():
    shown = at_width(80)
    assert IDS[0] in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert "\u2026" not in shown
    assert sorted("".join(shown.replace("\u2500", "").split())) == sorted("".join([*COLUMNS, *ROW]).replace(" ", ""))


def test_in_a_pipe_a_row_is_one_line(capsys):
    print_table(COLUMNS, [(*ROW[:6], "x" * 300)])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if IDS[0] in line]
    assert "x" * 300 in line


def test_an_id_is_known_by_a_beginning_that_is_its_alone():
    assert full_id("0f7b6a5", IDS) == IDS[0]
    assert full_id(IDS[1], IDS) == IDS[1]
    assert full_id("ffff", IDS) == "ffff"
    assert full_id("0f7", IDS[:1]) == "0f7"  # too short to be meant
    with pytest.raises(InvalidRequest, match=f"2 ids begin with 0f7b6a: {IDS[0]}, {IDS[1]}; write more"):
        full_id("0f7b6a", IDS)
