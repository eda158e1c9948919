"""Retries to cut a write-ahead log that still holds erased pages, in the background, until they are gone."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.1, 5.0
CLOSING_SECONDS = 5.0  # for a reader of another process to end, before this process ends
WARN_AFTER_SECONDS = 60.0


class WalResidue:
    """Whether the log holds erased pages, and the thread that retries. Used by many threads at once.

    cut: cuts the log without waiting; whether it did.
    """

    def __init__(self, cut: Callable[[], bool], *, held: bool) -> None:
        self._cut, self.held = cut, held
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def retry_later(self) -> None:
        """Retry in the background from now on, until the log is cut or the database is closed."""
        with self._lock:
            if self._thread is None and not self._closing.is_set():
                self._thread = threading.Thread(target=self._run, name="wal residue", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Stop retrying; a last time, for a few seconds, as long as erased pages are held."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
        until = time.monotonic() + CLOSING_SECONDS
        while self._thread is not None and self.held and not self._cut() and time.monotonic() < until:
            time.sleep(FIRST_WAIT_SECONDS)
        if self._thread is not None and self.held:
            log.warning("erased data is still in the write-ahead log, as another process reads; it goes when it ends")

    def _run(self) -> None:
        begun, wait, warned = time.monotonic(), FIRST_WAIT_SECONDS, False
        while not self._closing.wait(wait):
            if not self.held or self._cut():
                with self._lock:
                    if not self.held:  # nothing was erased since
                        self._thread = None
                        return
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)
            if not warned and time.monotonic() - begun >= WARN_AFTER_SECONDS:
                warned = True
                log.warning("erased data stays in the write-ahead log while another process reads; still trying")
