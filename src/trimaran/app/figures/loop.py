"""The loop as a picture: three hulls in a closed ring around the record, each station with its state and its number."""

from __future__ import annotations

import html
import textwrap
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import plotly.graph_objects as go

from trimaran.app.figures import palette
from trimaran.app.views import ProductView, Station

WIDTH, HEIGHT = 1180, 560
_CARD = (194, 118)
_COLUMNS = (140, 358, 576, 794, 1068)
_ROWS = (462, 276, 90)
# Build along the top, Deploy down the right, Monitor back along the bottom: in the order of the stations.
_PLACES = (
    *((column, 0) for column in (0, 1, 2, 3)),
    *((4, row) for row in (0, 1, 2)),
    *((column, 2) for column in (3, 2, 1, 0)),
)
_WRAP, _LINES = 30, 3
_BOW = 34
_SPREAD = 170


class _Point(NamedTuple):
    x: float
    y: float


@dataclass
class _Drawing:
    """Shapes and texts, given to Plotly together: it checks all it has each time that one is added."""

    shapes: list[dict[str, Any]] = field(default_factory=list)
    texts: list[dict[str, Any]] = field(default_factory=list)

    def add_shape(self, **shape: Any) -> None:
        self.shapes.append(shape)

    def add_annotation(self, **text: Any) -> None:
        self.texts.append(text)


def loop(view: ProductView) -> go.Figure:
    """Return the loop of a product with its current state, 1180 by 560 pixels; the full lines show on hovering."""
    picture = palette.figure(HEIGHT, width=WIDTH, margin={"l": 0, "r": 0, "t": 0, "b": 0}, showlegend=False)
    hidden = {"visible": False, "fixedrange": True}
    picture.update_xaxes(range=[0, WIDTH], **hidden)
    picture.update_yaxes(range=[0, HEIGHT], **hidden)
    drawing = _Drawing()
    _hulls(drawing)
    points = [_Point(_COLUMNS[column], _ROWS[row]) for column, row in _PLACES]
    for here, there in zip(points, [*points[1:], points[0]], strict=True):
        _arrow(drawing, here, there)
    for station, point in zip(view.stations, points, strict=True):
        _card(drawing, station, point)
    _centre(drawing, view)
    picture.update_layout(shapes=drawing.shapes, annotations=drawing.texts)
    _hovers(picture, view.stations, points)
    return picture


def _hulls(drawing: _Drawing) -> None:
    """Draw the three hulls as seen from above, each with its bow where the loop goes on."""
    top, bottom, right = _ROWS[0], _ROWS[2], _COLUMNS[4]
    half, edge = _CARD[1] / 2 + 24, _CARD[0] / 2 + 12
    first, last = _COLUMNS[0] - edge, _COLUMNS[3] + edge
    paths = {
        "build": _hull(first, last, top, half, _BOW),
        "monitor": _hull(last, first, bottom, half, -_BOW),
        "deploy": (
            f"M {right - edge} {top + half} L {right + edge} {top + half} L {right + edge} {bottom - half + 16} "
            f"Q {right + edge - 8} {bottom - half + 2} {right} {bottom - half - 6} "
            f"Q {right - edge + 8} {bottom - half + 2} {right - edge} {bottom - half + 16} Z"
        ),
    }
    for hull, path in paths.items():
        drawing.add_shape(type="path", path=path, fillcolor=palette.TINTS[hull], line={"width": 0}, layer="below")
    for hull, x, y in (("build", first, top), ("deploy", right - edge, top), ("monitor", first, bottom)):
        _text(drawing, _Point(x + 13, y + half - 6), f"<b>{hull.upper()}</b>", size=10, colour=palette.HULLS[hull])


def _hull(stern: float, shoulder: float, y: float, half: float, bow: float) -> str:
    return (
        f"M {stern} {y - half} L {shoulder} {y - half} Q {shoulder + bow * 0.6} {y - half * 0.8} {shoulder + bow} {y} "
        f"Q {shoulder + bow * 0.6} {y + half * 0.8} {shoulder} {y + half} L {stern} {y + half} Z"
    )


def _arrow(drawing: _Drawing, here: _Point, there: _Point) -> None:
    wide, high = _CARD[0] / 2 + 3, _CARD[1] / 2 + 3
    across, up = there.x - here.x, there.y - here.y
    dx, dy = (wide if across > 0 else -wide, 0.0) if abs(across) > 1 else (0.0, high if up > 0 else -high)
    drawing.add_annotation(
        x=there.x - dx,
        y=there.y - dy,
        ax=here.x + dx,
        ay=here.y + dy,
        xref="x",
        yref="y",
        axref="x",
        ayref="y",
        text="",
        showarrow=True,
        arrowhead=2,
        arrowsize=1.1,
        arrowwidth=2,
        arrowcolor="#93a1af",
    )


def _card(drawing: _Drawing, station: Station, at: _Point) -> None:
    colour = palette.STATUSES[station.status]
    left, right, low, top = at.x - _CARD[0] / 2, at.x + _CARD[0] / 2, at.y - _CARD[1] / 2, at.y + _CARD[1] / 2
    line = {"color": colour if station.status in {"alarm", "active", "waiting"} else palette.LINE, "width": 1.5}
    drawing.add_shape(
        type="path", path=_rounded(left, low, right, top, 9), fillcolor=palette.PAPER, line=line, layer="below"
    )
    sign = f'<span style="color:{colour}">{palette.SIGNS[station.status]}</span>'
    _text(drawing, _Point(left + 12, top - 10), f"<b>{station.name}</b>", size=13)
    drawing.add_annotation(
        x=right - 12,
        y=top - 10,
        text=f'{sign} <span style="color:{colour}">{station.status}</span>',
        showarrow=False,
        xanchor="right",
        yanchor="top",
        font={"size": 11},
    )
    _text(drawing, _Point(left + 12, top - 30), f"<b>{html.escape(_short(station.figure, 21))}</b>", size=16)
    lines = textwrap.wrap(station.text, _WRAP, max_lines=_LINES, placeholder=" …")
    _text(drawing, _Point(left + 12, top - 57), "<br>".join(map(html.escape, lines)), size=11, colour=palette.QUIET)


def _centre(drawing: _Drawing, view: ProductView) -> None:
    middle = _Point((_COLUMNS[0] + _COLUMNS[3]) / 2 + 36, _ROWS[1])
    record = f"{view.at:%d %b %Y %H:%M} UTC · CONTROL: {view.entry:,} entries in one chain"
    for up, text, size, colour in (
        (58, f"<b>{html.escape(view.product)}</b>", 26, palette.INK),
        (28, _traffic(view), 14, palette.INK),
        (-74, record, 12, palette.QUIET),
    ):
        drawing.add_annotation(x=middle.x, y=middle.y + up, text=text, showarrow=False, font={"size": size, "color": colour})
    numbers = _numbers(view)
    for place, (caption, value) in enumerate(numbers):
        x = middle.x + (place - (len(numbers) - 1) / 2) * _SPREAD
        for up, text, size, colour in ((-8, f"<b>{value}</b>", 21, palette.INK), (-32, caption, 11, palette.QUIET)):
            drawing.add_annotation(x=x, y=middle.y + up, text=text, showarrow=False, font={"size": size, "color": colour})


def _traffic(view: ProductView) -> str:
    traffic = view.traffic
    if traffic.live is None:
        return "nothing is live"
    parts = [f"v{traffic.live} answers {100 - traffic.percent:g} %"]
    if traffic.canary is not None:
        parts.append(f"canary v{traffic.canary} {traffic.percent:g} %")
    if traffic.shadow is not None:
        parts.append(f"v{traffic.shadow} in shadow")
    return " · ".join(parts)


def _numbers(view: ProductView) -> list[tuple[str, str]]:
    newest = next((week for week in reversed(view.weeks) if week.realised.value is not None), None)
    found = [("requests answered", f"{view.flow.answered:,}"), ("labels known", f"{view.flow.labelled:,}")]
    if newest is not None:
        found.append((f"{view.measure}, week of {newest.name}", f"{newest.realised.value:.3f}"))
    if view.worth:
        found.append(("worth so far", f"{sum(month.worth for month in view.worth):,.0f}"))
    return found


def _hovers(picture: go.Figure, stations: list[Station], points: list[_Point]) -> None:
    picture.add_scatter(
        x=[point.x for point in points],
        y=[point.y for point in points],
        mode="markers",
        marker={"size": 90, "opacity": 0},
        text=[
            f"<b>{one.name}</b>: {one.status}<br>" + "<br>".join(textwrap.wrap(html.escape(one.text), 60))
            for one in stations
        ],
        hovertemplate="%{text}<extra></extra>",
    )


def _text(drawing: _Drawing, at: _Point, text: str, *, size: int, colour: str = palette.INK) -> None:
    drawing.add_annotation(
        x=at.x,
        y=at.y,
        text=text,
        showarrow=False,
        xanchor="left",
        yanchor="top",
        align="left",
        font={"size": size, "color": colour},
        borderpad=0,
    )


def _rounded(left: float, low: float, right: float, top: float, radius: float) -> str:
    return (
        f"M {left + radius} {low} L {right - radius} {low} Q {right} {low} {right} {low + radius} "
        f"L {right} {top - radius} Q {right} {top} {right - radius} {top} "
        f"L {left + radius} {top} Q {left} {top} {left} {top - radius} "
        f"L {left} {low + radius} Q {left} {low} {left + radius} {low} Z"
    )


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
