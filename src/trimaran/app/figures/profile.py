"""Charts of a table's profile: quantiles over days, values that lack over days, a histogram, frequent values."""

from __future__ import annotations

import plotly.graph_objects as go

from trimaran.app.figures import palette
from trimaran.app.profiling import TableProfile
from trimaran.data.sketches import NO_DAY

_HEIGHT, _ROW, _FRAME = 320, 22, 110


def quantiles(profile: TableProfile, column: str) -> go.Figure:
    """Return the median of a column over days, between its quartiles and between 5 and 95 %."""
    profile.column(column)
    days = [one for one in profile.days[column] if one.band and one.day != NO_DAY]
    chart = palette.figure(_HEIGHT, x="day (UTC)", y=column)
    x = [one.day for one in days]
    for low, high, opacity, name in ((0, 4, 0.15, "5 to 95 %"), (1, 3, 0.3, "25 to 75 %")):
        chart.add_scatter(
            x=x, y=[one.band[low] for one in days], mode="lines", line_width=0, hoverinfo="skip", showlegend=False
        )
        chart.add_scatter(
            x=x,
            y=[one.band[high] for one in days],
            mode="lines",
            line_width=0,
            fill="tonexty",
            fillcolor=_faint(palette.BLUE, opacity),
            name=name,
            hoverinfo="skip",
        )
    chart.add_scatter(
        x=x,
        y=[one.band[2] for one in days],
        customdata=[[f"{one.rows:,}", *one.band] for one in days],
        mode="lines" if len(days) > 1 else "markers",
        line={"color": palette.BLUE, "width": 2},
        name="median",
        hovertemplate=(
            "%{x}: %{customdata[0]} rows<br>5 % %{customdata[1]:.4g}, 25 % %{customdata[2]:.4g}, median %{customdata[3]:.4g}, "
            "75 % %{customdata[4]:.4g}, 95 % %{customdata[5]:.4g}<extra></extra>"
        ),
    )
    return chart


def nulls(profile: TableProfile) -> go.Figure:
    """Return the share of rows without a value (null or NaN), by column and day."""
    names = [one.name for one in reversed(profile.columns)]
    days = sorted({one.day for found in profile.days.values() for one in found if one.day != NO_DAY})
    shares = [{one.day: (one.nulls + one.nans) / one.rows for one in profile.days[name] if one.rows} for name in names]
    chart = palette.figure(_FRAME + _ROW * max(5, len(names)), x="day (UTC)", y="")
    chart.add_heatmap(
        x=days,
        y=names,
        z=[[of_column.get(day) for day in days] for of_column in shares],
        zmin=0,
        zmax=1,
        colorscale=[list(step) for step in palette.DRIFT],
        ygap=1,
        colorbar={"thickness": 12, "outlinewidth": 0, "tickformat": ".0%"},
        hovertemplate="%{y}, %{x}<br>%{z:.2%} of the rows have no value<extra></extra>",
    )
    chart.update_yaxes(type="category", tickfont_size=11)
    return chart


def histogram(profile: TableProfile, column: str) -> go.Figure:
    """Return how many of a column's finite values lie in each of equal cells, to within the rank error."""
    found = profile.column(column)
    chart = palette.figure(_HEIGHT, x=column, y="values")
    if len(found.edges) > 1:
        width = found.edges[1] - found.edges[0]
        middles = [edge - width / 2 for edge in found.edges] + [found.edges[-1] + width / 2]
        chart.add_bar(x=middles, y=found.histogram, width=width, marker_color=palette.BLUE, name=column)
        chart.update_layout(bargap=0, showlegend=False)
    return chart


def heavy(profile: TableProfile, column: str) -> go.Figure:
    """Return the frequent values of a column and how often they came, with the most that it can be."""
    found = list(reversed(profile.column(column).heavy))
    chart = palette.figure(_FRAME + _ROW * max(5, len(found)), x="rows", y="")
    chart.add_bar(
        x=[one.count for one in found],
        y=[one.value for one in found],
        orientation="h",
        marker_color=palette.BLUE,
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [one.most - one.count for one in found],
            "color": palette.QUIET,
        },
        customdata=[one.most for one in found],
        hovertemplate="%{y}: at least %{x:,}, at most %{customdata:,}<extra></extra>",
    )
    chart.update_yaxes(type="category", tickfont_size=11)
    return chart


def _faint(colour: str, opacity: float) -> str:
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"
