"""What the gate looked at: ROC curve, calibration, slices, and how much each feature matters."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from trimaran.app.figures import palette
from trimaran.build import Evidence

_MOST = 20
_UNIT = {"range": [-0.01, 1.01], "constrain": "domain"}


def roc(evidence: Evidence) -> go.Figure:
    """Return the ROC curve on the out-of-time window beside the diagonal of chance."""
    chart = palette.figure(360, x="false positive rate", y="true positive rate", showlegend=False)
    _diagonal(chart)
    chart.add_scatter(
        x=[point[0] for point in evidence.roc],
        y=[point[1] for point in evidence.roc],
        mode="lines",
        line={"color": palette.BLUE, "width": 2.4},
        hovertemplate="%{y:.1%} of the positives found at %{x:.1%} false alarms<extra></extra>",
    )
    seen = evidence.measures.get("auc")
    if seen is not None and seen.value is not None:
        interval = f" ({seen.low:.3f} to {seen.high:.3f})" if seen.low is not None and seen.high is not None else ""
        note = f"AUC <b>{seen.value:.3f}</b>{interval}<br>{seen.n:,} rows out of time"
        chart.add_annotation(x=0.97, y=0.06, text=note, showarrow=False, xanchor="right", yanchor="bottom", align="right")
    return _square(chart)


def confusion(evidence: Evidence) -> go.Figure:
    """Return how often each true class was answered by each class, as shares of the true class; right ones on the diagonal."""
    chart = palette.figure(120 + 30 * max(6, len(evidence.classes)), x="answered", y="true", showlegend=False)
    totals = [max(1, sum(row)) for row in evidence.confusion]
    chart.add_heatmap(
        x=evidence.classes,
        y=evidence.classes,
        z=[[count / total for count in row] for row, total in zip(evidence.confusion, totals, strict=True)],
        customdata=evidence.confusion,
        colorscale=[[0, palette.PAPER], [1, palette.BLUE]],
        zmin=0,
        zmax=1,
        showscale=False,
        texttemplate="%{z:.0%}",
        hovertemplate="%{customdata:,} rows of %{y} were answered %{x} (%{z:.1%})<extra></extra>",
    )
    chart.update_xaxes(type="category")
    chart.update_yaxes(type="category", autorange="reversed")
    return chart


def calibration(evidence: Evidence) -> go.Figure:
    """Return the mean label against the mean score, by tenths of the rows; points on the diagonal mean what they say.

    It is empty for a ranking, whose scores mean nothing but an order.
    """
    points = evidence.calibration
    ends = [0.0, 1.0]
    if evidence.task == "regression":
        held = [value for point in points for value in (point.score, point.rate)]
        ends = [min(held, default=0.0), max(held, default=1.0)]
    names = {"binary": "share of positives", "multiclass": "share of right answers", "regression": "mean label"}
    chart = palette.figure(360, x="mean score", y=names.get(evidence.task, "mean grade"), showlegend=False)
    _diagonal(chart, ends)
    most = max((point.rows for point in points), default=1)
    chart.add_scatter(
        x=[point.score for point in points],
        y=[point.rate for point in points],
        customdata=[point.rows for point in points],
        mode="lines+markers",
        line={"color": palette.BLUE, "width": 1.6},
        marker={"size": [6 + 8 * (point.rows / most) ** 0.5 for point in points]},
        hovertemplate="scored %{x:.3f}, true %{y:.3f} (%{customdata:,} rows)<extra></extra>",
    )
    if evidence.threshold is None:
        return chart if evidence.task == "regression" else _square(chart)
    chart.add_vline(x=evidence.threshold, line={"color": palette.QUIET, "width": 1, "dash": "dot"})
    chart.add_annotation(
        x=evidence.threshold,
        y=0.98,
        text=f"acts from {evidence.threshold:.3f}",
        showarrow=False,
        xanchor="left",
        xshift=5,
        font={"size": 11, "color": palette.QUIET},
    )
    return _square(chart)


def slices(evidence: Evidence, measure: str) -> go.Figure:
    """Return a measure of each slice with its interval, worst at the bottom; all rows together as a line."""
    held = [(part, part.measures[measure]) for part in evidence.slices if measure in part.measures]
    known = [(part, seen, seen.value) for part, seen in held if seen.value is not None]
    known.sort(key=lambda one: one[2])
    chart = palette.figure(120 + 22 * max(3, len(known)), x=f"{measure} with its interval", y="", showlegend=False)
    chart.add_scatter(
        x=[value for _, _, value in known],
        y=[f"{part.column} = {part.value}" for part, _, _ in known],
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [0.0 if seen.high is None else seen.high - value for _, seen, value in known],
            "arrayminus": [0.0 if seen.low is None else value - seen.low for _, seen, value in known],
            "color": palette.QUIET,
            "thickness": 1.2,
            "width": 4,
        },
        customdata=[part.rows for part, _, _ in known],
        mode="markers",
        marker={"color": palette.BLUE, "size": 8},
        hovertemplate="%{y}: %{x:.3f} over %{customdata:,} rows<extra></extra>",
    )
    overall = evidence.measures.get(measure)
    if overall is not None and overall.value is not None:
        chart.add_vline(x=overall.value, line={"color": palette.TEAL, "width": 1.4, "dash": "dot"})
    chart.update_yaxes(type="category", tickfont_size=11)
    return chart


def importance(evidence: Evidence) -> go.Figure:
    """Return the features that matter most: how much is lost of what models are compared on when one's values are shuffled."""
    most = sorted(evidence.importance.items(), key=lambda pair: pair[1])[-_MOST:]
    named = "AUC" if evidence.goal == "auc" else evidence.goal
    chart = palette.figure(
        110 + 20 * max(3, len(most)), x=f"{named} lost when the feature is shuffled", y="", showlegend=False
    )
    chart.add_bar(
        x=[lost for _, lost in most],
        y=[name for name, _ in most],
        orientation="h",
        marker={"color": palette.BLUE},
        hovertemplate="%{y}: %{x:.4f}<extra></extra>",
    )
    chart.update_yaxes(type="category", tickfont_size=11)
    return chart


def _diagonal(chart: go.Figure, ends: Sequence[float] = (0.0, 1.0)) -> None:
    line = {"color": palette.LINE, "width": 1.5, "dash": "dash"}
    chart.add_scatter(x=list(ends), y=list(ends), mode="lines", line=line, hoverinfo="skip")


def _square(chart: go.Figure) -> go.Figure:
    chart.update_xaxes(**_UNIT)
    chart.update_yaxes(scaleanchor="x", scaleratio=1, **_UNIT)
    return chart
