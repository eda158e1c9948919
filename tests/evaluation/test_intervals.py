from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vultus.evaluation.intervals import (
    Rate,
    bootstrap_fnmr,
    can_be_claimed,
    why_not_claimed,
    wilson,
)
from vultus.evaluation.scores import PairScores, score_all_pairs


def test_wilson_interval_worked_by_hand():
    # 10 of 100, z = 1.95996: z2 = 3.84146, shrink = 1.0384146, middle = (0.1 + 0.0192073) / 1.0384146 = 0.114797
    # reach = 1.95996 / 1.0384146 * sqrt(0.0009 + 0.0000960365) = 0.059568
    interval = wilson(10, 100)
    assert (interval.low, interval.high) == pytest.approx((0.055229, 0.174366), abs=2e-6)


def test_wilson_with_no_error_starts_at_zero_and_ends_near_the_rule_of_three():
    interval = wilson(0, 1000)
    assert interval.low == 0
    assert interval.high == pytest.approx(3.84146 / 1003.84146, abs=1e-6)  # z2 / (n + z2)


def test_no_trial_says_nothing():
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0, 1)
    assert Rate(0, 0).value == 0


@given(st.integers(1, 10**8).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials))))
def test_wilson_surrounds_the_rate(counts):
    errors, trials = counts
    interval = wilson(errors, trials)
    assert 0 <= interval.low <= errors / trials <= interval.high <= 1


@pytest.mark.parametrize(("trials", "enough"), [(3_000_000, True), (2_999_999, False)])
def test_rule_of_three_needs_three_over_the_rate(trials, enough):
    assert can_be_claimed(1e-6, trials) is enough


def test_a_rate_out_of_reach_is_said_in_words():
    assert why_not_claimed(1e-4, 5000) == (
        "cannot be claimed: FMR 0.0001 needs at least 30,000 non-mated comparisons (rule of three), there are 5,000"
    )
    assert why_not_claimed(1e-3, 5000) is None


def people(count: int, photos: int, noise: float) -> PairScores:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(count), photos)
    vectors = rng.normal(size=(count, 16))[labels] + noise * rng.normal(size=(count * photos, 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return score_all_pairs(vectors.astype(np.float32), labels)


def test_bootstrap_of_subjects_surrounds_the_rate_and_is_wider_than_wilson():
    scores = people(40, 8, noise=0.8)
    threshold = 0.55
    misses = Rate(scores.mated.total - scores.mated.at_or_above(threshold), scores.mated.total)
    drawn = bootstrap_fnmr(scores, threshold, resamples=300)
    assert drawn.low < misses.value < drawn.high
    assert drawn.high - drawn.low > misses.interval.high - misses.interval.low


def test_bootstrap_is_the_same_for_the_same_seed():
    scores = people(10, 4, noise=0.8)
    assert bootstrap_fnmr(scores, 0.5, resamples=50, seed=3) == bootstrap_fnmr(scores, 0.5, resamples=50, seed=3)
