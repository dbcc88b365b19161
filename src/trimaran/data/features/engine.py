"""Computes features at a point in time: the same way for a year of rows and for a request of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import polars as pl

from trimaran.core.errors import DefinitionError, Fault, InputError
from trimaran.data.declaration import PREDICT_AT, Feature, Moment, Table, steps
from trimaran.data.features.evaluation import evaluate
from trimaran.data.features.moments import Micros, as_column, of_asked, span
from trimaran.data.features.newest import NewestRow, NewestValues
from trimaran.data.features.plan import Join, Way, faults, plan, ways, written
from trimaran.data.features.stays import PAIRS
from trimaran.data.features.timeline import LARGE, Positions, Timeline
from trimaran.data.features.windows import TimeWindow

_NOWHERE: Any = None
"""The source of a table whose rows are there already: others may hold connections, which cannot travel."""

Item = TypeVar("Item")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Prepared:
    """The rows of one table, sorted and indexed for the features that look at them; to be read by any number of threads."""

    table: str
    lookups: tuple[tuple[Join, Timeline, NewestValues | TimeWindow], ...]


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
    name, ``asked`` names the one whose rows are asked for; ``pairs`` bounds the memory that windows take, see ``Stays``.
    Raises ``DefinitionError`` with every fault at once.

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

    def __init__(
        self, features: Sequence[Feature], tables: Mapping[str, Table], asked: str, moment: Moment, *, pairs: int = PAIRS
    ) -> None:
        levels, rings = steps(features)
        found = [*faults(features, tables, asked), *rings]
        if found:
            raise DefinitionError("features", found)
        self._tables = dict(tables)
        self._asked = asked
        self._moment = moment
        self._pairs = pairs
        self._names = [feature.name for feature in features]
        self._joins = plan(features, tables)
        rows = [[feature for feature in level if feature.kind == "row"] for level in levels]
        self._levels = [(level, [feature.expression for feature in level]) for level in rows if level]
        self.given = self._columns_given([feature for level in rows for feature in level])
        """The asked rows' own columns that some feature needs."""

    @property
    def needs(self) -> tuple[str, ...]:
        """The tables that ``compute`` wants prepared."""
        return tuple(dict.fromkeys(join.table.name for join in self._joins))

    @property
    def ways(self) -> list[Way]:
        """What is looked up, by the ways it is: each can be computed apart from the others."""
        return ways(self._joins)

    def alone(self, way: Way, *, pairs: int) -> FeatureEngine:
        """Return an engine for what is looked up one way, which knows the expressions and not the author's functions."""
        kept = {name: replace(self._tables[name], source=_NOWHERE, contract=None) for name in (way.table.name, self._asked)}
        return FeatureEngine([written(feature) for feature in way.features], kept, self._asked, self._moment, pairs=pairs)

    def complete(self, asked: pl.DataFrame, joined: Mapping[str, pl.Series]) -> pl.DataFrame:
        """Return all features of asked rows, given those that are looked up, computed for the same rows in the same order."""
        return self._completed(asked, of_asked(asked[self._moment.column], self._moment.offset), joined)

    def prepare(self, name: str, rows: pl.DataFrame) -> Prepared:
        """Return a table's rows sorted and indexed, for any number of calls of ``compute``.

        Raises ``InputError`` with every column that is missing, ``UserCodeError`` for an expression that fails.
        """
        joins = [join for join in self._joins if join.table.name == name]
        _require(f"table {name!r}", rows, [column for join in joins for column in join.columns])
        timelines: dict[tuple[str, ...], Timeline] = {}
        for join in joins:
            timelines[join.key] = timelines.get(join.key) or Timeline(rows, join.key, join.table.time)
        lookups = _at_once(lambda join: _lookup(join, timelines[join.key], rows, self._pairs), joins, rows.height)
        each = zip(joins, lookups, strict=True)
        return Prepared(name, tuple((join, timelines[join.key], lookup) for join, lookup in each))

    def compute(self, asked: pl.DataFrame, history: Mapping[str, Prepared]) -> pl.DataFrame:
        """Return the features of the asked rows: as many rows, in the same order, one column a feature as declared.

        ``history`` holds every table that features look at (``needs``). Raises ``InputError`` with every column or table
        that is missing, ``UserCodeError`` for an expression that fails.
        """
        _require(f"rows of {self._asked!r}", asked, self.given)
        absent = [name for name in self.needs if name not in history]
        if absent:
            remedy = "prepare it, with no rows if it has none"
            raise InputError("history", [Fault(what=f"table {name!r} is missing", remedy=remedy) for name in absent])
        # A row's features depend on no other row that is asked for, so that each core may take its share of them.
        share = max(-(-asked.height // pl.thread_pool_size()), 1)
        starts = range(0, asked.height, share) if asked.height >= LARGE else [0]
        parts = [asked[start : start + share] for start in starts] if len(starts) > 1 else [asked]
        return pl.concat(_at_once(lambda part: self._computed(part, history), parts, asked.height))

    def _computed(self, asked: pl.DataFrame, history: Mapping[str, Prepared]) -> pl.DataFrame:
        moment = of_asked(asked[self._moment.column], self._moment.offset)
        joined: dict[str, pl.Series] = {}
        for name in self.needs:
            for join, answers in _joined(history[name], asked, moment):
                joined.update((feature.name, answer) for feature, answer in zip(join.features, answers, strict=True))
        return self._completed(asked, moment, joined)

    def _completed(self, asked: pl.DataFrame, moment: Micros, joined: Mapping[str, pl.Series]) -> pl.DataFrame:
        values: dict[str, pl.Series] = {name: asked[name] for name in self.given}
        if any(PREDICT_AT in feature.inputs for level, _ in self._levels for feature in level):
            values.setdefault(PREDICT_AT, as_column(moment))
        values.update(joined)
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
            used += [name for name in feature.columns if name not in self._names or name == feature.name]
        return list(dict.fromkeys(used))


def _at_once(act: Callable[[Item], Made], items: Sequence[Item], rows: int) -> list[Made]:
    """Return what an act makes of some items, in their order; in threads where there are rows enough to pay for them."""
    if len(items) < 2 or rows < LARGE:  # noqa: PLR2004  one needs no company
        return [act(item) for item in items]
    with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
        return list(pool.map(act, items))


def _lookup(join: Join, timeline: Timeline, rows: pl.DataFrame, pairs: int) -> NewestValues | TimeWindow:
    available = timeline.available(rows, join.known)
    shown = rows.select(join.inputs)
    if join.window is not None:
        return TimeWindow(timeline, available, shown, join.window, join.features, pairs=pairs)
    oldest = None if join.table.max_age is None or join.table.time is None else span(join.table.max_age)
    return NewestValues(NewestRow(timeline, available, oldest), shown, join.features)


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
