"""Drift by column and week as a heat map."""

from __future__ import annotations

import plotly.graph_objects as go

from trimaran.app.figures import palette
from trimaran.app.views import ProductView

_ROW, _FRAME, _BAR = 22, 110, 130
_TOP = 0.5


def drift(view: ProductView) -> go.Figure:
    """Return the population stability index of each column in each week; a judged drift carries a dot.

    The columns that moved most stand on top. Colours end at 0.5, twice the 0.25 from which a shift is called great.
    """
    weeks = sorted({week.start for week in view.drift})
    loudest: dict[str, float] = {}
    for week in view.drift:
        name = _name(week.kind, week.column)
        loudest[name] = max(loudest.get(name, 0.0), week.psi)
    columns = sorted(loudest, key=lambda name: loudest[name])
    cells = {(_name(week.kind, week.column), week.start): week for week in view.drift}
    height = _FRAME + _ROW * max(5, len(columns))
    chart = palette.figure(height, x="week of the look", y="")
    found = [[cells.get((column, week)) for week in weeks] for column in columns]
    chart.add_heatmap(
        x=weeks,
        y=columns,
        z=[[None if cell is None else cell.psi for cell in row] for row in found],
        customdata=[["" if cell is None else cell.version for cell in row] for row in found],
        zmin=0,
        zmax=_TOP,
        colorscale=[list(step) for step in palette.DRIFT],
        xgap=1,
        ygap=1,
        colorbar={
            "title": {"text": "PSI", "side": "top"},
            "thickness": 12,
            "outlinewidth": 0,
            "tickvals": [0, 0.1, 0.25, 0.5],
            "lenmode": "pixels",
            "len": _BAR,
            "y": 1,
            "yanchor": "top",
        },
        hovertemplate="%{y}, week of %{x|%d %b %Y}<br>PSI %{z:.3f} against %{customdata}'s training<extra></extra>",
    )
    flagged = [week for week in view.drift if week.outcome == "fail"]
    chart.add_scatter(
        x=[week.start for week in flagged],
        y=[_name(week.kind, week.column) for week in flagged],
        mode="markers",
        marker={"color": palette.PAPER, "size": 5, "line": {"color": palette.INK, "width": 1}},
        hoverinfo="skip",
        name="drift at a false discovery rate of 5 %",
        showlegend=bool(flagged),
    )
    chart.update_yaxes(type="category", tickfont_size=11, categoryorder="array", categoryarray=columns)
    return chart


def _name(kind: str, column: str) -> str:
    return column if kind == "feature" else f"({kind if kind == column else f'{kind} {column}'})"
