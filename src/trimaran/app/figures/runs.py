"""Runs: their parameters and metrics as parallel axes, their curves, and what mattered."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
import polars as pl

from trimaran.app.figures import palette
from trimaran.app.runs.comparing import Importance, downsample
from trimaran.backends.sqlite_runs import Row
from trimaran.build import Tuning
from trimaran.control.words import value_of

MOST_AXES, MOST_CURVES = 12, 20
_PALE, _DARK = (205, 221, 235), (8, 54, 92)
_DECADES = 100.0
_MOST_WORDS = 12


def parallel(rows: Sequence[Row], metric: str) -> go.Figure:
    """Return one line a run over an axis for each parameter that differs, and the metric's axis last, whose value colours it.

    Plain lines, not Plotly's own parallel coordinates: those need WebGL, which not every browser has.
    """
    shown = sorted(
        (row for row in rows if math.isfinite(row.metrics.get(metric, math.nan))), key=lambda row: row.metrics[metric]
    )
    names = [
        name
        for name in sorted({name for row in shown for name in row.parameters})
        if len({repr(row.parameters.get(name)) for row in shown}) > 1
    ][:MOST_AXES]
    axes = [_axis(name, [row.parameters.get(name) for row in shown]) for name in names]
    values = [row.metrics[metric] for row in shown]
    axes.append(_axis(metric, values))
    chart = palette.figure(380, showlegend=False, margin={"l": 40, "r": 56, "t": 40, "b": 16})
    for place, row in enumerate(shown):
        said = "<br>".join(f"{name} = {value_of(row.parameters.get(name))}" for name in names)
        chart.add_scatter(
            x=list(range(len(axes))),
            y=[axis.places[place] for axis in axes],
            mode="lines",
            line={"color": _shade(axes[-1].places[place]), "width": 1.4},
            hovertemplate=f"{row.name}<br>{said}<br>{metric} = {values[place]:.5g}<extra></extra>",
        )
    for place, axis in enumerate(axes):
        chart.add_shape(type="line", x0=place, x1=place, y0=0, y1=1, line={"color": palette.QUIET, "width": 1})
        for at, text in axis.ticks:
            chart.add_annotation(
                x=place,
                y=at,
                text=text,
                showarrow=False,
                xanchor="left",
                xshift=5,
                font={"size": 11, "color": palette.QUIET},
            )
        bold = {"size": 13, "color": palette.INK}
        chart.add_annotation(x=place, y=1, text=axis.name, showarrow=False, yanchor="bottom", yshift=12, font=bold)
    chart.update_xaxes(visible=False, range=[-0.1, len(axes) - 0.85])
    chart.update_yaxes(visible=False, range=[-0.04, 1.04])
    return chart


def curves(points: Mapping[str, pl.DataFrame], metric: str) -> go.Figure:
    """Return a metric over its steps, a line for each run; of long histories the extremes of each stretch are drawn."""
    chart = palette.figure(360, x="step", y=metric)
    for (name, frame), colour in zip(list(points.items())[:MOST_CURVES], cycle(palette.VERSIONS)):
        one = frame.filter(pl.col("name") == metric)
        values = one["value"].to_numpy()
        places = downsample(values)
        chart.add_scatter(
            x=one["step"].to_numpy()[places].tolist(),
            y=[None if not math.isfinite(value) else value for value in values[places].tolist()],
            mode="lines+markers" if len(places) < 2 else "lines",  # noqa: PLR2004  one point makes no line
            line={"color": colour, "width": 1.6},
            name=name,
            showlegend=len(points) > 1,
            hovertemplate=f"{name}<br>step %{{x}}: %{{y:.5g}}<extra></extra>",
        )
    return chart


def mattered(found: Importance) -> go.Figure:
    """Return how much of a metric's variation each parameter explains."""
    shares = sorted(found.shares.items(), key=lambda one: one[1])[-20:]
    chart = palette.figure(80 + 30 * len(shares), x=f"share of the variation of {found.metric} explained, {found.runs} runs")
    chart.add_bar(
        x=[share for _, share in shares],
        y=[name for name, _ in shares],
        orientation="h",
        marker={"color": palette.BLUE},
        hovertemplate="%{y}: %{x:.2f}<extra></extra>",
    )
    chart.update_xaxes(range=[0, max(1.0, *(share for _, share in shares))])
    return chart


def trials(found: Tuning) -> go.Figure:
    """Return the trials of a tuning in their order, the best so far as a line, and the chosen one with its interval."""
    chart = palette.figure(320, x="trial", y=found.measure)
    worked = [trial for trial in found.trials if trial.value is not None]
    choice = found.choice
    if choice is not None and choice.low is not None and choice.high is not None:
        chart.add_hrect(y0=choice.low, y1=choice.high, fillcolor=palette.TINTS["deploy"], line_width=0, layer="below")
    best = np.maximum if found.choice is None or all(choice.value >= (one.value or 0.0) for one in worked) else np.minimum  # type: ignore[union-attr]  # there is one
    values = [float(trial.value or 0.0) for trial in worked]
    chart.add_scatter(
        x=[trial.number for trial in worked],
        y=best.accumulate(values).tolist() if values else [],
        mode="lines",
        line={"color": palette.TEAL, "width": 1.5, "shape": "hv"},
        name="best so far",
        hoverinfo="skip",
    )
    chosen = choice.number if choice is not None else -1
    chart.add_scatter(
        x=[trial.number for trial in worked],
        y=values,
        customdata=[", ".join(f"{name} = {value}" for name, value in trial.parameters.items()) for trial in worked],
        mode="markers",
        marker={
            "color": [palette.TEAL if trial.number == chosen else palette.BLUE for trial in worked],
            "size": [13 if trial.number == chosen else 7 for trial in worked],
        },
        name="trial (large: chosen)",
        hovertemplate="trial %{x}: %{y:.4f}<br>%{customdata}<extra></extra>",
    )
    failed = [trial for trial in found.trials if trial.value is None]
    if failed:
        floor = min(values, default=0.0)
        chart.add_scatter(
            x=[trial.number for trial in failed],
            y=[floor] * len(failed),
            customdata=["given up" if trial.pruned else "failed" for trial in failed],
            mode="markers",
            marker={"color": palette.RED, "symbol": "x", "size": 8},
            name="failed or given up",
            hovertemplate="trial %{x}: %{customdata}<extra></extra>",
        )
    return chart


class _Axis(NamedTuple):
    """One axis: where each run is on it, from 0 to 1, and what stands beside it."""

    name: str
    places: list[float]
    ticks: list[tuple[float, str]]


def _axis(name: str, values: Sequence[Any]) -> _Axis:
    numbers = [float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) < len(values):
        words = sorted({"-" if value is None else str(value) for value in values})
        at = {word: place / max(len(words) - 1, 1) for place, word in enumerate(words)}
        places = [at["-" if value is None else str(value)] for value in values]
        return _Axis(name, places, [(at[word], word[:18]) for word in words[:_MOST_WORDS]])
    low, high = min(numbers), max(numbers)
    if low > 0 and high / low > _DECADES:  # on an even axis nobody would see the small ones
        logs = [math.log10(number) for number in numbers]
        ends = math.log10(low), math.log10(high)
        ticks = [(share, f"{10 ** (ends[0] + share * (ends[1] - ends[0])):.2g}") for share in (0.0, 0.5, 1.0)]
        return _Axis(name, [(one - ends[0]) / (ends[1] - ends[0]) for one in logs], ticks)
    spread = high - low or 1.0
    ticks = [(share, f"{low + share * (high - low):.3g}") for share in (0.0, 0.5, 1.0)]
    return _Axis(name, [(number - low) / spread for number in numbers], ticks)


def _shade(share: float) -> str:
    """Return a colour between a pale and a dark blue."""
    parts = [round(pale + share * (dark - pale)) for pale, dark in zip(_PALE, _DARK, strict=True)]
    return f"rgb({parts[0]},{parts[1]},{parts[2]})"
