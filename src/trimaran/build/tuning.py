"""Tunes a model's parameters inside the training window; the out-of-time window is never seen here."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import msgspec
import optuna

from trimaran.build.fitting import fit_model, probabilities_of
from trimaran.build.training_set import Rows
from trimaran.core.canon import canonical
from trimaran.core.errors import Fault, InputError, TrimaranError, UserCodeError
from trimaran.core.ports import Progress
from trimaran.core.statistics import auc
from trimaran.data.declaration import Choices, Model, Space

VALIDATION_SHARE = 0.2
"""The newest part of the training window that trials are compared on."""

Value = float | int | str | bool | None


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One set of parameters tried: its AUC on the validation rows, or the error that it raised."""

    number: int
    parameters: dict[str, Value]
    value: float | None
    seconds: float
    error: str | None = None


class Tuning(msgspec.Struct, frozen=True, kw_only=True):
    """What tuning found: the best parameters, and every trial."""

    parameters: dict[str, Value]
    trials: list[Trial]

    def encode(self) -> bytes:
        """Return the tuning as canonical JSON."""
        return canonical(self)


def tune(model: Model, rows: Rows, *, seed: int, progress: Progress) -> Tuning:
    """Try ``model.trials`` sets of parameters and return the best by AUC on the newest fifth of the training rows.

    The sets come from a seeded tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011), the author's own
    defaults first where they lie inside the space. A trial that raises is recorded and the others go on. Raises
    ``UserCodeError`` with the author's traceback when every trial raised, ``InputError`` when the validation rows cannot
    compare models.
    """
    fitting, validation = _split(rows)
    study = _study(model, seed)
    distributions = {name: _distribution(space) for name, space in model.spaces.items()}
    trials: list[Trial] = []
    progress.start("tuning", model.trials)
    for number in range(model.trials):
        asked = study.ask(distributions)
        trial = _try(model, fitting, validation, number, {**model.parameters, **asked.params}, seed)
        state = optuna.trial.TrialState.FAIL if trial.value is None else optuna.trial.TrialState.COMPLETE
        study.tell(asked, trial.value, state=state)
        trials.append(trial)
        progress.advance("tuning", note="failed" if trial.value is None else f"AUC {trial.value:.4f}")
    progress.finish("tuning")
    worked = [trial for trial in trials if trial.value is not None]
    if not worked:
        raise UserCodeError(f"every one of {len(trials)} trials failed; the first: {trials[0].error}")
    best = max(worked, key=lambda trial: (trial.value or 0.0, -trial.number))
    return Tuning(parameters=best.parameters, trials=trials)


def _split(rows: Rows) -> tuple[Rows, Rows]:
    fitting, validation = rows.newest(VALIDATION_SHARE)
    faults = [
        Fault(what=f"the {name} rows hold {len(part)} rows with {part.positives} positives", remedy="train on more rows")
        for name, part in (("fitting", fitting), ("validation", validation))
        if not 0 < part.positives < len(part)
    ]
    if faults:
        raise InputError("tuning", faults)
    return fitting, validation


def _study(model: Model, seed: int) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # the trials are told by our own progress and record
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    defaults = {name: value for name, value in model.parameters.items() if name in model.spaces}
    if defaults and all(_inside(model.spaces[name], value) for name, value in defaults.items()):
        study.enqueue_trial(defaults)
    return study


def _inside(space: Space, value: Any) -> bool:
    return value in space.options if isinstance(space, Choices) else space.low <= value <= space.high


def _distribution(space: Space) -> optuna.distributions.BaseDistribution:
    if isinstance(space, Choices):
        return optuna.distributions.CategoricalDistribution(list(space.options))
    if space.whole:
        return optuna.distributions.IntDistribution(int(space.low), int(space.high), log=space.logarithmic)
    return optuna.distributions.FloatDistribution(space.low, space.high, log=space.logarithmic)


def _try(model: Model, fitting: Rows, validation: Rows, number: int, parameters: Mapping[str, Any], seed: int) -> Trial:
    started = time.perf_counter()
    value, error = None, None
    try:
        fitted = fit_model(model, fitting.features, fitting.labels, parameters, seed)
        value = auc(validation.labels, probabilities_of(fitted, validation.features)).value
    except TrimaranError as raised:
        error = str(raised)
    seconds = time.perf_counter() - started
    return Trial(number=number, parameters=dict(parameters), value=value, seconds=seconds, error=error)
