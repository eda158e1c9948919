"""One enrolment of a folder: which photos are sent, what their answers mean, and when it cannot go on."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from vultus_client.calls.recognition import enroll
from vultus_client.errors import (
    Denied,
    InvalidRequest,
    ModelMismatch,
    ModelNotInstalled,
    NoAnswer,
    ServerFault,
    TryLater,
    VultusError,
)
from vultus_client.folder.journal import Journal
from vultus_client.folder.photos import PhotoFile, photos_of, require_folder
from vultus_client.folder.progress import Progress
from vultus_client.folder.report import Outcome, Report
from vultus_client.request import Call, Defaults
from vultus_client.results.recognition import Enrolment
from vultus_client.retrying import will_pass

ENDS = (Denied, NoAnswer, TryLater, ModelNotInstalled, ModelMismatch)  # the next photo would fare the same
FAULTS_IN_A_ROW = 10  # so many internal errors after each other are not about the photos
WAIT_SECONDS = 2.0  # between two tries while the service is away


def start(
    defaults: Defaults,
    folder: str | os.PathLike[str],
    *,
    collection: str | None = None,
    face: Literal["only", "largest"] | None = None,
    min_quality: float | None = None,
    strict: bool | None = None,
    workers: int = 2,
    journal: str | os.PathLike[str] | None = None,
    patience: float = 120.0,
    progress: bool = True,
    on_result: Callable[[Outcome], object] | None = None,
) -> FolderRun:
    """Enroll a folder with one sub-folder for each person, named for its subject; photos at any depth.

    workers: how many photos are sent at once. patience: seconds for which a photo waits for a service that is away.
    progress: a line on stderr. on_result: called with the outcome of each photo.
    What is enrolled already costs little, so the same call goes on where it was stopped. With journal, the path of a
    file that it keeps, it does not even send those photos again.
    Raises: VultusError, when it cannot go on; `report` of the error says what was done.
    """
    if workers < 1:
        raise InvalidRequest(f"workers is {workers}; give at least 1")
    known = replace(defaults, collection=collection or defaults.collection)
    call_of = partial(_call_of, known, face=face, min_quality=min_quality, strict=strict)
    root, report = Path(folder), Report()
    report.total = _count(root, report.ignored)
    return FolderRun(
        root,
        report,
        call_of=call_of,
        workers=workers,
        patience=patience,
        journal=Journal(journal, url=known.url, collection=known.collection),
        progress=Progress(progress),
        on_result=on_result,
    )


def _call_of(
    defaults: Defaults,
    photo: PhotoFile,
    *,
    face: Literal["only", "largest"] | None,
    min_quality: float | None,
    strict: bool | None,
) -> Call[Enrolment]:
    person = photo.subject
    return enroll(defaults, photo.path, subject=person, face=face, min_quality=min_quality, strict=strict)


def _count(root: Path, ignored: Counter[str]) -> int:
    require_folder(root)
    count = sum(1 for _ in photos_of(root, ignored))
    if not count:
        raise InvalidRequest(f"no photo was found in {str(root)!r}; give a folder with one sub-folder for each person")
    return count


@dataclass
class FolderRun:
    """The photos to send, and the report. A context manager, whose end completes the report.

    call_of: the call that enrolls a photo.
    """

    root: Path
    report: Report
    call_of: Callable[[PhotoFile], Call[Enrolment]]
    workers: int
    patience: float
    journal: Journal
    progress: Progress
    on_result: Callable[[Outcome], object] | None
    began: float = field(default_factory=time.monotonic)
    faults: int = 0  # in a row

    def photos(self) -> Iterator[PhotoFile]:
        """Those to send, one after the other; those that the journal knows are counted."""
        for photo in photos_of(self.root, Counter()):
            if self.journal.has(photo):
                self._add(Outcome(photo.name, photo.subject, "skipped"))
            else:
                yield photo

    def wait_after(self, error: VultusError, began: float) -> float | None:
        """Seconds until a photo is sent again, while the service is away; None when that has taken too long.

        began: the time.monotonic() of the first try.
        """
        seconds = max(WAIT_SECONDS, error.retry_after or 0.0)
        away = time.monotonic() - began + seconds
        return seconds if will_pass(error) and away <= self.patience else None

    def done(self, photo: PhotoFile, answer: Enrolment | VultusError) -> None:
        """Note what became of a photo. Raises the answer, when the others would fare the same."""
        if isinstance(answer, VultusError):
            self.faults = self.faults + 1 if isinstance(answer, ServerFault) else 0
            if isinstance(answer, ENDS) or self.faults >= FAULTS_IN_A_ROW:
                raise answer
            self._add(Outcome(photo.name, photo.subject, "refused", answer.code, answer.detail))
            return
        self.faults = 0
        kind: Literal["enrolled", "already_there"] = "enrolled" if answer.created else "already_there"
        self.journal.add(photo, kind)
        self._add(Outcome(photo.name, photo.subject, kind, cautions=answer.cautions))

    def _add(self, outcome: Outcome) -> None:
        self.report.add(outcome)
        self.progress.show(self.report)
        if self.on_result is not None:
            self.on_result(outcome)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.journal.__exit__(None, None, None)
        self.report.seconds = time.monotonic() - self.began
        self.progress.show(self.report, at_end=True)
        if isinstance(error, VultusError):
            error.report = self.report
            error.add_note(
                f"{self.report.done} of {self.report.total} photos were done before; the same call goes on with the "
                "others, and what is enrolled already is not enrolled twice"
            )
