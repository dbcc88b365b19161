"""Drift by column and week as a heat map."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias

import plotly.graph_objects as go

from trimaran.app.figures import palette
from trimaran.app.views import DriftWeek, ProductView

_Cells: TypeAlias = Sequence[Sequence[DriftWeek | None]]

_ROW, _FRAME, _BAR = 22, 110, 130
_TOP = 2.0


def drift(view: ProductView) -> go.Figure:
    """Return how far each column was from its training data in each week, as a multiple of what is usual for it.

    1 is the column's limit, in the middle of the colours: what rises and falls with the season within it stays pale. A dot
    marks a judged drift, grey a week of which nobody can tell: too few answers, or too few weeks of training to know what
    is usual. The columns that rose most above their limits stand on top.
    """
    weeks = sorted({week.start for week in view.drift})
    loudest: dict[str, tuple[float, float]] = {}
    for week in view.drift:
        name = _name(week.kind, week.column)
        loudest[name] = max(loudest.get(name, (0.0, 0.0)), (week.loudness or 0.0, week.psi))
    columns = sorted(loudest, key=lambda name: loudest[name])
    cells = {(_name(week.kind, week.column), week.start): week for week in view.drift}
    height = _FRAME + _ROW * max(5, len(columns))
    chart = palette.figure(height, x="week of the look", y="")
    found = [[cells.get((column, week)) for week in weeks] for column in columns]
    _untold(chart, weeks, columns, found)
    _told(chart, weeks, columns, found)
    flagged = [week for week in view.drift if week.outcome == "fail"]
    chart.add_scatter(
        x=[week.start for week in flagged],
        y=[_name(week.kind, week.column) for week in flagged],
        mode="markers",
        marker={"color": palette.PAPER, "size": 5, "line": {"color": palette.INK, "width": 1}},
        hoverinfo="skip",
        name="drift at a false discovery rate of 5 %, beyond the usual",
        showlegend=bool(flagged),
    )
    chart.update_yaxes(type="category", tickfont_size=11, categoryorder="array", categoryarray=columns)
    return chart


def _untold(chart: go.Figure, weeks: list[datetime], columns: list[str], found: _Cells) -> None:
    chart.add_heatmap(
        x=weeks,
        y=columns,
        z=[[0 if cell is not None and cell.loudness is None else None for cell in row] for row in found],
        customdata=[[None if cell is None else cell.psi for cell in row] for row in found],
        colorscale=[[0, palette.UNTOLD], [1, palette.UNTOLD]],
        showscale=False,
        xgap=1,
        ygap=1,
        hovertemplate="%{y}, week of %{x|%d %b %Y}<br>PSI %{customdata:.3f}, not judged<extra></extra>",
    )


def _told(chart: go.Figure, weeks: list[datetime], columns: list[str], found: _Cells) -> None:
    chart.add_heatmap(
        x=weeks,
        y=columns,
        z=[[None if cell is None else cell.loudness for cell in row] for row in found],
        customdata=[[_hover(cell) for cell in row] for row in found],
        zmin=0,
        zmax=_TOP,
        colorscale=[list(step) for step in palette.DRIFT],
        xgap=1,
        ygap=1,
        colorbar={
            "thickness": 12,
            "outlinewidth": 0,
            "tickvals": [0, 1, 2],
            "ticktext": ["none", "limit", "twice"],
            "lenmode": "pixels",
            "len": _BAR,
            "y": 1,
            "yanchor": "top",
        },
        hovertemplate=(
            "%{y}, week of %{x|%d %b %Y}<br>PSI %{customdata[0]:.3f} against %{customdata[2]}'s training, "
            "up to %{customdata[1]:.3f} is usual<extra></extra>"
        ),
    )


def _hover(cell: DriftWeek | None) -> list[float | str]:
    return ["", "", ""] if cell is None or cell.limit is None else [cell.psi, cell.limit, cell.version]


def _name(kind: str, column: str) -> str:
    return column if kind == "feature" else f"({kind if kind == column else f'{kind} {column}'})"
