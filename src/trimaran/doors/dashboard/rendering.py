"""Templates, for pages and the report, and how they write numbers, moments and charts."""

from __future__ import annotations

import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from trimaran.app import figures
from trimaran.app.catalogue import FeatureView, ago, definition_of, lasting, percent, seen_in
from trimaran.app.runs import figure_of
from trimaran.app.views import (
    ProductView,
    VersionView,
    day,
    days,
    decimal,
    measured,
    moment,
    number,
    sensible,
)
from trimaran.control.words import size, value_of

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
    words = (number, decimal, sensible, measured, moment, day, ago, lasting, percent, definition_of, seen_in)
    made.filters.update({word.__name__: word for word in words}, mark=_MARKS.__getitem__)
    made.filters.update(figure_of=figure_of, setting=value_of, size=size)
    made.globals["days"] = days
    return made


def product_charts(view: ProductView) -> dict[str, Markup]:
    """Return the charts of a product's page, those of which there is something to draw."""
    drawn = {"loop": chart(figures.loop(view), "loop", f"The loop of {view.product} with the state of every station")}
    if view.weeks:
        drawn["quality"] = chart(figures.quality(view), "quality", "Quality by week")
    if view.outlook is not None and view.outlook.weeks:
        drawn["outlook"] = chart(figures.outlook(view), "outlook", "Where the quality of the live version is heading")
    if view.drift:
        drawn["drift"] = chart(figures.drift(view), "drift", "Drift by column and week")
    if view.versions:
        drawn["releases"] = chart(figures.releases(view), "releases", "Versions over time by stage")
    if view.shares:
        drawn["traffic"] = chart(figures.traffic(view), "traffic", "Requests answered by week and version")
    if view.worth:
        drawn["worth"] = chart(figures.worth(view), "worth", "Worth of the decisions by month")
    return drawn


def version_charts(view: VersionView) -> dict[str, Markup]:
    """Return the charts of what the gate looked at, those of which there is something to draw."""
    seen = view.evidence
    if seen is None:
        return {}
    drawn = {}
    if seen.calibration:
        drawn["calibration"] = chart(figures.calibration(seen), "calibration", "Calibration")
    if seen.task == "binary":
        drawn["roc"] = chart(figures.roc(seen), "roc", "ROC curve")
    if seen.confusion:
        drawn["confusion"] = chart(figures.confusion(seen), "confusion", "Answers by true class")
    if seen.slices:
        drawn["slices"] = chart(figures.slices(seen, seen.goal), "slices", "Quality by slice")
    if seen.importance:
        drawn["importance"] = chart(figures.importance(seen), "importance", "Importance of features")
    return drawn


def feature_charts(view: FeatureView, place: str) -> dict[str, Markup]:
    """Return the charts of a feature, those of which there is something to draw; ``place`` keeps two of a name apart."""
    name = view.row.name
    drawn = {"lineage": chart(figures.lineage(view.lineage), f"lineage-{place}", f"Lineage of {name}")}
    if any(look is not None and look.quantiles for use in view.uses for look in (use.training, use.lately)):
        title = f"Values of {name} in training and lately"
        drawn["distribution"] = chart(figures.distribution(view), f"distribution-{place}", title)
    looks = [look for use in view.uses for look in use.looks]
    if any(look.missing is not None for look in looks):
        drawn["missing"] = chart(figures.missing(view), f"missing-{place}", f"Missing share of {name} over time")
    if any(look.psi is not None for look in looks):
        drawn["drift"] = chart(figures.moved(view), f"drift-{place}", f"Drift of {name} over time")
    return drawn


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
