"""Where quality is heading: the live version's weeks, the line through them, and the day it meets the alarm."""

from __future__ import annotations

import plotly.graph_objects as go

from trimaran.app.figures import palette
from trimaran.app.figures.quality import NAMES
from trimaran.app.views import ProductView


def outlook(view: ProductView) -> go.Figure:
    """Return the weeks with their intervals; where a line through them falls, also that, and when it meets the alarm."""
    seen = view.outlook
    name = NAMES.get(seen.measure, seen.measure) if seen is not None else ""
    chart = palette.figure(320, x="when the answers were given", y=name)
    if seen is None:
        return chart
    if seen.line:
        ends = [mark.at for mark in seen.line]
        chart.add_scatter(
            x=ends + ends[::-1],
            y=[mark.high for mark in seen.line] + [mark.low for mark in reversed(seen.line)],
            fill="toself",
            fillcolor="rgba(184, 74, 0, 0.10)",
            line={"width": 0},
            mode="lines",
            hoverinfo="skip",
            name="95 % interval of a week",
        )
        chart.add_scatter(
            x=ends,
            y=[mark.value for mark in seen.line],
            mode="lines",
            line={"color": palette.RUST, "width": 2, "dash": "dash"},
            name="the line through the weeks",
            hovertemplate="%{y:.3f}",
        )
    chart.add_scatter(
        x=[mark.at for mark in seen.weeks],
        y=[mark.value for mark in seen.weeks],
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [mark.high - mark.value for mark in seen.weeks],
            "arrayminus": [mark.value - mark.low for mark in seen.weeks],
            "color": palette.BLUE,
            "thickness": 1,
            "width": 3,
        },
        mode="markers",
        marker={"size": 7, "color": palette.BLUE},
        name=f"{seen.version} by week, with 95 % interval",
        hovertemplate="%{y:.3f}",
    )
    if seen.alarm is not None and seen.weeks:
        ends = [mark.at for mark in [*seen.weeks, *seen.line]]
        chart.add_scatter(
            x=[min(ends), max(ends)],
            y=[seen.alarm, seen.alarm],
            mode="lines",
            line={"color": palette.RED, "width": 1.4, "dash": "dot"},
            name="alarm",
            hovertemplate="%{y:.3f}",
        )
    if seen.meets is not None:
        _meeting(chart, seen.meets, f"about {seen.meets:%d %b}")
        if seen.earliest is not None and seen.latest is not None and seen.line:
            last = min(seen.latest, seen.line[-1].at)
            chart.add_vrect(x0=min(seen.earliest, last), x1=last, fillcolor=palette.RED, opacity=0.07, line_width=0)
    return chart


def _meeting(chart: go.Figure, at: object, words: str) -> None:
    chart.add_vline(x=at, line={"color": palette.RED, "width": 1, "dash": "dot"})
    chart.add_annotation(
        x=at,
        y=1,
        yref="paper",
        text=words,
        showarrow=False,
        xanchor="right",
        yanchor="top",
        xshift=-4,
        font={"size": 12, "color": palette.RED},
    )
