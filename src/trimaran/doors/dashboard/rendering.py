"""Templates, for pages and the report, and how they write numbers, moments and charts."""

from __future__ import annotations

from datetime import datetime

import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from trimaran.core.nouns import Measurement

NOTHING = "-"
_MARKS = {"pass": "✓", "warn": "!", "fail": "✕", "unknown": "?"}


def environment() -> Environment:
    """Return the templates with their filters."""
    # autoescape is on for every template: names, notes and reasons come from people and callers.
    made = Environment(
        loader=PackageLoader("trimaran.doors.dashboard", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        number=number, moment=moment, day=day, decimal=decimal, measured=measured, chart=chart, mark=_MARKS.__getitem__
    )
    return made


def number(value: float | None) -> str:
    """Return a count or an amount with thousands parted.

    >>> number(12345.6)
    '12,346'
    """
    return NOTHING if value is None else f"{value:,.0f}"


def decimal(value: float | None, places: int = 3) -> str:
    """Return a value with a fixed number of decimals, so that a column of them aligns."""
    return NOTHING if value is None else f"{value:.{places}f}"


def measured(value: Measurement | None) -> str:
    """Return a measured value with its interval.

    >>> measured(Measurement(value=0.7, low=0.68, high=0.72, n=100))
    '0.700 (0.680 to 0.720)'
    """
    if value is None or value.value is None:
        return NOTHING
    interval = "" if value.low is None or value.high is None else f" ({value.low:.3f} to {value.high:.3f})"
    return f"{value.value:.3f}{interval}"


def moment(value: datetime | None) -> str:
    """Return a moment to the minute, in UTC."""
    return NOTHING if value is None else f"{value:%Y-%m-%d %H:%M}"


def day(value: datetime | None) -> str:
    """Return the day of a moment."""
    return NOTHING if value is None else f"{value:%d %b %Y}"


def chart(figure: go.Figure, name: str, title: str) -> Markup:
    """Return a place for a chart and its data; a script of ours draws it, since the page runs no script of its own.

    The data stands in a script element of type JSON: the only text that could end it early is ``</``, so every ``<`` is
    escaped.
    """
    data = figure.to_json().replace("<", "\\u003c")
    label = Markup.escape(title)
    place = Markup('<div class="chart" id="chart-{0}" data-chart="data-{0}" role="img" aria-label="{1}"></div>')
    held = Markup('<script type="application/json" id="data-{0}">{1}</script>')
    return place.format(name, label) + held.format(name, Markup(data))  # noqa: S704  JSON, with < escaped above
