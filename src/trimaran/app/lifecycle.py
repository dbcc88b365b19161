"""One product in one workspace, and the acts of its life: data, training, judgement, release, watching, retraining."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from trimaran.app.loading import Loaded, load_text
from trimaran.app.policies import policies_of
from trimaran.app.workspace import Workspace
from trimaran.build import Job, Rival, Snapshot, Source, Trainer, read_evidence
from trimaran.control.approvals import outstanding, refusal, sign, signatures
from trimaran.control.gates import GATE, judge_candidate
from trimaran.control.state import ProductState, VersionState, subject_of
from trimaran.control.triggers import due
from trimaran.core.canon import canonical
from trimaran.core.checks import conclude
from trimaran.core.nouns import Declared, Finding, Ingest, Measurement, Notice, Ref, Trigger, Turn, Verdict
from trimaran.core.ports import Progress
from trimaran.data.declaration import Definition
from trimaran.data.profiles import read_profile
from trimaran.data.tables import Tables
from trimaran.deploy import Comparison, Releases
from trimaran.monitor import balance, reach, watch
from trimaran.monitor import due as labels_due

PATIENCE = timedelta(days=7)
"""How long a candidate may stay at one step without enough evidence before it is rolled back."""

LATENESS = timedelta(days=2)
"""How long after its predict_at a row may still be asked for."""

PASSING = ("pass", "warn")


class Lifecycle:
    """The acts of one product's life; each is idempotent, so that a life cut short goes on where it was.

    The actor of the workspace's ledger is who acts; people who sign act in their own names.
    """

    def __init__(
        self, workspace: Workspace, loaded: Loaded, progress: Progress, *, path: Path | None = None, seed: int = 13
    ) -> None:
        self.workspace = workspace
        self.definition: Definition = loaded.definition
        self.name = loaded.definition.name
        self.ledger = workspace.ledger
        self.tables = Tables(self.definition, workspace.tables, workspace.ledger, workspace.objects)
        self.releases = Releases(workspace.ledger, self.definition)
        self._state = ProductState(self.name)
        self._text = loaded.text
        self._path = path
        self._seed = seed
        self._trainer = Trainer(
            objects=workspace.objects,
            ledger=workspace.ledger,
            clock=workspace.clock,
            native=workspace.native,
            compiled=workspace.compiled,
            progress=progress,
        )

    @property
    def state(self) -> ProductState:
        """The product's state, up to the newest entry."""
        return self._state.catch_up(self.ledger)

    def declare(self) -> Ref:
        """Write down what the product file says now; an unchanged file is no new entry."""
        source = self.workspace.objects.put(self._text.encode())
        record = Declared(product=self.name, owner=self.definition.owner, source=source, policies=policies_of(self.definition))
        return self.ledger.append(record, self.name)

    def take_in(self, deliveries: Mapping[str, pl.DataFrame], *, source: str, key: str) -> list[Ingest]:
        """Take deliveries in through the contracts, by table; ``key`` names the occasion."""
        now = self.workspace.clock.now()
        return [
            self.tables.ingest(table, rows, source=source, key=f"{key}:{table}", now=now) for table, rows in deliveries.items()
        ]

    def train(self, cause: str, *, key: str, planted: bool = False) -> tuple[VersionState, Verdict]:
        """Train a candidate, judge it at the gate, and put it into staging or refuse it.

        The first training tunes; later ones use what it chose. ``planted`` trains on shuffled labels: a drill that the
        gate must catch.
        """
        snapshot = Snapshot.newest(self.tables, self.workspace.clock.now())
        suggested = self._suggested(snapshot)
        definition = self._with_suggested(suggested)
        job = Job(
            cause=cause,
            key=key,
            source=Source(self._text, self._path, suggested),
            seed=self._seed,
            parameters=self._chosen_parameters(),
            shuffled=planted,
        )
        candidate = self._trainer.train(definition, snapshot, job, live=self._rival())
        return self._judge(definition, candidate.ref)

    def sign_if_awaited(self, role: str, person: str, note: str = "") -> None:
        """Let a person approve the staged candidate in a role, if that approval is still awaited."""
        state = self.state
        candidate = state.candidate
        if candidate is None or candidate.stage != "staging" or role not in outstanding(self.definition.release, candidate):
            return
        number = candidate.version.number
        sign(self.ledger.as_actor(person), state, self.definition.release, number, role, note=note)

    def advance(self, now: datetime) -> None:
        """Move the candidate on as far as its verdicts and approvals allow, or take it out."""
        candidate = self.state.candidate
        if candidate is None:
            return
        number, policy = candidate.version.number, self.definition.release
        if candidate.stage == "staging":
            refused, proof = refusal(candidate), candidate.verdict(GATE)
            if refused is not None:
                self.releases.refuse(number, reason=f"{refused.person} ({refused.role}) refused: {refused.note or 'no reason given'}")
            elif proof is not None and not outstanding(policy, candidate):
                people = [approval.person for _, approval in candidate.approvals if approval.decision == "approve"]
                reason = f"the gate passed, {' and '.join(people) or 'nobody'} approved"
                self._move(number, proof[0].ref, reason, signatures(policy, candidate))
            return
        self._compare(candidate, now)

    def join_labels(self, now: datetime) -> int:
        """Join the labels that are decided by now to the captured predictions; return how many were new."""
        captures, horizon = self.workspace.captures, self.definition.label.wait + timedelta(days=3)
        recent = captures.frame(self.name, since=now - horizon - abs(self.definition.predict_at.offset))
        waiting = recent.filter(pl.col("joined_at").is_null())["id"].unique().to_list()
        joined = captures.join(labels_due(self.definition, self.tables.frame(self.definition.asked), waiting, now))
        record = balance(captures.counts(self.name), now)
        self.ledger.append(record, f"{self.name}/labels", key=f"balance:{self.name}:labels:{now.isoformat()}")
        return joined

    def watch(self, now: datetime) -> list[Finding]:
        """Look at the live version as the policy declares; write the verdict and tell people what is new."""
        live = self.state.live
        if live is None:
            return []
        frame = self.workspace.captures.frame(self.name, since=reach(self.definition, now), until=now, features=True)
        profile = read_profile(self.workspace.objects, live.version.profile)
        seen = watch(self.definition, live.version, profile, self._accepted(live), frame, now)
        evidence = self.workspace.objects.put(canonical(seen.details))
        verdict = conclude("watch", live.version.native, seen.findings, evidence=evidence)
        before = live.verdict("watch")
        ref = self.ledger.append(verdict, live.entry.subject, key=f"watch:{live.entry.subject}:{now.isoformat()}")
        self._tell(verdict, before[1] if before is not None else None, ref)
        return seen.findings

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
        self.ledger.append(trigger, self.name, key=f"trigger:{self.name}:{now.isoformat()}")
        self.train(cause.name, key=f"{cause.name}:{now.isoformat()}")

    def close(self, turn: Turn) -> Ref:
        """Write that everything due up to a moment was done."""
        return self.ledger.append(turn, self.name, key=f"turn:{self.name}:{turn.until.isoformat()}")

    def _judge(self, definition: Definition, ref: Ref) -> tuple[VersionState, Verdict]:
        state = self.state
        made = next(one for one in state.versions.values() if one.entry.ref == ref)
        version, run = made.version, next(run for entry, run in state.runs if entry.ref == made.version.run)
        stored = run.artifacts["evidence"]
        evidence = read_evidence(self.workspace.objects, stored)
        verdict = judge_candidate(definition, evidence, version.native, stored=stored, refs=[ref])
        self.ledger.append(verdict, subject_of(version), key=f"gate:{subject_of(version)}")
        if made.stage == "trained":
            self.releases.stage(ref, reason=f"trained because of {run.cause}")
        if verdict.outcome not in PASSING and self.state.versions[version.number].stage == "staging":
            self.releases.refuse(version.number, reason="the gate refused it: " + "; ".join(verdict.reasons))
        return self.state.versions[version.number], verdict

    def _compare(self, candidate: VersionState, now: datetime) -> None:
        """Judge a candidate in shadow or canary by all it has answered since its shadow began, and move it or hold it."""
        number, stage, policy = candidate.version.number, candidate.stage, self.definition.release
        live = self.state.live
        if live is None:
            return
        began = next(entry.at for entry, move in candidate.moves if move.stage in {"shadow", "canary"})
        entered = candidate.moves[-1][0].at
        frame = self.workspace.captures.frame(self.name, since=began - LATENESS)
        both = pl.col("version").is_in([number, live.version.number]) & (pl.col("asked_at") >= began)
        comparison = Comparison(
            frame=frame.filter(both),
            candidate=number,
            live=live.version.number,
            rollback=policy.rollback,
            worth=self.definition.value,
        )
        verdict = comparison.judge("shadow" if stage == "shadow" else "canary", candidate.version.native)
        held = now - entered >= (policy.shadow if stage == "shadow" else policy.hold)
        if verdict.outcome == "fail":
            self._record(verdict, candidate, now)
            self.releases.roll_back(number, reason="; ".join(verdict.reasons))
        elif verdict.outcome in PASSING and held:
            proof = self._record(verdict, candidate, now)
            self._move(number, proof, f"{stage} passed: {_best(verdict)}")
        elif now - entered > PATIENCE:
            self._record(verdict, candidate, now)
            self.releases.roll_back(number, reason=f"not enough evidence in {PATIENCE.days} days: {'; '.join(verdict.reasons)}")

    def _move(self, number: int, proof: Ref, reason: str, approvals: Sequence[Ref] = ()) -> None:
        step = self.releases.next_step(number)
        if step is not None:
            self.releases.move(number, step.stage, step.traffic, proof=proof, approvals=approvals, reason=reason)

    def _record(self, verdict: Verdict, about: VersionState, now: datetime) -> Ref:
        return self.ledger.append(verdict, about.entry.subject, key=f"{verdict.policy}:{about.entry.subject}:{now.isoformat()}")

    def _rival(self) -> Rival | None:
        live = self.state.live
        if live is None:
            return None
        version = live.version
        return Rival(version.number, self.workspace.definition(version), self.workspace.scorer(version))

    def _chosen_parameters(self) -> dict[str, float | int | str | bool | None] | None:
        """Return what the newest tuning chose, None before the first."""
        return next((dict(run.parameters) for _, run in reversed(self.state.runs) if run.trials and run.error is None), None)

    def _suggested(self, snapshot: Snapshot) -> str | None:
        """Return the text of the automated features: frozen once, when the first version is trained."""
        if self.definition.suggestion is None:
            return None
        versions = self.state.versions
        if versions:
            digest = versions[max(versions)].version.suggested
            return self.workspace.objects.get(digest).decode() if digest is not None else None
        return self._trainer.suggest(self.definition, snapshot, seed=self._seed).text

    def _with_suggested(self, text: str | None) -> Definition:
        return load_text(self._text, root=self.workspace.data_root, extra=text) if text else self.definition

    def _accepted(self, live: VersionState) -> Measurement | None:
        """Return the measure of the decay rule as it was when the version passed its gate."""
        gate, rule = live.verdict(GATE), self.definition.watch.decay
        if gate is None or gate[1].evidence is None or rule is None:
            return None
        return read_evidence(self.workspace.objects, gate[1].evidence).measures.get(rule.measure)

    def _tell(self, verdict: Verdict, before: Verdict | None, ref: Ref) -> None:
        """Write a notice to everybody on the list for each finding that fails now and did not before."""
        known = {finding.check for finding in (before.findings if before is not None else []) if finding.outcome == "fail"}
        for finding in verdict.findings:
            if finding.outcome != "fail" or finding.check in known:
                continue
            for address in self.definition.watch.tell:
                notice = Notice(
                    product=self.name, to=address, subject=f"{self.name}: {finding.check}", text=finding.reason, about=ref
                )
                self.ledger.append(notice, self.name, key=f"notice:{ref}:{finding.check}:{address}")


def _best(verdict: Verdict) -> str:
    return "; ".join(finding.reason for finding in verdict.findings if finding.outcome in PASSING)
