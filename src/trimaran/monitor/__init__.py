"""The Monitor hull: late labels, drift, decay, estimated quality, staleness, numerics and latency."""

from trimaran.monitor.decay import Quality, forecast, quality, series
from trimaran.monitor.drift import Movement
from trimaran.monitor.estimation import Estimated, Reconciled, estimate, reconcile
from trimaran.monitor.labels import balance, due
from trimaran.monitor.latency import Latency, latencies
from trimaran.monitor.numerics import Missing, Numerics
from trimaran.monitor.rows import STANDARD_WINDOWS, Windows, answered, reach, settled
from trimaran.monitor.watching import Details, Watched, near, suffices, watch

__all__ = [
    "STANDARD_WINDOWS",
    "Details",
    "Estimated",
    "Latency",
    "Missing",
    "Movement",
    "Numerics",
    "Quality",
    "Reconciled",
    "Watched",
    "Windows",
    "answered",
    "balance",
    "due",
    "estimate",
    "forecast",
    "latencies",
    "near",
    "quality",
    "reach",
    "reconcile",
    "series",
    "settled",
    "suffices",
    "watch",
]
