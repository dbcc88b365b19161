"""The profile of a table as a notebook or a prompt shows it, with its charts."""

from __future__ import annotations

from html import escape

import plotly.graph_objects as go

from trimaran.app.figures import profile as charts
from trimaran.app.profiling import TableProfile
from trimaran.control.words import NOTHING, sensible, value_of
from trimaran.core.errors import NotFound
from trimaran.data.sketches import Column

HEAD = ("column", "type", "no value", "least", "median", "greatest", "mean", "distinct", "frequent")
_CHARTS = ("quantiles", "nulls", "histogram", "heavy")
_SHOWN, _LONGEST, _DAY = 3, 24, len("2013-07-01")
_KINDS = {"Int": "integer", "Flo": "number", "Dec": "number", "Str": "text", "Boo": "flag", "Dat": "time"}


class ShownProfile(TableProfile, frozen=True, kw_only=True):
    """What a table held, a line a column."""

    def figure(self, name: str = "quantiles", column: str | None = None) -> go.Figure:
        """Return a chart: quantiles or heavy or histogram of a column, by default the first that has one; nulls of all columns."""
        if name not in _CHARTS:
            raise NotFound(f"there is no chart {name!r}; choose from: {', '.join(_CHARTS)}")
        if name == "nulls":
            return charts.nulls(self)
        chart = {"quantiles": charts.quantiles, "histogram": charts.histogram, "heavy": charts.heavy}[name]
        return chart(self, self._first(name) if column is None else column)

    def _first(self, name: str) -> str:
        for one in self.columns:
            if {
                "quantiles": any(day.band for day in self.days[one.name]),
                "histogram": bool(one.edges),
                "heavy": bool(one.heavy),
            }[name]:
                return one.name
        raise NotFound(f"no column of {self.table} has values for the chart {name}")

    def __repr__(self) -> str:
        rows = [HEAD, *(line_of(one) for one in self.columns)]
        wide = [max(len(row[place]) for row in rows) for place in range(len(HEAD))]
        lines = ["  " + "  ".join(cell.ljust(width) for cell, width in zip(row, wide, strict=True)).rstrip() for row in rows]
        return "\n".join([head_of(self), *lines, f"  {bounds_of(self)}"])

    def _repr_html_(self) -> str:
        # Names and values come from the data: all of it is text, none of it markup.
        head = "".join(f"<th>{escape(name)}</th>" for name in HEAD)
        rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in line_of(one))}</tr>" for one in self.columns)
        caption = f"<caption>{escape(head_of(self))}</caption>"
        return f"<table>{caption}<tr>{head}</tr>{rows}</table><p>{escape(bounds_of(self))}</p>"


def head_of(profile: TableProfile) -> str:
    """Say in a line what a profile is of."""
    begun = f" from {profile.since}" if profile.since is not None else ""
    ended = f" before {profile.until}" if profile.until is not None else ""
    days = f", days{begun}{ended}" if begun or ended else ""
    lost = f", and {profile.unprofiled:,} rows that cannot be profiled any more" if profile.unprofiled else ""
    return (
        f"{profile.table} of {profile.product}, version {profile.version}{days}: "
        f"{profile.rows:,} rows of {profile.deliveries:,} deliveries{lost}"
    )


def bounds_of(profile: TableProfile) -> str:
    """Say how exact the numbers are."""
    return (
        f"counts, least, greatest and mean are exact; a median is off by {profile.rank_error:.1%} of the rows in rank at most; "
        f"distinct values marked ~ have a standard error of {profile.distinct_error:.1%}"
    )


def line_of(column: Column) -> tuple[str, ...]:
    """Return the cells of a column's line, in the order of ``HEAD``."""
    lacking = column.nulls + column.nans
    share = f"{lacking / column.rows:.2%}" if lacking else "0"
    infinite = f", {column.infinite:,} infinite" if column.infinite else ""
    text = column.type == "String"
    distinct = NOTHING if column.distinct is None else f"{'' if column.exact else '~'}{column.distinct:,}"
    frequent = ", ".join(f"{_short(one.value)} {one.count / max(1, column.rows):.0%}" for one in column.heavy[:_SHOWN])
    return (
        column.name,
        _KINDS.get(column.type[:3], column.type),
        f"{share}{infinite}",
        _of_length(column.low) if text else _cell(column.low),
        _cell(column.quantiles.get("0.5")),
        _of_length(column.high) if text else _cell(column.high),
        sensible(column.mean),
        distinct,
        frequent or NOTHING,
    )


def _cell(value: float | str | None) -> str:
    return NOTHING if value is None else value[:_DAY] if isinstance(value, str) else value_of(value)


def _of_length(value: float | str | None) -> str:
    return NOTHING if value is None else f"{value} long"


def _short(value: str) -> str:
    plain = value.encode("unicode_escape").decode() if not value.isprintable() else value
    return repr(plain) if not plain else plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 1]}…"
