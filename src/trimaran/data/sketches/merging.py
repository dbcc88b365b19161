"""Merges profiles of deliveries: of a version, of a day, of a stretch of days, in any order with the same outcome."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from math import sqrt
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from trimaran.data.sketches.distinct import union
from trimaran.data.sketches.taking import HEAVY_SHARE

NO_DAY = "no day"
"""What the rows of a table without a time, and those whose time is empty, are filed under."""

SHARES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
BINS = 20
MOST_HEAVY = 10

Value = int | float | str | None


class Heavy(msgspec.Struct, frozen=True, kw_only=True):
    """A frequent value: it came at least ``count`` times and at most ``most`` times."""

    value: str
    count: int
    most: int


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one column: exact counts, moments of the finite values, and sketches of them.

    ``rows`` = ``nulls`` + ``nans`` + ``infinite`` + finite values. ``low`` and ``high`` are exact (of texts: of their lengths
    in characters), times and dates are ISO texts. ``quantiles`` are values by share; ``histogram`` holds one count more than
    ``edges`` has inner ones. ``distinct`` is exact where ``exact`` says so. ``heavy`` is empty where no value is frequent.
    """

    name: str
    type: str
    rows: int
    nulls: int
    nans: int
    infinite: int
    low: Value = None
    high: Value = None
    total: int | None = None
    mean: float | None = None
    deviation: float | None = None
    quantiles: dict[str, Value] = {}
    edges: list[float] = []
    histogram: list[float] = []
    distinct: int | None = None
    exact: bool = False
    heavy: list[Heavy] = []


class Sketch:
    """The merged profile of one column; ask it for any quantile, rank or histogram.

    >>> from trimaran.data.sketches.taking import take
    >>> parts = [take(pl.DataFrame({"delay": range(start, start + 1000)}), None) for start in (0, 1000)]
    >>> sketch = Sketch(pl.concat(parts))
    >>> sketch.quantile(0.5), round(sketch.rank(499), 2), sketch.column().total
    (995, 0.25, 1999000)
    """

    def __init__(self, parts: pl.DataFrame) -> None:
        self.parts = parts
        self.type = str(parts["type"][0])
        known = parts.filter(
            pl.col("mean").is_not_null() | pl.col("low_int").is_not_null() | pl.col("low_float").is_not_null()
        )
        self._whole = known["points_float"].null_count() == known.height
        points = known.with_columns(values=pl.col("points_int" if self._whole else "points_float"))
        points = points.filter(pl.col("values").list.len() > 0)
        finite = pl.col("rows") - pl.col("nulls") - pl.col("nans") - pl.col("infinite")
        points = points.select("values", weight=finite / pl.col("values").list.len()).explode("values").sort("values")
        self._values: npt.NDArray[Any] = points["values"].to_numpy()
        self._reached = np.cumsum(points["weight"].to_numpy())

    def quantile(self, share: float) -> int | float | None:
        """Return a value whose rank is ``share`` of the finite values, to within the rank error; None where there is none."""
        if not self._values.size:
            return None
        place = int(np.searchsorted(self._reached, share * self._reached[-1] - 1e-9))
        found: int | float = self._values[min(place, self._values.size - 1)].item()
        return found

    def rank(self, value: float) -> float:
        """Return which share of the finite values is at or below a value, to within the rank error; NaN where there are none."""
        if not self._values.size:
            return float("nan")
        place = int(np.searchsorted(self._values, value, side="right"))
        return float(self._reached[place - 1] / self._reached[-1]) if place else 0.0

    def column(self) -> Column:
        """Return all that is known of the column, in words and numbers."""
        parts = self.parts
        counts = {name: int(parts[name].sum() or 0) for name in ("rows", "nulls", "nans", "infinite")}
        low, high = self._least_and_greatest()
        total, mean, deviation = self._moments(2 * counts["rows"] - sum(counts.values()))
        distinct, exact = self._distinct()
        edges, histogram = self._histogram(low, high)
        lengths = not self._values.size
        return Column(
            name=str(parts["column"][0]),
            type=self.type,
            **counts,
            low=low if lengths else self._told(low),
            high=high if lengths else self._told(high),
            total=total,
            mean=mean,
            deviation=deviation,
            quantiles={f"{share:g}": self._told(self.quantile(share)) for share in SHARES} if self._values.size else {},
            edges=edges,
            histogram=histogram,
            distinct=distinct,
            exact=exact,
            heavy=self._heavy(),
        )

    def _told(self, value: float | None) -> Value:
        """Return a value as people read it: moments, which are kept as integers, as ISO texts."""
        if value is None or not self.type.startswith(("Date", "Datetime")):
            return bool(value) if self.type == "Boolean" and value is not None else value
        begin = datetime(1970, 1, 1, tzinfo=UTC)
        try:
            if self.type == "Date":
                return (begin + timedelta(days=value)).date().isoformat()
            moment = begin + timedelta(microseconds=value)
        except OverflowError:
            return f"{value} since 1970, beyond the years 1 to 9999"
        return (moment if "time_zone" in self.type and "=None" not in self.type else moment.replace(tzinfo=None)).isoformat()

    def _least_and_greatest(self) -> tuple[int | float | None, int | float | None]:
        kind = "int" if self._whole else "float"
        return self.parts[f"low_{kind}"].min(), self.parts[f"high_{kind}"].max()  # type: ignore[return-value]

    def _moments(self, finite: int) -> tuple[int | None, float | None, float | None]:
        """Return the exact sum of integers, the mean and the standard deviation, by Chan's formula for parts."""
        number = pl.col("rows") - pl.col("nulls") - pl.col("nans") - pl.col("infinite")
        known = self.parts.select("mean", "spread", "sum_upper", "sum_lower", n=number).drop_nulls("mean")
        if not finite or known["n"].sum() != finite or self.type.startswith("Date"):
            return None, None, None
        n, means = known["n"].to_numpy(), known["mean"].to_numpy()
        total = None
        if known["sum_upper"].null_count() == 0:
            total = (sum(known["sum_upper"].to_list()) << 32) + sum(known["sum_lower"].to_list())
        mean = total / finite if total is not None else float(np.sum(means * (n / finite)))
        with np.errstate(over="ignore"):
            spread = np.sum(known["spread"].to_numpy()) + np.sum(n * (means - mean) ** 2)
        return total, mean, sqrt(spread / finite) if np.isfinite(spread) else None

    def _distinct(self) -> tuple[int | None, bool]:
        parts = self.parts.drop_nulls("distinct")
        if parts.is_empty() or parts.height < self.parts.height:
            return None, False
        if parts.height == 1:
            return int(parts["distinct"][0]), True
        large = [np.frombuffer(one, dtype=np.uint8) for one in parts["registers"].drop_nulls()]
        small = parts["seen"].drop_nulls().explode().drop_nulls().to_numpy()
        found, exact = union([small], large)
        return max(round(found), *parts["distinct"].to_list()), exact

    def _histogram(self, low: float | None, high: float | None) -> tuple[list[float], list[float]]:
        """Return the inner edges of equal cells from the least to the greatest value, and how many values each cell holds."""
        if low is None or high is None or not self._values.size or self.type == "Boolean":
            return [], []
        with np.errstate(over="ignore", invalid="ignore"):
            edges = np.linspace(float(low), float(high), BINS + 1)
        if not np.isfinite(edges).all() or edges[0] == edges[-1]:
            return [], [float(self._reached[-1])]
        ranks = [self.rank(edge) for edge in edges[1:-1]]
        shares = np.diff([0.0, *ranks, 1.0])
        return edges[1:-1].tolist(), (shares * self._reached[-1]).tolist()

    def _heavy(self) -> list[Heavy]:
        """Return the values that came twice at least and make more than their share, the most frequent first."""
        listed = self.parts.filter(pl.col("heavy_rest").is_not_null())
        said = listed.filter(pl.col("heavy").list.len() > 0)
        if said.is_empty():
            return []
        present = pl.col("rows") - pl.col("nulls")
        values = self.parts.select(present.sum()).item()
        # A value that a part does not list may be there as often as the part's greatest that is not; in one without values, always.
        rest = listed["heavy_rest"].sum() + self.parts.filter(pl.col("heavy_rest").is_null()).select(present.sum()).item()
        counted = pl.col("heavy_counts").sum()
        by_value = said.explode("heavy", "heavy_counts").group_by("heavy")
        counts = by_value.agg(count=counted, most=rest + counted - pl.col("heavy_rest").sum())
        frequent = counts.filter(pl.col("count") > max(1, values * HEAVY_SHARE))
        frequent = frequent.sort("count", "heavy", descending=[True, False]).head(MOST_HEAVY)
        shown = {"0": "false", "1": "true"} if self.type == "Boolean" else {}
        return [
            Heavy(value=shown.get(value, value), count=count, most=most)
            for value, count, most in frequent.select("heavy", "count", "most").iter_rows()
        ]


def by_column(profile: pl.DataFrame) -> dict[str, Sketch]:
    """Return the merged sketch of each column."""
    return {str(name): Sketch(parts) for (name,), parts in profile.group_by("column", maintain_order=True)}


def by_day(profile: pl.DataFrame, column: str) -> dict[str, Sketch]:
    """Return the merged sketch of a column for each day, oldest first; rows without a day under ``NO_DAY``."""
    parts = profile.filter(pl.col("column") == column).sort("day", nulls_last=True)
    return {day_name(day): Sketch(found) for (day,), found in parts.group_by("day", maintain_order=True)}


def days_of(profile: pl.DataFrame, since: date | None, until: date | None) -> pl.DataFrame:
    """Return the part of a profile of since <= day < until; rows without a day are in no stretch of days."""
    wanted = [pl.col("day") >= since] if since is not None else []
    wanted += [pl.col("day") < until] if until is not None else []
    return profile.filter(*wanted) if wanted else profile


def day_name(day: Any) -> str:
    """Return a day as ISO text, ``NO_DAY`` for none."""
    return day.isoformat() if isinstance(day, date) else NO_DAY
