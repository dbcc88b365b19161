"""Quality estimated without labels: right where the scores mean what they meant, and honest about how sure."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression

from trimaran.core.errors import InputError
from trimaran.core.statistics import Calibration, auc, brier, calibrate, confusion, estimate_quality

rows = st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=60)


def drawn(generator, size, centre=0.0):
    """Return labels and scores that are too sure of themselves: their calibration is not the identity."""
    signal = generator.normal(centre, 1, size=size)
    labels = generator.random(size) < 1 / (1 + np.exp(-signal))
    return labels, 1 / (1 + np.exp(-2 * signal))


@given(rows)
def test_the_pools_are_the_isotonic_regression(sample):
    labels, scores = (np.array(column, dtype=float) for column in zip(*sample, strict=True))
    calibration = calibrate(labels, scores)
    _, group, size = np.unique(scores, return_inverse=True, return_counts=True)
    fitted = isotonic_regression(np.bincount(group, weights=labels) / size, weights=size).x[group]
    pools = np.repeat(calibration.rates, calibration.rows)
    assert np.sort(fitted) == pytest.approx(pools)
    assert (np.diff(calibration.rates) > 0).all()
    assert (np.diff(calibration.scores) > 0).all()


def test_a_calibration_of_many_rows_finds_the_true_probabilities():
    labels, scores = drawn(np.random.default_rng(1), 100_000)
    calibration = calibrate(labels, scores)
    signal = np.linspace(-2, 2, 9)
    found = calibration.probability(1 / (1 + np.exp(-2 * signal)))
    assert found == pytest.approx(1 / (1 + np.exp(-signal)), abs=0.03)


def test_the_realised_quality_lies_in_the_interval_as_often_as_stated_though_the_covariates_drift():
    generator = np.random.default_rng(2)
    held = []
    for _ in range(400):
        calibration = calibrate(*drawn(generator, 4000))
        labels, scores = drawn(generator, 1500, centre=0.5)
        estimate = estimate_quality(calibration, scores)
        realised = auc(labels, scores), confusion(labels, scores).accuracy(), brier(labels, scores)
        pairs = zip((estimate.auc, estimate.accuracy, estimate.brier), realised, strict=True)
        held.append([e.low <= r.value <= e.high for e, r in pairs])
    assert (np.mean(held, axis=0) >= 0.92).all()
    assert (np.mean(held, axis=0) <= 0.98).all()


def test_a_fall_of_quality_by_drift_of_covariates_is_seen_before_the_labels():
    generator = np.random.default_rng(3)
    calibration = calibrate(*drawn(generator, 50_000))
    calm = estimate_quality(calibration, drawn(generator, 20_000)[1])
    hard = 1 / (1 + np.exp(-2 * generator.normal(0, 0.4, size=20_000)))
    assert estimate_quality(calibration, hard).auc.high < calm.auc.low - 0.05
    assert estimate_quality(calibration, hard).accuracy.high < calm.accuracy.low - 0.05


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0.01, 0.99)), min_size=2, max_size=20))
def test_the_estimated_area_is_the_expected_share_of_ordered_pairs(sample):
    grades, chance = (np.array(column) for column in zip(*sorted(sample), strict=True))
    rates = np.maximum.accumulate(np.array([chance[grades == grade].mean() for grade in np.unique(grades)]))
    knots = np.unique(grades) / 10
    calibration = Calibration(scores=knots.tolist(), rates=rates.tolist(), rows=[10] * knots.size)
    p = calibration.probability(grades / 10)
    weight = np.outer(p, 1 - p)
    np.fill_diagonal(weight, 0)
    order = (grades[:, None] > grades) + 0.5 * (grades[:, None] == grades)
    assert estimate_quality(calibration, grades / 10).auc.value == pytest.approx((weight * order).sum() / weight.sum())


def test_the_interval_is_as_wide_as_drawing_the_labels_again_makes_it():
    generator = np.random.default_rng(5)
    scores = generator.beta(1, 9, size=800)
    known = Calibration(scores=[0.0, 1.0], rates=[0.0, 1.0], rows=[10**9, 10**9])
    estimate = estimate_quality(known, scores, threshold=0.15)
    again = [generator.random(800) < scores for _ in range(2000)]
    drawn_again = {
        "auc": [auc(labels, scores).value for labels in again],
        "accuracy": [np.mean(labels == (scores >= 0.15)) for labels in again],
        "brier": [np.mean((labels - scores) ** 2) for labels in again],
    }
    for name, values in drawn_again.items():
        measured = getattr(estimate, name)
        assert measured.value == pytest.approx(np.mean(values), abs=4 * np.std(values) / np.sqrt(2000) + 1e-3)
        assert (measured.high - measured.low) / 2 == pytest.approx(1.96 * np.std(values), rel=0.08)


def test_fewer_rows_to_calibrate_on_make_a_wider_interval():
    generator = np.random.default_rng(4)
    scores = drawn(generator, 20_000)[1]
    few, many = (estimate_quality(calibrate(*drawn(generator, n)), scores).brier for n in (500, 50_000))
    assert few.high - few.low > 1.5 * (many.high - many.low)


def test_scores_that_allow_one_class_have_no_area_but_an_accuracy():
    estimate = estimate_quality(calibrate([0, 0, 0], [0.1, 0.2, 0.3]), [0.1, 0.2])
    assert estimate.auc.value is None
    assert estimate.accuracy.value == 1
    assert estimate.accuracy.low < 1


def test_no_rows_have_no_estimate_and_no_calibration():
    calibration = calibrate([0, 1], [0.1, 0.9])
    assert estimate_quality(calibration, []).brier.value is None
    with pytest.raises(InputError, match="no labelled rows"):
        calibrate([], [])


def test_a_score_that_is_no_probability_is_refused():
    with pytest.raises(InputError, match="lie outside"):
        estimate_quality(calibrate([0, 1], [0.1, 0.9]), [3.0])
