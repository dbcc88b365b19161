"""One definition, one model a segment: features are computed once, models are made in processes, failures kept apart."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import chain

import msgspec
import numpy as np
import numpy.typing as npt

from trimaran.build.dividing import Divided, Own, divide_segments, policy_of
from trimaran.build.evaluation import Rival, compared_with_live
from trimaran.build.evidence import Evidence, Together
from trimaran.build.job import Job
from trimaran.build.recording import balance_key
from trimaran.build.segment_fitting import COMPILED_FROM, Made, Recipe, Share, author_lines
from trimaran.build.segment_recording import Done, SegmentRecorder, Setting
from trimaran.build.signing import signature_of
from trimaran.build.together import measure_together
from trimaran.build.tracking import track_code
from trimaran.build.training import Ports, Trainer
from trimaran.build.training_set import Rows, Snapshot, TrainingSet
from trimaran.core.canon import canonical
from trimaran.core.errors import Fault, InputError, Unavailable
from trimaran.core.ledger import Write
from trimaran.core.nouns import SCHEMAS, ModelVersion, Ref, Replication, SegmentModel, Verdict
from trimaran.core.ports import Executor
from trimaran.data.declaration import Definition, write_schemas

Floats = npt.NDArray[np.float64]
Judge = Callable[[Evidence, str, str, Ref], Verdict]
"""Returns the verdict of a gate about evidence: the digest of the model, that of the stored evidence, and the version's Ref."""

Defined = Callable[[ModelVersion], Definition]
"""Returns the definition that a version was made by, its own features included."""

PASSING = ("pass", "warn")
_TASK = "segments"
_decoder = msgspec.json.Decoder(list[SegmentModel])
_BATCH, _ALONE = 16, 8
"""A task is so many segments at most; so many segments are tried alone for one to be timed."""

FEW = 20_000
"""Rows to train on: for fewer, processes take longer to start than to work."""


@dataclass(frozen=True)
class Replicated:
    """A finished replication: its entry, what became of each segment, and how good all models are together."""

    ref: Ref
    record: Replication
    models: list[SegmentModel]
    together: Together | None


class Replicator:
    """Makes the models of all segments of a product, by the means of a trainer.

    Each segment leaves a run, each model that was made is a version with its evidence and the verdict of its gate. A
    replication that was cut short goes on where the ledger stops; one that was finished is found by the key of its job.
    With ``few`` rows in all it stays in this process. ``defined`` tells by which definition a version was made, where
    segments have features of their own. A model of at least ``compiled_from`` training rows is compiled too.
    """

    def __init__(
        self,
        trainer: Trainer,
        judge: Judge,
        few: int = FEW,
        defined: Defined | None = None,
        compiled_from: int = COMPILED_FROM,
    ) -> None:
        self._sets = trainer.sets
        self._ports: Ports = trainer.ports
        self._judge = judge
        self._few = few
        self._defined = defined
        self._compiled_from = compiled_from

    def replicate(
        self,
        definition: Definition,
        snapshot: Snapshot,
        job: Job,
        *,
        pooled: tuple[Ref, Rival] | None = None,
        own: Own | None = None,
        values: Sequence[str] | None = None,
    ) -> Replicated:
        """Make one model a segment, those with the most rows first; one that cannot have a model says why, and the others go on.

        Each is held against the ``pooled`` version on its own rows; ``own`` suggests the features of a segment; ``values``
        are the segments to look at, all by default. Raises ``InputError`` for a product without segments, and where no row
        has a label yet.
        """
        policy, ports = policy_of(definition), self._ports
        key = f"replication:{definition.name}:{job.key}"
        stands = ports.ledger.store.find(key)
        if stands is not None:
            record = ports.ledger.read(stands, Replication)
            return Replicated(stands.ref, record, read_sheet(ports.objects.get(record.sheet)), self._together(record))
        started, ticks = ports.clock.now(), time.perf_counter()
        training_set = self._sets.make(definition, snapshot)
        divided = divide_segments(definition, snapshot, training_set, values)
        theirs = self._pooled_scores(snapshot, divided.test, pooled)
        divided = replace(divided, pooled=theirs)
        setting = self._setting(definition, snapshot, job, training_set)
        recorder = SegmentRecorder(ports.objects, ports.ledger, ports.clock, setting)
        recipe = self._recipe(definition, job, training_set, pooled)
        models, scores = self._models(divided, recipe, recorder, own, started)
        listed = [models[value] for value in divided.places]
        together = (
            measure_together(definition, divided.test, scores, theirs, pooled[1].number)
            if pooled is not None and scores is not None and theirs is not None
            else None
        )
        record = Replication(
            product=definition.name,
            number=self._next_number(definition.name),
            column=policy.by,
            cause=job.cause,
            fates=dict(sorted(Counter(model.fate for model in listed).items())),
            sheet=ports.objects.put(canonical(listed)),
            together=ports.objects.put(canonical(together)) if together is not None else None,
            pooled=pooled[0] if pooled is not None else None,
            goal=definition.goal,
            data=dict(snapshot.versions),
            until=snapshot.until,
            started=started,
            ended=ports.clock.now(),
            seconds=time.perf_counter() - ticks,
            workers=getattr(ports.segments, "workers", 1),
        )
        return Replicated(self._write(record, key, training_set), record, listed, together)

    def _together(self, record: Replication) -> Together | None:
        if record.together is None:
            return None
        return msgspec.json.decode(self._ports.objects.get(record.together), type=Together)

    def _models(
        self, divided: Divided, recipe: Recipe, recorder: SegmentRecorder, own: Own | None, started: datetime
    ) -> tuple[dict[str, SegmentModel], Floats | None]:
        """Return what each segment came to, and the scores that the test rows get by it, as far as there is a pooled version."""
        scores = divided.pooled.copy() if divided.pooled is not None else None
        progress = self._ports.progress
        progress.start(_TASK, len(divided.places))
        models = {model.segment: model for model in divided.without()}
        if models:
            progress.advance(_TASK, len(models), note=f"{len(models)} left to the pooled model")
        for done, made in self._trained(divided, recipe, recorder, own, started, set(models)):
            for one, (model, found) in zip(done, self._judged(done, made, divided), strict=True):
                models[one.segment] = model
                if scores is not None and found is not None:
                    scores[slice(*divided.places[one.segment].test)] = found
            progress.advance(_TASK, len(done), note=f"{done[-1].segment}: {models[done[-1].segment].fate}")
        progress.finish(_TASK)
        return models, scores

    def _setting(self, definition: Definition, snapshot: Snapshot, job: Job, training_set: TrainingSet) -> Setting:
        ports = self._ports
        lacking = definition.model.spaces.keys() - {*definition.model.parameters, *(job.parameters or {})}
        if lacking:
            what = f"{', '.join(sorted(lacking))} of fit() have no value yet: the pooled model is tuned first"
            raise InputError("segments", [Fault(what=what, where=definition.model.where, remedy="train the product first")])
        return Setting(
            product=definition.name,
            key=job.key,
            cause=job.cause,
            code=track_code(ports.objects, job.source),
            environment=ports.environment(),
            data=snapshot.versions,
            parameters={**definition.model.parameters, **(job.parameters or {})},
            seed=job.seed,
            until=snapshot.until,
            artifacts={SCHEMAS: ports.objects.put(write_schemas(definition.schemas))},
            suggested=job.source.suggested,
            tested_from=training_set.tested_from,
            tested_to=training_set.tested_to,
            kept_as=ports.native.name,
            sign=partial(signature_of, definition),
        )

    def _recipe(
        self, definition: Definition, job: Job, training_set: TrainingSet, pooled: tuple[Ref, Rival] | None
    ) -> Recipe:
        return Recipe(
            model=definition.model,
            task=definition.task,
            goal=definition.goal,
            tests=definition.tests,
            parameters={**definition.model.parameters, **(job.parameters or {})},
            seed=job.seed,
            native=self._ports.native,
            compiled=self._ports.compiled,
            compiled_from=self._compiled_from,
            rival=pooled[1].number if pooled is not None else None,
            compared=compared_with_live(definition),
            window=(training_set.tested_from, training_set.tested_to),
            lines=author_lines([definition.model.function, *(test.function for test in definition.tests)]),
        )

    def _pooled_scores(self, snapshot: Snapshot, test: Rows, pooled: tuple[Ref, Rival] | None) -> Floats | None:
        """Return what the pooled version says of every test row, in one go for all segments."""
        if pooled is None or not len(test):
            return None
        features = self._sets.features(pooled[1].definition, snapshot, test.asked)
        return np.array(pooled[1].scorer(np.ascontiguousarray(features.to_numpy(), dtype=np.float32)), dtype=np.float64)

    def _trained(
        self,
        divided: Divided,
        recipe: Recipe,
        recorder: SegmentRecorder,
        own: Own | None,
        started: datetime,
        without: set[str],
    ) -> Iterator[tuple[list[Done], list[Made | None]]]:
        """Yield what became of the segments that are to be trained, some at a time: those done before, then the others."""
        wanted = [value for value in divided.places if value not in without]
        before = {value: found for value in wanted if (found := recorder.find(value)) is not None}
        if before:
            timed = (one.evidence.latency for one in before.values() if one.evidence is not None)
            recipe = replace(recipe, latency=next(timed, None))
            yield list(before.values()), [None] * len(before)
        left = [value for value in wanted if value not in before]
        workers = getattr(self._ports.segments, "workers", 1)
        batches = ([divided.share(value, own, self._sets) for value in batch] for batch in shrinking(left, workers))
        rows = sum(divided.places[value].rows for value in left)
        recipe = replace(recipe, fewest=min((divided.places[value].rows for value in left), default=0))
        for shares, made in self._made(recipe, batches, apart=rows > self._few):
            yield recorder.write(list(zip(shares, made, strict=True)), started), list(made)

    def _made(
        self, recipe: Recipe, batches: Iterable[list[Share]], *, apart: bool
    ) -> Iterator[tuple[list[Share], list[Made]]]:
        """Yield batches with what was made of them, in processes where they are ``apart``.

        What an answer takes is judged once for all of them, on a model that is made and timed while no other is trained: a
        machine that trains several makes a fast model look slow.
        """
        if not apart or self._ports.segments is None:
            yield from ((batch, recipe(batch)) for batch in batches)
            return
        source = iter(batches)
        for _ in range(_ALONE):
            if recipe.latency is not None or (batch := next(source, None)) is None:
                break
            source = chain([batch[1:]] if batch[1:] else [], source)
            for shares, made in self._apart(self._ports.segments, recipe, [batch[:1]]):
                yield shares, made
                if made[0].evidence is not None:
                    recipe = replace(recipe, latency=made[0].evidence.latency)
        yield from self._apart(self._ports.segments, recipe, source)

    def _apart(
        self, executor: Executor, recipe: Recipe, batches: Iterable[list[Share]]
    ) -> Iterator[tuple[list[Share], list[Made]]]:
        """Yield batches with what processes made of them; one whose process is lost is tried again, a segment at a time."""
        source = iter(batches)
        waiting: deque[list[Share]] = deque()

        def tasks() -> Iterator[tuple[str, list[Share]]]:
            for batch in source:
                waiting.append(batch)
                yield f"segment {batch[0].segment}", batch

        while True:
            try:
                for made in executor.map(recipe, tasks()):
                    yield waiting.popleft(), made
            except Unavailable as error:
                lost = waiting.popleft()
                if len(lost) == 1:
                    yield lost, [Made(lost[0].segment, 0.0, str(error))]
                again = [[share] for share in lost] if len(lost) > 1 else []
                source = chain(again, [*waiting], source)
                waiting.clear()
            else:
                return

    def _judged(
        self, done: Sequence[Done], made: Sequence[Made | None], divided: Divided
    ) -> list[tuple[SegmentModel, Floats | None]]:
        """Judge versions at their gate, write the verdicts in one go, and return what each segment came to, with its scores."""
        verdicts = [
            self._judge(one.evidence, one.version.native, one.run.artifacts["evidence"], one.ref)
            if one.version is not None and one.evidence is not None and one.ref is not None
            else None
            for one in done
        ]
        writes = [
            Write(record=verdict, subject=one.ref.subject, key=f"gate:{one.ref.subject}")
            for one, verdict in zip(done, verdicts, strict=True)
            if verdict is not None and one.ref is not None
        ]
        refs = iter(self._ports.ledger.append_all(writes))
        found = []
        for one, verdict, fresh in zip(done, verdicts, made, strict=True):
            proof = next(refs) if verdict is not None else None
            model = _told(one, verdict, proof, divided)
            found.append((model, self._scores(one, fresh, divided) if model.fate == "own" else None))
        return found

    def _scores(self, one: Done, fresh: Made | None, divided: Divided) -> Floats | None:
        if fresh is not None:
            return fresh.scores
        if one.version is None or (self._defined is None and policy_of(divided.definition).own):
            return None
        ports, version, rows = self._ports, one.version, divided.test_rows(one.segment)
        if self._defined is not None and policy_of(divided.definition).own:
            rows = replace(rows, features=self._sets.features(self._defined(version), divided.snapshot, rows.asked))
        form = ports.native if version.compiled is None else ports.compiled
        scorer = form.load(ports.objects.get(version.compiled or version.native))
        return np.asarray(scorer(rows.matrix()), dtype=np.float64)

    def _next_number(self, product: str) -> int:
        newest = self._ports.ledger.latest(Replication, product)
        return newest[1].number + 1 if newest is not None else 1

    def _write(self, record: Replication, key: str, training_set: TrainingSet) -> Ref:
        """Write the replication, with the control totals of the one training set that all segments share."""
        name = f"{record.product}/{record.name}"
        writes = [Write(record=record, subject=record.product, key=key)]
        writes += [
            Write(record=one, subject=f"{record.product}/{one.handover}", key=balance_key(name, one.handover))
            for one in (training_set.built, training_set.balance)
        ]
        return self._ports.ledger.append_all(writes)[0]


def shrinking(values: Sequence[str], workers: int) -> Iterator[Sequence[str]]:
    """Yield values in batches, the last ones small, so that no process works long after the others are done.

    Each takes half a share of what is left (Polychronopoulos and Kuck, "Guided self-scheduling", 1987), some at most.

    >>> [len(batch) for batch in shrinking([*"abcdefghijklmnopqrstuvwxyz"], workers=2)]
    [6, 5, 3, 3, 2, 1, 1, 1, 1, 1, 1, 1]
    """
    place = 0
    while place < len(values):
        size = min(_BATCH, max(1, (len(values) - place) // (2 * workers)))
        yield values[place : place + size]
        place += size


def read_sheet(data: bytes) -> list[SegmentModel]:
    """Return what became of every segment, from the bytes of a replication's sheet."""
    return _decoder.decode(data)


def _told(one: Done, verdict: Verdict | None, proof: Ref | None, divided: Divided) -> SegmentModel:
    place = divided.places[one.segment]
    rows, tested = place.rows, place.tested
    if one.version is None or verdict is None or one.evidence is None:
        reason = one.run.error or "its training left no model"
        return SegmentModel(segment=one.segment, fate="failed", rows=rows, tested=tested, reason=reason, run=one.run.name)
    passed = verdict.outcome in PASSING
    theirs = one.evidence.live.measures if one.evidence.live is not None else {}
    return SegmentModel(
        segment=one.segment,
        fate="own" if passed else "refused",
        rows=rows,
        tested=tested,
        reason="" if passed else "; ".join(verdict.reasons),
        run=one.run.name,
        version=one.version.number,
        model=one.version.native,
        proof=proof,
        measures={name: seen.value for name, seen in one.evidence.measures.items() if seen.value is not None},
        pooled={name: seen.value for name, seen in theirs.items() if seen.value is not None},
        seconds=one.run.seconds,
    )
