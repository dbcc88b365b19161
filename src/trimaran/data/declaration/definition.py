"""A product's definition: the declaration once it is checked, frozen and complete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from trimaran.core.tasks import Number, OneOf, Ranking, Task, Value, YesOrNo
from trimaran.data.declaration.parts import (
    Acceptance,
    Expectation,
    Feature,
    Function,
    Label,
    Model,
    ModelTest,
    Moment,
    Naive,
    ReleasePolicy,
    Replicating,
    Retraining,
    Suggestion,
    Table,
    Watch,
)
from trimaran.data.sources import Shape, Source


@dataclass(frozen=True)
class Definition:
    """Everything the hulls need to know of a product; nothing in it can still be wrong by itself.

    ``asked`` names the table whose rows are predicted; ``features`` stand in an order in which each can be computed.
    """

    name: str
    owner: str
    root: Path
    predict_at: Moment
    asked: str
    tables: dict[str, Table]
    expectations: tuple[Expectation, ...]
    features: tuple[Feature, ...]
    label: Label
    model: Model
    tests: tuple[ModelTest, ...]
    acceptance: Acceptance
    release: ReleasePolicy
    watch: Watch
    retraining: Retraining
    value: Value
    suggestion: Suggestion | None
    replication: Replicating | None
    worth: Function | None = None
    naive: Naive | None = None

    @property
    def task(self) -> Task:
        """What is predicted, with everything that follows from it."""
        match self.label.kind:
            case "regression":
                return Number(self.label.quantile, self.worth)
            case "multiclass":
                return OneOf(self.label.classes, self.worth)
            case "ranking":
                return Ranking(self.label.at)
            case _:
                return YesOrNo(self.value)

    @property
    def goal(self) -> str:
        """The measure that models are compared on: the first one the gate requires, the task's own otherwise."""
        choices = self.task.compared
        return next((rule.measure for rule in self.acceptance.rules if rule.measure in choices), choices[0])

    @property
    def table(self) -> Table:
        """The table whose rows are predicted."""
        return self.tables[self.asked]

    @property
    def key(self) -> str:
        """The column that names an asked row, and so a prediction."""
        return self.table.key[0]

    @property
    def segments(self) -> str | None:
        """The column whose values each have a model of their own, None where there is one model for all."""
        return self.replication.by if self.replication is not None else None

    @property
    def group(self) -> str | None:
        """The column whose values each hold the rows that are ranked among each other, None where nothing is ranked."""
        return self.label.group

    @property
    def schemas(self) -> dict[str, pl.Schema]:
        """The columns of each table."""
        return {name: table.schema for name, table in self.tables.items()}

    @property
    def given(self) -> pl.Schema:
        """What a caller must send with a request: the asked table's columns that are there at predict_at and are used."""
        late = self.table.late
        wanted = [self.key, self.predict_at.column, *filter(None, [self.segments, self.group])]
        for feature in self.features:
            wanted += feature.on
            if feature.kind == "row":
                wanted += [name for name in feature.inputs if name in self.table.schema]
        names = [name for name in dict.fromkeys(wanted) if name not in late]
        return pl.Schema({name: self.table.schema[name] for name in names})

    def source(self, table: str) -> Source:
        """Return where a table's rows come from."""
        return self.tables[table].source.at(self.root)

    def shape(self, table: str) -> Shape:
        """Return what a table's rows must look like, and which of its columns something uses."""
        declared = self.tables[table]
        moments = {*filter(None, [declared.time]), *declared.known.values()}
        parts: tuple[Feature | Expectation | Label, ...] = (*self.features, *self.expectations, self.label)
        used = {name for part in parts if part.table == table for name in part.inputs}
        if table == self.asked:
            used |= {self.predict_at.column, *(name for part in self.features for name in part.on)}
            used |= {column for column, _ in self.acceptance.slices} | {*filter(None, [self.segments, self.group])}
        used |= {name for part in self.features if part.table == table and part.kind == "window" for name in part.on}
        needed = {*declared.key, *moments, *declared.known, *used} & set(declared.schema)
        strict = declared.schema_change == "stop"
        return Shape(table, declared.schema, frozenset(moments), frozenset(needed), strict)

    def with_features(self, features: Sequence[Feature]) -> Definition:
        """Return the definition with more features, behind its own."""
        return replace(self, features=(*self.features, *features))
