"""The state of one product: a fold over its ledger entries, and nothing that the entries do not say."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from trimaran.core.ledger import Ledger, kind_of
from trimaran.core.nouns import (
    Alias,
    Approval,
    Declared,
    Entry,
    Ingest,
    ModelVersion,
    Notice,
    Record,
    Release,
    Replication,
    Run,
    Traffic,
    Trigger,
    Turn,
    Verdict,
    Wave,
)

KINDS = (
    Declared,
    Ingest,
    Run,
    ModelVersion,
    Verdict,
    Approval,
    Release,
    Alias,
    Trigger,
    Notice,
    Turn,
    Replication,
    Wave,
)


@dataclass
class VersionState:
    """What is known of one version: how it was made, judged, approved and moved."""

    version: ModelVersion
    entry: Entry
    verdicts: list[tuple[Entry, Verdict]] = field(default_factory=list)
    approvals: list[tuple[Entry, Approval]] = field(default_factory=list)
    moves: list[tuple[Entry, Release]] = field(default_factory=list)
    replaced: Entry | None = None

    @property
    def stage(self) -> str:
        """The stage of its newest move, ``trained`` before the first, ``retired`` once another one went live instead."""
        if self.replaced is not None:
            return "retired"
        return self.moves[-1][1].stage if self.moves else "trained"

    @property
    def since(self) -> datetime:
        """When it came to its stage."""
        if self.replaced is not None:
            return self.replaced.at
        began = self.entry.at
        for before, (entry, move) in zip([None, *(move for _, move in self.moves)], self.moves, strict=False):
            if before is None or before.stage != move.stage:
                began = entry.at
        return began

    def verdict(self, policy: str) -> tuple[Entry, Verdict] | None:
        """Return the newest verdict of a policy about it."""
        return next(((entry, verdict) for entry, verdict in reversed(self.verdicts) if verdict.policy == policy), None)

    def passed(self, policy: str) -> bool:
        """Return whether the newest verdict of a policy passed."""
        found = self.verdict(policy)
        return found is not None and found[1].outcome in {"pass", "warn"}


@dataclass
class ReplicationState:
    """What is known of one training of all segments: how it was judged and approved, and the waves of its release."""

    record: Replication
    entry: Entry
    verdicts: list[tuple[Entry, Verdict]] = field(default_factory=list)
    approvals: list[tuple[Entry, Approval]] = field(default_factory=list)
    waves: list[tuple[Entry, Wave]] = field(default_factory=list)

    @property
    def subject(self) -> str:
        """What verdicts and approvals of it are about: ``product/rN``."""
        return f"{self.record.product}/{self.record.name}"

    def verdict(self, policy: str, about: str) -> tuple[Entry, Verdict] | None:
        """Return the newest verdict of a policy about a digest."""
        found = (one for one in reversed(self.verdicts) if (one[1].policy, one[1].about) == (policy, about))
        return next(found, None)


@dataclass
class ProductState:
    """A product as its entries tell it, up to the last one applied."""

    product: str
    seq: int = 0
    at: datetime | None = None
    declared: tuple[Entry, Declared] | None = None
    versions: dict[int, VersionState] = field(default_factory=dict)
    segments: dict[str, list[VersionState]] = field(default_factory=dict)
    replications: list[ReplicationState] = field(default_factory=list)
    seats: dict[str, int] = field(default_factory=dict)
    traffic: Traffic = field(default_factory=Traffic)
    data: dict[str, Ingest] = field(default_factory=dict)
    triggers: list[tuple[Entry, Trigger]] = field(default_factory=list)
    notices: list[tuple[Entry, Notice]] = field(default_factory=list)
    runs: list[tuple[Entry, Run]] = field(default_factory=list)
    aliases: dict[str, tuple[Entry, Alias]] = field(default_factory=dict)
    turn: Turn | None = None
    new_labels: int = 0
    _by_subject: dict[str, VersionState | ReplicationState] = field(default_factory=dict)

    @classmethod
    def replay(cls, ledger: Ledger, product: str, until: datetime | None = None) -> ProductState:
        """Return the state that the entries at or before ``until`` (all by default) amount to."""
        return cls(product).catch_up(ledger, until)

    def catch_up(self, ledger: Ledger, until: datetime | None = None) -> ProductState:
        """Apply the entries that came since; returns itself."""
        for entry in ledger.store.scan(after=self.seq, kinds=[kind_of(kind) for kind in KINDS], until=until):
            self.seq = entry.seq
            # Looked at before it is read: most entries are of other products, and to decode and verify one costs the most.
            if entry.subject == self.product or entry.subject.startswith((f"{self.product}/", f"{self.product}[")):
                self._apply(entry, ledger.read(entry))
                self.at = entry.at
        return self

    @property
    def live(self) -> VersionState | None:
        """The version that answers, None before the first release."""
        return self.versions.get(self.traffic.live) if self.traffic.live is not None else None

    @property
    def candidate(self) -> VersionState | None:
        """The newest version on its way to live (staging, shadow or canary), None when there is none."""
        under_way = [state for state in self.versions.values() if state.stage in {"staging", "shadow", "canary"}]
        return under_way[-1] if under_way else None

    @property
    def trying(self) -> VersionState | None:
        """The version that is tried beside the live one, in shadow or canary, None when there is none."""
        return next((state for state in self.versions.values() if state.stage in {"shadow", "canary"}), None)

    def _apply(self, entry: Entry, record: Record) -> None:  # noqa: C901, PLR0912  one flat case a kind
        match record:
            case Declared():
                self.declared = (entry, record)
            case Ingest():
                self.data[record.table] = record
            case Run():
                self.runs.append((entry, record))
            case ModelVersion():
                self._add(VersionState(record, entry))
            case Replication():
                self.replications.append(ReplicationState(record, entry))
                self._by_subject[self.replications[-1].subject] = self.replications[-1]
            case Wave():
                self.seats = record.seats
                for one in self.replications:
                    if one.record.number == record.replication:
                        one.waves.append((entry, record))
            case Verdict() | Approval():
                self._note(entry, record)
            case Release():
                self._move(entry, record)
            case Alias():
                self._name(entry, record)
            case Trigger():
                self.triggers.append((entry, record))
            case Notice():
                self.notices.append((entry, record))
            case Turn():
                self.turn = record
                self.new_labels += record.labels
            case _:
                pass

    def _move(self, entry: Entry, record: Release) -> None:
        moved, before = self.versions[record.number], self.live
        moved.moves.append((entry, record))
        moved.replaced = None
        self.traffic = record.traffic
        if before is not None and before is not self.live and before is not moved:
            before.replaced = entry
        if self.live is not None:
            self.live.replaced = None

    def _name(self, entry: Entry, record: Alias) -> None:
        if record.number is None:
            self.aliases.pop(entry.subject, None)
        else:
            self.aliases[entry.subject] = (entry, record)

    def names_of(self, version: ModelVersion) -> list[str]:
        """Return the aliases that point to a version, in alphabetical order."""
        line = (version.number, version.segment)
        return sorted(alias.name for _, alias in self.aliases.values() if (alias.number, alias.segment) == line)

    def _add(self, made: VersionState) -> None:
        self._by_subject[made.entry.subject] = made
        if made.version.segment is not None:
            self.segments.setdefault(made.version.segment, []).append(made)
            return
        self.versions[made.version.number] = made
        self.new_labels = 0

    def _note(self, entry: Entry, record: Verdict | Approval) -> None:
        about = self._by_subject.get(entry.subject)
        if about is None:
            return
        if isinstance(record, Verdict):
            about.verdicts.append((entry, record))
        else:
            about.approvals.append((entry, record))


def subject_of(version: ModelVersion) -> str:
    """Return the ledger subject of a version: ``product/vN``, or ``product[segment]/sN``."""
    segment = f"[{version.segment}]" if version.segment is not None else ""
    return f"{version.product}{segment}/{version.name}"
