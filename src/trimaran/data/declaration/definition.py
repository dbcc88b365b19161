"""A product's definition: the declaration once it is checked, frozen and complete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from trimaran.data.declaration.parts import (
    Acceptance,
    Expectation,
    Feature,
    Label,
    Model,
    ModelTest,
    Moment,
    ReleasePolicy,
    Retraining,
    Suggestion,
    Table,
    Value,
    Watch,
)


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
    segments: str | None

    @property
    def table(self) -> Table:
        """The table whose rows are predicted."""
        return self.tables[self.asked]

    @property
    def key(self) -> str:
        """The column that names an asked row, and so a prediction."""
        return self.table.key[0]

    @property
    def given(self) -> pl.Schema:
        """What a caller must send with a request: the asked table's columns that are there at predict_at and are used."""
        late = self.table.late
        wanted = [self.key, self.predict_at.column]
        for feature in self.features:
            wanted += feature.on
            if feature.kind == "row":
                wanted += [name for name in feature.inputs if name in self.table.schema]
        names = [name for name in dict.fromkeys(wanted) if name not in late]
        return pl.Schema({name: self.table.schema[name] for name in names})

    def source(self, table: str) -> Path:
        """Return the path a table's rows come from."""
        return self.root / self.tables[table].source

    def with_features(self, features: Sequence[Feature]) -> Definition:
        """Return the definition with more features, behind its own."""
        return replace(self, features=(*self.features, *features))
