"""By what means features are computed: at once where they fit into memory, in parts where they do not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from trimaran.core.ports import Executor
from trimaran.data.declaration import Definition
from trimaran.data.features import FeatureEngine, PartitionedEngine


@dataclass(frozen=True)
class Computing:
    """How many bytes may be taken, asked each time; who computes parts; and a folder to put rows aside in meanwhile.

    ``trials`` does the trials of a tuning and ``segments`` the models of segments, None for this process, one after the other;
    ``engine`` is what people call all of this. ``side_by_side`` parts are computed in this machine's memory at once, each in its
    share.
    """

    memory: Callable[[], int]
    executor: Executor
    scratch: Callable[[], AbstractContextManager[Path]]
    trials: Executor | None = None
    engine: str = "local"
    side_by_side: int = 1
    segments: Executor | None = None

    def in_parts(self, definition: Definition, asked: pl.DataFrame, rows: Mapping[str, pl.LazyFrame]) -> InParts | None:
        """Return what computes features in parts, None where they can be computed at once."""
        engine = engine_of(definition)
        history = {name: rows[name] for name in engine.needs}
        memory = self.memory()
        parts = PartitionedEngine(engine, memory // self.side_by_side, self.executor)
        return InParts(parts, definition, history, self.scratch) if parts.cost(asked.lazy(), history) > memory else None


@dataclass(frozen=True)
class InParts:
    """Computes the features of a definition over tables that do not fit into memory."""

    engine: PartitionedEngine
    definition: Definition
    history: Mapping[str, pl.LazyFrame]
    scratch: Callable[[], AbstractContextManager[Path]]

    def compute(self, asked: pl.DataFrame) -> pl.DataFrame:
        """Return the features of asked rows: Float32, NaN for missing."""
        with self.scratch() as folder:
            parts = self.engine.compute(asked.lazy(), self.history, folder)
            return pl.concat(as_numbers(self.definition, part) for part in parts)


def engine_of(definition: Definition) -> FeatureEngine:
    """Return the engine for a definition's features."""
    return FeatureEngine(definition.features, definition.tables, definition.asked, definition.predict_at)


def as_numbers(definition: Definition, computed: pl.DataFrame) -> pl.DataFrame:
    """Return features as models take them: Float32, NaN for missing, in the definition's order."""
    return computed.select(pl.col(feature.name).cast(pl.Float32).fill_null(float("nan")) for feature in definition.features)
