"""Watches what is live: late labels are joined, the policy's monitors look, and people are told what is new."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from trimaran.app.captured import LATENESS, CapturedRows
from trimaran.app.closing import LABELS, Closing
from trimaran.app.workspace import Workspace
from trimaran.build import read_evidence
from trimaran.control.gates import GATE
from trimaran.control.state import ProductState, VersionState
from trimaran.core.canon import canonical
from trimaran.core.checks import conclude
from trimaran.core.nouns import SEGMENTED, Finding, Measurement, Notice, Ref, Verdict
from trimaran.data.declaration import Definition
from trimaran.data.profiles import read_profile
from trimaran.data.tables import Tables
from trimaran.monitor import WATCHED, Skew, balance, compare, due, near, overheard, reach, suffices, watch

MARGIN = timedelta(days=3)
"""How much longer than its waiting time a label may take to be delivered."""


class Oversight:
    """The monitors of one product, by its policy."""

    def __init__(self, workspace: Workspace, definition: Definition, tables: Tables) -> None:
        self._workspace = workspace
        self._definition = definition
        self._tables = tables
        self._state = ProductState(definition.name)
        self._watched = CapturedRows(workspace.captures, definition.name, WATCHED)

    def join_labels(self, now: datetime) -> int:
        """Join the labels that are decided by now to the captured predictions; return how many were new."""
        captures, name = self._workspace.captures, self._definition.name
        since = now - self._definition.label.wait - MARGIN - abs(self._definition.predict_at.offset)
        waiting = captures.waiting(name, since=since)
        joined = captures.join(due(self._definition, self._tables.frame(self._definition.asked), waiting, now))
        closing = Closing(self._workspace, name)
        if closing.closed_until(LABELS) != now:
            record = balance(captures.counts(name, since=since), now, since, held=closing.joined(now))
            self._workspace.ledger.append(record, f"{name}/{LABELS}", key=f"balance:{name}:{LABELS}:{now.isoformat()}")
        return joined

    def watch(self, now: datetime) -> list[Finding]:
        """Look at the live version as the policy declares; write the verdict and tell people what is new."""
        live = self._state.catch_up(self._workspace.ledger).live
        if live is None:
            return []
        frame = self._captured(live, now)
        profile = read_profile(self._workspace.objects, live.version.profile)
        compared = self._compared(live, frame, now) if self._definition.watch.skew else None
        seen = watch(self._definition, live.version, profile, self._accepted(live), frame, now, compared)
        evidence = self._workspace.objects.put(canonical(seen.details))
        verdict = conclude("watch", live.version.native, seen.findings, evidence=evidence)
        before = live.verdict("watch")
        ref = self._workspace.ledger.append(verdict, live.entry.subject, key=f"watch:{live.entry.subject}:{now.isoformat()}")
        self._tell(verdict, before[1] if before is not None else None, ref)
        return seen.findings

    def _captured(self, live: VersionState, now: datetime) -> pl.DataFrame:
        """Return the captured rows that a watch needs: those of the last days, older ones only when these hold too few labels.

        Of older ones the labels are wanted, not the features.
        """
        captures, name, number = self._workspace.captures, self._definition.name, live.version.number
        since = near(self._definition, now)
        frame = self._heard(self._watched.frame(since=since, now=now).filter(pl.col("event_at") < now), number)
        # Before it was trained it answered nothing.
        eldest = max(live.entry.at - LATENESS, reach(self._definition, now))
        if since <= eldest or suffices(self._definition, number, frame, now):
            return frame
        older = captures.frame(
            name, since=eldest, until=since, columns=[column for column in WATCHED if column != "features"]
        )
        return pl.concat([self._heard(older, number), frame], how="diagonal").select(frame.columns)

    @staticmethod
    def _heard(frame: pl.DataFrame, number: int) -> pl.DataFrame:
        """Return captured rows as the watch takes them: segments' own models must not hide how the live version fares."""
        return overheard(frame, number) if (frame["version"] > SEGMENTED).any() else frame

    def _compared(self, live: VersionState, frame: pl.DataFrame, now: datetime) -> Skew | None:
        """Hold what the version was served against the tables; None when the product has lost a table that it needs."""
        definition = self._workspace.definition(live.version)
        if definition.tables.keys() - self._definition.tables.keys():
            return None
        return compare(definition, live.version, frame, {name: self._tables.frame(name) for name in definition.tables}, now)

    def _accepted(self, live: VersionState) -> Measurement | None:
        """Return the measure of the decay rule as it was when the version passed its gate."""
        gate, rule = live.verdict(GATE), self._definition.watch.decay
        if gate is None or gate[1].evidence is None or rule is None:
            return None
        return read_evidence(self._workspace.objects, gate[1].evidence).measures.get(rule.measure)

    def _tell(self, verdict: Verdict, before: Verdict | None, ref: Ref) -> None:
        """Write a notice to everybody on the list for each finding that fails now and did not before."""
        known = {finding.check for finding in (before.findings if before is not None else []) if finding.outcome == "fail"}
        for finding in verdict.findings:
            if finding.outcome != "fail" or finding.check in known:
                continue
            for address in self._definition.watch.tell:
                notice = Notice(
                    product=self._definition.name,
                    to=address,
                    subject=f"{self._definition.name}: {finding.check}",
                    text=finding.reason,
                    about=ref,
                )
                self._workspace.ledger.append(notice, self._definition.name, key=f"notice:{ref}:{finding.check}:{address}")
