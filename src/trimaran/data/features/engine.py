"""Computes features at a point in time: the same way for a year of rows and for a request of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from trimaran.core.errors import DefinitionError, Fault, InputError
from trimaran.data.declaration import Feature, Moment, Table, steps
from trimaran.data.features.evaluation import evaluate
from trimaran.data.features.moments import Micros, of_asked
from trimaran.data.features.newest import NewestRow
from trimaran.data.features.plan import Join, faults, plan
from trimaran.data.features.timeline import Positions, Timeline
from trimaran.data.features.windows import TimeWindow


@dataclass(frozen=True)
class Prepared:
    """The rows of one table, sorted and indexed for the features that look at them; to be read by any number of threads."""

    table: str
    lookups: tuple[tuple[Join, Timeline, NewestRow | TimeWindow], ...]


class FeatureEngine:
    """Computes features as they could have been known at each asked row's moment (t).

    Of the rows with its key and event time up to t whose used columns were all known by t, a ``newest`` feature sees the
    one with the largest event time; at equal times the one that came last in the table; none when it is older than the
    table's ``max_age``. Without time in the table it sees the last row with its key. A ``window`` feature sees the rows with
    event time in (t - window, t] whose used columns were all known by t, oldest first. A value whose moment of becoming
    known is null is never known; a null in a key matches nothing; a null t lies before every moment. Where there is nothing
    to see a newest feature is null and a window feature is what its expression gives on no rows: 0 for counts and sums, null
    for means.

    An expression is shown the columns its feature declares as inputs, and no other. ``tables`` holds every declared table by
    name, ``asked`` names the one whose rows are asked for. Raises ``DefinitionError`` with every fault at once.

    >>> from datetime import UTC, datetime, timedelta
    >>> noon = datetime(2013, 1, 1, 12, tzinfo=UTC)
    >>> tables = {
    ...     "flights": Table("flights", "", ("id",), time="at"),
    ...     "weather": Table("weather", "", ("origin",), time="hour"),
    ... }
    >>> wind = Feature("gale", "weather", "newest", lambda wind: wind > 30, ("wind",), on=("origin",))
    >>> engine = FeatureEngine([wind], tables, "flights", Moment("at", timedelta(hours=-2)))
    >>> hours = [noon - timedelta(hours=3), noon - timedelta(hours=1)]
    >>> weather = engine.prepare("weather", pl.DataFrame({"origin": ["JFK", "JFK"], "hour": hours, "wind": [35, 10]}))
    >>> asked = pl.DataFrame({"id": [1, 2], "origin": ["JFK", "LGA"], "at": [noon, noon]})
    >>> engine.compute(asked, {"weather": weather})["gale"].to_list()
    [True, None]
    """

    def __init__(self, features: Sequence[Feature], tables: Mapping[str, Table], asked: str, moment: Moment) -> None:
        levels, rings = steps(features)
        found = [*faults(features, tables, asked), *rings]
        if found:
            raise DefinitionError("features", found)
        self._tables = dict(tables)
        self._asked = asked
        self._moment = moment
        self._names = [feature.name for feature in features]
        self._joins = plan(features, tables)
        rows = [[feature for feature in level if feature.kind == "row"] for level in levels]
        self._levels = [(level, [feature.expression for feature in level]) for level in rows if level]
        self._given = self._columns_given([feature for level in rows for feature in level])

    @property
    def needs(self) -> tuple[str, ...]:
        """The tables that ``compute`` wants prepared."""
        return tuple(dict.fromkeys(join.table.name for join in self._joins))

    def prepare(self, name: str, rows: pl.DataFrame) -> Prepared:
        """Return a table's rows sorted and indexed, for any number of calls of ``compute``.

        Raises ``InputError`` with every column that is missing, ``UserCodeError`` for an expression that fails.
        """
        joins = [join for join in self._joins if join.table.name == name]
        _require(f"table {name!r}", rows, [column for join in joins for column in join.columns])
        timelines: dict[tuple[str, ...], Timeline] = {}
        lookups = []
        for join in joins:
            timeline = timelines.get(join.key) or Timeline(rows, join.key, join.table.time)
            timelines[join.key] = timeline
            lookups.append((join, timeline, _lookup(join, timeline, rows)))
        return Prepared(name, tuple(lookups))

    def compute(self, asked: pl.DataFrame, history: Mapping[str, Prepared]) -> pl.DataFrame:
        """Return the features of the asked rows: as many rows, in the same order, one column a feature as declared.

        ``history`` holds every table that features look at (``needs``). Raises ``InputError`` with every column or table
        that is missing, ``UserCodeError`` for an expression that fails.
        """
        _require(f"rows of {self._asked!r}", asked, self._given)
        absent = [name for name in self.needs if name not in history]
        if absent:
            remedy = "prepare it, with no rows if it has none"
            raise InputError("history", [Fault(what=f"table {name!r} is missing", remedy=remedy) for name in absent])
        moment = of_asked(asked[self._moment.column], self._moment.offset)
        values: dict[str, pl.Series] = {name: asked[name] for name in self._given}
        for name in self.needs:
            for join, answers in _joined(history[name], asked, moment):
                values.update((feature.name, answer) for feature, answer in zip(join.features, answers, strict=True))
        for level, expressions in self._levels:
            # The moment's column is there to give literals their height.
            seen = dict.fromkeys([self._moment.column, *(name for feature in level for name in feature.inputs)])
            rows = pl.DataFrame([values[name].alias(name) for name in seen])
            computed = evaluate(level, expressions, rows.with_columns)
            values.update((feature.name, computed[feature.name]) for feature in level)
        return pl.DataFrame([values[name].alias(name) for name in self._names])

    def _columns_given(self, row_features: Sequence[Feature]) -> list[str]:
        """Return the asked rows' own columns that some feature needs."""
        used = [self._moment.column, *(name for join in self._joins for name in join.on)]
        for feature in row_features:
            used += [name for name in feature.inputs if name not in self._names or name == feature.name]
        return list(dict.fromkeys(used))


def _lookup(join: Join, timeline: Timeline, rows: pl.DataFrame) -> NewestRow | TimeWindow:
    available = timeline.available(rows, join.known)
    shown = rows.select(join.inputs)
    if join.window is not None:
        return TimeWindow(timeline, available, shown, join.window, join.features)
    expressions = [feature.expression for feature in join.features]
    computed = evaluate(join.features, expressions, shown.with_columns)
    return NewestRow(timeline, available, [computed[feature.name] for feature in join.features], join.table.max_age)


def _joined(prepared: Prepared, asked: pl.DataFrame, moment: Micros) -> Iterator[tuple[Join, list[pl.Series]]]:
    groups: dict[tuple[tuple[str, ...], tuple[str, ...]], Positions] = {}
    for join, timeline, lookup in prepared.lookups:
        way = (join.on, join.key)
        if way not in groups:
            groups[way] = timeline.groups(asked, join.on)
        yield join, lookup.answer(groups[way], moment)


def _require(subject: str, rows: pl.DataFrame, columns: Sequence[str]) -> None:
    missing = [name for name in dict.fromkeys(columns) if name not in rows.columns]
    if missing:
        remedy = f"send it; there are: {', '.join(rows.columns)}"
        raise InputError(subject, [Fault(what=f"column {name!r} is missing", remedy=remedy) for name in missing])
