"""Features in parts by key, within a bounded memory: the very answers of the engine that has everything at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from trimaran.core.ports import Executor
from trimaran.data.features.costs import Costs, of_asked, of_table
from trimaran.data.features.engine import FeatureEngine
from trimaran.data.features.parts import ROW, Parts
from trimaran.data.features.plan import Way
from trimaran.data.features.spill import Spill, gathered, height, slices, width


class PartitionedEngine:
    """Computes what ``FeatureEngine`` computes, to the last bit, of tables and asked rows that do not fit into memory.

    What is looked up in a table by one key depends on the rows with that key alone. So for each table and key the rows and
    the asked rows are put aside on disk by a hash of their keys, each part is computed by the engine itself, and the columns
    are put together again in the order of the asked rows; features of features are computed last. This takes about
    ``memory`` bytes beyond what the process holds already and what reading files takes (``READING``); ``executor`` says where parts are computed. One thing depends on
    all the rows of a table: where numbers in a column differ by a factor of 10^60 and more, their sums are not exact but
    Polars', and a part without such numbers still has exact ones.
    """

    def __init__(self, engine: FeatureEngine, memory: int, executor: Executor) -> None:
        self._engine = engine
        self._costs = Costs(memory)
        self._executor = executor

    def cost(self, asked: pl.LazyFrame, history: Mapping[str, pl.LazyFrame]) -> int:
        """Return how many bytes it would take to compute everything at once, by the same reckoning as parts are made."""
        total = height(asked) * self._of_asked(asked.select(self._engine.given))
        for way in self._engine.ways:
            used = history[way.table.name].select(way.columns)
            total += height(used) * of_table(way, width(used))
        return total

    def compute(self, asked: pl.LazyFrame, history: Mapping[str, pl.LazyFrame], scratch: Path) -> Iterator[pl.DataFrame]:
        """Yield the features of asked rows, in their order, some rows at a time; ``scratch`` is an empty folder to be used.

        Frames are read in slices: they should be scans of files, or lie in memory. Raises ``InputError`` that names a key
        whose rows alone take more memory than there is, and whatever ``FeatureEngine`` raises.
        """
        engine = self._engine
        # No rows ask first: what is missing is told before anything is read, and this is the answer where none do.
        prepared = {name: engine.prepare(name, rows.head(0).collect()) for name, rows in history.items()}
        nothing = engine.compute(asked.head(0).collect(), prepared)
        given = asked.select(engine.given)
        if height(given) == 0:
            yield nothing
            return
        step = max(self._costs.asking // self._of_asked(given), 1)
        runs = []
        for number, way in enumerate(engine.ways):
            folder = scratch / str(number)
            folder.mkdir()
            runs.append(self._looked_up(way, history[way.table.name], given, step, folder))
        for start, rows in slices(given, step):
            joined = [run.read(run.pieces(start // step)).sort(ROW).drop(ROW) for run in runs]
            yield engine.complete(rows, {column.name: column for found in joined for column in found})

    def _of_asked(self, given: pl.LazyFrame) -> int:
        return of_asked(sum(len(way.features) for way in self._engine.ways), width(given))

    def _looked_up(self, way: Way, rows: pl.LazyFrame, given: pl.LazyFrame, step: int, folder: Path) -> Spill:
        """Return what asked rows see one way, each ``step`` of them in a bucket."""
        alone = self._engine.alone(way, pairs=self._costs.pairs)
        parts = Parts(way, rows, given.select(alone.given), costs=self._costs, most=step, folder=folder / "parts")
        found = self._executor.map(_Share(alone, way.table.name), ((part.name, part.read()) for part in parts))
        answers = Spill(folder / "answers", pl.Schema(), step)
        for some in gathered(found, self._costs.slice):
            answers.add(some, pl.col(ROW) // step)
        return answers


@dataclass(frozen=True)
class _Share:
    """What one task does: computes what is looked up one way for rows that came with all that they can see."""

    engine: FeatureEngine
    table: str

    def __call__(self, given: tuple[pl.DataFrame, pl.DataFrame]) -> pl.DataFrame:
        rows, asked = given
        found = self.engine.compute(asked, {self.table: self.engine.prepare(self.table, rows)})
        return asked.select(ROW).hstack(found)
