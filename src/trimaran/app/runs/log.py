"""What a run under way has said so far; whoever logs only appends, and the desk's thread makes rows of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

import polars as pl

from trimaran.core.nouns import Artifact, Code, Reading, Setting, Used

_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_MICROSECOND = timedelta(microseconds=1)

Logged = tuple[str, float, int | None, int]
"""A metric's name, its value, its step where one was given, and the reading of the nanosecond counter."""


class Chunk(NamedTuple):
    """Points on their way to the metric store, under the key that makes a second try harmless."""

    key: str
    names: list[str]
    steps: list[int]
    values: list[float]
    moments: list[int]


@dataclass
class Log:
    """The mutable side of a run; ``buffer`` may be appended to from any thread, the rest is the desk's.

    ``ticks`` is what the nanosecond counter said at ``started``: a point's time is reckoned from there, so that it costs no
    look at the clock and never goes back.
    """

    project: str
    name: str
    parent: str | None
    started: datetime
    ticks: int
    attempt: str
    sample: float
    code: Code | None = None
    buffer: deque[Logged] = field(default_factory=deque)
    parameters: dict[str, Setting] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    artifacts: dict[str, Artifact] = field(default_factory=dict)
    data: dict[str, Used] = field(default_factory=dict)
    readings: dict[str, Reading] = field(default_factory=dict)
    unsaved: list[Chunk] = field(default_factory=list)
    stored: int = 0
    chunks: int = 0
    noted: bool = False
    sampled: int = 0

    @property
    def subject(self) -> str:
        """What the run's entries are about."""
        return f"{self.project}/{self.name}"

    def resume(self, names: Sequence[str], steps: Sequence[int], values: Sequence[float], moments: Sequence[int]) -> None:
        """Go on from the points that an attempt before this one has in the metric store, in order of step by metric."""
        for name, step, value, at in zip(names, steps, values, moments, strict=True):
            self._read(name, step, value, at)
        self.stored = len(names)

    def take(self) -> None:
        """Make a chunk of what was logged since the last time."""
        buffer = self.buffer
        count = len(buffer)
        if not count:
            return
        names, steps, values, moments = [], [], [], []
        readings, origin = self.readings, (self.started - _EPOCH) // _MICROSECOND
        counts = {name: reading.count for name, reading in readings.items()}
        last = {name: reading.step for name, reading in readings.items()}
        pop, ticks = buffer.popleft, self.ticks
        for _ in range(count):
            name, value, step, tick = pop()
            seen = counts.get(name, 0)
            counts[name] = seen + 1
            if step is None:
                step = last[name] + 1 if seen else 0
            last[name] = step
            names.append(name)
            steps.append(step)
            values.append(value)
            moments.append(origin + (tick - ticks) // 1000)
        newest = dict(zip(names, zip(values, moments, strict=True), strict=True))
        for name, (value, at) in newest.items():
            readings[name] = Reading.of(value, step=last[name], at=at, count=counts[name])
        self.unsaved.append(Chunk(f"{self.attempt}:{self.chunks}", names, steps, values, moments))
        self.chunks += 1

    @property
    def told_by_readings(self) -> bool:
        """Whether the readings alone say every point, so that the metric store need not."""
        return not self.stored and all(reading.count == 1 for reading in self.readings.values())

    def _read(self, name: str, step: int, value: float, at: int) -> None:
        before = self.readings.get(name)
        self.readings[name] = Reading.of(value, step=step, at=at, count=before.count + 1 if before else 1)


def frame_of(chunk: Chunk) -> pl.DataFrame:
    """Return the points of a chunk as the metric store takes them."""
    return pl.DataFrame(
        {
            "name": chunk.names,
            "step": pl.Series(chunk.steps, dtype=pl.Int64),
            "value": pl.Series(chunk.values, dtype=pl.Float64),
            "at": pl.Series(chunk.moments, dtype=pl.Int64).cast(pl.Datetime("us", "UTC")),
        }
    )
