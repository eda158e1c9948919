"""A server whose networks sleep for their length instead of computing, so that few cores can stand for many.

    python -m benchmarks.load.sleeping_server --port 0 --data-dir FOLDER --without-keys

All else is as in `vultus serve`: workers, slots, photos, search, answers. For each network and shape of input the first
RUNS runs compute; then each sleeps as long as the quickest of them took in processor time, and returns what they did.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vultus.cli.commands.serve import quiet_logs
from vultus.config import Settings
from vultus.malloc import limit_kept_memory
from vultus.records.seen import Float32
from vultus.server.process import run_server
from vultus.server.worker_pool import run_workers
from vultus.storage.server_lock import serving_alone
from vultus.vision.session import Session, SpreadSession
from vultus.wiring.open_system import open_system, shared_index
from vultus.wiring.parts import SERVER, Duties, System

RUNS = 4

Run = Callable[[Session, NDArray[np.generic], Sequence[str] | None], list[Float32]]


class SleepingNetworks:
    """What each network returned and how long it took, by shape of its input and names of its outputs."""

    def __init__(self, compute: Run) -> None:
        self._compute = compute
        self._taken: dict[tuple[object, ...], list[float]] = {}
        self._found: dict[tuple[object, ...], list[Float32]] = {}

    def run(self, session: Session, batch: NDArray[np.generic], outputs: Sequence[str] | None = None) -> list[Float32]:
        """As `Session.run`."""
        key = (session.name, batch.shape, None if outputs is None else tuple(outputs))
        taken = self._taken.setdefault(key, [])
        if len(taken) < RUNS:
            start = time.thread_time()
            self._found[key] = self._compute(session, batch, outputs)
            taken.append(time.thread_time() - start)
        else:
            time.sleep(min(taken))
        return self._found[key]


@contextmanager
def opened(settings: Settings, duties: Duties = SERVER) -> Iterator[System]:
    """The real system, whose networks sleep once it has been warmed up."""
    with open_system(settings, duties) as system:
        sleeping = SleepingNetworks(Session.run)
        for kind in (Session, SpreadSession):
            setattr(kind, "run", lambda session, *given, **named: sleeping.run(session, *given, **named))  # noqa: B010
        yield system


def main() -> None:
    """Serve until SIGTERM; `VULTUS_WORKERS` and other settings come from the environment."""
    given = _arguments()
    settings = Settings(data_dir=given.data_dir, port=given.port, without_keys=given.without_keys)
    quiet_logs()

    def announce(port: int) -> None:
        print(f"ready on http://127.0.0.1:{port}", flush=True)

    if settings.workers > 1:
        with serving_alone(settings.data_dir) as lock, shared_index(settings):
            run_workers(settings, opened, lock=lock, set_up=quiet_logs, on_ready=announce)
        return
    limit_kept_memory(settings.compute_slots)
    run_server(settings, opened, on_ready=announce)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--without-keys", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
