"""One line on stderr that says how far it is: kept up to date on a terminal, else a line every half minute."""

from __future__ import annotations

import sys
import time

from vultus_client.folder.report import Report

SECONDS_ON_A_TERMINAL, SECONDS_ELSEWHERE = 0.2, 30.0


class Progress:
    """Does nothing when it is not wanted."""

    def __init__(self, wanted: bool) -> None:
        self._wanted, self._began = wanted, time.monotonic()
        self._terminal = wanted and sys.stderr.isatty()
        self._shown = self._began

    def show(self, report: Report, *, at_end: bool = False) -> None:
        """Show it, if the last time was long enough ago."""
        now = time.monotonic()
        pause = SECONDS_ON_A_TERMINAL if self._terminal else SECONDS_ELSEWHERE
        if not self._wanted or (now - self._shown < pause and not at_end):
            return
        self._shown = now
        seconds = now - self._began
        rate = report.done / seconds if seconds else 0.0
        line = f"{report.done} of {report.total} photos, {report.counts['refused']} refused, {rate:.1f} a second"
        print(
            f"\r{line:<72}" if self._terminal else line, end="" if self._terminal else "\n", file=sys.stderr, flush=True
        )
        if at_end and self._terminal:
            print(file=sys.stderr)
