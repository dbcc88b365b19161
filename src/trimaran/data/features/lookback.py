"""How far back features look into a table: what may be left out of its rows without changing a value."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple

from trimaran.data.declaration import Feature, Table


class Lookback(NamedTuple):
    """How far back a row's features look: the longest time, and whether one sees the newest row of a key however old."""

    longest: timedelta
    newest: bool


def lookback(features: Iterable[Feature], table: Table) -> Lookback:
    """Return how far back some features look into a table.

    >>> from datetime import timedelta
    >>> weather = Table("weather", "", ("origin",), time="hour", max_age=timedelta(hours=3))
    >>> lookback([Feature("gale", "weather", "newest", lambda wind: wind > 30, ("wind",), on=("origin",))], weather)
    Lookback(longest=datetime.timedelta(seconds=10800), newest=False)
    """
    mine = [feature for feature in features if feature.table == table.name]
    windows = [feature.window for feature in mine if feature.window is not None]
    newest = table.max_age is None and any(feature.kind == "newest" for feature in mine)
    return Lookback(max([*windows, table.max_age or timedelta()]), newest)
