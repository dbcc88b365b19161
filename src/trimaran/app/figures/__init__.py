"""Plotly figures of the views: the same in dashboard, report and notebook."""

from trimaran.app.figures.drift import drift
from trimaran.app.figures.evidence import calibration, confusion, importance, roc, slices
from trimaran.app.figures.features import distribution, missing, moved
from trimaran.app.figures.flow import flow
from trimaran.app.figures.lineage import lineage, metrics
from trimaran.app.figures.loop import loop
from trimaran.app.figures.outlook import outlook
from trimaran.app.figures.pipeline import graph_figure
from trimaran.app.figures.quality import quality
from trimaran.app.figures.releases import releases
from trimaran.app.figures.runs import curves, mattered, parallel, trials
from trimaran.app.figures.segments import segments
from trimaran.app.figures.traffic import traffic
from trimaran.app.figures.worth import worth

__all__ = [
    "calibration",
    "confusion",
    "curves",
    "distribution",
    "drift",
    "flow",
    "graph_figure",
    "importance",
    "lineage",
    "loop",
    "mattered",
    "metrics",
    "missing",
    "moved",
    "outlook",
    "parallel",
    "quality",
    "releases",
    "roc",
    "segments",
    "slices",
    "traffic",
    "trials",
    "worth",
]
