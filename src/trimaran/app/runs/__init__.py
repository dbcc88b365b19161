"""Runs of any script or notebook: started, logged to, ended, found again, compared."""

from trimaran.app.runs.autologging import autolog
from trimaran.app.runs.comparing import Comparison, Importance, Line, compare_runs, downsample, importance
from trimaran.app.runs.desk import FLUSH, GRACE, Desk, desk_of
from trimaran.app.runs.finding import MOST, Detail, Finder, Found
from trimaran.app.runs.run import ActiveRun
from trimaran.app.runs.shown import ShownRun, ShownRuns, figure_of, metric_of, runs
from trimaran.app.runs.starting import active_run, start_run

__all__ = [
    "FLUSH",
    "GRACE",
    "MOST",
    "ActiveRun",
    "Comparison",
    "Desk",
    "Detail",
    "Finder",
    "Found",
    "Importance",
    "Line",
    "ShownRun",
    "ShownRuns",
    "active_run",
    "autolog",
    "compare_runs",
    "desk_of",
    "downsample",
    "figure_of",
    "importance",
    "metric_of",
    "runs",
    "start_run",
]
