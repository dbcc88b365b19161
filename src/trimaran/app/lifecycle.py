"""One product in one workspace, and the acts of its life: data, training, judgement, release, watching, retraining."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Protocol

import polars as pl

from trimaran.app.beside import unbind
from trimaran.app.computing import accompanied, open_computing
from trimaran.app.loading import Loaded, load_text
from trimaran.app.oversight import Oversight
from trimaran.app.pipelines.earlier import EarlierTrainings
from trimaran.app.pipelines.looping import Loop
from trimaran.app.pipelines.stages import Passed, Stages
from trimaran.app.policies import policies_of
from trimaran.app.promotion import PASSING, Promotion
from trimaran.app.segments import replicate_product
from trimaran.app.workspace import Workspace
from trimaran.build import (
    Brought,
    Computing,
    Evidence,
    Job,
    Replicated,
    Rival,
    Rows,
    Snapshot,
    Source,
    Trainer,
    read_evidence,
    suggest,
)
from trimaran.control.approvals import outstanding, sign, sign_replication
from trimaran.control.gates import judge_candidate
from trimaran.control.state import ProductState, VersionState, subject_of
from trimaran.control.triggers import due
from trimaran.core.canon import digest_of
from trimaran.core.errors import Fault, InputError
from trimaran.core.nouns import Declared, Finding, Ingest, Ref, Trigger, Turn, Verdict
from trimaran.core.ports import Progress
from trimaran.data.declaration import Definition, write_schemas
from trimaran.data.tables import Tables
from trimaran.deploy import Releases


class Judge(Protocol):
    """Judges a candidate by its evidence, as ``judge_candidate`` does."""

    def __call__(
        self,
        definition: Definition,
        evidence: Evidence,
        about: str,
        *,
        stored: str | None = None,
        refs: Sequence[Ref] = (),
    ) -> Verdict:
        """Return the verdict about the model with digest ``about``."""
        ...


class Lifecycle:
    """The acts of one product's life; each is idempotent, so that a life cut short goes on where it was.

    The actor of the workspace's ledger is who acts; people who sign act in their own names. ``computing`` stands for what the
    workspace's settings say of it, ``trials`` for how many the product tunes by, ``judge`` for the gate: a test on a slice of the
    data tries few, and cannot hold it to bounds.
    """

    def __init__(
        self,
        workspace: Workspace,
        loaded: Loaded,
        progress: Progress,
        *,
        path: Path | None = None,
        seed: int = 13,
        computing: Computing | None = None,
        trials: int | None = None,
        judge: Judge = judge_candidate,
    ) -> None:
        self.workspace = workspace
        self.definition: Definition = loaded.definition
        self.name = loaded.definition.name
        self.ledger = workspace.ledger
        self.tables = Tables(self.definition, workspace.tables, workspace.ledger, workspace.objects)
        self.releases = Releases(workspace.ledger, self.definition)
        self.promotion = Promotion(workspace, self.definition, self.releases)
        self.oversight = Oversight(workspace, self.definition, self.tables)
        self._state = ProductState(self.name)
        self._text = loaded.text
        self._origin = loaded.origin
        self._path = path
        self._seed = seed
        self._trials = trials
        self._judge_by = judge
        self.progress = self._stages = Stages(progress)
        means = accompanied(computing or open_computing(workspace.root, workspace.settings.computing), loaded.text)
        self._engine = means.engine
        self._trainer = Trainer(
            objects=workspace.objects,
            ledger=workspace.ledger,
            clock=workspace.clock,
            native=workspace.native,
            compiled=workspace.compiled,
            progress=self.progress,
            computing=means,
            metrics=lambda: workspace.metrics,
        )

    @property
    def state(self) -> ProductState:
        """The product's state, up to the newest entry."""
        return self._state.catch_up(self.ledger)

    @property
    def given(self) -> list[str]:
        """The columns a caller sends: those that the live version's features use, the automated ones included."""
        live = self.state.live
        definition = self.definition if live is None else self.workspace.definition(live.version)
        return definition.given.names()

    def declare(self) -> Ref:
        """Write down what the product file says now; an unchanged file is no new entry, one changed back is.

        Raises ``Conflict`` when somebody else declared the product since this one looked.
        """
        source = self.workspace.objects.put(self._text.encode())
        record = Declared(
            product=self.name,
            owner=self.definition.owner,
            source=source,
            policies=policies_of(self.definition),
            schemas=self.workspace.objects.put(write_schemas(self.definition.schemas)),
        )
        found = self.ledger.latest(Declared, self.name)
        if found is not None and found[1] == record:
            return found[0]
        newest = found[0].seq if found is not None else 0
        return self.ledger.append(record, self.name, key=f"declared:{self.name}:{newest}", after=newest)

    def take_in(
        self,
        deliveries: Mapping[str, pl.DataFrame],
        *,
        source: str | None,
        key: str,
        notes: Mapping[str, Sequence[str]] | None = None,
    ) -> list[Ingest]:
        """Take deliveries in through the contracts, by table; ``key`` names the occasion.

        They came from ``source``, without it from what the table declares; ``notes`` say by table what there is to say of it.
        """
        now, said = self.workspace.clock.now(), notes or {}
        return [
            self.tables.ingest(
                table,
                rows,
                source=source or self.definition.tables[table].source.label,
                key=f"{key}:{table}",
                now=now,
                notes=said.get(table, ()),
            )
            for table, rows in deliveries.items()
        ]

    def train(self, cause: str, *, key: str, planted: bool = False, again: bool = False) -> tuple[VersionState, Verdict]:
        """Train a candidate, judge it at the gate, and put it into staging or refuse it.

        The first training tunes; later ones use what it chose. Stages that stand on the same as those of an earlier training are
        taken from it, unless all is to be done ``again``. ``planted`` trains on shuffled labels: a drill that the gate must catch.
        """
        with Loop(self.workspace, self._stages, self.name, key, engine=self._engine) as loop:
            snapshot = Snapshot.newest(self.tables, self.workspace.clock.now())
            suggested = self._suggested(snapshot)
            definition = self._with_suggested(suggested)
            job = Job(
                cause=cause,
                key=key,
                source=self._source(suggested),
                seed=self._seed,
                parameters=self._chosen_parameters(),
                shuffled=planted,
                trials=self._trials,
                earlier=None if again else EarlierTrainings(self.workspace, self.name),
            )
            return self._tried(loop, definition, snapshot, job)

    def adopt(self, brought: Brought, cause: str, *, key: str) -> tuple[VersionState, Verdict]:
        """Test a model that was trained elsewhere, judge it at the gate, and put it into staging or refuse it.

        It is asked with the declared features: those that were suggested are of models trained here.
        """
        with Loop(self.workspace, self._stages, self.name, key, engine=self._engine) as loop:
            snapshot = Snapshot.newest(self.tables, self.workspace.clock.now())
            source = Source(self._text, self._path)
            job = Job(cause=cause, key=key, source=source, seed=self._seed, parameters={}, brought=brought)
            return self._tried(loop, self.definition, snapshot, job)

    def replicate(self, cause: str, *, key: str) -> Replicated | None:
        """Train and judge one model a segment, by the same definition and policy; None where no segments are declared.

        Each is held against the pooled version, which is trained before them.
        """
        if self.definition.segments is None:
            return None
        snapshot = Snapshot.newest(self.tables, self.workspace.clock.now())
        suggested = self._suggested(snapshot)
        job = Job(
            cause=cause,
            key=key,
            source=self._source(suggested),
            seed=self._seed,
            parameters=self._chosen_parameters(),
        )
        definition = self._with_suggested(suggested)
        return replicate_product(
            self.workspace,
            self._trainer,
            definition,
            snapshot,
            job,
            state=self.state,
            suggest=partial(self._suggest_own, snapshot),
        )

    def sign_if_awaited(self, role: str, person: str, note: str = "") -> None:
        """Let a person approve the staged candidate, and the newest models of segments, in a role that is still awaited."""
        state = self.state
        self._sign_segments(state, role, person, note)
        candidate = state.candidate
        if candidate is None or candidate.stage != "staging" or role not in outstanding(self.definition.release, candidate):
            return
        number = candidate.version.number
        sign(self.ledger.as_actor(person), state, self.definition.release, number, role, note=note)

    def _sign_segments(self, state: ProductState, role: str, person: str, note: str) -> None:
        newest = state.replications[-1] if state.replications else None
        if newest is None or newest.waves or role not in self.definition.release.approve:
            return
        if all(one.role != role for _, one in newest.approvals):
            ledger, policy = self.ledger.as_actor(person), self.definition.release
            sign_replication(ledger, state, policy, newest.record.name, role, note=note)

    def retrain(self, findings: Sequence[Finding], now: datetime) -> None:
        """Train a new candidate when the schedule or the findings call for one."""
        state = self.state
        cause = due(self.definition.retraining, state, findings, state.new_labels, now)
        if cause is None:
            return
        watched = state.live.verdict("watch") if state.live is not None else None
        trigger = Trigger(
            product=self.name, cause=cause.name, detail=cause.detail, seen_in=watched[0].ref if watched is not None else None
        )
        newest = state.triggers[-1][0].seq if state.triggers else 0
        self.ledger.append(trigger, self.name, key=f"trigger:{self.name}:{now.isoformat()}", after=newest)
        self.train(cause.name, key=f"{cause.name}:{now.isoformat()}")
        self.replicate(cause.name, key=f"segments:{cause.name}:{now.isoformat()}")

    def close(self, turn: Turn) -> Ref:
        """Write that everything due up to a moment was done; once a day the ledger, so far, is signed."""
        ref = self.ledger.append(turn, self.name, key=f"turn:{self.name}:{turn.until.isoformat()}")
        self.workspace.auditor.daily()
        return ref

    def _tried(self, loop: Loop, definition: Definition, snapshot: Snapshot, job: Job) -> tuple[VersionState, Verdict]:
        """Train and judge a candidate, and say what came of it."""
        candidate = self._trainer.train(definition, snapshot, job, live=self._rival())
        state, verdict = self._judge(definition, candidate.ref)
        loop.passed(Passed(candidate.run, candidate.version, verdict, candidate.stood))
        return state, verdict

    def _judge(self, definition: Definition, ref: Ref) -> tuple[VersionState, Verdict]:
        state = self.state
        made = next(one for one in state.versions.values() if one.entry.ref == ref)
        version, run = made.version, next(run for entry, run in state.runs if entry.ref == made.version.run)
        stored = run.artifacts["evidence"]
        evidence = read_evidence(self.workspace.objects, stored)
        verdict = self._judge_by(definition, evidence, version.native, stored=stored, refs=[ref])
        self.ledger.append(verdict, subject_of(version), key=f"gate:{subject_of(version)}")
        if made.stage == "trained":
            reason = run.cause if version.origin is not None else f"trained because of {run.cause}"
            self.releases.stage(ref, reason=reason)
        if verdict.outcome not in PASSING and self.state.versions[version.number].stage == "staging":
            self.releases.refuse(version.number, reason="the gate refused it: " + "; ".join(verdict.reasons))
        return self.state.versions[version.number], verdict

    def _source(self, suggested: str | None) -> Source:
        commit, uncommitted = self._origin or (None, None)
        return Source(self._text, self._path, suggested, commit, uncommitted, digest_of(unbind(self._text).modules))

    def _rival(self) -> Rival | None:
        live = self.state.live
        if live is None:
            return None
        version, definition = live.version, self.workspace.definition(live.version)
        ours, theirs = self.definition.task, definition.task
        if (ours.kind, *ours.classes) != (theirs.kind, *theirs.classes):
            what = (
                f"the product predicts otherwise than {version.name}, which is live: {ours.kind} where that is {theirs.kind}"
            )
            remedy = "answers that mean something else are another product: give it a name of its own"
            raise InputError(self.name, [Fault(what=what, where=self.definition.label.where, remedy=remedy)])
        return Rival(version.number, definition, self.workspace.scorer(version))

    def _chosen_parameters(self) -> dict[str, float | int | str | bool | None] | None:
        """Return what the newest tuning chose, None before the first."""
        return next((dict(run.parameters) for _, run in reversed(self.state.runs) if run.trials and run.error is None), None)

    def _suggested(self, snapshot: Snapshot) -> str | None:
        """Return the text of the automated features: frozen once, when the first version is trained."""
        if self.definition.suggestion is None:
            return None
        trained = [made.version for made in self.state.versions.values() if made.version.origin is None]
        if trained:
            digest = trained[-1].suggested
            return self.workspace.objects.get(digest).decode() if digest is not None else None
        return suggest(self.definition, snapshot, self._trainer.sets, seed=self._seed, progress=self.progress).text or None

    def _suggest_own(self, snapshot: Snapshot, train: Rows) -> tuple[Definition, str] | None:
        """Suggest the features of one segment from its rows to train on; None where none is better than nothing."""
        sets = self._trainer.sets
        text = suggest(self.definition, snapshot, sets, seed=self._seed, progress=self.progress, train=train).text
        return (self._with_suggested(text), text) if text else None

    def _with_suggested(self, text: str | None) -> Definition:
        if not text:
            return self.definition
        return load_text(self._text, root=self.workspace.data_root, extra=text, schemas=self.definition.schemas)
