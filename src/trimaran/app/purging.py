"""Removes for good what nothing needs: things long in the trash, and objects that no entry and no living object names."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from trimaran.app import leavings
from trimaran.app.runs.living import continued, put_since, under_way
from trimaran.app.workspace import Workspace
from trimaran.control.custody import Custody
from trimaran.control.references import References, unneeded
from trimaran.core.clock import SystemClock
from trimaran.core.ledger import Ledger, Write
from trimaran.core.nouns import ModelVersion, PipelineRun, PipelineStarted, Purged, Ref, Run, Started, Tracked
from trimaran.core.ports import Progress

GRACE = timedelta(days=7)
"""How long a thing lies in the trash before a purge takes it, where nobody says otherwise."""

SETTLE = timedelta(hours=1)
"""How old an object is at least, by the machine's clock: whoever put one later may have yet to write the entry that names it."""

_SUBJECT = "purge"
_BATCH = 2000


class Doomed(msgspec.Struct, frozen=True, kw_only=True):
    """One thing in the trash: whether its time is over, and what keeps it."""

    name: str
    ref: str
    since: datetime
    by: str
    reason: str
    due: bool
    held: list[str]


class PurgePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a purge would remove.

    ``objects`` are the digests that would go, ``unreferenced`` counts those of them that nothing ever needed; ``freed`` is
    in bytes, ``rows`` of it points of metrics and results of steps; ``breaks`` says in words what would end. What was put
    since the processes of the runs ``under_way`` began is spared.
    """

    grace: timedelta
    things: list[Doomed]
    objects: list[str]
    unreferenced: int
    freed: int
    breaks: list[str]
    what: list[Ref]
    rows: int = 0
    under_way: list[str] = []


class PurgeReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a purge removed, and the entries that say so."""

    plan: PurgePlan
    entries: list[int]
    removed: int
    freed: int


def plan_purge(workspace: Workspace, progress: Progress, grace: timedelta = GRACE) -> PurgePlan:
    """Return what a purge would remove now; changes nothing."""
    ledger, custody = workspace.ledger, Custody.read(workspace.ledger)
    due = workspace.clock.now() - grace
    things, what = [], []
    for seq in sorted(custody.trashed):
        entry, record = custody.trashed[seq]
        ref = next(one for one in record.what if one.seq == seq)
        held = list(dict.fromkeys(words for one in record.what for words in custody.held(one.subject)))
        if ref.kind == "started":
            held += continued(ledger, ref.subject, custody.hidden)
        doomed = Doomed(
            name=ref.subject,
            ref=str(ref),
            since=entry.at,
            by=entry.actor,
            reason=record.reason,
            due=entry.at <= due,
            held=held,
        )
        things.append(doomed)
        if doomed.due and not held:
            what.append(ref)
    references = References(ledger, {*custody.purged, *(ref.seq for ref in what)})
    objects = _removable(workspace, references, progress, grace)
    rows = leavings.weight(workspace, [*_purged(ledger, custody), *what])
    return PurgePlan(
        grace=grace,
        things=things,
        objects=objects,
        unreferenced=sum(not references.released(digest) for digest in objects),
        freed=sum(workspace.objects.size(digest) for digest in objects) + rows,
        breaks=_breaks(workspace, what),
        what=what,
        rows=rows,
        under_way=sorted(under_way(workspace)),
    )


def purge(workspace: Workspace, progress: Progress, grace: timedelta = GRACE) -> PurgeReport:
    """Remove what a plan made now names, and return what went.

    The entries with the digests are written before the first byte goes: a purge that is killed is completed by the next.
    What was needed again, or put again, meanwhile is spared.
    """
    plan, ledger = plan_purge(workspace, progress, grace), workspace.ledger
    if not plan.objects and not plan.what and not plan.rows:
        return PurgeReport(plan=plan, entries=[], removed=0, freed=0)
    parts = [plan.objects[start : start + _BATCH] for start in range(0, len(plan.objects), _BATCH)] or [[]]
    occasion = f"purge:{workspace.clock.now().isoformat()}:{ledger.store.head()}"
    writes = [
        Write(
            record=Purged(
                what=[] if number else plan.what,
                objects=part,
                freed=sum(workspace.objects.size(digest) for digest in part) + (0 if number else plan.rows),
                breaks=[] if number else plan.breaks,
            ),
            subject=_SUBJECT,
            key=f"{occasion}:{number}",
        )
        for number, part in enumerate(parts)
    ]
    written = ledger.append_all(writes)
    custody = Custody.read(ledger)
    leavings.remove(workspace, _purged(ledger, custody))
    references = References(ledger, custody.purged)
    doomed = [digest for digest in plan.objects if not references.needed(digest)]
    freed = _remove(workspace, doomed, progress, _settled(workspace, grace))
    return PurgeReport(plan=plan, entries=[ref.seq for ref in written], removed=len(doomed), freed=freed + plan.rows)


def foresee(workspace: Workspace, what: Sequence[Ref], progress: Progress) -> tuple[int, list[str]]:
    """Return the bytes that come back once some things are purged, beyond what can go without them, and what that ends."""
    ledger, objects = workspace.ledger, workspace.objects
    every, gone = list(objects.digests()), set(Custody.read(ledger).purged)
    progress.start("objects", 2 * len(every))
    free, freer = (
        unneeded(References(ledger, doomed), objects, every, lambda: progress.advance("objects"))
        for doomed in (gone, gone | {ref.seq for ref in what})
    )
    progress.finish("objects")
    freed = sum(objects.size(digest) for digest in set(freer).difference(free)) + leavings.weight(workspace, what)
    return freed, _breaks(workspace, what)


def _purged(ledger: Ledger, custody: Custody) -> list[Ref]:
    """Return the runs that were purged, by this purge or one before that may have been killed: they leave more than objects."""
    found = (ledger.store.get(seq) for seq in sorted(custody.purged))
    return [entry.ref for entry in found if entry.kind in {"tracked", "started", "pipeline", "begun"}]


def _removable(workspace: Workspace, references: References, progress: Progress, grace: timedelta) -> list[str]:
    every = list(workspace.objects.digests())
    progress.start("objects", len(every))
    free = set(unneeded(references, workspace.objects, every, lambda: progress.advance("objects")))
    progress.finish("objects")
    return sorted(free.intersection(workspace.objects.digests(before=_settled(workspace, grace))))


def _settled(workspace: Workspace, grace: timedelta) -> datetime:
    """Return the moment, on the machine's clock, since which an object must not have been put.

    What a run keeps is named by an entry when it ends: until then it is known by the time at which its process began.
    """
    settled, kept = SystemClock().now() - max(min(grace, GRACE), SETTLE), put_since(workspace)
    return settled if kept is None else min(settled, kept)


def _remove(workspace: Workspace, digests: Sequence[str], progress: Progress, before: datetime) -> int:
    progress.start("purge", len(digests))
    freed = 0
    for start in range(0, len(digests), _BATCH):
        part = digests[start : start + _BATCH]
        freed += workspace.objects.remove(part, before=before)
        progress.advance("purge", len(part))
    progress.finish("purge")
    return freed


def _breaks(workspace: Workspace, what: Sequence[Ref]) -> list[str]:
    """Say what ends when things are purged: what can be served, reproduced or looked at no more."""
    found = []
    for ref in what:
        record = workspace.ledger.read(ref)
        if isinstance(record, ModelVersion):
            found.append(f"{ref.subject} can be served, restored or compared with no more")
        elif isinstance(record, Run):
            found.append(f"{ref.subject} can be reproduced by running it again, but not compared with what it made")
        elif isinstance(record, Tracked):
            found.append(f"the files and points of {ref.subject} are gone; its parameters and last readings stay on record")
        elif isinstance(record, Started):
            found.append(f"the points of {ref.subject}, which was cut off, are gone; that it was begun stays on record")
        elif isinstance(record, PipelineRun | PipelineStarted):
            found.append(f"what the steps of {ref.subject} made can be read no more, and is not served to later runs")
        else:
            found.append(
                f"the rows that entry {ref.seq} refused into quarantine are gone; the rows it kept stay in {ref.subject}"
            )
    return found
