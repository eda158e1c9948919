"""Several indexes on one gallery that share segments and terms, as worker processes do, for state machines."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import strategies as st
from hypothesis.stateful import rule

from vultus.search.index import FlatIndex
from vultus.search.shared_segments import SharedSegments

WORKERS = 3


class InWorkers:
    """Searches go to one of the workers, and each begins anew now and then. A machine makes `new_worker`."""

    def begin_workers(self) -> None:
        self.folder = TemporaryDirectory()
        self.workers = [self.new_worker() for _ in range(WORKERS)]
        self.index = self.workers[0]

    def new_worker(self) -> FlatIndex:
        raise NotImplementedError

    def shared(self) -> SharedSegments:
        return SharedSegments(Path(self.folder.name) / "shared")

    @rule(number=st.integers(0, WORKERS - 1))
    def another_is_asked(self, number: int) -> None:
        self.index = self.workers[number]

    @rule(number=st.integers(0, WORKERS - 1))
    def one_begins_anew(self, number: int) -> None:
        self.index = self.workers[number] = self.new_worker()

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()
