"""The views of a product: features that are looked up by one tuple of columns, computed for every key as of a moment."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import polars as pl

from trimaran.core.canon import digest
from trimaran.core.errors import Fault, InputError
from trimaran.core.nouns import View, ViewColumn
from trimaran.data.declaration import PREDICT_AT, Definition, Feature, Moment, Table, write_schemas
from trimaran.data.features.engine import FeatureEngine
from trimaran.data.features.moments import ALWAYS, UTC, Micros, of_asked, of_facts, span
from trimaran.data.features.plan import Join, plan

EVENT, MOMENT = "\0event", "\0moment"
"""The columns of a frame of records beside keys and features: when the newest fact happened, and the moment of each value."""

_AT, _SEEN = "\0at", "\0seen"

Rows = Mapping[str, pl.DataFrame]


def views_of(definition: Definition) -> dict[str, FeatureView]:
    """Return a product's views by name: its newest and window features, together where the same columns name their rows."""
    found: dict[tuple[str, ...], list[Feature]] = {}
    for feature in definition.features:
        if feature.kind != "row":
            found.setdefault(feature.on, []).append(feature)
    views = (FeatureView(definition, on, features) for on, features in found.items())
    return {view.name: view for view in views}


class FeatureView:
    """The features of a product that are looked up by some columns.

    Values are the engine's, asked for one row a key, so that they are what a training row with that key and moment gets;
    only the age of a newest row is left for the reader to judge, who knows what time it is. A window's value is of the
    moment it was computed for, and says nothing any more once that is as long ago as the window is wide.
    """

    def __init__(self, definition: Definition, on: tuple[str, ...], features: Sequence[Feature]) -> None:
        self.name = ",".join(on)
        self.on = on
        self.features = tuple(features)
        self._product = definition.name
        self._time = definition.predict_at.column
        self._declared = definition.tables
        self._kinds = {name: _key_type(definition.table.schema.get(name, pl.Null())) for name in on}
        tables = {name: replace(table, max_age=None) for name, table in definition.tables.items()}
        self._engine = FeatureEngine(features, tables, definition.asked, Moment(self._time))
        self._joins = plan(features, tables)
        self._lookups = _lookups(self._joins)
        if self._time in on:
            fault = Fault(
                what=f"{self._time!r} is the moment asked for, and names no key", remedy="look up by other columns"
            )
            raise InputError(f"view {self.name!r}", [fault])

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that the features look at."""
        return self._engine.needs

    def view(self) -> View:
        """Return what a store has to know of the view; raises ``InputError`` with every feature that cannot be kept."""
        nothing = self._nothing()
        schema = nothing.schema
        faults = [
            Fault(what=f"feature {name!r} is {kind}", remedy="make it a number of at most 64 bits")
            for name, kind in schema.items()
            if not _keepable(kind)
        ]
        if faults:
            raise InputError(f"view {self.name!r} of {self._product}", faults)
        columns = []
        for feature in self.features:
            place = next(n for n, each in enumerate(self._lookups) if feature in each.newest + each.windows)
            newest = feature.kind == "newest"
            oldest = self._declared[feature.table].max_age if newest else feature.window
            timed = not newest or self._declared[feature.table].time is not None
            columns.append(
                ViewColumn(
                    name=feature.name,
                    moment=place if newest else -1,
                    max_age=span(oldest) if oldest is not None and timed else None,
                    nothing=nothing[feature.name].item(),
                )
            )
        kinds = write_schemas({"keys": pl.Schema(self._kinds), "features": schema}).decode()
        return View(
            product=self._product,
            name=self.name,
            keys=self.on,
            columns=tuple(columns),
            moments=len(self._lookups),
            schema=kinds,
            definition=self._digest(kinds, columns),
        )

    def compute(self, rows: Rows, moment: datetime, keys: pl.DataFrame | None = None) -> pl.DataFrame:
        """Return one row for each key of which some fact is known at a moment, of some keys or of all.

        Columns: the keys, ``EVENT`` (when the newest fact of the key happened) and, for each lookup, ``MOMENT`` and its
        number (when the newest fact it sees happened), in microseconds, null without a time; then the features.
        """
        rows = {name: rows[name] for name in self.tables}
        if keys is not None:
            rows = {name: self._of_keys(name, each, keys) for name, each in rows.items()}
        known = [self._known(each, rows[each.table.name], moment) for each in self._lookups]
        asked = self._joined(known, keys)
        history = {name: self._engine.prepare(name, each) for name, each in rows.items()}
        at = pl.lit(moment).cast(UTC).alias(self._time)
        values = self._engine.compute(asked.select(*self.on, at), history)
        return asked.hstack(values)

    def changed(self, rows: Rows, fresh: Rows, since: datetime, moment: datetime) -> pl.DataFrame | None:
        """Return the keys whose values at a moment may be other than at an earlier one; None for all of them.

        ``rows`` are the facts as they are now, ``fresh`` those that were not there the earlier time. A key's values change
        when a fact of it becomes known or leaves a window; those that tell the time since something, all the time.
        """
        if any(PREDICT_AT in feature.inputs for feature in self.features):
            return None
        found = []
        before, now = (_micros(each) for each in (since, moment))
        for each in self._lookups:
            facts = self._facts(each, rows[each.table.name]).filter(pl.col(_SEEN) <= now)
            stirred = pl.col(_SEEN) > before
            for width in {span(feature.window) for feature in each.windows if feature.window is not None}:
                stirred |= pl.col(_AT).is_between(before - width, now - width, closed="right")
            found.append(facts.filter(stirred).select(self.on))
            if each.table.name in fresh:
                found.append(self._facts(each, fresh[each.table.name]).filter(pl.col(_SEEN) <= now).select(self.on))
        return pl.concat(found).unique()

    def _nothing(self) -> pl.DataFrame:
        """Return the features of a key without facts, in the types that the engine gives them."""
        empty = {name: pl.DataFrame(schema=self._declared[name].schema) for name in self.tables}
        asked = pl.DataFrame(
            [pl.Series(name, [None], dtype=kind) for name, kind in {**self._kinds, self._time: UTC}.items()]
        )
        return self._engine.compute(asked, {name: self._engine.prepare(name, each) for name, each in empty.items()})

    def _facts(self, lookup: _Lookup, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the keys of a table's rows, when each happened and from when on it is seen; without what has no key."""
        height = rows.height
        at = of_facts(rows[lookup.table.time]) if lookup.table.time is not None else None
        seen = _latest(rows, at, lookup.known)
        columns = [
            _plain(rows[theirs], self._kinds[ours]).alias(ours) for theirs, ours in zip(lookup.key, self.on, strict=True)
        ]
        times = pl.Series(_AT, at) if at is not None else pl.Series(_AT, [ALWAYS], pl.Int64).new_from_index(0, height)
        facts = pl.DataFrame([*columns, times, pl.Series(_SEEN, seen) if seen is not None else times.alias(_SEEN)])
        return facts.drop_nulls(self.on)

    def _known(self, lookup: _Lookup, rows: pl.DataFrame, moment: datetime) -> pl.DataFrame:
        """Return the keys of which a lookup sees some fact at a moment, and when the newest of them happened."""
        facts = self._facts(lookup, rows).filter(pl.col(_SEEN) <= _micros(moment))
        return facts.group_by(self.on).agg(pl.col(_AT).max())

    def _joined(self, known: Sequence[pl.DataFrame], keys: pl.DataFrame | None) -> pl.DataFrame:
        """Return every key with the moments of all lookups, in an order that is good to write in."""
        names = [f"{MOMENT}{number}" for number in range(len(known))]
        if len(known) == 1:
            found = known[0].rename({_AT: names[0]})
        else:
            found = pl.concat([each.select(self.on) for each in known]).unique()
            for name, each in zip(names, known, strict=True):
                found = found.join(each.rename({_AT: name}), on=self.on, how="left")
        if keys is not None:
            found = found.join(keys, on=self.on, how="semi")
        found = found.with_columns(pl.max_horizontal(names).fill_null(ALWAYS).alias(EVENT))
        found = found.with_columns(pl.when(pl.col(name) != ALWAYS).then(pl.col(name)).alias(name) for name in names)
        by = [part for name in self.on for part in _in_order(name, self._kinds[name])]
        return found.sort(by).select(*self.on, EVENT, *names)

    def _of_keys(self, table: str, rows: pl.DataFrame, keys: pl.DataFrame) -> pl.DataFrame:
        """Return the rows of a table that some keys' features may look at."""
        marked = pl.Series([False]).new_from_index(0, rows.height)
        for key in {each.key for each in self._lookups if each.table.name == table}:
            columns = [
                _plain(rows[theirs], self._kinds[ours]).alias(ours) for theirs, ours in zip(key, self.on, strict=True)
            ]
            numbered = pl.DataFrame(columns).with_row_index(_AT)
            found = numbered.join(keys, on=self.on, how="semi")[_AT]
            marked = marked.scatter(found, True) if found.len() else marked
        return rows.filter(marked)

    def _digest(self, kinds: str, columns: Sequence[ViewColumn]) -> str:
        """Return a digest of everything that values depend on besides the facts."""
        parts = [repr((kinds, columns, self.on, pl.__version__)).encode()]
        for feature in self.features:
            table = self._declared[feature.table]
            parts.append(repr((feature.table, feature.window, feature.inputs, table.key, table.time, table.late)).encode())
            parts += [part.expression.meta.serialize() for part in (*feature.over, feature)]
        return digest(b"\0".join(parts))


@dataclass(frozen=True)
class _Lookup:
    """Features that look at the same rows of a table, whatever their windows."""

    table: Table
    key: tuple[str, ...]
    known: tuple[str, ...]
    newest: tuple[Feature, ...] = ()
    windows: tuple[Feature, ...] = ()


def _lookups(joins: Sequence[Join]) -> list[_Lookup]:
    found: dict[tuple[str, tuple[str, ...], tuple[str, ...]], _Lookup] = {}
    for join in joins:
        way = (join.table.name, join.key, join.known)
        held = found.get(way, _Lookup(join.table, join.key, join.known))
        if join.window is None:
            found[way] = replace(held, newest=(*held.newest, *join.features))
        else:
            found[way] = replace(held, windows=(*held.windows, *join.features))
    return list(found.values())


def _latest(rows: pl.DataFrame, at: Micros | None, known: Collection[str]) -> Micros | None:
    """Return from when on each row is seen: the latest of its moments; None where it was always there."""
    seen = at
    for name in known:
        moments = of_facts(rows[name])
        seen = moments if seen is None else pl.DataFrame({"a": seen, "b": moments}).max_horizontal().to_numpy()
    return seen


def _key_type(kind: pl.DataType) -> pl.DataType:
    """Return the type that keys are compared in, the same for every table that has them."""
    if isinstance(kind, pl.Categorical | pl.Enum):
        return pl.String()
    if kind.is_integer() and kind not in {pl.UInt64, pl.Int128, pl.UInt128}:
        return pl.Int64()
    return kind


def _plain(column: pl.Series, kind: pl.DataType) -> pl.Series:
    """Return a key column in the type that keys are compared in; NaN names nothing."""
    found = column.fill_nan(None) if column.dtype.is_float() else column
    return found if found.dtype == kind else found.cast(kind, strict=False)


def _in_order(name: str, kind: pl.DataType) -> Iterator[pl.Expr]:
    """Yield what a column is sorted by so that the packed keys ascend: short texts come before long ones."""
    if isinstance(kind, pl.String):
        yield pl.col(name).str.len_bytes()
    yield pl.col(name)


def _keepable(kind: pl.DataType) -> bool:
    wide = kind in {pl.Int128, pl.UInt128} or isinstance(kind, pl.Decimal)
    return isinstance(kind, pl.Boolean | pl.Null) or (kind.is_numeric() and not wide)


def _micros(moment: datetime) -> int:
    return int(of_asked(pl.Series([moment], dtype=UTC), timedelta())[0])
