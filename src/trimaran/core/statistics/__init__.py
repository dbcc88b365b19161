"""The numbers that gates, canaries and monitors lean on: each with an interval or a stated error rate."""

from trimaran.core.statistics.auc import auc, auc_difference
from trimaran.core.statistics.classes import class_aucs, class_brier, class_log_loss, hits, macro_auc, macro_f1
from trimaran.core.statistics.drift import Drift, DriftRule, Shift, compare, homogeneity, judge_drift
from trimaran.core.statistics.errors import (
    absolute_error,
    averaged,
    bias,
    explained,
    pinball,
    scaled_error,
    squared_error,
)
from trimaran.core.statistics.estimation import Calibration, Estimate, calibrate, estimate_quality
from trimaran.core.statistics.histogram import Histogram, aligned, count_like, histogram
from trimaran.core.statistics.influence import Influence, interval, paired, positive_interval
from trimaran.core.statistics.intervals import mean, proportion
from trimaran.core.statistics.multiplicity import adjusted_p_values, benjamini_hochberg
from trimaran.core.statistics.ranking import Ranked, ranked
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
    "Influence",
    "MeanSequence",
    "Ranked",
    "RateTest",
    "Shift",
    "Trend",
    "absolute_error",
    "accuracy",
    "adjusted_p_values",
    "aligned",
    "auc",
    "auc_difference",
    "averaged",
    "benjamini_hochberg",
    "bias",
    "brier",
    "calibrate",
    "calibration_error",
    "class_aucs",
    "class_brier",
    "class_log_loss",
    "compare",
    "confusion",
    "count_like",
    "estimate_quality",
    "explained",
    "histogram",
    "hits",
    "homogeneity",
    "interval",
    "judge_drift",
    "log_loss",
    "macro_auc",
    "macro_f1",
    "mean",
    "paired",
    "paired_difference",
    "pinball",
    "positive_interval",
    "proportion",
    "ranked",
    "scaled_error",
    "squared_error",
    "trend",
]
