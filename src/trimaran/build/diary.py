"""The trials of a tuning as runs in the ledger, parts of the training they were made for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import polars as pl

from trimaran.build.tuning import Trial, Value
from trimaran.core.canon import digest_of
from trimaran.core.clock import Clock
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import Reading, Tracked
from trimaran.core.ports import MetricStore

REPORTED = "reported"
"""The metric that what a fit reports is logged as."""


class TrialRuns:
    """A ``Diary`` in the ledger: a run for each trial, named after the training (its subject), its number and its parameters.

    What a fit reported on its way goes to the metric store, where there is one.
    """

    def __init__(
        self, ledger: Ledger, clock: Clock, training: str, measure: str, metrics: Callable[[], MetricStore] | None = None
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._line, _, self._training = training.rpartition("/")
        self._measure = measure
        self._metrics = metrics

    def find(self, number: int, parameters: Mapping[str, Any]) -> Trial | None:
        """Return a trial that ended before, None where it did not."""
        name = self._name(number, parameters)
        found = self._ledger.latest(Tracked, f"{self._line}/{name}")
        if found is None:
            return None
        record = found[1]
        values = {name: reading.number for name, reading in record.metrics.items()}
        curve: list[tuple[int, float]] = []
        if record.points and self._metrics is not None:
            kept = self._metrics().points(record.subject, [REPORTED])
            curve = list(zip(kept["step"].to_list(), kept["value"].to_list(), strict=True))
        return Trial(
            number=number,
            parameters=dict(record.parameters),
            value=values.get(self._measure),
            seconds=record.seconds,
            error=record.error,
            low=values.get(f"{self._measure}_low"),
            high=values.get(f"{self._measure}_high"),
            curve=curve,
            pruned=record.tags.get("pruned") == "yes",
        )

    def write(self, trial: Trial) -> None:
        """Keep a trial; it is on the disk when this returns."""
        name = self._name(trial.number, trial.parameters)
        subject, ended = f"{self._line}/{name}", self._clock.now()
        stored = 0
        if trial.curve and self._metrics is not None:
            stored = len(trial.curve)
            self._metrics().log(subject, _points(trial, ended), key="curve")
        said = {self._measure: trial.value, f"{self._measure}_low": trial.low, f"{self._measure}_high": trial.high}
        at = round(ended.timestamp() * 1e6)
        record = Tracked(
            project=self._line,
            name=name,
            status="finished" if trial.error is None else "failed",
            started=ended - timedelta(seconds=trial.seconds),
            ended=ended,
            seconds=trial.seconds,
            parent=f"{self._line}/{self._training}",
            parameters={name: plain(value) for name, value in trial.parameters.items()},
            metrics={name: Reading.of(value, step=0, at=at, count=1) for name, value in said.items() if value is not None},
            tags={"trial": str(trial.number), **({"pruned": "yes"} if trial.pruned else {})},
            points=stored,
            error=trial.error,
        )
        self._ledger.append(record, subject, key=f"tracked:{subject}")

    def _name(self, number: int, parameters: Mapping[str, Any]) -> str:
        said = {name: plain(value) for name, value in parameters.items()}
        return f"{self._training}-t{number:04}-{digest_of(said)[:6]}"


def plain(value: Any) -> Value:
    """Return a parameter's value as the record keeps it: anything but numbers, texts, booleans and None as its ``repr``."""
    return value if value is None or isinstance(value, bool | int | float | str) else repr(value)


def _points(trial: Trial, at: Any) -> pl.DataFrame:
    steps, values = zip(*trial.curve, strict=True)
    return pl.DataFrame({"name": REPORTED, "step": list(steps), "value": list(values), "at": at}).with_columns(
        pl.col("at").cast(pl.Datetime("us", "UTC"))
    )
