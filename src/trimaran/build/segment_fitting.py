"""Trains and measures the models of some segments, in whichever process: what comes back is ready to be stored and judged."""

from __future__ import annotations

import linecache
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from trimaran.build.evaluation import Answering, compare_scores
from trimaran.build.evidence import Evidence, Latency, Parity
from trimaran.build.fitting import fit_model, scorer_of
from trimaran.build.measuring import confusion_of, days_of, measures_of, reliability_points, roc_points, weeks_of
from trimaran.build.probing import compare_forms, probe_numerics, time_scorer
from trimaran.build.specification import RowModel, run_tests
from trimaran.build.training_set import Rows
from trimaran.core.canon import canonical
from trimaran.core.errors import Corrupt, FaultyError, InputError, TrimaranError
from trimaran.core.ports import ModelFormat, Scorer
from trimaran.core.tasks import Task
from trimaran.data.declaration import Model, ModelTest
from trimaran.data.profiles import take_profile

Floats = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float32]

PROBED = 10
"""Rows that each of the author's tests looks at in one segment; one is scored alone: a thousand segments are many."""

COMPILED_FROM = 5000
"""Training rows from which a segment's model is compiled too. It takes 60 ms whatever the rows, a fifth of what 1,000 take to fit."""

_ALONE, _CALLS, _ROUNDS = 1, 200, 3


@dataclass(frozen=True)
class Share:
    """The labelled rows of one segment: to train on, to test on, and the pooled model's scores of the latter.

    ``suggested`` is the text of the features that are this segment's own; ``error`` says why there is nothing to train on.
    """

    segment: str
    train: Rows
    test: Rows
    pooled: Floats | None = None
    suggested: str | None = None
    error: str = ""


@dataclass(frozen=True)
class Made:
    """What became of one segment: the bytes of its model and profile, its evidence and test scores; or an error, in words.

    ``compiled`` is empty where the model is served natively.
    """

    segment: str
    seconds: float
    error: str = ""
    native: bytes = b""
    compiled: bytes = b""
    profile: bytes = b""
    evidence: Evidence | None = None
    scores: Floats | None = None


@dataclass
class Recipe:
    """How every segment's model is made; it travels to whoever does the work.

    ``latency`` is that of all models, None until one of them was timed; those of at least ``compiled_from`` rows are compiled,
    and the smallest has ``fewest``. ``rival`` is the number of the pooled version, ``compared`` the measures that are held against it, ``window`` the bounds
    of the test rows, ``lines`` the author's files, so that an error can show the author's own lines anywhere.
    """

    model: Model
    task: Task
    goal: str
    tests: Sequence[ModelTest]
    parameters: Mapping[str, Any]
    seed: int
    native: ModelFormat
    compiled: ModelFormat
    compiled_from: int
    rival: int | None
    compared: Sequence[str]
    window: tuple[datetime, datetime]
    lines: Mapping[str, list[str]]
    latency: Latency | None = field(default=None, compare=False)
    fewest: int = 0

    def __call__(self, shares: Sequence[Share]) -> list[Made]:
        """Return what came of each share; a segment that fails is an error of its own, and the others go on."""
        for name, lines in self.lines.items():
            linecache.cache[name] = (sum(map(len, lines)), None, lines, name)
        # One thread, as for every model: the same bytes on any number of cores, and several processes side by side.
        with threadpool_limits(limits=1):
            return [self._one(share) for share in shares]

    def _one(self, share: Share) -> Made:
        if share.error:
            return Made(share.segment, 0.0, share.error)
        started = time.perf_counter()
        try:
            made = self._made(share)
        except TrimaranError as error:
            return Made(share.segment, time.perf_counter() - started, in_words(error))
        return replace(made, seconds=time.perf_counter() - started)

    def _made(self, share: Share) -> Made:
        task, train, test = self.task, share.train, share.test
        names, rows = test.features.columns, test.matrix()
        fitted = fit_model(self.model, task, train.features, train.labels, self.parameters, self.seed)
        scorer, native = scorer_of(fitted, task, names), self.native.dump(fitted, names)
        answering, compiled = self._forms(share, fitted, scorer, rows)
        if self.latency is None:
            self.latency = self._timed(share, native, scorer, answering)
        scores = np.asarray(answering.scorer(rows), dtype=np.float64)
        evidence = self._evidence(share, answering, rows, scores)
        sound = task.sound(scores)
        profile = take_profile(
            train.features, train.labels, train.asked, scores=scores[sound], outcomes=test.labels[sound], task=task
        )
        return Made(share.segment, 0.0, "", native, compiled, canonical(profile), evidence, scores)

    def _forms(self, share: Share, fitted: Any, scorer: Scorer, rows: Matrix) -> tuple[Answering, bytes]:
        """Return who answers, and the bytes of the compiled form where that does: it proved to give the same answers."""
        if len(share.train) < self.compiled_from:
            note = f"it is served natively: a model of fewer than {self.compiled_from:,} rows is not compiled"
            return self._natively(scorer, note), b""
        try:
            compiled = self.compiled.dump(fitted, share.test.features.columns)
            answers = self.compiled.load(compiled)
        except InputError as error:
            return self._natively(scorer, f"there is no compiled form, native serves: {error.faults[0]}"), b""
        parity = compare_forms(scorer, answers, rows, self.task)
        if not parity.holds:
            return Answering(scorer, self.native.name, parity), b""
        return Answering(answers, self.compiled.name, parity), compiled

    def _natively(self, scorer: Scorer, note: str) -> Answering:
        return Answering(scorer, self.native.name, Parity(rows=0, difference=None, flips=None, holds=False, note=note))

    def _timed(self, share: Share, native: bytes, scorer: Scorer, answering: Answering) -> Latency:
        """Time one model for all that are made by this recipe, and prove that its stored form gives the same answers.

        It is timed natively, which is the slower form, unless all are compiled.
        """
        read, rows = self.native.load(native), share.test.matrix()
        if not compare_forms(scorer, read, rows, self.task).holds:
            raise Corrupt(
                f"the stored model of {share.segment} does not answer as the fitted one: keep another kind of estimator"
            )
        compiled = answering.form != self.native.name and self.fewest >= self.compiled_from
        served, form = (answering.scorer, answering.form) if compiled else (read, self.native.name)
        seen = time_scorer(served, rows, form, calls=_CALLS, rounds=_ROUNDS)
        note = f"one row a call, the least of {_ROUNDS} times each, on the model of {share.segment}"
        return msgspec.structs.replace(seen, p99=msgspec.structs.replace(seen.p99, note=note))

    def _evidence(self, share: Share, answering: Answering, rows: Matrix, scores: Floats) -> Evidence:
        task, test, generator = self.task, share.test, np.random.default_rng(self.seed)
        latency = self.latency
        if latency is None:
            raise Corrupt("a segment was measured before it was timed")
        measured = measures_of(task, test.labels, scores, days=days_of(test.predict_at))
        tests = [replace(one, rows=min(one.rows, PROBED)) for one in self.tests]
        model = RowModel(answering.scorer, test.features.columns, task.classes)
        compared = None
        if self.rival is not None and share.pooled is not None:
            compared = compare_scores(task, test, scores, share.pooled, self.rival, self.compared)
        return Evidence(
            rows=len(test),
            tested_from=self.window[0],
            tested_to=self.window[1],
            threshold=task.threshold,
            measures=measured | {"p50": latency.p50, "p99": latency.p99},
            slices=[],
            live=compared,
            tests=run_tests(tests, model, test.features, self.seed),
            parity=answering.parity,
            latency=latency,
            numerics=probe_numerics(answering.scorer, rows, scores, task, generator, alone=_ALONE),
            weeks=weeks_of(task, self.goal, test.predict_at, test.labels, scores),
            roc=roc_points(task, test.labels, scores),
            calibration=reliability_points(task, test.labels, scores),
            importance={},
            task=task.kind,
            goal=self.goal,
            classes=list(task.classes),
            confusion=confusion_of(task, test.labels, scores),
        )


def in_words(error: TrimaranError) -> str:
    """Return what an error says about one segment, its faults without the subject that they are told under."""
    return "; ".join(map(str, error.faults)) if isinstance(error, FaultyError) else str(error)


def author_lines(functions: Sequence[Callable[..., Any]]) -> dict[str, list[str]]:
    """Return the lines of the files that some functions were written in, by the names of the files."""
    names = {function.__code__.co_filename for function in functions if hasattr(function, "__code__")}
    return {name: linecache.getlines(name) for name in sorted(names)}
