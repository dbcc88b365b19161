"""How every chart looks: colours that readers with any colour vision can tell apart, one font, titled axes."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import Any

import plotly.graph_objects as go

INK = "#1b2733"
QUIET = "#5b6875"
LINE = "#d9dfe5"
PAPER = "#ffffff"
FONT = "Inter, 'Segoe UI', 'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', sans-serif"

BLUE = "#0a62a8"
TEAL = "#007a5e"
RUST = "#b84a00"
AMBER = "#8a6100"
RED = "#b3261e"

HULLS: Mapping[str, str] = {"build": BLUE, "deploy": TEAL, "monitor": RUST}
TINTS: Mapping[str, str] = {"build": "#e8f1f9", "deploy": "#e5f4ef", "monitor": "#fbeee4"}
STATUSES: Mapping[str, str] = {"ok": TEAL, "active": BLUE, "waiting": AMBER, "alarm": RED}
SIGNS: Mapping[str, str] = {"ok": "●", "active": "▶", "waiting": "◌", "alarm": "▲"}
STAGES: Mapping[str, str] = {"staging": "#c3ccd5", "shadow": "#8ea3b8", "canary": "#e0a030", "live": TEAL}
# Okabe and Ito's colours without the yellow, which is too pale on white, darkened to stand as text.
VERSIONS = ("#0a62a8", "#e0a030", "#007a5e", "#b05a8e", "#56a5d8", "#b84a00", "#5b6875")
# Ever darker, so that a greater drift shows to every eye; blue below the limit in the middle, red above it.
UNTOLD = "#dfe3e7"
DRIFT = ((0.0, "#f7f9fb"), (0.499, "#bcd3e6"), (0.5, "#f3c58a"), (0.7, "#d3702c"), (1.0, "#8f1d14"))

_AXIS = {
    "gridcolor": "#edf0f3",
    "linecolor": LINE,
    "tickcolor": LINE,
    "ticks": "outside",
    "zeroline": False,
    "title": {"font": {"size": 12, "color": QUIET}, "standoff": 10},
    "tickfont": {"size": 12, "color": QUIET},
    "automargin": True,
}
_LAYOUT: dict[str, Any] = {
    "font": {"family": FONT, "size": 13, "color": INK},
    "paper_bgcolor": PAPER,
    "plot_bgcolor": PAPER,
    "margin": {"l": 64, "r": 24, "t": 16, "b": 44},
    "xaxis": _AXIS,
    "yaxis": _AXIS,
    "hoverlabel": {"bgcolor": PAPER, "bordercolor": LINE, "font": {"family": FONT, "size": 12, "color": INK}},
    "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "font": {"size": 12}},
    "bargap": 0.25,
}


def figure(height: int, *, x: str = "", y: str = "", **layout: Any) -> go.Figure:
    """Return an empty figure in the house's look, its axes titled with what they show and in which unit."""
    empty = go.Figure()
    # Plotly's own template would add some 7 kB to every chart on a page.
    empty.update_layout(template="none", height=height, **_LAYOUT)
    empty.update_layout(xaxis_title_text=x, yaxis_title_text=y, **layout)
    return empty


def version_colours(versions: list[str]) -> dict[str, str]:
    """Return a colour for each version: the same one in every chart of a product.

    >>> version_colours(["v1", "v2"])["v1"]
    '#0a62a8'
    """
    return dict(zip(versions, cycle(VERSIONS), strict=False))
