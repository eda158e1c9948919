from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator

import pytest

from vultus.errors import LowQuality, NotReady, VultusError
from vultus.server.handover import PLACE, Board, Channel, Doing, new_shared_file
from vultus.server.worker import HandedHttpProtocol, portable

MOST = 10_000  # more than the system keeps for a worker that reads nothing


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, Channel, Channel]]:
    """The parent's socket, the channel on it, and the worker's channel."""
    parent, worker = socket.socketpair()
    with parent, worker:
        yield parent, Channel(parent), Channel(worker)


def test_a_connection_arrives_with_its_place(ends):
    _, parent, worker = ends
    with socket.socket() as connection:
        parent.hand_over(7, connection)
        received = worker.receive()
    assert received is not None
    with received.connection:
        assert received.place == 7


def test_a_connection_that_could_not_be_opened_is_said_to_be_closed_and_nothing_stops(ends):
    socket_of_parent, parent, worker = ends
    socket_of_parent.send(PLACE.pack(5))  # what arrives where this process may open no more files
    with pytest.raises(BlockingIOError):
        worker.receive()
    assert parent.closed_places() == [5]


def test_stop_and_a_parent_that_is_gone_end_the_worker(ends):
    socket_of_parent, parent, worker = ends
    parent.stop()
    assert worker.receive() is None
    socket_of_parent.close()
    assert worker.receive() is None


def handed_over(parent: Channel, connection: socket.socket) -> int:
    """How often, until the worker takes no more."""
    for count in range(MOST):
        try:
            parent.hand_over(1, connection)
        except BlockingIOError:
            return count
    return MOST


def test_to_stop_a_worker_that_reads_nothing_does_not_wait(ends):
    _, parent, _ = ends
    with socket.socket() as connection:
        assert handed_over(parent, connection) < MOST
    with pytest.raises(BlockingIOError):
        parent.stop()


def test_a_worker_that_takes_no_more_still_says_what_is_closed(ends):
    _, parent, worker = ends
    worker.take_no_more()
    with socket.socket() as connection, pytest.raises(OSError, match="Broken pipe"):
        parent.hand_over(1, connection)
    worker.say_closed(3)
    assert parent.closed_places() == [3]


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="this system has no files in memory")
def test_shared_memory_takes_no_room_on_a_disk(monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    descriptor = new_shared_file(1000)
    try:
        assert os.fstat(descriptor).st_size == 1000
        assert os.pread(descriptor, 1000, 0) == bytes(1000)
    finally:
        os.close(descriptor)


class NeedsTwo(VultusError):
    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} {two}")


def test_a_failure_travels_to_the_parent_as_it_is_or_as_one_of_ours():
    ready = NotReady("not yet")
    assert portable(ready) is ready
    low = portable(LowQuality("too blurred", {"sharpness": 1.0}))
    assert (type(low), str(low)) == (LowQuality, "too blurred")
    unreadable = portable(NeedsTwo("too", "blurred"))  # its class cannot be read again
    assert (type(unreadable), str(unreadable)) == (VultusError, "too blurred")

    class Local(Exception):
        pass

    assert str(portable(Local("secret"))) == "the start failed with Local"


# --- what the board says of a connection ----------------------------------------------------------------------------


class Transport:
    """A stand-in for a connection whose caller has not taken all of the answer."""

    unsent = 0

    def get_write_buffer_size(self) -> int:
        return self.unsent


@pytest.fixture
def answered() -> HandedHttpProtocol:
    """A protocol at the end of an answer, before anything else came."""
    descriptor = new_shared_file(1)
    made = HandedHttpProtocol.__new__(HandedHttpProtocol)
    made.board, made.transport, made.cycle = Board(descriptor), Transport(), None
    os.close(descriptor)
    made.board[0] = Doing.ANSWERING
    return made


def test_a_connection_is_idle_once_its_answer_is_sent(answered):
    answered._note_end()
    assert answered.board[0] is Doing.NOTHING


def test_a_connection_whose_answer_is_not_sent_is_not_idle(answered):
    answered.transport.unsent = 100
    answered._note_end()
    assert answered.board[0] is Doing.ANSWERING
    answered._note_asking()
    assert answered.board[0] is Doing.ANSWERING
    answered.transport.unsent = 0
    answered._note_asking()
    assert answered.board[0] is Doing.ASKING
