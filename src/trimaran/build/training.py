"""Trains a candidate: from tables at a moment to a model version with its evidence in the ledger."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
from threadpoolctl import threadpool_limits

from trimaran.build.bringing import Brought, check_inputs, compare
from trimaran.build.computing import Computing
from trimaran.build.diary import TrialRuns, plain
from trimaran.build.evaluation import Answering, Rival, evaluate
from trimaran.build.evidence import Evidence, Parity, read_evidence, write_evidence
from trimaran.build.fitting import fit_model
from trimaran.build.job import Candidate, Job
from trimaran.build.probing import compare_forms
from trimaran.build.recording import SHEET, Recorder, Sheet
from trimaran.build.reusing import MADE_BY, TESTS, TRAINING, Reuse
from trimaran.build.signing import example_of, signature_of
from trimaran.build.tracking import track_code, track_environment
from trimaran.build.training_set import Rows, Snapshot, TrainingSet, TrainingSets
from trimaran.build.tuning import Means, Objective, tune
from trimaran.core.clock import Clock
from trimaran.core.errors import Fault, InputError, Refused, UserCodeError
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import SCHEMAS, Balance, Code, Environment, Run
from trimaran.core.ports import Executor, MetricStore, ModelFormat, ObjectStore, Progress, Scorer
from trimaran.core.tasks import shuffled
from trimaran.data.declaration import Definition, write_schemas
from trimaran.data.profiles import Profile, take_profile, write_profile

_TASK, _STEPS = "training", 5
_NEEDED = {"binary": "both outcomes", "ranking": "whole groups with several grades"}


@dataclass(frozen=True)
class Ports:
    """The world that a trainer works with; ``segments`` makes models of segments, None for this process, one by one."""

    objects: ObjectStore
    ledger: Ledger
    clock: Clock
    native: ModelFormat
    compiled: ModelFormat
    progress: Progress
    segments: Executor | None
    environment: Callable[[], Environment]


@dataclass
class _Work:
    """One training under way: what its run will tell, whether it ends well or not."""

    definition: Definition
    job: Job
    snapshot: Snapshot
    code: Code
    started: datetime
    ticks: float
    parameters: dict[str, Any]
    reuse: Reuse
    metrics: dict[str, float | None] = field(default_factory=dict)
    artifacts: dict[str, str] = field(default_factory=dict)
    trials: int = 0
    balances: list[Balance] = field(default_factory=list)


class Trainer:
    """Trains candidates of any number of products, one at a time.

    Every job leaves a run in the ledger, a failed one with its error. Objects are written before the run that names them,
    and the run before its version: a job that is repeated after a crash goes on where the ledger stops.
    """

    def __init__(
        self,
        *,
        objects: ObjectStore,
        ledger: Ledger,
        clock: Clock,
        native: ModelFormat,
        compiled: ModelFormat,
        progress: Progress,
        computing: Computing | None = None,
        metrics: Callable[[], MetricStore] | None = None,
    ) -> None:
        self.sets = TrainingSets(computing)
        self._objects = objects
        self._ledger = ledger
        self._clock = clock
        self._native = native
        self._compiled = compiled
        self._progress = progress
        self._executor = computing.trials if computing is not None else None
        self._segments = computing.segments if computing is not None else None
        self._metrics = metrics

    @property
    def ports(self) -> Ports:
        """The world that it works with, for whoever trains many models in its place."""
        return Ports(
            self._objects,
            self._ledger,
            self._clock,
            self._native,
            self._compiled,
            self._progress,
            self._segments,
            lambda: self._environment,
        )

    @cached_property
    def _environment(self) -> Environment:
        # What is installed cannot change under a running interpreter, and listing it takes a quarter of a second.
        return track_environment(self._objects)

    def train(self, definition: Definition, snapshot: Snapshot, job: Job, *, live: Rival | None = None) -> Candidate:
        """Return the candidate that a job makes from the tables of a snapshot; ``live`` is compared on the same rows.

        Raises ``UserCodeError`` when the author's code raises and ``InputError`` when the rows cannot make a model; either
        is recorded as the run's error. A job that failed before is ``Refused``: mended work is a new job.
        """
        recorder = Recorder(self._objects, self._ledger, definition.name)
        done, reuse = recorder.find(job.key), Reuse(job.earlier, self._environment)
        if done is None:
            work = self._work(definition, snapshot, job, reuse)
            run, balances = self._run(work, live, recorder)
            done = recorder.write(run, balances), run
        ref, run = done
        if run.error is not None:
            raise Refused(f"job {job.key!r} failed before, as {run.name}: {run.error}; mend it and give the job a new key")
        version_ref, version = recorder.version(ref, run)
        return Candidate(version_ref, version, run, read_evidence(self._objects, run.artifacts["evidence"]), reuse.stood)

    def _work(self, definition: Definition, snapshot: Snapshot, job: Job, reuse: Reuse) -> _Work:
        return _Work(
            definition=definition,
            job=job,
            snapshot=snapshot,
            code=track_code(self._objects, job.source),
            started=self._clock.now(),
            ticks=time.perf_counter(),
            parameters={} if job.brought is not None else {**definition.model.parameters, **(job.parameters or {})},
            reuse=reuse,
            artifacts={SCHEMAS: self._objects.put(write_schemas(definition.schemas))},
        )

    def _run(self, work: _Work, live: Rival | None, recorder: Recorder) -> tuple[Run, list[Balance]]:
        job = work.job
        self._progress.start(_TASK, _STEPS)
        try:
            # One thread: the same bytes on any number of cores, and OpenMP's threads stall each other on busy machines
            # (150,000 rows on 2 cores: 1.5 s on one thread, 0.9 to 20 s on two).
            with threadpool_limits(limits=1):
                self._make(work, live)
        except (UserCodeError, InputError) as error:
            recorder.write(self._told(work, recorder.run_name(job.key), str(error)), work.balances)
            raise
        self._progress.finish(_TASK)
        return self._told(work, recorder.run_name(job.key), None), work.balances

    def _make(self, work: _Work, live: Rival | None) -> None:
        job, training_set = work.job, self._rows(work)
        self._step(f"{len(training_set.train)} rows to train on, {len(training_set.test)} to test on")
        if job.brought is not None:
            answering = self._adopted(work, job.brought, training_set.test)
        else:
            answering = self._fitted(work, training_set)
        self._step(f"{answering.form} form serves")
        evidence = self._measured(work, training_set, answering, live)
        work.metrics |= {name: seen.value for name, seen in evidence.measures.items()}
        self._seal(work, training_set, answering.scorer)
        self._step("measured")

    def _measured(self, work: _Work, training_set: TrainingSet, answering: Answering, live: Rival | None) -> Evidence:
        """Return the evidence about a candidate, kept with the profile of its rows; taken from an earlier training where it may be."""
        definition, job, kept, reuse = work.definition, work.job, work.artifacts, work.reuse
        rival = (live, self._seen_by(live, work.snapshot, training_set.test)) if live is not None else None
        if job.brought is not None:
            evidence = evaluate(definition, training_set, answering, seed=job.seed, rival=rival)
            until = job.brought.origin.trained_until
            evidence = msgspec.structs.replace(evidence, elsewhere=True, trained_until=until)
        else:
            theirs = (rival[0].number, rival[0].scorer(rival[1].matrix())) if rival is not None else None
            earlier = reuse.tests(definition, training_set, answering, kept, job.source, job.seed, theirs)
            if earlier is not None:
                kept |= {name: earlier.artifacts[name] for name in MADE_BY[TESTS]}
                return read_evidence(self._objects, kept["evidence"])
            with reuse.watched(TESTS):
                evidence = evaluate(definition, training_set, answering, seed=job.seed, rival=rival)
        kept["evidence"] = write_evidence(self._objects, evidence)
        kept["profile"] = write_profile(self._objects, self._profile(definition, training_set, answering.scorer))
        return evidence

    def _fitted(self, work: _Work, training_set: TrainingSet) -> Answering:
        definition, job, train = work.definition, work.job, training_set.train
        if job.parameters is None and definition.model.spaces:
            objective = Objective(definition.task, definition.goal)
            means = Means(self._executor, self._diary(job, definition.name, objective.measure), job.trials)
            tuning = tune(definition.model, train, objective, seed=job.seed, progress=self._progress, means=means)
            work.parameters, work.trials = dict(tuning.parameters), len(tuning.trials)
            work.artifacts["trials"] = self._objects.put(tuning.encode())
        self._step("parameters chosen")
        earlier = self._fitted_before(work, training_set)
        if earlier is not None:
            self._step(f"taken from {work.reuse.stood[TRAINING].since}")
            return earlier
        with work.reuse.watched(TRAINING):
            fitted = fit_model(definition.model, definition.task, train.features, train.labels, work.parameters, job.seed)
        self._step("fitted")
        return self._forms(work, fitted, training_set.test)

    def _fitted_before(self, work: _Work, training_set: TrainingSet) -> Answering | None:
        """Return who answers where the model and its forms can be taken from earlier trainings."""
        earlier = work.reuse.training(
            work.definition, training_set.train, work.parameters, work.job.source, work.job.seed, self._native.name
        )
        if earlier is None:
            return None
        work.artifacts["native"] = earlier.artifacts["native"]
        answering = self._forms_before(work, training_set.test)
        if answering is None:  # what is compiled is the fitted model itself, and not what is kept of it
            work.reuse.leave(TRAINING)
        return answering

    def _forms_before(self, work: _Work, test: Rows) -> Answering | None:
        """Return who answers where the forms of a model can be taken from an earlier training."""
        kept = work.artifacts
        earlier = work.reuse.forms(work.definition, test, kept["native"], (self._native.name, self._compiled.name))
        if earlier is None:
            return None
        parity = read_evidence(self._objects, earlier.artifacts["evidence"]).parity
        compiled = earlier.artifacts.get("compiled")
        if compiled is None:
            return Answering(self._native.load(self._objects.get(kept["native"])), self._native.name, parity)
        kept["compiled"] = compiled
        return Answering(self._compiled.load(self._objects.get(compiled)), self._compiled.name, parity)

    def _adopted(self, work: _Work, brought: Brought, test: Rows) -> Answering:
        """Keep a model that was trained elsewhere as it came and, where it proves to give the same answers, compiled."""
        definition = work.definition
        check_inputs(brought.inputs, test.features.columns, definition.task, brought.origin.source)
        self._step("nothing to tune: it was trained elsewhere")
        work.artifacts |= {f"source/{name}": self._objects.put(data) for name, data in brought.files.items()}
        work.artifacts["native"] = self._objects.put(brought.native)
        self._step("adopted as it came")
        compiled = self._compiled.load(brought.compiled) if brought.compiled is not None else None
        parity = compare(brought, compiled, test.matrix(), definition.task)
        if compiled is None or brought.compiled is None or not parity.holds:
            return Answering(brought.scorer, brought.kept_as, parity)
        work.artifacts["compiled"] = self._objects.put(brought.compiled)
        return Answering(compiled, self._compiled.name, parity)

    def _diary(self, job: Job, product: str, measure: str) -> TrialRuns:
        recorder = Recorder(self._objects, self._ledger, product)
        return TrialRuns(self._ledger, self._clock, f"{recorder.line}/{recorder.run_name(job.key)}", measure, self._metrics)

    def _rows(self, work: _Work) -> TrainingSet:
        definition, job = work.definition, work.job
        training_set = self.sets.make(definition, work.snapshot)
        work.balances = [training_set.built, training_set.balance]
        train = training_set.train
        lacking = definition.task.lacking(train.labels)
        if lacking or not len(training_set.test):
            seen = f" with {lacking}" if lacking else ""
            what = f"{len(train)} training rows{seen}, {len(training_set.test)} test rows"
            needed = _NEEDED.get(definition.task.kind, "every outcome")
            remedy = (
                f"rows of {needed} are needed before the out-of-time window, and rows in it: wait, or shorten the window"
            )
            raise InputError("training", [Fault(what=what, where=definition.name, remedy=remedy)])
        if job.shuffled:
            labels = shuffled(train.labels, np.random.default_rng(job.seed))
            training_set = replace(training_set, train=train.with_labels(labels))
        return training_set

    def _forms(self, work: _Work, fitted: Any, test: Rows) -> Answering:
        """Keep the model natively and, where it proves to give the same answers, compiled."""
        names, rows = test.features.columns, test.matrix()
        native_bytes = self._native.dump(fitted, names)
        native = self._native.load(native_bytes)
        work.artifacts["native"] = self._objects.put(native_bytes)
        earlier = self._forms_before(work, test)
        if earlier is not None:
            return earlier
        try:
            compiled_bytes = self._compiled.dump(fitted, names)
            compiled = self._compiled.load(compiled_bytes)
        except InputError as error:
            note = f"there is no compiled form, native serves: {error.faults[0]}"
            return Answering(native, self._native.name, Parity(rows=0, difference=None, flips=None, holds=False, note=note))
        parity = compare_forms(native, compiled, rows, work.definition.task)
        if not parity.holds:
            return Answering(native, self._native.name, parity)
        work.artifacts["compiled"] = self._objects.put(compiled_bytes)
        return Answering(compiled, self._compiled.name, parity)

    def _seen_by(self, live: Rival, snapshot: Snapshot, test: Rows) -> Rows:
        return replace(test, features=self.sets.features(live.definition, snapshot, test.asked))

    def _profile(self, definition: Definition, training_set: TrainingSet, scorer: Scorer) -> Profile:
        train, test = training_set.train, training_set.test
        scores = scorer(test.matrix())
        sound = definition.task.sound(scores)
        return take_profile(
            train.features,
            train.labels,
            train.asked.select(name for name in definition.given.names() if name != definition.group),
            scores=scores[sound],
            outcomes=test.labels[sound],
            predict_at=train.predict_at,
            scored_at=test.predict_at.filter(sound),
            task=definition.task,
        )

    def _seal(self, work: _Work, training_set: TrainingSet, scorer: Scorer) -> None:
        train = training_set.train
        suggested, brought = work.job.source.suggested, work.job.brought
        sheet = Sheet(
            product=work.definition.name,
            native=work.artifacts["native"],
            compiled=work.artifacts.get("compiled"),
            features=train.features.columns,
            profile=work.artifacts["profile"],
            code=work.code.source,
            suggested=self._objects.put(suggested.encode()) if suggested is not None else None,
            segment=None,
            trained_from=train.predict_at[0],
            trained_to=train.predict_at[-1],
            tested_from=training_set.tested_from,
            tested_to=training_set.tested_to,
            rows=len(train),
            kept_as=brought.kept_as if brought is not None else self._native.name,
            signature=signature_of(work.definition, train.features.columns),
            example=self._objects.put(example_of(work.definition, train, scorer)),
            origin=brought.origin if brought is not None else None,
        )
        work.artifacts[SHEET] = self._objects.put(sheet.encode())

    def _told(self, work: _Work, name: str, error: str | None) -> Run:
        planted = f" (labels shuffled with seed {work.job.seed}: a bad candidate, on purpose)" if work.job.shuffled else ""
        return Run(
            name=name,
            cause=work.job.cause + planted,
            code=work.code,
            environment=self._environment,
            data=dict(work.snapshot.versions),
            parameters={key: plain(value) for key, value in work.parameters.items()},
            seed=work.job.seed,
            started=work.started,
            ended=self._clock.now(),
            seconds=time.perf_counter() - work.ticks,
            metrics=work.metrics,
            artifacts=work.artifacts,
            trials=work.trials,
            shuffled=work.job.shuffled,
            until=work.snapshot.until,
            error=error,
        )

    def _step(self, note: str) -> None:
        self._progress.advance(_TASK, note=note)
