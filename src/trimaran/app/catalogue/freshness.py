"""How new the facts of a table are, and how late its values come."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from trimaran.app.catalogue.entries import Freshness
from trimaran.app.workspace import Workspace
from trimaran.data.declaration import Feature, Table

_RECENT = timedelta(days=30)
"""The rows before the newest one whose lateness counts as how it is now."""


class Newness:
    """The freshness of the tables of one product, each looked at once for each set of columns."""

    def __init__(self, workspace: Workspace, product: str, now: datetime) -> None:
        self._workspace = workspace
        self._product = product
        self._now = now
        self._known: dict[tuple[str, tuple[str, ...]], Freshness | None] = {}

    def of(self, feature: Feature, table: Table) -> Freshness | None:
        """Return how fresh a looked-up feature is; None for one over the asked row, which is as fresh as the question."""
        if feature.kind == "row" or table.time is None:
            return None
        moments = tuple(sorted({table.late[name] for name in feature.inputs if name in table.late}))
        place = table.name, moments
        if place not in self._known:
            self._known[place] = self._look(table, table.time, moments)
        return self._known[place]

    def _look(self, table: Table, time: str, moments: tuple[str, ...]) -> Freshness | None:
        address = f"{self._product}/{table.name}"
        version = self._workspace.tables.version(address)
        if version is None:
            return None
        known = pl.max_horizontal(time, *moments) if moments else pl.col(time)
        # A value without a moment is not known yet, and max_horizontal passes nulls over.
        told = known.is_not_null() & pl.all_horizontal(pl.col(name).is_not_null() for name in (time, *moments))
        rows = self._workspace.tables.read(address, version).select(time, *moments)
        there = told & (known <= self._now)
        total, newest = rows.select(pl.len(), pl.col(time).filter(there).max()).collect().row(0)
        lags: tuple[timedelta | None, timedelta | None] = (None, None)
        if newest is not None:
            recent = rows.filter(there & (pl.col(time) > newest - _RECENT)).select(lag=known - pl.col(time)).collect()["lag"]
            lags = (_quantile(recent, 0.5), _quantile(recent, 0.95))
        age = (self._now - newest) if newest is not None else None
        return Freshness(
            table=table.name,
            version=version,
            rows=total,
            newest=newest,
            age=age.total_seconds() if age is not None else None,
            usual_lag=lags[0].total_seconds() if lags[0] is not None else None,
            late_lag=lags[1].total_seconds() if lags[1] is not None else None,
            too_old=age is not None and table.max_age is not None and age > table.max_age,
        )


def _quantile(lags: pl.Series, share: float) -> timedelta | None:
    found = lags.dt.total_microseconds().quantile(share, "nearest")
    return None if found is None else timedelta(microseconds=found)
