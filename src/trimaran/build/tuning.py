"""Tunes a model's parameters inside the training window; the out-of-time window is never seen here."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import msgspec
import optuna
import polars as pl
from threadpoolctl import threadpool_limits

from trimaran.build.fitting import fit_model, scores_of
from trimaran.build.pruning import Bars, GivenUp, Report, bars_of
from trimaran.build.training_set import Rows
from trimaran.core.canon import canonical
from trimaran.core.checks import LOWER
from trimaran.core.errors import Fault, InputError, Lost, TrimaranError, UserCodeError
from trimaran.core.nouns import Measurement
from trimaran.core.ports import Executor, Progress
from trimaran.core.tasks import Task
from trimaran.data.declaration import Choices, Model, Space

VALIDATION_SHARE = 0.2
"""The newest part of the training window that trials are compared on."""

BATCH = 4
"""Sets of parameters that are asked for together: fixed, so that what is asked does not hang on how many are tried at once."""

Value = float | int | str | bool | None


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One set of parameters tried: its measure on the validation rows, or the error that it raised.

    ``low`` and ``high`` are the 95 % interval of the value; ``curve`` the steps and values that the fit reported on its way,
    ``pruned`` that it was given up there, as worse than those before it.
    """

    number: int
    parameters: dict[str, Value]
    value: float | None
    seconds: float
    error: str | None = None
    low: float | None = None
    high: float | None = None
    curve: list[tuple[int, float]] = []
    pruned: bool = False


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Why these parameters: the trial, its value with its interval, how many others are as good within it, and the defaults'."""

    number: int
    value: float
    low: float | None
    high: float | None
    equals: int
    worked: int
    default: float | None
    measure: str = "auc"

    def __str__(self) -> str:
        interval = "" if self.low is None or self.high is None else f" (95 %: {self.low:.4f} to {self.high:.4f})"
        better = "" if self.default is None else f"; {self.value - self.default:+.4f} against the defaults"
        equals = (
            f"; {self.equals} of the others lie within its interval" if self.equals else "; no other lies in its interval"
        )
        return f"trial {self.number} is the best of {self.worked}: {self.measure} {self.value:.4f}{interval}{better}{equals}"


class Tuning(msgspec.Struct, frozen=True, kw_only=True):
    """What tuning found: the best parameters and why, every trial, the measure they were compared on, and what ended it before all were tried."""

    parameters: dict[str, Value]
    trials: list[Trial]
    measure: str = "auc"
    choice: Choice | None = None
    stopped: str = ""

    def encode(self) -> bytes:
        """Return the tuning as canonical JSON."""
        return canonical(self)


@dataclass(frozen=True)
class Objective:
    """What trials are compared on: one measure of a task, of which more is better, or less."""

    task: Task
    measure: str

    @property
    def direction(self) -> Literal["minimize", "maximize"]:
        """Which way is better, as Optuna says it."""
        return "minimize" if self.measure in LOWER else "maximize"

    @property
    def sign(self) -> float:
        """1 where more is better, -1 where less is."""
        return -1.0 if self.measure in LOWER else 1.0

    def __call__(self, fitted: Any, rows: Rows) -> Measurement:
        """Return the measure of a fitted model on some rows, without a value where they cannot tell."""
        scores = scores_of(fitted, self.task, rows.features)
        if not self.task.sound(scores).all():
            raise InputError("trial", [Fault(what="the model gave scores that can be no answer", remedy="mend its fit")])
        return self.task.measure(self.measure, rows.labels, scores)

    def best(self, trials: Sequence[Trial]) -> Trial | None:
        """Return the best trial, the first of several; None where none has a value."""
        worked = [trial for trial in trials if trial.value is not None]
        return max(worked, key=lambda trial: (self.sign * (trial.value or 0.0), -trial.number), default=None)


class Diary(Protocol):
    """Where trials are kept as they end: a tuning that is cut short and begun again finds them."""

    def find(self, number: int, parameters: Mapping[str, Any]) -> Trial | None:
        """Return a trial that ended before, None where it did not."""
        ...

    def write(self, trial: Trial) -> None:
        """Keep a trial; it is on the disk when this returns."""
        ...


@dataclass(frozen=True)
class Means:
    """How a tuning is done: by whom, where its trials are kept, and how many to do whatever the budget says."""

    executor: Executor | None = None
    diary: Diary | None = None
    exactly: int | None = None


def tune(
    model: Model, rows: Rows, objective: Objective, *, seed: int, progress: Progress, means: Means | None = None
) -> Tuning:
    """Try ``model.trials`` sets of parameters and return the best by the objective on the newest fifth of the training rows.

    The sets come from a seeded tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011), the author's own
    defaults first where they lie inside the space. They are asked for ``BATCH`` at a time, however many are tried at once,
    so that the same seed and rows give the same parameters on any number of workers, and after a kill. A trial that raises
    is recorded and the others go on. A spent budget begins no more batches; at least one is tried. Raises
    ``UserCodeError`` with the author's traceback when every trial raised, ``InputError`` when the validation rows cannot
    compare models.
    """
    fitting, validation = _split(rows, objective.task)
    how = means or Means()
    study = _study(model, objective.direction, seed)
    distributions = {name: _distribution(space) for name, space in model.spaces.items()}
    trials: list[Trial] = []
    wanted = model.trials if how.exactly is None else how.exactly
    began, stopped = time.perf_counter(), ""
    progress.start("tuning", wanted)
    while len(trials) < wanted and not stopped:
        asked = [study.ask(distributions) for _ in range(min(BATCH, wanted - len(trials)))]
        given = [(len(trials) + place, {**model.parameters, **one.params}) for place, one in enumerate(asked)]
        attempt = Attempt(model, objective, (fitting, validation), seed, bars_of(trials, model.prune, objective.sign))
        for one, trial in zip(asked, _tried(attempt, given, how), strict=True):
            _tell(study, one, trial)
            trials.append(trial)
            told = "failed" if trial.error else "given up" if trial.pruned else f"{objective.measure} {trial.value:.4g}"
            progress.advance("tuning", note=told)
        spent = time.perf_counter() - began, sum(trial.seconds for trial in trials)
        if model.budget is not None and how.exactly is None and len(trials) < wanted and model.budget.spent(*spent):
            stopped = f"the budget of {model.budget.text} was spent after {len(trials)} of {wanted} trials"
    progress.finish("tuning")
    best = objective.best(trials)
    if best is None:
        raise UserCodeError(f"every one of {len(trials)} trials failed; the first: {trials[0].error}")
    choice = _why(model, objective, best, trials)
    return Tuning(parameters=best.parameters, trials=trials, measure=objective.measure, choice=choice, stopped=stopped)


@dataclass(frozen=True)
class Attempt:
    """Fits and measures one set of parameters; it travels to whoever does the trials."""

    model: Model
    objective: Objective
    parts: tuple[Rows, Rows]
    seed: int
    bars: Bars

    def __call__(self, task: tuple[int, Mapping[str, Any]]) -> Trial:
        """Return the trial of a number with parameters."""
        return _try(self, *task)


def _tried(attempt: Attempt, given: Sequence[tuple[int, Mapping[str, Any]]], how: Means) -> Iterator[Trial]:
    """Yield the trial of each set of parameters in their order: those that a diary has, and the others as they end."""
    kept = {number: found for number, said in given if how.diary and (found := how.diary.find(number, said)) is not None}
    left = [(number, said) for number, said in given if number not in kept]
    made = _made(attempt, left, how.executor)
    for number, _ in given:
        if number in kept:
            yield kept[number]
            continue
        trial = next(made)
        if how.diary is not None:
            how.diary.write(trial)
        yield trial


def _made(attempt: Attempt, given: Sequence[tuple[int, Mapping[str, Any]]], executor: Executor | None) -> Iterator[Trial]:
    """Yield the trials that an executor makes; one whose process is lost has failed, and the others go on."""
    left = list(given)
    while left:
        tasks = [(f"trial {number}", (number, said)) for number, said in left]
        try:
            for trial in executor.map(attempt, tasks) if executor is not None else map(attempt, list(left)):
                left.pop(0)
                yield trial
        except Lost as error:
            number, said = left.pop(0)
            yield Trial(number=number, parameters=dict(said), value=None, seconds=0.0, error=str(error))


def _tell(study: optuna.Study, asked: optuna.trial.Trial, trial: Trial) -> None:
    for step, value in trial.curve:
        asked.report(value, step)
    if trial.pruned:
        study.tell(asked, state=optuna.trial.TrialState.PRUNED)
    elif trial.value is None:
        study.tell(asked, state=optuna.trial.TrialState.FAIL)
    else:
        study.tell(asked, trial.value)


def _why(model: Model, objective: Objective, best: Trial, trials: Sequence[Trial]) -> Choice:
    values = {trial.number: trial.value for trial in trials if trial.value is not None}
    defaults = [values[trial.number] for trial in trials if trial.number in values and trial.parameters == model.parameters]
    low, high = best.low, best.high
    within = [low is not None and high is not None and low <= value <= high for value in values.values()]
    return Choice(
        number=best.number,
        value=best.value or 0.0,
        low=low,
        high=high,
        equals=max(sum(within) - 1, 0),
        worked=len(values),
        measure=objective.measure,
        default=defaults[0] if defaults else None,
    )


def _split(rows: Rows, task: Task) -> tuple[Rows, Rows]:
    fitting, validation = rows.newest(VALIDATION_SHARE)
    faults = [
        Fault(what=f"the {name} rows hold {len(part)} rows with {lacking}", remedy="train on more rows")
        for name, part in (("fitting", fitting), ("validation", validation))
        if (lacking := task.lacking(part.labels))
    ]
    if faults:
        raise InputError("tuning", faults)
    # No trial looks at the rows that were asked, and they are most of the bytes that go to whoever does the trials.
    return replace(fitting, asked=pl.DataFrame()), replace(validation, asked=pl.DataFrame())


def _study(model: Model, direction: Literal["minimize", "maximize"], seed: int) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # the trials are told by our own progress and record
    sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
    study = optuna.create_study(direction=direction, sampler=sampler)
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


def _try(attempt: Attempt, number: int, parameters: Mapping[str, Any]) -> Trial:
    started = time.perf_counter()
    value, low, high, error, pruned = None, None, None, None, False
    model, objective, (fitting, validation) = attempt.model, attempt.objective, attempt.parts

    def reported(what: Any) -> float | None:
        return float(what) if isinstance(what, int | float) else objective(what, validation).value

    report = Report(reported, attempt.bars, objective.sign)
    try:
        # One thread, as for the model itself: the same bytes on any number of cores, and several trials side by side.
        with threadpool_limits(limits=1):
            fitted = fit_model(model, objective.task, fitting.features, fitting.labels, parameters, attempt.seed, report)
            seen = objective(fitted, validation)
        value, low, high = seen.value, seen.low, seen.high
    except GivenUp:
        pruned = True
    except TrimaranError as raised:
        error = str(raised)
    seconds = time.perf_counter() - started
    return Trial(
        number=number,
        parameters=dict(parameters),
        value=value,
        seconds=seconds,
        error=error,
        low=low,
        high=high,
        curve=report.curve,
        pruned=pruned,
    )
