"""Quality over time: the truth with its interval, the estimate before it, and what was promised."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import plotly.graph_objects as go

from trimaran.app.figures import palette
from trimaran.app.views import ProductView, QualityPoint
from trimaran.core.nouns import Measurement

NAMES = {
    "auc": "AUC (area under the ROC curve)",
    "brier": "Brier score",
    "accuracy": "accuracy (share of right answers)",
    "mae": "mean absolute error",
    "rmse": "root mean squared error",
    "r2": "R² (share of variance explained)",
    "ndcg": "NDCG (1 is the best order)",
    "map": "mean average precision",
    "mrr": "mean reciprocal rank",
}
"""Measures as axes name them."""

_CROWDED = 8
"""From so many releases on their names are written upright."""


def quality(view: ProductView, points: Sequence[QualityPoint] | None = None) -> go.Figure:
    """Return estimated and realised quality by week (or by the points given), with accepted value, alarm and releases."""
    shown = view.weeks if points is None else points
    chart = palette.figure(
        400, x="when the answers were given", y=NAMES.get(view.measure, view.measure), hovermode="x unified"
    )
    realised = [point for point in shown if point.realised.value is not None]
    estimated = [point for point in shown if point.estimated.value is not None]
    _band(
        chart, estimated, [point.estimated for point in estimated], "95 % interval of the estimate", "rgba(138, 97, 0, 0.13)"
    )
    _band(
        chart, realised, [point.realised for point in realised], "95 % interval of the realised", "rgba(10, 98, 168, 0.13)"
    )
    _line(chart, estimated, [point.estimated for point in estimated], "estimated, without labels", palette.AMBER, "dash")
    _line(chart, realised, [point.realised for point in realised], "realised, with labels", palette.BLUE, "solid")
    _promises(chart, view)
    for level in view.levels:
        chart.add_vline(x=level.at, line={"color": palette.QUIET, "width": 1, "dash": "dot"})
        chart.add_annotation(
            x=level.at,
            y=1,
            yref="paper",
            text=f"{level.version} live",
            showarrow=False,
            xanchor="left",
            yanchor="top",
            xshift=4,
            textangle=0 if len(view.levels) <= _CROWDED else -90,
            font={"size": 11, "color": palette.QUIET},
        )
    return chart


def _band(chart: go.Figure, points: Sequence[QualityPoint], seen: Sequence[Measurement], name: str, colour: str) -> None:
    held = [(_middle(point), one) for point, one in zip(points, seen, strict=True) if None not in {one.low, one.high}]
    middles = [middle for middle, _ in held]
    chart.add_scatter(
        x=middles + middles[::-1],
        y=[one.high for _, one in held] + [one.low for _, one in reversed(held)],
        fill="toself",
        fillcolor=colour,
        line={"width": 0},
        mode="lines",
        hoverinfo="skip",
        name=name,
    )


def _line(
    chart: go.Figure, points: Sequence[QualityPoint], seen: Sequence[Measurement], name: str, colour: str, dash: str
) -> None:
    chart.add_scatter(
        x=[_middle(point) for point in points],
        y=[measured.value for measured in seen],
        customdata=[
            [point.name, measured.low, measured.high, measured.n] for point, measured in zip(points, seen, strict=True)
        ],
        mode="lines+markers",
        line={"color": colour, "width": 2.2, "dash": dash},
        marker={"size": 5},
        name=name,
        hovertemplate="%{y:.3f} (%{customdata[1]:.3f} to %{customdata[2]:.3f}, n %{customdata[3]:,})",
    )


def _promises(chart: go.Figure, view: ProductView) -> None:
    """Draw accepted value and alarm as steps: each holds from one release to the next."""
    starts = [level.at for level in view.levels]
    ends = [*starts[1:], view.at]
    for name, colour, dash, values in (
        ("accepted at the gate", palette.TEAL, "solid", [level.accepted for level in view.levels]),
        ("alarm", palette.RED, "dot", [level.alarm for level in view.levels]),
    ):
        if not any(value is not None for value in values):
            continue
        chart.add_scatter(
            x=[moment for start, end in zip(starts, ends, strict=True) for moment in (start, end, None)],
            y=[value for value in values for value in (value, value, None)],
            mode="lines",
            line={"color": colour, "width": 1.4, "dash": dash},
            name=name,
            hovertemplate="%{y:.3f}",
        )


def _middle(point: QualityPoint) -> datetime:
    return point.start + (point.end - point.start) / 2
