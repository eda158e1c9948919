"""The log of the server: what a stranger can bring about stays short and bounded, and hides nothing of that."""

from __future__ import annotations

import io
import logging

import pytest

from vultus.server.log_lines import LINES, MAX_CHARACTERS, WINDOW_SECONDS, BoundedHandler


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def log(stream: io.StringIO, clock: Clock) -> logging.Logger:
    logger = logging.Logger("stranger")
    logger.addHandler(BoundedHandler(stream, clock=clock))
    return logger


def complain(log: logging.Logger, times: int) -> None:
    for i in range(times):
        log.warning("connection %d was odd", i)


def test_lines_of_one_kind_are_bounded_and_the_next_one_gives_the_count(
    log: logging.Logger, stream: io.StringIO, clock: Clock
) -> None:
    complain(log, 5_000)
    assert len(stream.getvalue().splitlines()) == LINES
    clock.now += WINDOW_SECONDS
    complain(log, 1)
    assert f"{5_000 - LINES} more lines" in stream.getvalue()
    assert len(stream.getvalue().splitlines()) == LINES + 2


def test_one_kind_does_not_silence_another(log: logging.Logger, stream: io.StringIO) -> None:
    complain(log, 5_000)
    log.error("the disk is full")
    assert "the disk is full" in stream.getvalue()


def test_the_end_of_the_process_gives_the_count(log: logging.Logger, stream: io.StringIO) -> None:
    complain(log, LINES + 7)
    log.handlers[0].close()
    assert "7 more lines" in stream.getvalue().splitlines()[-1]


def test_nothing_is_said_to_be_left_out_where_nothing_is(log: logging.Logger, stream: io.StringIO) -> None:
    complain(log, LINES)
    log.handlers[0].close()
    assert "left out" not in stream.getvalue()


def test_an_exception_is_one_line_without_its_message(log: logging.Logger, stream: io.StringIO) -> None:
    try:
        raise RuntimeError("of ada")
    except RuntimeError:
        log.exception("it failed\n")
    (line,) = stream.getvalue().splitlines()
    assert "it failed: RuntimeError at test_log_lines.py:" in line
    assert "ada" not in line


def test_a_message_is_cut_and_cannot_write_a_line_of_its_own(log: logging.Logger, stream: io.StringIO) -> None:
    log.warning("%s", "a\r\n2026-01-01 ERROR vultus: forged\x1b[2J\u2028" + "b" * 10_000)
    (line,) = stream.getvalue().splitlines()
    assert "a\\r\\n2026-01-01" in line
    assert "\\x1b[2J\\u2028" in line
    assert len(line) < MAX_CHARACTERS + 200
