"""How the rows of a product flow: from their delivery through the tables and the answers to their labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go

from trimaran.app.figures import palette

if TYPE_CHECKING:
    from trimaran.app.reconciling import Reconciled

_COLOURS = {
    "delivered": palette.BLUE,
    "kept": palette.BLUE,
    "refused": palette.RUST,
    "repeated": palette.QUIET,
    "never asked": palette.QUIET,
    "not delivered yet": palette.AMBER,
    "answered": palette.TEAL,
    "labelled": palette.TEAL,
    "waiting for its label": palette.AMBER,
    "never to be known": palette.QUIET,
}
_PALE = "rgba(91,104,117,0.22)"


def flow(found: Reconciled) -> go.Figure:
    """Return the flow of rows as bands, as wide as they are many; what a break lacks or has too much stands in the title."""
    names = list(dict.fromkeys([name for step in found.flow for name in (step.source, step.target)]))
    through = {
        name: max(
            sum(step.rows for step in found.flow if step.target == name),
            sum(step.rows for step in found.flow if step.source == name),
        )
        for name in names
    }
    place = {name: index for index, name in enumerate(names)}
    chart = palette.figure(320)
    chart.add_sankey(
        arrangement="snap",
        node={
            "label": [f"{name}: {through[name]:,}" for name in names],
            "color": [_COLOURS.get(name, palette.QUIET) for name in names],
            "pad": 18,
            "thickness": 14,
            "line": {"width": 0},
            "hovertemplate": "%{label}<extra></extra>",
        },
        link={
            "source": [place[step.source] for step in found.flow],
            "target": [place[step.target] for step in found.flow],
            "value": [step.rows for step in found.flow],
            "color": _PALE,
            "hovertemplate": "%{value:,} rows: %{source.label} → %{target.label}<extra></extra>",
        },
    )
    said = "every hand-over balances" if found.closed else f"{len(found.breaks)} breaks: " + ", ".join(_broken(found))
    colour = palette.QUIET if found.closed else palette.RED
    chart.update_layout(
        title={"text": said, "font": {"size": 13, "color": colour}, "x": 0.01, "y": 0.98},
        margin={"l": 16, "r": 16, "t": 44, "b": 16},
    )
    return chart


def _broken(found: Reconciled) -> list[str]:
    return list(dict.fromkeys(one.handover for one in found.breaks))
