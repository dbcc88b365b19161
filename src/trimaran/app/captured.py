"""Captured rows as those read them who look again and again: what can no longer change is read once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from trimaran.core.ports import CaptureStore

LATENESS = timedelta(days=2)
"""How long after its predict_at a row may still be asked for."""


@dataclass(frozen=True)
class _Held:
    """Rows with since <= event_at < until, each with its label, and the store's mark of them."""

    rows: pl.DataFrame
    since: datetime
    until: datetime
    mark: tuple[int, int]


class CapturedRows:
    """Some columns of one product's captured rows, over windows that move forward.

    A row that was captured changes once, by getting its label, so of a window only the newest rows are read at each look:
    those from the first on that waits for a label, and those of the last two days, to which some may be added. The others
    are kept from the look before. Where the store says that these are not the same rows any more (some were erased, or
    came later than that), everything is read again. Not for several threads.
    """

    def __init__(self, captures: CaptureStore, product: str, columns: Sequence[str]) -> None:
        self._captures = captures
        self._product = product
        self._columns = list(dict.fromkeys([*columns, "event_at", "joined_at"]))
        self._wanted = frozenset(columns)
        self._held: _Held | None = None

    def frame(self, *, since: datetime, now: datetime) -> pl.DataFrame:
        """Return the rows with event_at >= since as ``CaptureStore.frame`` does, ``now`` being the time of this look."""
        held = self._still_held(since)
        fresh = self._captures.frame(self._product, since=held.until if held is not None else since, columns=self._columns)
        rows = pl.concat([held.rows.filter(pl.col("event_at") >= since), fresh]) if held is not None else fresh
        self._held = self._settled(rows, since, now)
        return rows.select(name for name in rows.columns if name in self._wanted)

    def _still_held(self, since: datetime) -> _Held | None:
        held = self._held
        if held is None or not held.since <= since < held.until or self._mark(held.since, held.until) != held.mark:
            return None
        return held

    def _settled(self, rows: pl.DataFrame, since: datetime, now: datetime) -> _Held | None:
        """Return those of the rows that nothing is expected to happen to any more."""
        waiting = rows.filter(pl.col("joined_at").is_null())["event_at"].min()
        until = min(now - LATENESS, waiting) if isinstance(waiting, datetime) else now - LATENESS
        if until <= since:
            return None
        kept, mark = rows.filter(pl.col("event_at") < until), self._mark(since, until)
        # One that was captured since these were read is not among them.
        return _Held(kept, since, until, mark) if mark[0] == kept.height else None

    def _mark(self, since: datetime, until: datetime) -> tuple[int, int]:
        return self._captures.mark(self._product, since=since, until=until)
