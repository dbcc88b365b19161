"""The newest facts of each table, held in memory and ready for features: read again only when something was pushed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import cast

import polars as pl

from trimaran.core.clock import Clock
from trimaran.core.ports import OnlineStore
from trimaran.data.declaration import Definition
from trimaran.data.features import FeatureEngine, Prepared, lookback

SLACK = timedelta(days=2)
"""How far behind the clock a request's moment may lie and still find every fact that was known then."""


class Facts:
    """The facts one definition's features read, as an online store has them now.

    Of a fact pushed again (a flight that has landed since) the last one counts. What no request within ``SLACK`` of the
    clock can use any more is dropped: rows older than the longest window, save the newest of each key where a row never
    gets too old. Not for several threads at once.
    """

    def __init__(self, definition: Definition, online: OnlineStore, clock: Clock) -> None:
        self.engine = FeatureEngine(definition.features, definition.tables, definition.asked, definition.predict_at)
        self.names = [feature.name for feature in definition.features]
        self._product = definition.name
        self._online = online
        self._clock = clock
        self._tables = {
            feature.table: definition.tables[feature.table] for feature in definition.features if feature.kind != "row"
        }
        self._lookbacks = {name: lookback(definition.features, table) for name, table in self._tables.items()}
        self._rows = {name: pl.DataFrame(schema=table.schema) for name, table in self._tables.items()}
        self._mark = 0
        self._prepared: dict[str, Prepared] = {name: self.engine.prepare(name, rows) for name, rows in self._rows.items()}

    @property
    def rows(self) -> Mapping[str, int]:
        """How many rows of each table are held."""
        return {name: rows.height for name, rows in self._rows.items()}

    def history(self) -> Mapping[str, Prepared]:
        """Return every table ready for the engine; asks the store for news first, which is cheap when there are none."""
        if self._online.mark(self._product) != self._mark:
            self._refresh()
        return self._prepared

    def _refresh(self) -> None:
        mark, batches = self._online.since(self._product, self._mark)
        fresh: dict[str, list[pl.DataFrame]] = {}
        for name, rows in batches:
            if name in self._tables:
                fresh.setdefault(name, []).append(_shaped(rows, self._tables[name].schema))
        for name, parts in fresh.items():
            held = self._current(name, pl.concat([self._rows[name], *parts]))
            self._prepared[name] = self.engine.prepare(name, held)
            self._rows[name] = held
        self._mark = mark

    def _current(self, name: str, rows: pl.DataFrame) -> pl.DataFrame:
        table = self._tables[name]
        identity = [*table.key, *([table.time] if table.time is not None and table.time not in table.key else [])]
        last = rows.unique(subset=identity, keep="last", maintain_order=True)
        if table.time is None or last.is_empty():
            return last
        # Rows may lie in the future (a schedule): they must not push out what today's requests need.
        newest = cast("datetime", last[table.time].max())
        horizon = min(self._clock.now(), newest) - self._lookbacks[name].longest - SLACK
        matters = pl.col(table.time) >= horizon
        young = last.filter(matters)
        if not self._lookbacks[name].newest:
            return young
        eldest = last.filter(~matters).sort(table.time).unique(subset=list(table.key), keep="last", maintain_order=True)
        return pl.concat([eldest, young])


def _shaped(rows: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """Return pushed rows with exactly the table's columns; one that was not pushed is empty."""
    return rows.select(
        (pl.col(name) if name in rows.columns else pl.lit(None)).cast(dtype).alias(name) for name, dtype in schema.items()
    )
