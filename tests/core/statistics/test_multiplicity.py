"""Control of false discoveries among many tests."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from trimaran.core.errors import InputError
from trimaran.core.statistics import adjusted_p_values, benjamini_hochberg

p_values = st.lists(st.floats(0, 1), max_size=30)


@given(p_values, st.floats(0.001, 0.999))
def test_it_rejects_the_largest_k_whose_p_value_is_under_the_line(given_values, rate):
    ordered = sorted(given_values)
    m = len(ordered)
    # Compared as p m / k <= rate, as the adjusted values are: the last bit of a product must not decide.
    under = [k for k in range(1, m + 1) if ordered[k - 1] * m / k <= rate]
    largest = max(under, default=0)
    assert int(benjamini_hochberg(given_values, rate).sum()) == largest


@given(p_values)
def test_an_adjusted_value_is_never_smaller_and_keeps_the_order(given_values):
    adjusted = adjusted_p_values(given_values)
    assert (adjusted >= np.array(given_values) - 1e-15).all()
    assert (np.diff(adjusted[np.argsort(given_values)]) >= 0).all()


def test_false_discoveries_stay_under_the_rate_while_true_ones_are_made():
    generator = np.random.default_rng(1)
    shares, found = [], []
    for _ in range(2000):
        z = generator.normal(size=50)
        z[:10] += 3.5
        rejected = benjamini_hochberg(special.ndtr(-z), rate=0.1)
        shares.append(rejected[10:].sum() / max(1, rejected.sum()))
        found.append(rejected[:10].mean())
    assert 0.06 <= np.mean(shares) <= 0.1
    assert np.mean(found) >= 0.8


def test_a_number_that_is_no_probability_is_refused():
    with pytest.raises(InputError, match="p-values lie outside"):
        adjusted_p_values([0.5, -0.1])
