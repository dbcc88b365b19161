"""Tests valid at any time: looked at after every row, they err no more often than stated."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimaran.core.errors import InputError
from trimaran.core.statistics import MeanSequence, RateTest, paired_difference

LOOKS = 5000

DRAWS = {
    "coins": lambda generator, n: (generator.random(n) < 0.25).astype(float),
    "spread out": lambda generator, n: generator.beta(0.5, 1.5, size=n),
    "close together": lambda generator, n: 0.25 + 0.02 * generator.standard_t(3, size=n).clip(-10, 10),
}


@pytest.mark.parametrize("draw", DRAWS)
def test_the_mean_is_ever_left_out_at_most_at_the_stated_rate_in_5000_looks(draw):
    generator = np.random.default_rng(len(draw))
    # The true mean, 0.25, is a candidate: it is left out as soon as it is refuted, whoever looks or not.
    states = [MeanSequence(alpha=0.1, cells=20).update(DRAWS[draw](generator, LOOKS)) for _ in range(200)]
    missed = np.mean([not state.low < 0.25 < state.high for state in states])
    assert missed <= 0.1 + 3 * np.sqrt(0.1 * 0.9 / 200)
    assert np.mean([state.high - state.low for state in states]) <= 0.11


def test_the_interval_is_within_twice_and_a_half_that_of_one_look():
    generator = np.random.default_rng(1)
    rows = generator.beta(10, 30, size=LOOKS)
    state = MeanSequence().update(rows)
    assert state.high - state.low <= 2.5 * 2 * 1.96 * rows.std() / np.sqrt(LOOKS)


def test_the_interval_never_widens():
    generator = np.random.default_rng(2)
    state, lows, highs = MeanSequence(cells=100), [], []
    for batch in np.split(generator.random(2000), 100):
        state = state.update(batch)
        lows.append(state.low)
        highs.append(state.high)
    assert lows == sorted(lows)
    assert highs == sorted(highs, reverse=True)
    assert lows[-1] > 0.4
    assert highs[-1] < 0.6


def test_a_mean_that_moves_leaves_no_candidate():
    state = MeanSequence().update([1.0] * 300)
    assert not state.settled
    moved = state.update([0.0] * 300)
    assert moved.settled
    assert moved.low >= state.low
    assert (moved.update([1.0] * 300).low, moved.update([1.0] * 300).high) == (moved.low, moved.high)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 40)), max_size=10), st.integers(0, 200))
def test_how_rows_are_cut_into_batches_changes_nothing(runs, cut):
    rows = [value for value, times in runs for _ in range(times)]
    whole = MeanSequence(cells=10).update(rows)
    parts = MeanSequence(cells=10).update(rows[:cut]).update(rows[cut:])
    assert (parts.n, parts.low, parts.high) == (whole.n, whole.low, whole.high)
    assert parts.up == pytest.approx(whole.up)
    assert parts.down == pytest.approx(whole.down)


@settings(deadline=None)
@given(st.lists(st.integers(0, 64), min_size=1, max_size=300))
def test_mirrored_rows_give_the_mirrored_interval(parts):
    rows = np.array(parts) / 64
    there = MeanSequence(cells=10, alpha=0.3).update(rows)
    back = MeanSequence(cells=10, alpha=0.3).update(1 - rows)
    assert (there.low, there.high) == pytest.approx((1 - back.high, 1 - back.low))


def test_the_state_survives_its_stored_form():
    generator = np.random.default_rng(3)
    state = MeanSequence(cells=50).update(generator.random(700))
    again = msgspec.json.decode(msgspec.json.encode(state), type=MeanSequence)
    more = generator.random(100)
    assert again.update(more) == state.update(more)


def test_a_new_model_no_worse_than_allowed_is_shown_so_in_a_few_thousand_pairs():
    generator = np.random.default_rng(4)
    shown = [
        paired_difference().update(generator.normal(-0.005, 0.06, size=LOOKS).clip(-1, 1)).high < 0.005 for _ in range(25)
    ]
    assert np.mean(shown) >= 0.9


def test_a_worse_model_is_shown_to_be_worse():
    generator = np.random.default_rng(5)
    shown = [paired_difference().update(generator.normal(0.02, 0.1, size=LOOKS).clip(-1, 1)).low > 0 for _ in range(25)]
    assert np.mean(shown) >= 0.9


def test_nothing_seen_is_the_whole_range():
    empty = paired_difference().update([])
    assert (empty.low, empty.high, empty.measurement.value) == (-1, 1, None)


def test_the_mean_is_on_the_scale_of_the_values():
    measured = paired_difference().update([-0.5, 0.25, 0.25, -0.2]).measurement
    assert measured.value == pytest.approx(-0.05)
    assert measured.n == 4


def test_a_value_outside_the_limits_is_refused():
    with pytest.raises(InputError, match=r"1 values lie outside \[0, 1\], the first is 1.2"):
        MeanSequence().update([0.5, 1.2])


def first_errors(bound, alpha, side):
    """Return for each n the error counts on the edge: the least that shows ``above``, the most that shows ``below``."""
    edges, edge = [], 0 if side == "above" else -1
    for n in range(LOOKS + 1):
        if side == "above":
            while edge <= n and RateTest(bound=bound, n=n, errors=edge).evidence_above() < -np.log(alpha):
                edge += 1
        else:
            while edge < n and RateTest(bound=bound, n=n, errors=edge + 1).evidence_below() >= -np.log(alpha):
                edge += 1
        edges.append(edge)
    return edges


def chance_to_show(rate, edges, side):
    """Return the exact chance, after each look, that a rate has been shown to lie on a side of the bound."""
    alive, shown, chances = np.zeros(max(edges) + LOOKS // 10 + 2), 0.0, []
    alive[0] = 1.0
    for edge in edges:
        crossed = slice(edge, None) if side == "above" else slice(0, edge + 1)
        shown += alive[crossed].sum()
        alive[crossed] = 0
        chances.append(shown)
        alive = alive * (1 - rate) + np.concatenate([[0.0], alive[:-1]]) * rate
    return chances


@pytest.mark.parametrize("bound", [0.01, 0.05])
def test_a_rate_at_the_bound_is_ever_called_above_or_below_at_most_at_the_stated_rate(bound):
    for side in ("above", "below"):
        chance = chance_to_show(bound, first_errors(bound, 0.05, side), side)[-1]
        assert 0.01 <= chance <= 0.05


def test_a_tenth_of_the_allowed_errors_is_shown_to_be_below():
    chances = chance_to_show(0.001, first_errors(0.01, 0.05, "below"), "below")
    assert chances[330] >= 0.7
    assert chances[1200] >= 0.95


def test_thrice_the_allowed_errors_is_shown_to_be_above():
    chances = chance_to_show(0.03, first_errors(0.01, 0.05, "above"), "above")
    assert chances[600] >= 0.7
    assert chances[1500] >= 0.99


def test_no_error_in_about_300_rows_shows_less_than_1_percent():
    test, needed = RateTest(bound=0.01), 0
    while not test.below:
        test, needed = test.update(0, 1), needed + 1
    assert 298 <= needed <= 330
    assert not test.above


def test_what_was_shown_stays_shown():
    test = RateTest(bound=0.01).update(0, 400).update(4, 100)
    assert test.below
    assert test.evidence_below() < -np.log(0.05)
    assert test.update(30, 100).above


@given(st.integers(0, 10_000_000), st.data())
def test_evidence_is_a_number_for_any_counts_and_speaks_for_one_side_at_most(n, data):
    errors = data.draw(st.integers(0, n))
    test = RateTest(bound=0.02).update(errors, n)
    assert not (test.below and test.above)
    assert np.isfinite([test.peak_below, test.peak_above]).all()
    assert msgspec.json.decode(msgspec.json.encode(test), type=RateTest) == test


def test_counts_and_rules_that_cannot_be_are_refused():
    with pytest.raises(InputError, match="3 errors in 2 rows"):
        RateTest(bound=0.01).update(3, 2)
    with pytest.raises(InputError) as caught:
        RateTest(bound=0, alpha=1)
    assert len(caught.value.faults) == 2
    with pytest.raises(InputError) as caught:
        MeanSequence(floor=1, ceiling=0, alpha=0, cells=0)
    assert len(caught.value.faults) == 3
