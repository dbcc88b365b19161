"""Into the trash and out of it again, and legal holds: acts that delete nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec

from trimaran.app.purging import foresee
from trimaran.app.runs.living import under_way, unended
from trimaran.app.workspace import Workspace
from trimaran.control.aliases import meant
from trimaran.control.custody import Custody
from trimaran.control.naming import DataName, EntryName, Names
from trimaran.control.retention import belongings, objections
from trimaran.control.state import ProductState
from trimaran.core.errors import Fault, InputError, NotFound, Refused
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import Entry, Hold, Ingest, PipelineRun, Record, Ref, Restored, Tracked, Trashed, Unhold
from trimaran.core.ports import Progress


class Trash(msgspec.Struct, frozen=True, kw_only=True):
    """One thing in the trash, with what went along; ``held`` says what keeps it from being purged."""

    name: str
    what: list[str]
    since: datetime
    by: str
    reason: str
    held: list[str]


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """What trashing a thing would do: what goes along, what stands ``against`` it, and what a later purge frees and ends.

    ``freed`` is in bytes, ``breaks`` in words.
    """

    what: list[str]
    against: list[str]
    freed: int
    breaks: list[str]


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """One hold on a subject and all that belongs to it."""

    subject: str
    since: datetime
    by: str
    reason: str
    entry: int


def named(workspace: Workspace, text: str, product: str | None = None) -> Ref:
    """Return the version, run or delivery of a data version that a text names; raises ``NotFound`` and ``InputError``.

    Runs are those of products, those that scripts tracked, ended or cut off, and those of pipelines, likewise.
    """
    products = [product] if product is not None else sorted(workspace.products())
    run = None if product is not None else _run(workspace, text)
    if run is not None:
        return run
    found = Names(workspace.ledger, products).resolve(text, moments=False)
    match found:
        case EntryName(entry):
            return entry.ref
        case DataName(owner, table, version):
            return _delivery(workspace.ledger, f"{owner}/{table}", version)
        case _:
            remedy = "name a version (v3), a run (run-8f7e34c241be) or a data version (flights@12)"
            raise InputError("trash", [Fault(what=f"{text!r} names {found}, which cannot go into the trash", remedy=remedy)])


def trash(workspace: Workspace, what: Ref, reason: str) -> tuple[Ref, list[Ref]]:
    """Put a thing into the trash and return the entry that says so, and all that went along.

    Raises ``Refused`` with every reason against it: it is live or on its way there, held, something stands on it, or it is a
    run under way.
    """
    ledger, custody = workspace.ledger, Custody.read(workspace.ledger)
    state = ProductState.replay(ledger, _product_of(what.subject))
    against = objections(ledger, custody, state, what, _living(workspace, what))
    if against:
        raise Refused(f"{what.subject} cannot go into the trash: {'; '.join(against)}")
    refs = belongings(ledger, [what])
    return _write(ledger, Trashed(what=refs, reason=reason), what.subject, custody), refs


def outlook(workspace: Workspace, what: Ref, progress: Progress) -> Outlook:
    """Return what it would mean to put a thing into the trash, and to purge it later; changes nothing."""
    ledger, refs = workspace.ledger, belongings(workspace.ledger, [what])
    state = ProductState.replay(ledger, _product_of(what.subject))
    freed, breaks = foresee(workspace, refs, progress)
    return Outlook(
        what=[ref.subject for ref in refs],
        against=objections(ledger, Custody.read(ledger), state, what, _living(workspace, what)),
        freed=freed,
        breaks=breaks,
    )


def restore(workspace: Workspace, what: Ref, reason: str = "") -> tuple[Ref, list[Ref]]:
    """Take a thing out of the trash, with all that went along; raises ``NotFound`` when it is not there any more."""
    ledger, custody = workspace.ledger, Custody.read(workspace.ledger)
    if what.seq in custody.purged:
        entry = custody.purged[what.seq]
        raise NotFound(f"{what.subject} was purged on {entry.at:%Y-%m-%d %H:%M} UTC by {entry.actor} (entry {entry.seq})")
    if what.seq not in custody.trashed:
        raise NotFound(f"{what.subject} is not in the trash; `trimaran trash` lists what is")
    refs = custody.trashed[what.seq][1].what
    return _write(ledger, Restored(what=refs, reason=reason), what.subject, custody), refs


def in_trash(workspace: Workspace) -> list[Trash]:
    """Return what is in the trash, the longest there first."""
    custody = Custody.read(workspace.ledger)
    entries = {entry.seq: (entry, record) for entry, record in custody.trashed.values()}
    return [
        Trash(
            name=record.what[0].subject,
            what=[str(ref) for ref in record.what],
            since=entry.at,
            by=entry.actor,
            reason=record.reason,
            held=list(dict.fromkeys(words for ref in record.what for words in custody.held(ref.subject))),
        )
        for _, (entry, record) in sorted(entries.items())
    ]


def hold(workspace: Workspace, subject: str, reason: str) -> Ref:
    """Hold a subject, and all that belongs to it: a product, a table, a version, a run, or a project of runs; raises ``NotFound``."""
    subject = _known(workspace, subject)
    custody = Custody.read(workspace.ledger)
    return _write(workspace.ledger, Hold(reason=reason), subject, custody)


def release(workspace: Workspace, subject: str, reason: str = "") -> Ref:
    """End every hold on a subject; raises ``NotFound`` where there is none."""
    custody = Custody.read(workspace.ledger)
    subject = subject if subject in custody.holds else _named(workspace, subject)
    if subject not in custody.holds:
        held = ", ".join(sorted(custody.holds)) or "nothing"
        raise NotFound(f"there is no hold on {subject}; held is {held}")
    return _write(workspace.ledger, Unhold(reason=reason), subject, custody)


def holds(workspace: Workspace) -> list[Held]:
    """Return every hold that stands, by subject."""
    custody = Custody.read(workspace.ledger)
    return [
        Held(subject=subject, since=entry.at, by=entry.actor, reason=record.reason, entry=entry.seq)
        for subject, found in sorted(custody.holds.items())
        for entry, record in found
    ]


def _write(ledger: Ledger, record: Record, subject: str, custody: Custody) -> Ref:
    # The same may truly happen twice, so the key names how far the ledger had been read.
    return ledger.append(record, subject, key=f"custody:{subject}:{type(record).__name__}:{custody.seq}")


def _product_of(subject: str) -> str:
    return subject.partition("/")[0].partition("[")[0]


def _run(workspace: Workspace, text: str) -> Ref | None:
    """Return the run of a script or a pipeline whose subject or name is a text; raises ``InputError`` where several are.

    One that was begun and never ended is known by how it was begun last.
    """
    ledger = workspace.ledger
    exact = [ledger.store.latest(kind, text) for kind in ("tracked", "pipeline")]
    found = [entry.ref for entry in exact if entry is not None]
    if not found:
        found = [entry.ref for entry, record in unended(ledger) if text in {entry.subject, record.name}]
        kinds: tuple[type[Tracked | PipelineRun], ...] = (Tracked, PipelineRun)
        found += [entry.ref for entry, record in ledger.history(kinds) if record.name == text]
    if len(found) > 1:
        faults = [
            Fault(what=f"a run called {ref.subject}", remedy=f"if that is meant, write {ref.subject}") for ref in found
        ]
        raise InputError(f"{text!r} could mean several things", faults)
    return found[0] if found else None


def _living(workspace: Workspace, what: Ref) -> Collection[str]:
    return under_way(workspace) if what.kind in {"started", "tracked", "begun"} else ()


def _delivery(ledger: Ledger, subject: str, version: int) -> Ref:
    found: Sequence[Entry] = [entry for entry, record in ledger.history([Ingest], subject) if record.version == version]
    if not found:
        raise NotFound(f"no delivery made version {version} of {subject}")
    return found[0].ref


def _named(workspace: Workspace, subject: str) -> str:
    """Return the version that an alias like PRODUCT/champion stands for, anything else as it is."""
    line, _, word = subject.rpartition("/")
    found = meant(workspace.ledger, line, word)
    return found.subject if found is not None else subject


def _known(workspace: Workspace, named: str) -> str:
    subject = _named(workspace, named)
    products = workspace.products()
    if subject in products or next(workspace.ledger.store.scan(subject=subject), None) is not None:
        return subject
    runs = workspace.ledger.store.scan(kinds=["started", "tracked", "begun", "pipeline"])
    projects = {entry.subject.partition("/")[0] for entry in runs}
    if subject in projects:
        return subject
    names, others = (", ".join(sorted(found)) or "none" for found in (products, projects))
    raise NotFound(
        f"nothing on record is called {subject!r}; write PRODUCT, PRODUCT/v3, PRODUCT/run-… or PRODUCT/TABLE, of the products {names}; "
        f"or PROJECT or PROJECT/RUN, of the projects and pipelines {others}"
    )
