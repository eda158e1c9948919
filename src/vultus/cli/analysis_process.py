"""A process that computes the faces of photos for an import: photos in, faces to enroll or refusals out."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from multiprocessing.connection import Connection

from vultus.cli.opening import OpenVision, Vision
from vultus.config import Settings
from vultus.malloc import limit_kept_memory
from vultus.service.accepted_faces import Acceptance, Found, Sent, accept_photos


@dataclass(frozen=True)
class Start:
    """What the parent gives to the process. settings: of one compute slot. open_vision: a module-level function."""

    settings: Settings
    open_vision: OpenVision
    connection: Connection


@dataclass(frozen=True)
class ToAnalyse:
    """Photos for `accept_photos`."""

    photos: tuple[Sent, ...]
    rules: Acceptance


@dataclass(frozen=True)
class Ready:
    """The first message of a process that could open its networks."""


@dataclass(frozen=True)
class Failed:
    """The networks could not be opened, or photos not be analysed."""

    reason: Exception


Report = Ready | Failed | list[Found]


def run_analysis(start: Start) -> None:
    """The main function of the process: it ends when its parent does, or kills it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    limit_kept_memory(start.settings.compute_slots)
    try:
        with start.open_vision(start.settings) as vision:
            start.connection.send(Ready())
            _analyse_all(start.connection, vision)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the parent is gone
    except Exception as exc:  # of any kind: the parent raises it
        start.connection.send(Failed(exc))


def _analyse_all(connection: Connection, vision: Vision) -> None:
    while True:
        wanted: ToAnalyse = connection.recv()
        connection.send(_analysed(vision, wanted))


def _analysed(vision: Vision, wanted: ToAnalyse) -> Report:
    try:
        return accept_photos(vision.pipeline, vision.models, wanted.photos, wanted.rules)
    except Exception as exc:  # of any kind: the parent raises it
        return Failed(exc)
