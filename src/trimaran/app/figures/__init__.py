"""Plotly figures of the views: the same in dashboard, report and notebook."""

from trimaran.app.figures.drift import drift
from trimaran.app.figures.evidence import calibration, importance, roc, slices
from trimaran.app.figures.loop import loop
from trimaran.app.figures.quality import quality
from trimaran.app.figures.releases import releases
from trimaran.app.figures.traffic import traffic
from trimaran.app.figures.worth import worth

__all__ = ["calibration", "drift", "importance", "loop", "quality", "releases", "roc", "slices", "traffic", "worth"]
