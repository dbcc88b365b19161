"""What the values of features looked like: in training by its profile, lately by a sample of what was captured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate

import numpy as np
import numpy.typing as npt
import polars as pl

from trimaran.app.catalogue.entries import Distribution
from trimaran.app.workspace import CAPTURES, Workspace
from trimaran.core.nouns import ModelVersion
from trimaran.core.statistics import Histogram, histogram
from trimaran.data.profiles import ColumnProfile

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
ENOUGH = 2000
"""Answers that show how a feature looks lately: the 5 % quantile of so many is off by half a percent of them."""

_FIRST, _LAST = timedelta(minutes=15), timedelta(days=7)
_MOST = 20_000
_LOOKED_AT = ("id", "version", "role", "event_at", "features")


def of_training(column: ColumnProfile, version: ModelVersion) -> Distribution:
    """Return what a feature looked like in the training rows of a version."""
    cells = column.histogram
    return Distribution(
        of=f"training of {version.name}",
        rows=version.rows,
        since=version.trained_from,
        until=version.trained_to,
        missing=column.missing,
        low=column.low,
        high=column.high,
        quantiles=quantiles_of(cells, column.low, column.high),
        edges=cells.edges,
        counts=cells.counts,
    )


def quantiles_of(cells: Histogram, low: float | None, high: float | None) -> dict[float, float]:
    """Return quantiles by interpolation within the cells of a histogram of numbers; none where it holds none.

    >>> quantiles_of(Histogram(kind="numeric", edges=[10.0], counts=[50, 50]), 0.0, 30.0)[0.75]
    20.0
    """
    total = sum(cells.counts)
    if low is None or high is None or not total or cells.kind != "numeric":
        return {}
    sums = [0, *accumulate(cells.counts)]
    bounds = [low, *(min(max(edge, low), high) for edge in cells.edges), high]
    return {share: float(np.interp(share * total, sums, bounds)) for share in QUANTILES}


def shape(look: Distribution, low: float, high: float, bins: int = 24) -> list[float]:
    """Return which share of the rows lies in each of some bins of equal width between two values.

    Rows count as spread evenly within each cell of the histogram, the outer ones from the least to the greatest value.

    >>> cells = {"of": "v1", "since": None, "until": None, "missing": 0.0, "quantiles": {}}
    >>> shape(Distribution(rows=4, low=0.0, high=6.0, edges=[2.0], counts=[2, 2], **cells), 0.0, 8.0, bins=4)
    [0.5, 0.25, 0.25, 0.0]
    """
    total = sum(look.counts)
    if not total or look.low is None or look.high is None:
        return [0.0] * bins
    bounds = [look.low, *(min(max(edge, look.low), look.high) for edge in look.edges), look.high]
    below = dict(zip(bounds, accumulate([0, *look.counts]), strict=True))
    shares = np.array(list(below.values())) / total
    known = np.interp(np.linspace(low, high, bins + 1), list(below), shares, left=0.0, right=1.0)
    # What lies at the very least value belongs to the first bin.
    found: list[float] = np.diff(known, prepend=0.0)[1:].tolist()
    return [found[0] + float(known[0]), *found[1:]]


@dataclass(frozen=True)
class Sample:
    """The newest captured answers of one version: their ids, moments and features."""

    version: str
    names: Sequence[str]
    rows: pl.DataFrame

    def distribution(self, name: str) -> Distribution | None:
        """Return what a feature looks like in the sample, None where it is empty.

        The cells are its own: those of the training would be too wide where the training had few values.
        """
        if self.rows.is_empty() or name not in self.names:
            return None
        column = self.rows["features"].list.get(self.names.index(name)).cast(pl.Float32)
        values: npt.NDArray[np.float64] = column.to_numpy().astype(np.float64)
        finite = values[np.isfinite(values)]
        cells = histogram(finite)
        found = np.quantile(finite, QUANTILES).tolist() if finite.size else []
        return Distribution(
            of=f"answers of {self.version}",
            rows=values.size,
            since=self.rows["event_at"][0],
            until=self.rows["event_at"][-1],
            missing=1 - finite.size / values.size,
            low=float(finite.min()) if finite.size else None,
            high=float(finite.max()) if finite.size else None,
            quantiles=dict(zip(QUANTILES, found, strict=False)),
            edges=cells.edges,
            counts=cells.counts,
        )


def sample_of(workspace: Workspace, version: ModelVersion, now: datetime) -> Sample:
    """Return the newest answers of a version within a week: about ``ENOUGH`` where there are so many.

    The window starts small and doubles, so that a look costs what it shows and not what was ever captured.
    """
    window, rows = _FIRST, pl.DataFrame()
    wanted = (pl.col("version") == version.number) & pl.col("role").is_in(["live", "canary"])
    if (workspace.root / CAPTURES).exists() and version.segment is None:
        while True:
            found = workspace.captures.frame(version.product, since=now - window, columns=_LOOKED_AT)
            fits = pl.col("features").list.len() == len(version.features)
            rows = found.filter(wanted & fits).select("id", "event_at", "features").tail(_MOST)
            if rows.height >= ENOUGH or window >= _LAST:
                break
            window = min(window * 2, _LAST)
    return Sample(version.name, version.features, rows)
