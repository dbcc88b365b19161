"""What a benchmark says: figures, each beside its floor and, where one is promised, its limit."""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

AS_INSTALLED = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""The environment for processes whose start is timed: an installed trimaran has its bytecode, so sources may keep theirs."""


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One measured value; ``floor`` is what the least that could do the job took in the same run.

    ``limit`` is what was promised, None for nothing: a value ``at_least`` it, or else at most it, keeps the promise.
    """

    name: str
    value: float
    unit: str
    floor: float | None = None
    floor_name: str = ""
    limit: float | None = None
    at_least: bool = False

    @property
    def missed(self) -> bool:
        """Whether the promise was not kept."""
        if self.limit is None:
            return False
        return self.value < self.limit if self.at_least else self.value > self.limit


def arguments(about: str) -> argparse.ArgumentParser:
    """Return a parser with what every benchmark understands."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    return parser


def report(figures: Sequence[Figure], target: Path | None) -> int:
    """Print figures as a table, write them to ``target`` where one is given, and return the exit code: 1 when one missed."""
    width = max(len(figure.name) for figure in figures)
    print(f"{'':{width}} {'value':>10}         {'floor':>10} {'ratio':>8} {'limit':>10}")
    for figure in figures:
        floor = f"{'':10} {'':8}" if not figure.floor else f"{figure.floor:10,.4g} {figure.value / figure.floor:8.2f}"
        limit = "" if figure.limit is None else f"{'≥' if figure.at_least else '≤'} {figure.limit:,.4g}"
        name = f"  ({figure.floor_name})" if figure.floor_name else ""
        said = "  MISSED" if figure.missed else ""
        print(f"{figure.name:{width}} {figure.value:10,.4g} {figure.unit:7} {floor} {limit:>10}{said}{name}")
    if target is not None:
        target.write_bytes(msgspec.json.format(msgspec.json.encode(figures)))
    return int(any(figure.missed for figure in figures))


def seconds(act: Callable[[], object], repeats: int) -> float:
    """Return the median time of an act."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        act()
        times.append(time.perf_counter() - start)
    return statistics.median(times)
