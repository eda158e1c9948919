"""What the parent process and its workers share about connections: a channel for each worker, and one board.

The parent accepts connections and sends each, as a file descriptor with the number of its place, over the channel of a
worker. It keeps a descriptor of its own until the worker says that the connection is closed. On the board, which is
shared memory, a worker notes what each of its connections is doing, so that after its death the parent knows which ones
another worker may take over, and which ones to tell that their request is lost.
"""

from __future__ import annotations

import mmap
import os
import socket
import struct
from array import array
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from multiprocessing.reduction import DupFd
from tempfile import TemporaryFile
from typing import Any

PLACE = struct.Struct("=I")
STOP = PLACE.pack(0xFFFFFFFF)  # to a worker: finish what is under way, and end


class Doing(IntEnum):
    """What a connection is doing. ASKING: bytes of a request have arrived, and none of its answer was sent."""

    NOTHING = 0
    ASKING = 1
    ANSWERING = 2


class Board:
    """One byte for each place of a connection, in memory that processes share."""

    def __init__(self, descriptor: int) -> None:
        """descriptor: of the file in memory, from `new_shared_file`; stays the caller's."""
        self._bytes = mmap.mmap(descriptor, 0)

    def __len__(self) -> int:
        return len(self._bytes)

    def __getitem__(self, place: int) -> Doing:
        return Doing(self._bytes[place])

    def __setitem__(self, place: int, doing: Doing) -> None:
        self._bytes[place] = doing

    def close(self) -> None:
        """Give the memory back."""
        self._bytes.close()


def new_shared_file(size: int) -> int:
    """The descriptor of a file of that many zero bytes without a name: it is gone with its last user.

    In memory where the system has such files, as a write to a mapped file ends the process where the disk is full.
    """
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("vultus")
    else:
        with TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, size)
    return descriptor


@dataclass(frozen=True)
class SentDescriptor:
    """A file descriptor that is pickled for a process that is being started, and is the descriptor there.

    It is passed on at the start itself. `DupFd` outside of a start keeps a copy until the other process asks for it,
    which one that is killed never does.
    """

    number: int

    def __reduce__(self) -> tuple[Callable[[Any], SentDescriptor], tuple[object]]:
        return _received, (DupFd(self.number),)


def _received(sent: Any) -> SentDescriptor:
    return SentDescriptor(sent.detach())


@dataclass(frozen=True)
class Received:
    """A connection for this worker, at its place."""

    place: int
    connection: socket.socket


class Channel:
    """One end of the way between the parent and a worker; frames are written whole. Used by one thread."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def fileno(self) -> int:
        """For a selector or an event loop."""
        return self._end.fileno()

    def hand_over(self, place: int, connection: socket.socket) -> None:
        """Send a connection. Raises: OSError, also BlockingIOError when the worker takes none at the moment."""
        # Not by socket.send_fds and recv_fds: up to Python 3.12 they ignore the flags, and would wait.
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", [connection.fileno()]))
        self._end.sendmsg([PLACE.pack(place)], [rights], socket.MSG_DONTWAIT)

    def stop(self) -> None:
        """Tell the worker to stop. Raises: OSError, also BlockingIOError when it takes nothing at the moment."""
        self._end.send(STOP, socket.MSG_DONTWAIT)

    def receive(self) -> Received | None:
        """The next connection; None when this worker is to stop, or the parent is gone.

        Raises: BlockingIOError when there is none; also when it was lost, as this process may open no more files, which
        the parent is told.
        """
        descriptors = array("i")
        room = socket.CMSG_LEN(descriptors.itemsize)
        frame, rights, _, _ = self._end.recvmsg(PLACE.size, room, socket.MSG_DONTWAIT)
        for _, _, sent in rights:
            descriptors.frombytes(sent[: len(sent) - len(sent) % descriptors.itemsize])
        if len(frame) < PLACE.size or frame == STOP:
            return None
        place = PLACE.unpack(frame)[0]
        if not descriptors:
            self.say_closed(place)
            raise BlockingIOError
        return Received(place, socket.socket(fileno=descriptors[0]))

    def take_no_more(self) -> None:
        """Let every later `hand_over` of the parent fail; places can still be said to be closed."""
        with suppress(OSError):
            self._end.shutdown(socket.SHUT_RD)

    def say_closed(self, place: int) -> None:
        """Tell the parent that the connection at this place is closed. Raises: OSError when the parent is gone."""
        self._end.sendall(PLACE.pack(place))

    def closed_places(self) -> list[int] | None:
        """The places whose connections were closed since; None when the worker is gone. Raises: BlockingIOError."""
        frames = self._end.recv(PLACE.size * 1024, socket.MSG_DONTWAIT)
        whole = len(frames) - len(frames) % PLACE.size  # a part of a frame is the last that a worker wrote
        return [place for (place,) in PLACE.iter_unpack(frames[:whole])] if whole else None

    def close(self) -> None:
        """Close this end."""
        self._end.close()
