"""What the decisions were worth: bars by month, and their sum so far."""

from __future__ import annotations

from itertools import accumulate

import plotly.graph_objects as go

from trimaran.app.figures import palette
from trimaran.app.views import ProductView


def worth(view: ProductView) -> go.Figure:
    """Return the worth of each month as bars, and cumulated as a line, beside what no model would have been worth."""
    names = [f"{month.start:%b %Y}" for month in view.worth]
    chart = palette.figure(340, x="month of the answers", y="worth of a month, in the product's own money")
    chart.add_bar(
        x=names,
        y=[month.worth for month in view.worth],
        customdata=[[month.labelled, month.true_positive, month.false_positive] for month in view.worth],
        marker={"color": palette.BLUE},
        name="worth of the month",
        hovertemplate="%{y:,.0f} over %{customdata[0]:,} labelled answers<br>%{customdata[1]:,} rightly and "
        "%{customdata[2]:,} wrongly acted on<extra>%{x}</extra>",
    )
    for name, values, colour, dash in (
        ("so far, with the model", [month.worth for month in view.worth], palette.TEAL, "solid"),
        ("so far, acting on nobody", [month.worth_without for month in view.worth], palette.QUIET, "dot"),
    ):
        chart.add_scatter(
            x=names,
            y=list(accumulate(values)),
            yaxis="y2",
            mode="lines+markers",
            line={"color": colour, "width": 2.2, "dash": dash},
            name=name,
            hovertemplate="%{y:,.0f} so far<extra>%{x}</extra>",
        )
    chart.update_layout(
        yaxis2={
            "overlaying": "y",
            "side": "right",
            "showgrid": False,
            "zeroline": False,
            "rangemode": "tozero",
            "tickmode": "auto",
            "tickformat": ",",
            "title": {"text": "worth so far", "font": {"size": 12, "color": palette.QUIET}, "standoff": 10},
            "tickfont": {"size": 12, "color": palette.QUIET},
            "automargin": True,
        },
        margin_r=72,
    )
    chart.update_yaxes(rangemode="tozero", tickformat=",")
    return chart
