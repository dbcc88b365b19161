"""Remembers features of asked rows, and forgets exactly those that a new fact could change."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from trimaran.build.computing import InParts, as_numbers, engine_of
from trimaran.core.canon import digest
from trimaran.data.declaration import Definition, Feature, Table

_ROW, _MOMENT = "__row", "__moment"
_SETS = 4
"""Feature sets remembered at once: the candidate's, the live model's, and their successors'."""


class FeatureCache:
    """Features of asked rows, computed once.

    A row's features depend on facts known by its predict_at and on nothing later. So when a table gets new rows, the
    earliest moment at which any of them says something is found; a feature due before that moment cannot have changed,
    every other is computed anew. A row of a table without times says something about every moment. The facts themselves
    are compared, not their arrival: a delivery that comes late, or a row that was changed, is seen.
    """

    def __init__(self) -> None:
        self._sets: OrderedDict[str, _Computed] = OrderedDict()

    def features(self, definition: Definition, frames: Mapping[str, pl.DataFrame], asked: pl.DataFrame) -> pl.DataFrame:
        """Return the features of asked rows, in their order and the definition's: Float32, NaN for missing."""
        kept = self._remembered(definition)
        kept.forget_changed(_facts(definition, frames))
        return kept.answer(asked, lambda rows: _compute(definition, frames, rows))

    def features_in_parts(self, parts: InParts, versions: Mapping[str, int], asked: pl.DataFrame) -> pl.DataFrame:
        """Return the same of tables at some versions that are too large for their facts to be compared.

        What was computed of other versions is forgotten.
        """
        kept = self._remembered(parts.definition)
        kept.forget_others({name: versions.get(name, -1) for name in parts.history})
        return kept.answer(asked, parts.compute)

    def _remembered(self, definition: Definition) -> _Computed:
        identity = _identity(definition)
        if identity not in self._sets:
            self._sets[identity] = _Computed(definition)
        self._sets.move_to_end(identity)
        while len(self._sets) > _SETS:
            self._sets.popitem(last=False)
        return self._sets[identity]


@dataclass
class _Computed:
    """The rows of one feature set, and the facts they were computed from.

    It holds the definition, so that the address of a function that stands in its identity is not used again.
    """

    definition: Definition
    facts: dict[str, pl.DataFrame] = field(default_factory=dict)
    versions: dict[str, int] | None = None
    rows: pl.DataFrame = field(init=False)

    def __post_init__(self) -> None:
        names = [feature.name for feature in self.definition.features]
        moment = self.definition.table.schema[self.definition.predict_at.column]
        self.rows = pl.DataFrame(schema={_ROW: pl.UInt64, _MOMENT: moment, **dict.fromkeys(names, pl.Float32)})

    def forget_changed(self, facts: dict[str, pl.DataFrame]) -> None:
        for name, seen in facts.items():
            changed = _changed(self.facts.get(name, seen.clear()), seen)
            if changed is None:
                continue
            moment = changed.min()
            # Without a moment a fact holds for all time, and so does its change.
            timeless = changed.null_count() > 0 or not isinstance(moment, datetime)
            self.rows = self.rows.clear() if timeless else self.rows.filter(pl.col(_MOMENT) < moment)
        self.facts, self.versions = facts, None

    def forget_others(self, versions: dict[str, int]) -> None:
        if self.versions != versions:
            self.rows = self.rows.clear()
        self.facts, self.versions = {}, versions

    def answer(self, asked: pl.DataFrame, compute: Callable[[pl.DataFrame], pl.DataFrame]) -> pl.DataFrame:
        given, moment = self.definition.given.names(), self.definition.predict_at.expression
        wanted = asked.select(pl.struct(given).hash(seed=0).alias(_ROW), moment.alias(_MOMENT))
        fresh = ~wanted[_ROW].is_in(self.rows[_ROW].implode()) & wanted[_ROW].is_first_distinct()
        if fresh.any():
            self.rows = pl.concat([self.rows, wanted.filter(fresh).hstack(compute(asked.filter(fresh)))])
        return wanted.select(_ROW).join(self.rows, on=_ROW, how="left", maintain_order="left").drop(_ROW, _MOMENT)


def _changed(before: pl.DataFrame, after: pl.DataFrame) -> pl.Series | None:
    """Return the moments of the facts that only one of two states of a table holds, None when there is no such fact."""
    if before is after:
        return None
    sides = [after.join(before, on=_ROW, how="anti"), before.join(after, on=_ROW, how="anti")]
    changed = pl.concat(sides)[_MOMENT]
    return None if changed.is_empty() else changed


def _facts(definition: Definition, frames: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Return, for each table that features look up, a hash of each row and the first moment at which it says something."""
    names = dict.fromkeys(feature.table for feature in definition.features if feature.kind != "row")
    return {name: _dated(definition.tables[name], frames[name]) for name in names}


def _dated(table: Table, rows: pl.DataFrame) -> pl.DataFrame:
    moments = [*([table.time] if table.time else []), *table.known.values()]
    first = pl.min_horizontal(moments) if table.time else pl.lit(None, dtype=pl.Datetime("us", "UTC"))
    return rows.with_columns(first.alias(_MOMENT), rows.hash_rows(seed=0).alias(_ROW)).select(_MOMENT, _ROW)


def _identity(definition: Definition) -> str:
    """Return what two definitions with the same features over the same tables have in common, reloaded or not."""
    parts = [f"{definition.name} {definition.asked} {definition.predict_at}"]
    for feature in definition.features:
        table = definition.tables[feature.table]
        parts.append(
            f"{feature.name} {feature.kind} {feature.on} {feature.window} {table.name} {table.key} {table.time} "
            f"{table.known} {table.max_age} {_expression_of(feature)}"
        )
    return digest("\n".join(parts).encode())


def _expression_of(feature: Feature) -> str:
    try:
        return digest(feature.expression.meta.serialize())
    except (pl.exceptions.PolarsError, ValueError, TypeError, ImportError):
        return str(id(feature.function))  # an expression with Python code in it has no written form


def _compute(definition: Definition, frames: Mapping[str, pl.DataFrame], asked: pl.DataFrame) -> pl.DataFrame:
    engine = engine_of(definition)
    history = {name: engine.prepare(name, frames[name]) for name in engine.needs}
    return as_numbers(definition, engine.compute(asked, history))
