"""The port of metric points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import polars as pl


class MetricStore(Protocol):
    """The points that runs log: a metric's name, its step, its value and when it was measured.

    Law: ``log`` is atomic and durable when it returns; a key that a run logged before changes nothing and is told by 0.
    ``points`` come in order of name, step, then writing; every value comes back bit by bit, NaN and infinities too.
    """

    def log(self, run: str, points: pl.DataFrame, *, key: str) -> int:
        """Write points (name, step, value, at: String, Int64, Float64, Datetime in microseconds of UTC) of a run and return how many were new."""
        ...

    def points(self, run: str, names: Sequence[str] = ()) -> pl.DataFrame:
        """Return the points of a run, of some metrics (all when empty)."""
        ...

    def weight(self, runs: Sequence[str]) -> int:
        """Return the bytes of the points of some runs."""
        ...

    def remove(self, runs: Sequence[str]) -> None:
        """Remove the points of some runs that have ended, with their keys."""
        ...
