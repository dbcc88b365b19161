"""Lays runs side by side: what they were given, what came of it, and which parameter made the difference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import optuna

from trimaran.app.runs.finding import Finder
from trimaran.backends.sqlite_runs import Row
from trimaran.core.errors import Fault, InputError
from trimaran.core.nouns import Setting

LEAST = 8
"""Runs below which nothing is said of a parameter's importance: chance would say it."""

_TREES_SEED = 13


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One thing of every compared run, in their order; None where a run does not have it."""

    name: str
    values: list[Setting]

    @property
    def same(self) -> bool:
        """Whether it is the same in all of them."""
        return all(value == self.values[0] for value in self.values)


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Runs side by side."""

    runs: list[str]
    made: list[Line]
    parameters: list[Line]
    metrics: list[Line]
    tags: list[Line]
    packages: list[Line]


class Importance(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a metric's variation over some runs each parameter explains, from 0 to 1; ``runs`` is how many were used."""

    metric: str
    runs: int
    shares: dict[str, float]


def compare_runs(finder: Finder, names: Sequence[str]) -> Comparison:
    """Return some runs side by side; raises ``NotFound`` for a name that means none or several."""
    details = [finder.detail(name) for name in names]
    rows = [detail.run for detail in details]
    objects = finder.workspace.objects
    locks = [_versions(objects.get(detail.environment.lock)) if detail.environment is not None else {} for detail in details]
    made: dict[str, Sequence[Setting]] = {
        "status": [row.status for row in rows],
        "seconds": [row.seconds for row in rows],
        "commit": [detail.code.commit if detail.code else None for detail in details],
        "source": [detail.code.source if detail.code else None for detail in details],
        "uncommitted": [detail.code.uncommitted if detail.code else None for detail in details],
        "python": [detail.environment.python if detail.environment else None for detail in details],
        "platform": [detail.environment.platform if detail.environment else None for detail in details],
        **{
            f"data {name}": [_used(detail.data.get(name)) for detail in details]
            for name in sorted({name for detail in details for name in detail.data})
        },
    }
    return Comparison(
        runs=[row.subject for row in rows],
        made=[Line(name=name, values=list(values)) for name, values in made.items()],
        parameters=_lines([row.parameters for row in rows]),
        metrics=_lines([{name: _finite(value) for name, value in row.metrics.items()} for row in rows]),
        tags=_lines([dict(row.tags) for row in rows]),
        packages=[line for line in _lines([dict(lock) for lock in locks]) if not line.same],
    )


def importance(rows: Sequence[Row], metric: str) -> Importance:
    """Return how much each parameter matters to a metric, by functional ANOVA on a random forest.

    Hutter, Hoos and Leyton-Brown, An efficient approach for assessing hyperparameter importance (ICML 2014), as Optuna has
    it. Parameters that all runs share are left out, as are runs without one of the others. Raises ``InputError`` with fewer
    than ``LEAST`` runs or where no parameter differs.
    """
    usable = [row for row in rows if math.isfinite(row.metrics.get(metric, math.nan))]
    names = [
        name
        for name in sorted({name for row in usable for name in row.parameters})
        if len({repr(row.parameters.get(name)) for row in usable}) > 1
    ]
    usable = [row for row in usable if all(name in row.parameters for name in names)]
    if len(usable) < LEAST or not names:
        what = f"{len(usable)} runs with {metric} and {len(names)} parameters that differ are too few to tell"
        raise InputError("importance", [Fault(what=what, remedy=f"give {LEAST} runs or more that differ in a parameter")])
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    values = [row.metrics[metric] for row in usable]
    if max(values) == min(values):
        return Importance(metric=metric, runs=len(usable), shares=dict.fromkeys(names, 0.0))
    spaces: dict[str, Any] = {name: _space([row.parameters[name] for row in usable]) for name in names}
    study = optuna.create_study()
    for row, value in zip(usable, values, strict=True):
        given = {name: _asked(row.parameters[name], spaces[name]) for name in names}
        study.add_trial(optuna.trial.create_trial(params=given, distributions=spaces, value=value))
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=_TREES_SEED)
    shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return Importance(metric=metric, runs=len(usable), shares={name: float(share) for name, share in shares.items()})


def downsample(values: np.ndarray, most: int = 2000) -> np.ndarray:
    """Return the places of the points to draw: all of few, of many the first, the last, and the least and most of each stretch.

    So a peak of one point in a hundred thousand is still seen.

    >>> values = np.zeros(100_000); values[4711] = 1
    >>> places = downsample(values)
    >>> len(places) <= 2000, 4711 in places
    (True, True)
    """
    count = len(values)
    if count <= most:
        return np.arange(count)
    buckets = (most - 2) // 2
    size = -(-count // buckets)
    padded = np.full(buckets * size, np.nan)
    padded[:count] = values
    table = padded.reshape(buckets, size)
    low = np.where(np.isnan(table), np.inf, table).argmin(axis=1)
    high = np.where(np.isnan(table), -np.inf, table).argmax(axis=1)
    starts = np.arange(buckets) * size
    places = np.unique(np.concatenate([[0, count - 1], starts + low, starts + high]))
    return places[places < count]


def _space(values: Sequence[Setting]) -> Any:
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        numbers = [float(value) for value in values if isinstance(value, int | float)]
        return optuna.distributions.FloatDistribution(min(numbers), max(numbers))
    return optuna.distributions.CategoricalDistribution(sorted({repr(value) for value in values}))


def _asked(value: Setting, space: Any) -> Any:
    return repr(value) if hasattr(space, "choices") else float(value or 0)


def _lines(
    columns: Sequence[dict[str, Setting]] | Sequence[dict[str, float | None]] | Sequence[dict[str, str]],
) -> list[Line]:
    names = sorted({name for column in columns for name in column})
    return [Line(name=name, values=[column.get(name) for column in columns]) for name in names]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _used(used: object) -> str | None:
    if used is None:
        return None
    version, digest = getattr(used, "version", None), getattr(used, "digest", None)
    return f"version {version}" if version is not None else str(digest)


def _versions(lock: bytes) -> dict[str, str]:
    return dict(line.split("==", 1) for line in lock.decode().splitlines() if "==" in line)
