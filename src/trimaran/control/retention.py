"""What may be deleted: what belongs to a thing, what stands on it, and which erasures were cut short."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from trimaran.control.custody import Custody
from trimaran.control.state import ProductState, VersionState
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import (
    Entry,
    Erased,
    Erasing,
    Ingest,
    ModelVersion,
    PipelineRun,
    PipelineStarted,
    Ref,
    Run,
    Started,
    Tracked,
)
from trimaran.deploy import History

_TRACKED: tuple[type[Started | Tracked], ...] = (Started, Tracked)
_RUNS = frozenset({"tracked", "started"})
_ERASURES: tuple[type[Erasing | Erased], ...] = (Erasing, Erased)
_SERVING = ("live", "canary", "shadow", "staging")


def parts_of(ledger: Ledger) -> dict[str, list[Ref]]:
    """Return the tracked runs inside others, those that never ended among them, by the subject of the one that they are in."""
    parts: dict[str, list[Ref]] = {}
    ended = {entry.subject for entry in ledger.store.scan(kinds=["tracked"])}
    for entry, record in ledger.history(_TRACKED):
        if record.parent is not None and (isinstance(record, Tracked) or entry.subject not in ended):
            parts.setdefault(record.parent, []).append(entry.ref)
    return parts


def belongings(ledger: Ledger, what: Sequence[Ref], parts: Mapping[str, Sequence[Ref]] | None = None) -> list[Ref]:
    """Return what goes into the trash with things, these first: a version with the run that made it, a run with those inside it, one that was cut off with each time that it was begun.

    ``parts`` spares whoever asks often a look at every run.
    """
    found = list(what)
    found += [ledger.read(ref, ModelVersion).run for ref in what if ref.kind == "version"]
    found += [
        each.ref for ref in what if ref.kind == "begun" for each in ledger.store.scan(kinds=["begun"], subject=ref.subject)
    ]
    if any(ref.kind in _RUNS for ref in what):
        inside = parts_of(ledger) if parts is None else parts
        for ref in found:
            if ref.kind == "started":
                again = ledger.store.scan(kinds=["started"], subject=ref.subject)
                found += [entry.ref for entry in again if entry.ref not in found]
            found += [part for part in inside.get(ref.subject, ()) if ref.kind in _RUNS and part not in found]
    return list(dict.fromkeys(found))


def objections(
    ledger: Ledger, custody: Custody, state: ProductState, what: Ref, under_way: Collection[str] = ()
) -> list[str]:
    """Return every reason, in words, why a thing may not go into the trash; empty when it may.

    ``under_way`` are the subjects of runs of scripts and pipelines whose process still lives.
    """
    refs = belongings(ledger, [what])
    found = [f"{ref.subject} is in the trash already" for ref in refs[:1] if ref.seq in custody.trashed]
    found += [
        f"{ref.subject} was purged (entry {custody.purged[ref.seq].seq})" for ref in refs[:1] if ref.seq in custody.purged
    ]
    found += list(dict.fromkeys(words for ref in refs for words in custody.held(ref.subject)))
    found += list(
        dict.fromkeys(
            f"{ref.subject} is under way: end it, or its process, first" for ref in refs if ref.subject in under_way
        )
    )
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
        case Started() if (ended := ledger.store.latest("tracked", what.subject)) is not None:
            found.append(f"{what.subject} has ended (entry {ended.seq}), and that is what can go")
        case PipelineStarted() if (ended := ledger.store.latest("pipeline", what.subject)) is not None:
            found.append(f"{what.subject} has ended (entry {ended.seq}), and that is what can go")
        case Tracked() | PipelineRun() | Started() | PipelineStarted():
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
        if state.seats.get(version.segment) == version.number:
            return [*named, f"it answers for {version.segment}: its wave is rolled back first"]
        return [*named, *([f"it is the newest model of {version.segment}"] if newest == version.number else [])]
    stage = state.versions[version.number].stage
    found = [*named, *([f"it is {stage}: take it out of there first"] if stage in _SERVING else [])]
    live = state.traffic.live
    if live is not None and history.live_before(live) == version.number:
        found.append(f"a roll-back of v{state.traffic.live} would bring it back")
    return found
