"""What has to be joined for a set of features: those that can share one join stand together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import polars as pl

from trimaran.core.errors import Fault
from trimaran.data.declaration import PREDICT_AT, Feature, Table
from trimaran.data.features.evaluation import looks_aside
from trimaran.data.features.moments import UTC


@dataclass(frozen=True)
class Join:
    """Features that look at the same rows of a table.

    ``on`` names columns of the asked rows and ``key`` the table's columns they equal; ``known`` are the moments at which the
    columns the features use become known; ``window`` is None for the newest row.
    """

    table: Table
    on: tuple[str, ...]
    key: tuple[str, ...]
    known: tuple[str, ...]
    window: timedelta | None
    features: tuple[Feature, ...]

    @property
    def inputs(self) -> list[str]:
        """The table's columns that the features use."""
        return list(dict.fromkeys(name for feature in self.features for name in feature.columns))

    @property
    def columns(self) -> list[str]:
        """Every column of the table that the join needs."""
        time = () if self.table.time is None else (self.table.time,)
        return list(dict.fromkeys([*self.key, *time, *self.known, *self.inputs]))


@dataclass(frozen=True)
class Way:
    """Joins of one table by one key: they see no rows but those whose ``key`` equals the asked row's ``on`` columns."""

    table: Table
    on: tuple[str, ...]
    key: tuple[str, ...]
    joins: tuple[Join, ...]

    @property
    def columns(self) -> list[str]:
        """Every column of the table that the joins need."""
        return list(dict.fromkeys(name for join in self.joins for name in join.columns))

    @property
    def features(self) -> list[Feature]:
        """What is looked up this way."""
        return [feature for join in self.joins for feature in join.features]


def ways(joins: Sequence[Join]) -> list[Way]:
    """Return joins by the table and the key they go by."""
    together: dict[tuple[str, tuple[str, ...], tuple[str, ...]], list[Join]] = {}
    for join in joins:
        together.setdefault((join.table.name, join.on, join.key), []).append(join)
    return [Way(some[0].table, on, key, tuple(some)) for (_, on, key), some in together.items()]


@dataclass(frozen=True)
class _Written:
    """A function that was called already: the expression it gave can travel to where its module is not."""

    expression: pl.Expr

    def __call__(self, *_: pl.Expr) -> pl.Expr:
        return self.expression


def written(feature: Feature) -> Feature:
    """Return a feature with its expression in place of the author's function."""
    return replace(feature, function=_Written(feature.expression), over=())


def plan(features: Sequence[Feature], tables: Mapping[str, Table]) -> list[Join]:
    """Return the joins that newest and window features need, as few as can be."""
    together: dict[tuple[str, tuple[str, ...], tuple[str, ...], timedelta | None], list[Feature]] = {}
    for feature in features:
        if feature.kind != "row":
            table = tables[feature.table]
            used = (*_key(feature, table), *feature.columns)
            known = tuple(sorted({table.late[name] for name in used if name in table.late}))
            together.setdefault((feature.table, feature.on, known, feature.window), []).append(feature)
    return [
        Join(tables[name], on, _key(group[0], tables[name]), known, window, tuple(group))
        for (name, on, known, window), group in together.items()
    ]


def faults(features: Sequence[Feature], tables: Mapping[str, Table], asked: str) -> Iterator[Fault]:
    """Yield all that keeps features from being computed from the tables; a table without a schema is not looked into."""
    seen: set[str] = set()
    if asked not in tables:
        yield Fault(what=f"table {asked!r} is asked for but not declared", remedy=f"choose from: {', '.join(tables)}")
    for feature in features:
        if feature.name in seen:
            yield _fault(feature, "is declared twice", "give one another name")
        seen.add(feature.name)
        table = tables.get(feature.table)
        if table is None:
            yield _fault(feature, f"is over {feature.table!r}, which is not declared", f"choose from: {', '.join(tables)}")
        elif feature.kind != "row":
            yield from _join_faults(feature, table, tables.get(asked))
        if table is not None:
            for part in (*feature.over, *([] if feature.kind == "window" else [feature])):
                yield from _aside_faults(part, table.schema)


def _join_faults(feature: Feature, table: Table, asked: Table | None) -> Iterator[Fault]:
    if not feature.on:
        yield _fault(feature, "does not say which columns name its rows", "give it on= or by=")
    if feature.kind == "window" and (table.time is None or feature.window is None):
        missing = "its table has no time" if table.time is None else "no width is given"
        yield _fault(feature, f"has a window, but {missing}", "declare time= on the table and window= on the feature")
    if feature.kind == "newest" and len(feature.on) != len(table.key):
        columns = ", ".join(table.key)
        yield _fault(
            feature, f"joins on {', '.join(feature.on)}, but {table.name} has the key {columns}", "name as many columns"
        )
        return
    for name, column in zip(feature.on, _key(feature, table), strict=True):
        ours, theirs = asked.schema.get(name) if asked else None, table.schema.get(column)
        if ours is not None and theirs is not None and _family(ours) != _family(theirs):
            what = f"joins {name} ({ours}) on {table.name}.{column} ({theirs}): no row can ever match"
            yield _fault(feature, what, "give both columns the same type")


def _aside_faults(feature: Feature, schema: pl.Schema) -> Iterator[Fault]:
    if schema and looks_aside(feature.expression, {**schema, PREDICT_AT: UTC}):
        what = "looks beyond its own row: asked for alone, a row would get another value than among others"
        yield _fault(feature, what, "use only functions of one row's values, or a window")


def _key(feature: Feature, table: Table) -> tuple[str, ...]:
    return table.key if feature.kind == "newest" else feature.on


def _family(kind: pl.DataType) -> str:
    if isinstance(kind, pl.Categorical | pl.Enum):
        return "String"
    return "number" if kind.is_numeric() else type(kind).__name__


def _fault(feature: Feature, what: str, remedy: str) -> Fault:
    return Fault(what=f"feature {feature.name!r} {what}", where=feature.where, remedy=remedy)
