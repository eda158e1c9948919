import threading

import pytest

from tests.waiting import patient
from vultus.loaded_models import LoadedModels


def test_a_model_is_loaded_once():
    loaded, calls = LoadedModels(100), []
    for _ in range(3):
        assert loaded.get("a", lambda: (calls.append("a") or "model", 10)) == "model"
    assert calls == ["a"]
    assert "a" in loaded


def test_the_one_unused_the_longest_goes_first():
    loaded = LoadedModels(30)
    for name in ("a", "b", "c", "a", "d"):
        loaded.get(name, lambda name=name: (name, 10))
    assert [name in loaded for name in "abcd"] == [True, False, True, True]


def test_a_large_model_makes_as_much_room_as_it_needs():
    loaded = LoadedModels(30)
    for name in "abc":
        loaded.get(name, lambda name=name: (name, 10))
    loaded.get("large", lambda: ("large", 25))
    assert [name in loaded for name in ("a", "b", "c", "large")] == [False, False, False, True]


def test_a_model_above_the_budget_is_kept_alone(caplog):
    loaded = LoadedModels(30)
    loaded.get("a", lambda: ("a", 10))
    assert loaded.get("huge", lambda: ("huge", 31)) == "huge"
    assert ("a" in loaded, "huge" in loaded) == (False, True)
    assert "more than the budget of 30" in caplog.text


def test_a_failed_load_is_tried_again():
    loaded = LoadedModels(30)

    def fail():
        raise ValueError("broken")

    for _ in range(2):
        with pytest.raises(ValueError, match="broken"):
            loaded.get("a", fail)
    assert loaded.get("a", lambda: ("a", 1)) == "a"


def test_parallel_first_uses_load_once_and_others_are_not_held_up():
    loaded, calls = LoadedModels(100), []
    loading, go = threading.Event(), threading.Event()

    def slow():
        calls.append("slow")
        loading.set()
        go.wait(patient())
        return "slow", 1

    found = []
    threads = [threading.Thread(target=lambda: found.append(loaded.get("slow", slow))) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert loading.wait(patient())
    assert loaded.get("other", lambda: ("other", 1)) == "other"  # while the slow one is still loading
    go.set()
    for thread in threads:
        thread.join(patient())
    assert (found, calls) == (["slow"] * 4, ["slow"])
