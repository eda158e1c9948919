"""The first terms of a collection in a file beside its shared segments, so that one worker makes them for all.

They are of the rows of the segments as they were loaded. A worker that finds them goes on by what came and went since,
as `CohortTerms` does after any change: the result is the same as if it had made them itself.
"""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from vultus.files import lock_file, write_whole
from vultus.search.cohort import CohortRule
from vultus.search.cohort_terms import CohortTerms
from vultus.search.segments import Block

log = logging.getLogger(__name__)


class SharedTerms:
    """The file of one collection. Used by many threads and processes at once."""

    def __init__(self, folder: Path, rows: int) -> None:
        """folder: of the collection's segments; rows: of all of them together."""
        self._folder, self._rows = folder, rows

    def fill(self, terms: CohortTerms, blocks: Sequence[Block]) -> None:
        """Make terms, which know no rows yet, know those of the blocks: the shared ones first, then later ones."""
        try:
            descriptor = os.open(self._folder / "terms.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:  # the collection was let go
            terms.update(blocks)
            return
        try:
            lock_file(descriptor)  # whoever comes second waits, and finds them
            file = self._file(terms.rule)
            if not self._restored(file, terms):
                terms.update(blocks)
                self._keep(file, terms, blocks)
                return
        finally:
            os.close(descriptor)
        terms.update(blocks)

    def _file(self, rule: CohortRule) -> Path:
        numbers = (rule.twin_gap, rule.nearest, rule.weight, rule.most_twins, rule.centroids.shape)
        made = sha256(repr(numbers).encode("ascii"))
        for array in (rule.centroids, rule.added):
            made.update(np.ascontiguousarray(array, "<f8").tobytes())
        return self._folder / f"terms-{made.hexdigest()[:16]}.npz"

    def _restored(self, file: Path, terms: CohortTerms) -> bool:
        with suppress(OSError, EOFError, ValueError, KeyError, BadZipFile), np.load(file, allow_pickle=False) as stored:
            terms.restore({name: stored[name] for name in stored.files}, self._rows)
            return True
        return False

    def _keep(self, file: Path, terms: CohortTerms, blocks: Sequence[Block]) -> None:
        """Unless faces have come or gone since the segments were loaded: then they are not those of the others."""
        if sum(map(len, blocks)) != self._rows or any(block.dead for block in blocks):
            return
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, **terms.state())
        try:
            write_whole(file, content.getvalue(), mode=0o600)
        except OSError as exc:
            log.warning("the terms of a collection are not shared between the workers: %s", exc.strerror)
