"""Where a thing came from and what it led to, as a graph; and what changed between two things, metric by metric."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from textwrap import shorten

import plotly.graph_objects as go

from trimaran.app.figures import palette
from trimaran.control.differences import Difference
from trimaran.control.graph import Lineage, Node
from trimaran.control.words import sensible

COLOURS: Mapping[str, str] = {"data": "#56a5d8", **palette.HULLS, "control": palette.QUIET}

_ROW = 34
_WORDS = 24
_ABOVE, _BELOW = 1.0, 0.6
"""Rows that are left free above the highest node, for its title, and below the lowest."""

Places = dict[str, tuple[int, float]]


def lineage(found: Lineage) -> go.Figure:
    """Return the graph: the focus in the middle, origins to its left, results to its right, what is live ringed."""
    places = _places(found)
    rows = max((sum(1 for x, _ in places.values() if x == column) for column, _ in places.values()), default=1)
    chart = palette.figure(140 + _ROW * max(4, rows))
    xs: list[float | None] = []
    ys: list[float | None] = []
    for edge in found.edges:
        (x1, y1), (x2, y2) = places[edge.upstream], places[edge.downstream]
        xs += [x1, x2, None]
        ys += [y1, y2, None]
    chart.add_scatter(
        x=xs, y=ys, mode="lines", line={"color": palette.LINE, "width": 1.5}, hoverinfo="skip", showlegend=False
    )
    for hull, colour in COLOURS.items():
        _nodes(chart, [node for node in found.nodes if node.hull == hull and not node.live], places, (hull, colour, 1))
    _nodes(chart, found.live, places, ("in the traffic now", palette.TEAL, 3))
    chart.update_xaxes(
        visible=False, range=[min(x for x, _ in places.values()) - 0.7, max(x for x, _ in places.values()) + 0.7]
    )
    # A title stands above its node, and what would stick out of the plot is cut.
    heights = [y for _, y in places.values()]
    chart.update_yaxes(visible=False, range=[min(heights) - _BELOW, max(heights) + _ABOVE])
    return chart


def metrics(found: Difference) -> go.Figure:
    """Return one bar a metric: by how much of its value on side A it is other on side B, its values in the hover text."""
    known = [one for one in found.metrics if one.difference is not None and one.a]
    shares = [100 * (one.difference or 0.0) / abs(one.a or 1.0) for one in known]
    chart = palette.figure(
        130 + 26 * max(3, len(known)), x=f"change from {found.a.name} to {found.b.name}, percent", y="metric"
    )
    chart.add_bar(
        x=shares,
        y=[one.name for one in known],
        customdata=[[sensible(one.a), sensible(one.b), sensible(one.difference)] for one in known],
        orientation="h",
        marker={"color": palette.BLUE},
        showlegend=False,
        hovertemplate="%{y}: %{customdata[0]} → %{customdata[1]}, %{customdata[2]} (%{x:+.1f} %)<extra></extra>",
    )
    chart.update_yaxes(type="category", categoryorder="array", categoryarray=[one.name for one in reversed(known)])
    return chart


def _nodes(chart: go.Figure, nodes: list[Node], places: Places, look: tuple[str, str, int]) -> None:
    name, colour, ring = look
    chart.add_scatter(
        x=[places[node.id][0] for node in nodes],
        y=[places[node.id][1] for node in nodes],
        mode="markers+text",
        text=[escape(shorten(node.title, _WORDS, placeholder=" …")) for node in nodes],
        textposition="top center",
        textfont={"size": 10, "color": palette.INK},
        customdata=[_told(node) for node in nodes],
        marker={"size": 9 + 3 * ring, "color": colour, "line": {"color": palette.INK, "width": ring}},
        name=name,
        showlegend=bool(nodes),
        hovertemplate="%{customdata}<extra></extra>",
    )


def _told(node: Node) -> str:
    # Ids, sources and reasons come from people and callers, and Plotly reads markup in what it shows.
    facts = "<br>".join(f"{escape(name)}: {escape(shorten(words, 100))}" for name, words in node.facts.items())
    return f"<b>{escape(node.title)}</b><br>{facts}"


def _places(found: Lineage) -> Places:
    """Return a place for every node: a column for each step away from the focus, origins left of it, in rows by turns."""
    columns: dict[str, int] = {found.focus: 0}
    for step in (-1, 1):
        edge = [found.focus]
        while edge:
            here = edge.pop(0)
            joined = [
                one.upstream if step < 0 else one.downstream
                for one in found.edges
                if (one.downstream if step < 0 else one.upstream) == here
            ]
            fresh = [name for name in joined if name not in columns]
            columns |= dict.fromkeys(fresh, columns[here] + step)
            edge += fresh
    counts = {column: list(columns.values()).count(column) for column in columns.values()}
    seen: dict[int, int] = {}
    places: Places = {}
    for node in found.nodes:
        column = columns.get(node.id, 0)
        place = seen.get(column, 0)
        seen[column] = place + 1
        places[node.id] = (column, (counts.get(column, 1) - 1) / 2 - place)
    return places
