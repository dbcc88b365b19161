"""A feature: how its values looked in training and look lately, and what the watch saw of it over time."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from trimaran.app.catalogue import Distribution, FeatureView, Use, shape
from trimaran.app.figures import palette

_BINS = 40
_WIDE = 3.0


def distribution(view: FeatureView) -> go.Figure:
    """Return the shares of a feature's values in bins of equal width: each training as an area, each newest answers as a line.

    The ends are those of the values but for the rare far ones, which would press all others into one bin: at most three
    times the middle 90 % beyond these. What lies farther out is counted in the last bin.
    """
    looks = [(use, look) for use in view.uses for look in (use.training, use.lately) if look is not None and look.quantiles]
    chart = palette.figure(300, x=view.row.name, y="share of values, percent")
    if not looks:
        return chart
    low, high = _ends([look for _, look in looks])
    edges = np.linspace(low, high, _BINS + 1)
    products = list(dict.fromkeys(use.product for use, _ in looks))
    colours = palette.version_colours(products)
    for use, look in looks:
        lately = look is use.lately
        shares = shape(look, low, high, _BINS)
        shares[-1] += max(0.0, 1 - sum(shares))
        name = f"{use.product}: {look.of}" if len(products) > 1 else look.of
        chart.add_scatter(
            x=np.repeat(edges, 2)[1:-1].tolist(),
            y=np.repeat([100 * share for share in shares], 2).tolist(),
            mode="lines",
            line={
                "color": palette.RUST if lately and len(products) == 1 else colours[use.product],
                "width": 2 if lately else 0,
            },
            fill=None if lately else "tozeroy",
            opacity=1 if lately else 0.6,
            name=f"{name} ({look.rows:,} rows)",
            hovertemplate="at %{x:.4g}: %{y:.1f} %<extra></extra>",
        )
    chart.update_yaxes(rangemode="tozero")
    return chart


def missing(view: FeatureView) -> go.Figure:
    """Return the share of answers without a value in the day before each watch, and in the training as a dotted line."""
    chart = palette.figure(240, x="watched at", y="missing, percent")
    uses = [use for use in view.uses if use.looks]
    colours = palette.version_colours([use.product for use in uses])
    for use in uses:
        known = [look for look in use.looks if look.missing is not None]
        chart.add_scatter(
            x=[look.at for look in known],
            y=[100 * (look.missing or 0.0) for look in known],
            customdata=[look.version for look in known],
            mode="lines+markers",
            marker={"color": colours[use.product], "size": 5},
            name=use.product,
            showlegend=len(uses) > 1,
            hovertemplate="%{x|%d %b %Y}: %{y:.1f} % of the answers of %{customdata}<extra></extra>",
        )
        if use.training is not None and known:
            line = {"color": colours[use.product], "width": 1.2, "dash": "dot"}
            chart.add_hline(y=100 * use.training.missing, line=line)
    chart.update_yaxes(rangemode="tozero")
    return chart


def moved(view: FeatureView) -> go.Figure:
    """Return how far the week before each watch was from the training, a dot for each that was judged a drift."""
    chart = palette.figure(240, x="watched at", y="PSI against the training")
    uses = [use for use in view.uses if use.looks]
    colours = palette.version_colours([use.product for use in uses])
    for use in uses:
        known = [look for look in use.looks if look.psi is not None]
        chart.add_scatter(
            x=[look.at for look in known],
            y=[look.psi for look in known],
            customdata=[[look.version, look.outcome] for look in known],
            mode="lines+markers",
            line={"color": colours[use.product], "width": 1.5},
            marker={
                "color": [palette.RED if look.outcome == "fail" else colours[use.product] for look in known],
                "size": [9 if look.outcome == "fail" else 4 for look in known],
            },
            name=use.product,
            showlegend=len(uses) > 1,
            hovertemplate="%{x|%d %b %Y}: PSI %{y:.3f}, %{customdata[0]}, %{customdata[1]}<extra></extra>",
        )
        _limit(chart, use, colours[use.product], known=bool(known))
    chart.update_yaxes(rangemode="tozero")
    return chart


def _limit(chart: go.Figure, use: Use, colour: str, *, known: bool) -> None:
    if known and use.drift is not None and use.drift.usual is not None:
        line = {"color": colour, "width": 1.2, "dash": "dot"}
        chart.add_hline(y=use.drift.usual, line=line, annotation_text="usual up to here", annotation_font_size=11)


def _ends(looks: list[Distribution]) -> tuple[float, float]:
    middle = [value for look in looks for value in look.quantiles.values()]
    least = min(look.low for look in looks if look.low is not None)
    most = max(look.high for look in looks if look.high is not None)
    reach = _WIDE * (max(middle) - min(middle))
    low, high = max(least, min(middle) - reach), min(most, max(middle) + reach)
    return (low, high) if high > low else (low - 0.5, high + 0.5)
