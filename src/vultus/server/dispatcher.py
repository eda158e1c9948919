"""The connections that the parent process accepted: which worker has which, and what becomes of those of the dead."""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from vultus.api.errors import Problem
from vultus.errors import NotReady
from vultus.server.handover import Board, Channel, Doing
from vultus.server.protocol_errors import raw_protocol_error

LINGER_SECONDS = 1.0  # to let a caller read that its request is lost
MOST_READS = 256  # of 64 KB: a caller who sends on and on keeps nobody waiting
LOST = Problem(
    503,
    NotReady.code,
    "the process that worked on this request ended before it answered; ask again, or look whether it was done",
    {"Retry-After": "1"},
)


@dataclass
class Receiver:
    """A worker as one to whom connections are given. connections: by place."""

    channel: Channel
    ready: bool = False
    connections: dict[int, socket.socket] = field(default_factory=dict)


class Dispatcher:
    """Gives connections to workers. Used by one thread; nothing in it waits."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._free_places = deque(range(len(board)))
        self._waiting: deque[tuple[int, socket.socket]] = deque()  # no worker has taken them yet
        self._lingering: deque[tuple[float, socket.socket]] = deque()

    @property
    def full(self) -> bool:
        """Whether no further connection may be added."""
        return not self._free_places

    def add(self, connection: socket.socket, receivers: Sequence[Receiver]) -> None:
        """Give a new connection to a worker, or keep it until one takes it."""
        place = self._free_places.popleft()
        if not self._hand_over(place, connection, receivers):
            self._waiting.append((place, connection))

    def tend(self, receivers: Sequence[Receiver]) -> None:
        """Try again with the connections that no worker took; close those that lingered long enough."""
        while self._waiting and self._hand_over(*self._waiting[0], receivers):
            self._waiting.popleft()
        now = time.monotonic()
        while self._lingering and self._lingering[0][0] <= now:
            self._lingering.popleft()[1].close()

    def closed(self, receiver: Receiver, places: Sequence[int]) -> None:
        """The worker has closed these connections."""
        for place in places:
            receiver.connections.pop(place).close()
            self._free(place)

    def take_back(self, receiver: Receiver, *, stopping: bool) -> None:
        """The worker is dead: keep its idle connections for another, answer 503 where a request was under way.

        stopping: no other worker will come.
        """
        for place, connection in receiver.connections.items():
            doing = self._board[place]
            if doing is Doing.NOTHING and not stopping:
                self._waiting.append((place, connection))
                continue
            if doing is Doing.ASKING:
                self._tell_lost(connection)
            else:
                connection.close()
            self._free(place)
        receiver.connections.clear()

    def close(self) -> None:
        """Close the connections that no worker has."""
        for _, connection in (*self._waiting, *self._lingering):
            connection.close()

    def _hand_over(self, place: int, connection: socket.socket, receivers: Sequence[Receiver]) -> bool:
        """To the worker with the fewest connections, a ready one if there is any."""
        for receiver in sorted(receivers, key=lambda one: (not one.ready, len(one.connections))):
            with suppress(OSError):  # also of a worker that takes nothing at the moment
                receiver.channel.hand_over(place, connection)
                receiver.connections[place] = connection
                return True
        return False

    def _free(self, place: int) -> None:
        self._board[place] = Doing.NOTHING
        self._free_places.append(place)

    def _tell_lost(self, connection: socket.socket) -> None:
        """Answer 503; what the caller still sends is read away, or the system would drop the answer."""
        with suppress(OSError):
            connection.setblocking(False)
            with suppress(BlockingIOError):
                for _ in range(MOST_READS):
                    if not connection.recv(1 << 16):
                        break
            connection.send(raw_protocol_error(LOST))
            connection.shutdown(socket.SHUT_WR)
        self._lingering.append((time.monotonic() + LINGER_SECONDS, connection))
