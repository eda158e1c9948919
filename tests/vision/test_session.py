from pathlib import Path

import numpy as np
import pytest

from tests.standins import SIDE, write_tiny_network
from vultus.errors import ModelInvalid
from vultus.vision.compute_slots import ComputeSlots
from vultus.vision.session import AWAKE_SECONDS, Session, SpreadSession, TwinSession

BATCH = np.random.default_rng(0).normal(size=(1, 3, SIDE, SIDE)).astype(np.float32)


class Clock:
    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def network(tmp_path: Path) -> Path:
    return write_tiny_network(tmp_path / "tiny.onnx")


@pytest.fixture
def many_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vultus.vision.session.available_cores", lambda: 2)


class Counted(SpreadSession):
    """Counts the runs in several threads."""

    def __init__(self, path: Path, slots: ComputeSlots, clock: Clock) -> None:
        super().__init__(path, slots, clock=clock)
        self.spread_runs = 0
        assert self._spread is not None
        original = self._spread.run

        def counted(*args: object) -> object:
            self.spread_runs += 1
            return original(*args)

        self._spread.run = counted


def test_a_file_that_is_no_network_is_refused_by_name(tmp_path):
    (tmp_path / "photo.onnx").write_bytes(b"no network")
    with pytest.raises(ModelInvalid, match=r"photo\.onnx"):
        Session(tmp_path / "photo.onnx")


def test_one_thread_or_several_give_the_same(network, many_cores):
    slots, clock = ComputeSlots(2, queue=0, wait_seconds=1), Clock()
    session = Counted(network, slots, clock)
    alone = [session.run(BATCH)[0] for _ in range(2)]
    assert session.spread_runs == 1
    np.testing.assert_allclose(alone[0], alone[1], rtol=1e-5)


def test_a_request_after_a_pause_runs_in_one_thread(network, many_cores):
    clock = Clock()
    session = Counted(network, ComputeSlots(2, queue=0, wait_seconds=1), clock)
    session.run(BATCH)
    clock.seconds += 2 * AWAKE_SECONDS
    session.run(BATCH)
    assert session.spread_runs == 0
    clock.seconds += AWAKE_SECONDS / 2
    session.run(BATCH)
    assert session.spread_runs == 1


def test_a_request_beside_another_runs_in_one_thread(network, many_cores):
    slots = ComputeSlots(2, queue=0, wait_seconds=1)
    session = Counted(network, slots, Clock())
    session.run(BATCH)
    with slots.hold(), slots.hold():
        session.run(BATCH)
    assert session.spread_runs == 0


def test_with_a_single_place_there_is_no_second_session(network):
    session = SpreadSession(network, ComputeSlots(1, queue=0, wait_seconds=1))
    assert session.run(BATCH)[0].shape == (1, 32)
    assert session._spread is None


def test_a_network_is_loaded_again_for_two_threads_once_a_request_has_a_core_to_spare(network, many_cores):
    slots, session = ComputeSlots(2, queue=0, wait_seconds=1), TwinSession(network)
    with slots.hold():
        with slots.hold():
            (alone,) = session.run_with(slots, BATCH)
            assert session._wide is None
        (spread,) = session.run_with(slots, BATCH)
        twin = session._wide
        assert twin is not None
        session.run_with(slots, BATCH)
        assert session._wide is twin
    np.testing.assert_allclose(alone, spread, rtol=1e-5)


def test_a_single_core_needs_no_second_copy_of_a_network(network, monkeypatch):
    monkeypatch.setattr("vultus.vision.session.available_cores", lambda: 1)
    session = TwinSession(network)
    assert session.run_with(ComputeSlots(2, queue=0, wait_seconds=1), BATCH)[0].shape == (1, 32)
    assert session._wide is None


def test_a_second_copy_that_cannot_be_loaded_costs_no_answer(network, many_cores):
    slots, session = ComputeSlots(2, queue=0, wait_seconds=1), TwinSession(network)
    network.unlink()
    for _ in range(2):
        with slots.hold():
            assert session.run_with(slots, BATCH)[0].shape == (1, 32)
    assert session._wide is None
