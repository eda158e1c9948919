"""`python -m tests.api.small_server FOLDER`: the small system in the real server process, for tests over sockets.

Settings come from the environment; without VULTUS_PORT it takes a free port.
When FOLDER/hold exists, every detection waits until FOLDER/go does.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tests.conftest import open_small
from tests.standins import FrameDetector
from vultus.cli.commands.serve import quiet_logs
from vultus.config import Settings
from vultus.records.seen import RGB, Face
from vultus.records.stored import SCOPES
from vultus.search.shared_segments import SharedSegments
from vultus.server.process import run_server
from vultus.server.worker_pool import run_workers
from vultus.storage.audit import Audit
from vultus.storage.audit_writer import BackgroundAuditWriter
from vultus.storage.photo_stores.location import open_photos, photo_location
from vultus.storage.server_lock import serving_alone
from vultus.vision.compute_slots import ComputeSlots
from vultus.wiring.background import bulk_runner, job_runner, webhook_sweeper
from vultus.wiring.parts import SERVER, Duties, System


class Holding(FrameDetector):
    """A detector that waits for a file."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def detect(self, pixels: RGB) -> list[Face]:
        while (self._folder / "hold").exists() and not (self._folder / "go").exists():
            threading.Event().wait(0.01)
        return super().detect(pixels)


@contextmanager
def opened(settings: Settings, duties: Duties = SERVER) -> Iterator[System]:
    """The small system with the slots of the settings; the admin key of the environment has every scope."""
    slots = ComputeSlots(settings.compute_slots, queue=settings.queue_size, wait_seconds=settings.queue_wait_seconds)
    url = settings.sqlalchemy_url if settings.database_url else None
    photos = open_photos(photo_location(settings.photo_url, settings.data_dir))
    shared = SharedSegments(settings.shared_index_dir) if duties.shared else None
    with (
        open_small(settings.data_dir, slots=slots, url=url, photos=photos, shared=shared) as small,
        ExitStack() as stack,
    ):
        small.service.context.pipeline._detectors["frames"] = Holding(settings.data_dir)
        assert settings.admin_key is not None
        if duties.first_start:
            small.keys.create("admin", SCOPES, secret=settings.admin_key.get_secret_value())
        if duties.jobs and url:
            runner = stack.enter_context(closing(job_runner(small.service)))
            runner.start()
        if duties.jobs:
            stack.enter_context(closing(bulk := bulk_runner(small.service, settings)))
            stack.enter_context(closing(sweeper := webhook_sweeper(small.service, settings)))
            bulk.start()
            sweeper.start()
        parts: Any = small
        sink = stack.enter_context(closing(BackgroundAuditWriter(parts.gallery._database)))
        pipeline, audit = parts.service.context.pipeline, Audit(parts.gallery._database)
        yield System(
            *(settings, parts.service, parts.keys, parts.gallery, parts.models, pipeline),
            audit_sink=sink,
            audit=audit,
        )


def main(folder: Path) -> None:
    port = int(os.environ.get("VULTUS_PORT", "0"))
    settings = Settings(data_dir=folder, port=port)
    set_up = partial(quiet_logs, settings.log_level, settings.log_format)
    set_up()
    if settings.workers > 1:
        with serving_alone(folder) as lock:
            run_workers(settings, opened, lock=lock, set_up=set_up, on_ready=lambda port: print(port, flush=True))
    else:
        run_server(settings, opened, on_ready=lambda port: print(port, flush=True))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
