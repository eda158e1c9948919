"""Log lines that a stranger cannot fill the disk with: short, one line each, and so many a minute of each kind.

Whatever somebody without a key can bring about, again and again, may have a line in the log. Its kind is the line of
code that writes it, so that varied messages do not add up.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal, TextIO

from vultus.api.middleware.error_boundary import frames_of

LINES = 20  # of one kind in a window
WINDOW_SECONDS = 60.0
MAX_CHARACTERS = 1_000  # of one message
LogFormat = Literal["text", "json"]
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


@dataclass
class _Window:
    """The lines of one kind since `begun`. left_out: those that were not written."""

    begun: float
    lines: int = 0
    left_out: int = 0


class BoundedHandler(logging.StreamHandler[TextIO]):
    """Writes to stderr. Lines beyond the bound are counted; the next of their kind, or the end, says so.

    A record may have two attributes of ours: `unbounded`, True for what no stranger can bring about, and `fields`, a
    dict of plain values that are a part of the line.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        log_format: LogFormat = "text",
    ) -> None:
        """clock: seconds, monotonic."""
        super().__init__(stream)
        self.setFormatter(_JsonLine(FORMAT) if log_format == "json" else _OneLine(FORMAT))
        self._clock = clock
        self._windows: dict[tuple[str, int], _Window] = {}  # as many as lines of code that log

    def emit(self, record: logging.LogRecord) -> None:
        """Called by `handle`, which holds the lock of this handler."""
        if getattr(record, "unbounded", False):
            super().emit(record)
            return
        now, kind = self._clock(), (record.pathname, record.lineno)
        window = self._windows.setdefault(kind, _Window(now))
        if now - window.begun >= WINDOW_SECONDS:
            self._write_count(window, record.name)
            window = self._windows[kind] = _Window(now)
        window.lines += 1
        if window.lines <= LINES:
            super().emit(record)
        else:
            window.left_out += 1

    def close(self) -> None:
        """At the end of the process: the counts that no later line has given."""
        self.acquire()
        try:
            for (path, _), window in self._windows.items():
                self._write_count(window, PurePath(path).stem)
            self._windows.clear()
        finally:
            self.release()
        super().close()

    def _write_count(self, window: _Window, name: str) -> None:
        if window.left_out:
            text = "%d more lines like the last %d of this kind were left out"
            super().emit(logging.LogRecord(name, logging.WARNING, "", 0, text, (window.left_out, LINES), None))


class _OneLine(logging.Formatter):
    """One line for each record: control characters escaped, cut at MAX_CHARACTERS, an exception as its frames."""

    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, "fields", {}).items()
        text = " ".join([self.message(record), *(f"{name}={value}" for name, value in fields if value is not None)])
        line = copy(record)
        line.msg, line.args, line.exc_info, line.exc_text, line.stack_info = text, (), None, None, None
        return super().format(line)

    def message(self, record: logging.LogRecord) -> str:
        """The message, without the fields."""
        text = record.getMessage().strip()
        exc = record.exc_info[1] if record.exc_info else None
        if exc is not None:
            text += f": {type(exc).__name__} at {frames_of(exc)}"
        if len(text) > MAX_CHARACTERS:
            text = f"{text[:MAX_CHARACTERS]}... ({len(text)} characters)"
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


class _JsonLine(_OneLine):
    """One JSON object for each record: at, level, logger, message, and its fields."""

    def format(self, record: logging.LogRecord) -> str:
        known = {"at": self.formatTime(record), "level": record.levelname, "logger": record.name}
        return json.dumps({**known, "message": self.message(record), **getattr(record, "fields", {})})
