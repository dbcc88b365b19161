"""What may be deleted and what was: the trash, holds, what stands on a thing, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from trimaran.control.state import ProductState, VersionState
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import (
    Entry,
    Erased,
    Erasing,
    Hold,
    Ingest,
    ModelVersion,
    PipelineRun,
    Purged,
    Record,
    Ref,
    Restored,
    Run,
    Tracked,
    Trashed,
    Unhold,
)
from trimaran.deploy import History

KINDS: tuple[type[Record], ...] = (Trashed, Restored, Hold, Unhold, Purged)
_ERASURES: tuple[type[Erasing | Erased], ...] = (Erasing, Erased)
_SERVING = ("live", "canary", "shadow", "staging")


@dataclass
class Custody:
    """What is in the trash, purged or held: a fold over the ledger; things are known by the number of their entry."""

    seq: int = 0
    trashed: dict[int, tuple[Entry, Trashed]] = field(default_factory=dict)
    purged: dict[int, Entry] = field(default_factory=dict)
    holds: dict[str, list[tuple[Entry, Hold]]] = field(default_factory=dict)

    @classmethod
    def read(cls, ledger: Ledger) -> Custody:
        """Return the custody as the ledger has it now."""
        return cls().catch_up(ledger)

    def catch_up(self, ledger: Ledger) -> Custody:
        """Apply the entries that came since; returns itself."""
        for entry, record in ledger.history(KINDS, after=self.seq):
            self.seq = entry.seq
            self._apply(entry, record)
        return self

    @property
    def hidden(self) -> frozenset[int]:
        """The entries of everything that lists and choices leave out."""
        return frozenset({*self.trashed, *self.purged})

    def held(self, subject: str) -> list[str]:
        """Return the holds in words that keep a subject: on itself, or on what it belongs to."""
        return [
            f"a hold on {name} (entry {entry.seq}, {entry.actor}: {hold.reason})"
            for name, holds in self.holds.items()
            if subject == name or subject.startswith((f"{name}/", f"{name}["))
            for entry, hold in holds
        ]

    def holds_within(self, subject: str) -> list[str]:
        """Return the holds in words on a subject, on what it belongs to, and on anything that belongs to it."""
        inner = [name for name in self.holds if name.startswith((f"{subject}/", f"{subject}["))]
        return [*self.held(subject), *(words for name in inner for words in self.held(name))]

    def _apply(self, entry: Entry, record: Record) -> None:
        match record:
            case Trashed():
                self.trashed |= {ref.seq: (entry, record) for ref in record.what}
            case Restored():
                for ref in record.what:
                    self.trashed.pop(ref.seq, None)
            case Purged():
                # What was restored while the purge was planned is not purged.
                self.purged |= {ref.seq: entry for ref in record.what if self.trashed.pop(ref.seq, None) is not None}
            case Hold():
                self.holds.setdefault(entry.subject, []).append((entry, record))
            case _:
                self.holds.pop(entry.subject, None)


def parts_of(ledger: Ledger) -> dict[str, list[Ref]]:
    """Return the tracked runs inside others, by the subject of the one that they are in."""
    parts: dict[str, list[Ref]] = {}
    for entry, record in ledger.history([Tracked]):
        if record.parent is not None:
            parts.setdefault(record.parent, []).append(entry.ref)
    return parts


def belongings(ledger: Ledger, what: Sequence[Ref], parts: Mapping[str, Sequence[Ref]] | None = None) -> list[Ref]:
    """Return what goes into the trash with things, these first: a version with the run that made it, a run with those inside it.

    ``parts`` spares whoever asks often a look at every run.
    """
    found = list(what)
    found += [ledger.read(ref, ModelVersion).run for ref in what if ref.kind == "version"]
    if any(ref.kind == "tracked" for ref in what):
        inside = parts_of(ledger) if parts is None else parts
        for ref in found:
            found += [part for part in inside.get(ref.subject, ()) if ref.kind == "tracked"]
    return list(dict.fromkeys(found))


def objections(ledger: Ledger, custody: Custody, state: ProductState, what: Ref) -> list[str]:
    """Return every reason, in words, why a thing may not go into the trash; empty when it may."""
    refs = belongings(ledger, [what])
    found = [f"{ref.subject} is in the trash already" for ref in refs[:1] if ref.seq in custody.trashed]
    found += [
        f"{ref.subject} was purged (entry {custody.purged[ref.seq].seq})" for ref in refs[:1] if ref.seq in custody.purged
    ]
    found += list(dict.fromkeys(words for ref in refs for words in custody.held(ref.subject)))
    match ledger.read(what):
        case ModelVersion() as version:
            found += _of_version(state, version, History.read(ledger, state.product))
        case Run():
            found += [
                f"{made.entry.subject} was made by it: trash that version, and its run goes with it"
                for made in _versions(state)
                if made.version.run == what and made.entry.seq not in custody.hidden
            ]
        case Ingest() as ingest:
            found += [
                f"{entry.subject} was trained on this version of {ingest.table}"
                for entry, run in state.runs
                if run.data.get(ingest.table) == ingest.version and entry.seq not in custody.hidden
            ]
        case Tracked() | PipelineRun():
            pass  # what was made of their files is named by entries of its own, and keeps them
        case _:
            found.append(f"a {what.kind} is part of the record: only versions, runs and data versions can be trashed")
    return found


def unfinished(ledger: Ledger, product: str) -> list[tuple[Entry, Erasing]]:
    """Return the erasures that were begun and have no certificate yet, oldest first."""
    begun: dict[int, tuple[Entry, Erasing]] = {}
    for entry, record in ledger.history(_ERASURES, product):
        if isinstance(record, Erasing):
            begun[entry.seq] = entry, record
        else:
            for ref in record.intents:
                begun.pop(ref.seq, None)
    return list(begun.values())


def _versions(state: ProductState) -> list[VersionState]:
    return [*state.versions.values(), *(made for states in state.segments.values() for made in states)]


def _of_version(state: ProductState, version: ModelVersion, history: History) -> list[str]:
    named = [f"the alias {name} points to it: move or remove it first" for name in state.names_of(version)]
    if version.segment is not None:
        newest = state.segments[version.segment][-1].version.number
        return [*named, *([f"it is the newest model of {version.segment}"] if newest == version.number else [])]
    stage = state.versions[version.number].stage
    found = [*named, *([f"it is {stage}: take it out of there first"] if stage in _SERVING else [])]
    live = state.traffic.live
    if live is not None and history.live_before(live) == version.number:
        found.append(f"a roll-back of v{state.traffic.live} would bring it back")
    return found
