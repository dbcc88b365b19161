"""Versions over time: each one's stay in staging, shadow, canary and live, and how it ended."""

from __future__ import annotations

import plotly.graph_objects as go

from trimaran.app.figures import palette
from trimaran.app.views import ProductView, Span

_MILLISECONDS = 1000.0


def releases(view: ProductView) -> go.Figure:
    """Return one line a version, newest on top; a cross marks a refusal, a triangle a roll-back."""
    names = [row.name for row in reversed(view.versions)]
    chart = palette.figure(120 + 26 * max(3, len(names)), x="time", y="version", barmode="overlay", bargap=0.35)
    for stage, colour in palette.STAGES.items():
        _bars(chart, [span for span in view.spans if span.stage == stage], stage, colour)
    for fate, symbol, colour in (("refused", "x", palette.RED), ("rolled back", "triangle-left", palette.RUST)):
        ended = [row for row in view.versions if row.fate == fate]
        chart.add_scatter(
            x=[row.since for row in ended],
            y=[row.name for row in ended],
            customdata=["; ".join(row.reasons) for row in ended],
            mode="markers",
            marker={"symbol": symbol, "size": 11, "color": colour},
            name=fate,
            showlegend=bool(ended),
            hovertemplate=f"%{{y}} {fate} %{{x|%d %b %Y %H:%M}}<br>%{{customdata}}<extra></extra>",
        )
    chart.update_xaxes(type="date")
    chart.update_yaxes(type="category", categoryorder="array", categoryarray=names)
    return chart


def _bars(chart: go.Figure, spans: list[Span], stage: str, colour: str) -> None:
    chart.add_bar(
        base=[span.start for span in spans],
        x=[(span.end - span.start).total_seconds() * _MILLISECONDS for span in spans],
        y=[span.version for span in spans],
        customdata=[
            [span.start.isoformat(), span.end.isoformat(), f"{span.percent:g}", span.reason[:120]] for span in spans
        ],
        orientation="h",
        marker={"color": colour, "line": {"color": palette.PAPER, "width": 1}},
        name=stage,
        showlegend=bool(spans),
        hovertemplate=(
            f"%{{y}} {stage}, %{{customdata[2]}} % of the traffic<br>"
            "%{customdata[0]|%d %b %Y %H:%M} to %{customdata[1]|%d %b %Y %H:%M}<br>%{customdata[3]}<extra></extra>"
        ),
    )
