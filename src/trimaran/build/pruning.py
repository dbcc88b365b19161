"""Gives a trial up early: the fit reports how good it is on its way, and is compared with the trials before it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from trimaran.core.errors import TrimaranError

LEAST = 4
"""Trials that must have reported at a step before one is given up there."""

Bars = Mapping[int, float]
"""By step: the value below which a trial is given up there."""

_ETA = 3


class GivenUp(TrimaranError):
    """A trial is not worth going on with. Raised out of the author's fit, which need not catch it."""


class Reported(Protocol):
    """What a bar is made of: a trial with what it reported."""

    @property
    def curve(self) -> Sequence[tuple[int, float]]:
        """The steps and values, in order."""
        ...


class Report:
    """What a fit is given as ``report``: ``report(step, model)``, or the value itself instead of the model.

    A model is measured on the validation rows, which the fit does not see. Raises ``GivenUp`` below the bar of the step;
    ``sign`` is -1 where less is better.
    """

    def __init__(self, measure: Callable[[Any], float | None], bars: Bars, sign: float = 1.0) -> None:
        self.curve: list[tuple[int, float]] = []
        self._measure = measure
        self._bars = bars
        self._sign = sign

    def __call__(self, step: int, what: Any) -> None:
        """Take how good the fit is after a step."""
        value = self._measure(what)
        if value is None or not math.isfinite(value):
            return
        self.curve.append((int(step), float(value)))
        bar = self._bars.get(int(step))
        if bar is not None and self._sign * value < bar:
            raise GivenUp(f"at step {step} it was {value:.4g}, and {self._sign * bar:.4g} is asked for there")


def bars_of(trials: Sequence[Reported], prune: str, sign: float = 1.0) -> Bars:
    """Return the bars that the trials so far set to the next ones; none without pruning.

    The median rule is Golovin et al. (KDD 2017); successive halving that of Li et al. (MLSys 2020), with a rate of three.
    """
    seen: dict[int, list[float]] = {}
    for trial in trials:
        for step, value in trial.curve:
            seen.setdefault(step, []).append(sign * value)
    enough = {step: values for step, values in seen.items() if len(values) >= LEAST}
    if prune == "median":
        return {step: statistics.median(values) for step, values in enough.items()}
    if prune == "halving":
        return {step: _third(values) for step, values in enough.items() if _is_rung(step)}
    return {}


def _third(values: Sequence[float]) -> float:
    return sorted(values, reverse=True)[max(len(values) // _ETA, 1) - 1]


def _is_rung(step: int) -> bool:
    rung = 1
    while rung < step:
        rung *= _ETA
    return rung == step


def unheeded(step: int, what: Any) -> None:
    """Take a report and do nothing: what a fit is given outside of tuning."""
