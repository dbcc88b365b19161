"""A pipeline as a graph: each step where its inputs allow, coloured by what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import plotly.graph_objects as go

from trimaran.app.figures import palette
from trimaran.core.nouns import StepRun

COLOURS: Mapping[str, tuple[str, str]] = {
    "ran": (palette.BLUE, "●"),
    "cached": (palette.TEAL, "◆"),
    "failed": (palette.RED, "▲"),
    "skipped": (palette.QUIET, "○"),
    "cancelled": (palette.AMBER, "◌"),
    "": (palette.QUIET, "●"),
}
_ROW = 46


def graph_figure(edges: Mapping[str, Sequence[str]], told: Mapping[str, StepRun]) -> go.Figure:
    """Return the graph of steps: ``edges`` map each to those it takes from, ``told`` to what became of it."""
    places = _places(edges)
    rows = max((sum(1 for x, _ in places.values() if x == column) for column, _ in places.values()), default=1)
    chart = palette.figure(110 + _ROW * max(3, rows))
    xs: list[float | None] = []
    ys: list[float | None] = []
    for name, sources in edges.items():
        for source in [one for one in sources if one in places and one != name]:
            (x1, y1), (x2, y2) = places[source], places[name]
            xs += [x1, x2, None]
            ys += [y1, y2, None]
    line = {"color": palette.LINE, "width": 1.5}
    chart.add_scatter(x=xs, y=ys, mode="lines", line=line, hoverinfo="skip", showlegend=False)
    for fate, (colour, sign) in COLOURS.items():
        names = [name for name in edges if (told[name].fate if name in told else "") == fate]
        if names:
            chart.add_scatter(
                x=[places[name][0] for name in names],
                y=[places[name][1] for name in names],
                mode="markers+text",
                text=[f"{sign} {escape(name)}" if fate else escape(name) for name in names],
                textposition="top center",
                marker={"size": 13, "color": colour},
                hovertext=[_hover(name, told.get(name)) for name in names],
                hoverinfo="text",
                name=fate or "step",
                showlegend=bool(fate),
            )
    span = [x for x, _ in places.values()] or [0]
    chart.update_xaxes(visible=False, range=[min(span) - 0.6, max(span) + 0.6])
    low = [y for _, y in places.values()] or [0.0]
    chart.update_yaxes(visible=False, range=[min(low) - 0.5, max(low) + 0.8])
    return chart


def _places(edges: Mapping[str, Sequence[str]]) -> dict[str, tuple[int, float]]:
    columns: dict[str, int] = {}
    while len(columns) < len(edges):
        left = [name for name in edges if name not in columns]
        # A step that takes, in a loop, what itself or a later one gave back waits for nobody but those before it.
        ready = [name for name in left if not {one for one in edges[name] if one != name} & set(left)] or left[:1]
        for name in ready:
            columns[name] = 1 + max((columns[source] for source in edges[name] if source in columns), default=-1)
    places: dict[str, tuple[int, float]] = {}
    for column in sorted(set(columns.values())):
        names = [name for name in columns if columns[name] == column]
        for place, name in enumerate(names):
            # Every other column a little lower, so that a straight line does not hide what lies between its ends.
            places[name] = column, (len(names) - 1) / 2 - place - (column % 2) / 4
    return places


def _hover(name: str, told: StepRun | None) -> str:
    if told is None:
        return escape(name)
    output = f"<br>{escape(told.output.note)}" if told.output is not None else ""
    error = f"<br>{escape(told.error.splitlines()[0])}" if told.error else ""
    return f"{escape(name)}: {told.fate}, {told.seconds:.3f} s{output}{error}"
