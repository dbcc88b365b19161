"""The Monitor hull: late labels, drift, decay, estimated quality, staleness, numerics and latency."""

from trimaran.monitor.decay import Quality, course, forecast, quality, series, upright
from trimaran.monitor.drift import Movement
from trimaran.monitor.estimation import NO_NUMBER, TOLD, Estimated, Reconciled, estimate, reconcile
from trimaran.monitor.labels import balance, due
from trimaran.monitor.latency import Latency, latencies
from trimaran.monitor.numerics import Missing, Numerics
from trimaran.monitor.rows import STANDARD_WINDOWS, Windows, answered, overheard, reach, settled
from trimaran.monitor.skew import Difference, Skew, compare
from trimaran.monitor.watching import WATCHED, Details, Watched, near, read_details, suffices, watch

__all__ = [
    "NO_NUMBER",
    "STANDARD_WINDOWS",
    "TOLD",
    "WATCHED",
    "Details",
    "Difference",
    "Estimated",
    "Latency",
    "Missing",
    "Movement",
    "Numerics",
    "Quality",
    "Reconciled",
    "Skew",
    "Watched",
    "Windows",
    "answered",
    "balance",
    "compare",
    "course",
    "due",
    "estimate",
    "forecast",
    "latencies",
    "near",
    "overheard",
    "quality",
    "reach",
    "read_details",
    "reconcile",
    "series",
    "settled",
    "suffices",
    "upright",
    "watch",
]
