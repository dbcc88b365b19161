"""The numbers that gates, canaries and monitors lean on: each with an interval or a stated error rate."""

from trimaran.core.statistics.auc import auc, auc_difference
from trimaran.core.statistics.drift import Drift, DriftRule, Shift, compare, homogeneity, judge_drift
from trimaran.core.statistics.estimation import Calibration, Estimate, calibrate, estimate_quality
from trimaran.core.statistics.histogram import Histogram, aligned, count_like, histogram
from trimaran.core.statistics.intervals import mean, proportion
from trimaran.core.statistics.multiplicity import adjusted_p_values, benjamini_hochberg
from trimaran.core.statistics.scores import Confusion, accuracy, brier, calibration_error, confusion, log_loss
from trimaran.core.statistics.sequential import MeanSequence, RateTest, paired_difference
from trimaran.core.statistics.trend import Trend, trend

__all__ = [
    "Calibration",
    "Confusion",
    "Drift",
    "DriftRule",
    "Estimate",
    "Histogram",
    "MeanSequence",
    "RateTest",
    "Shift",
    "Trend",
    "accuracy",
    "adjusted_p_values",
    "aligned",
    "auc",
    "auc_difference",
    "benjamini_hochberg",
    "brier",
    "calibrate",
    "calibration_error",
    "compare",
    "confusion",
    "count_like",
    "estimate_quality",
    "histogram",
    "homogeneity",
    "judge_drift",
    "log_loss",
    "mean",
    "paired_difference",
    "proportion",
    "trend",
]
