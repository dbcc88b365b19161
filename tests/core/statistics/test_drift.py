"""Drift: alarms no more often than stated on calm data, and seldom silent on a stated shift."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimaran.core.errors import InputError
from trimaran.core.statistics import DriftRule, Histogram, compare, count_like, histogram, homogeneity, judge_drift

CARRIERS = np.array([f"carrier {i}" for i in range(30)], dtype=object)
SHARES = 0.8 ** np.arange(30) / (0.8 ** np.arange(30)).sum()
cells = st.lists(st.integers(0, 400), min_size=4, max_size=4)
TAILS = np.array([f"N{i}" for i in range(4000)], dtype=object)

MAKERS = {
    "continuous": lambda generator, n: generator.normal(size=n),
    "half zeros": lambda generator, n: np.maximum(0, generator.normal(size=n)),
    "few values": lambda generator, n: generator.poisson(2, size=n),
    "missing": lambda generator, n: np.where(generator.random(n) < 0.1, np.nan, generator.exponential(size=n)),
    "tied": lambda generator, n: generator.integers(25, size=n),
    "decimals": lambda generator, n: np.round(generator.normal(size=n), 1),
    "equal categories": lambda generator, n: TAILS[generator.integers(100, size=n)],
    "tail numbers": lambda generator, n: TAILS[generator.integers(4000, size=n)],
    "categories": lambda generator, n: generator.choice(CARRIERS, p=SHARES, size=n),
}


def pair(before, after):
    reference = histogram(before)
    return reference, count_like(reference, after)


@pytest.mark.parametrize(("before", "after"), [(2000, 700), (500, 4000)])
@pytest.mark.parametrize("maker", MAKERS)
def test_a_p_value_of_calm_data_is_under_5_percent_in_at_most_5_of_100(maker, before, after):
    generator = np.random.default_rng([len(maker), before])
    make = MAKERS[maker]
    p_values = [compare(*pair(make(generator, before), make(generator, after))).p_value for _ in range(500)]
    # Three standard errors of 500 trials above the stated rate; far below it would be a waste of power.
    assert 0.01 <= np.mean(np.array(p_values) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 500)


@pytest.mark.parametrize("shared", [0.0, 0.7])
def test_calm_sets_of_30_columns_raise_an_alarm_at_most_at_the_stated_rate(shared):
    generator = np.random.default_rng(2)
    rule = DriftRule(rate=0.1, minimum_effect=0.0)
    alarms = 0
    for _ in range(150):
        before, after = (
            np.sqrt(shared) * generator.normal(size=n) + np.sqrt(1 - shared) * generator.normal(size=(30, n))
            for n in (1500, 600)
        )
        found = judge_drift({str(i): pair(before[i], after[i]) for i in range(30)}, rule)
        alarms += any(drift.outcome == "fail" for drift in found)
    assert alarms / 150 <= 0.1 + 3 * np.sqrt(0.1 * 0.9 / 150)


@pytest.mark.parametrize(("shift", "rule"), [(0.2, DriftRule()), (0.1, DriftRule(minimum_effect=0.02))])
def test_a_small_shift_of_3_among_30_columns_is_found_in_10_000_rows(shift, rule):
    generator = np.random.default_rng(3)
    found, false = [], 0
    for _ in range(20):
        before, after = generator.normal(size=(2, 30, 10_000))
        after[:3] += shift
        judged = judge_drift({str(i): pair(before[i], after[i]) for i in range(30)}, rule)
        found += [drift.outcome == "fail" for drift in judged[:3]]
        false += sum(drift.outcome == "fail" for drift in judged[3:])
    assert np.mean(found) >= 0.95
    assert false <= 2


def test_a_change_of_spread_alone_is_found():
    generator = np.random.default_rng(4)
    shift = compare(*pair(generator.normal(size=10_000), 1.15 * generator.normal(size=10_000)))
    assert shift.test == "chi-square"
    assert shift.p_value < 1e-6


def test_values_that_go_missing_are_a_drift_even_where_there_were_none():
    generator = np.random.default_rng(5)
    after = generator.normal(size=2000)
    after[:200] = np.nan
    shift = compare(*pair(generator.normal(size=2000), after))
    assert shift.p_value < 1e-10
    assert shift.distance == pytest.approx(0.1, abs=0.02)


def test_a_new_category_is_a_drift():
    before, after = np.array(["a", "b"] * 500, dtype=object), np.array(["a", "b", "a", "b", "new"] * 200, dtype=object)
    (drift,) = judge_drift({"carrier": pair(before, after)})
    assert drift.outcome == "fail"
    assert drift.effect == pytest.approx(0.2)


def test_a_significant_but_tiny_move_is_no_alarm_and_the_reason_says_so():
    generator = np.random.default_rng(6)
    (drift,) = judge_drift({"wind": pair(generator.normal(size=50_000), generator.normal(size=50_000) + 0.06)})
    assert drift.p_adjusted < 1e-6
    assert drift.outcome == "pass"
    assert "significant but small" in drift.reason


def test_too_few_rows_are_unknown_and_leave_the_others_p_values_alone():
    generator = np.random.default_rng(7)
    enough = pair(generator.normal(size=1000), generator.normal(size=1000))
    few = pair(generator.normal(size=1000), generator.normal(size=50) + 3)
    (alone,) = judge_drift({"enough": enough})
    known, unknown = judge_drift({"enough": enough, "few": few})
    assert unknown.outcome == "unknown"
    assert unknown.p_adjusted is None
    assert known == alone


def test_the_effect_that_the_rule_names_is_the_one_judged():
    calm = pair(np.arange(5000.0), np.arange(5000.0) + 400)
    effects = {name: judge_drift({"x": calm}, DriftRule(effect=name))[0] for name in ("distance", "psi", "jensen_shannon")}
    assert {name: drift.effect for name, drift in effects.items()} == {
        name: getattr(effects["psi"].shift, name) for name in effects
    }


@given(cells, cells)
def test_effects_are_within_their_limits_and_zero_only_for_equal_shares(first, second):
    samples = [Histogram(kind="categorical", categories=["a", "b", "c", "d"], counts=counts) for counts in (first, second)]
    shift = compare(*samples)
    assert 0 <= shift.distance <= 1
    assert 0 <= shift.jensen_shannon <= 1 + 1e-12
    assert 0 <= shift.p_value <= 1
    assert shift.psi >= 0
    if first == second:
        assert (shift.distance, shift.psi, shift.jensen_shannon, shift.p_value) == (0, 0, 0, 1)


@given(cells, cells)
def test_the_order_of_categories_and_of_samples_does_not_matter_to_a_test_without_ties(first, second):
    statistic, p_value = homogeneity(first, second, ordered=False)
    assert homogeneity(second, first, ordered=False) == pytest.approx((statistic, p_value))
    if len({a + b for a, b in zip(first, second, strict=True)}) == len(first):
        assert homogeneity(first[::-1], second[::-1], ordered=False) == pytest.approx((statistic, p_value))


def test_psi_is_that_of_its_definition():
    samples = [
        Histogram(kind="categorical", categories=["a", "b"], counts=counts)
        for counts in ([500_000, 500_000], [600_000, 400_000])
    ]
    assert compare(*samples).psi == pytest.approx(0.1 * np.log(0.6 / 0.5) - 0.1 * np.log(0.4 / 0.5), rel=1e-5)


def test_samples_counted_in_different_cells_are_not_compared():
    with pytest.raises(InputError, match="different cells"):
        compare(histogram([1.0, 2.0], cells=2), histogram([5.0, 6.0], cells=2))


def test_a_rule_that_cannot_hold_is_refused_with_every_fault():
    with pytest.raises(InputError) as caught:
        DriftRule(rate=0, minimum_effect=-1, minimum_sample=0)
    assert len(caught.value.faults) == 3
