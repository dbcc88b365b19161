"""Segments at a glance: how good each one's own model is beside the pooled one, and who answers for it."""

from __future__ import annotations

import plotly.graph_objects as go

from trimaran.app.figures import palette
from trimaran.app.segments import SegmentRow, SegmentsView

_COLOURS = {"in service": palette.TEAL, "passed, not in service": palette.BLUE, "refused by its gate": palette.RED}


def segments(view: SegmentsView) -> go.Figure:
    """Return a dot a segment with a model: the pooled model's quality on its rows, and its own; on the line both are as good.

    The larger the dot, the more rows it was trained on. Segments that have no model are counted in the page's table.
    """
    shown = [row for row in view.segments if row.quality is not None and row.pooled_quality is not None]
    chart = palette.figure(420, x=f"{view.measure} of the pooled model", y=f"{view.measure} of its own model")
    most = max((row.rows for row in shown), default=1)
    for name, colour in _COLOURS.items():
        rows = [row for row in shown if _sort(row) == name]
        chart.add_scatter(
            x=[row.pooled_quality for row in rows],
            y=[row.quality for row in rows],
            customdata=[[row.segment, row.answers, f"{row.rows:,}", row.reason[:120]] for row in rows],
            mode="markers",
            name=f"{name} ({len(rows):,})",
            marker={
                "color": colour,
                "size": [6 + 18 * (row.rows / most) ** 0.5 for row in rows],
                "opacity": 0.75,
                "line": {"color": palette.PAPER, "width": 1},
            },
            hovertemplate=(
                "%{customdata[0]}, answered by %{customdata[1]}<br>%{customdata[2]} rows<br>"
                "own %{y:.4g}, pooled %{x:.4g}<br>%{customdata[3]}<extra></extra>"
            ),
            showlegend=bool(rows),
        )
    values = [value for row in shown for value in (row.quality, row.pooled_quality) if value is not None]
    if values:
        low, high = min(values), max(values)
        chart.add_shape(
            type="line", x0=low, x1=high, y0=low, y1=high, line={"color": palette.QUIET, "width": 1, "dash": "dot"}
        )
    return chart


def _sort(row: SegmentRow) -> str:
    if row.fate == "refused":
        return "refused by its gate"
    return "in service" if row.answers == row.version else "passed, not in service"
