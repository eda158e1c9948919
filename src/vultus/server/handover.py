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
from dataclasses import dataclass
from enum import IntEnum
from tempfile import TemporaryFile

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
    """The descriptor of a file of that many zero bytes without a name: it is gone with its last user."""
    with TemporaryFile() as file:
        os.ftruncate(file.fileno(), size)
        return os.dup(file.fileno())


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
        socket.send_fds(self._end, [PLACE.pack(place)], [connection.fileno()], socket.MSG_DONTWAIT)

    def stop(self) -> None:
        """Tell the worker to stop. Raises: OSError."""
        self._end.sendall(STOP)

    def receive(self) -> Received | None:
        """The next connection; None when this worker is to stop, or the parent is gone. Raises: BlockingIOError."""
        frame, descriptors, _, _ = socket.recv_fds(self._end, PLACE.size, 1, socket.MSG_DONTWAIT)
        if len(frame) < PLACE.size or not descriptors:
            return None
        return Received(PLACE.unpack(frame)[0], socket.socket(fileno=descriptors[0]))

    def say_closed(self, place: int) -> None:
        """Tell the parent that the connection at this place is closed. Raises: OSError when the parent is gone."""
        self._end.sendall(PLACE.pack(place))

    def closed_places(self) -> list[int] | None:
        """The places whose connections were closed since; None when the worker is gone. Raises: BlockingIOError."""
        frames = self._end.recv(PLACE.size * 1024, socket.MSG_DONTWAIT)
        while len(frames) % PLACE.size:  # a frame cut by the size of the buffer; its rest is on its way
            frames += self._end.recv(PLACE.size - len(frames) % PLACE.size)
        return [place for (place,) in PLACE.iter_unpack(frames)] if frames else None

    def close(self) -> None:
        """Close this end."""
        self._end.close()
