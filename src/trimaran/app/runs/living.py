"""Which runs are under way: begun, not ended, and their process still there, as far as anybody can tell."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from trimaran.app.workspace import METRICS, Workspace
from trimaran.backends.sqlite_runs import alive
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import Entry, PipelineStarted, Started

Begun = Started | PipelineStarted
"""How runs are begun: those that scripts track, and those of pipelines."""

_BEGUN: tuple[type[Begun], ...] = (Started, PipelineStarted)

ELSEWHERE = timedelta(days=7)
"""How long a run of another machine is taken to be under way after its last sign: nobody here can ask for its process."""


def unended(ledger: Ledger) -> Iterator[tuple[Entry, Begun]]:
    """Yield how each run without an end was begun last."""
    ended = {entry.subject for entry in ledger.store.scan(kinds=["tracked", "pipeline"])}
    newest = {entry.subject: (entry, record) for entry, record in ledger.history(_BEGUN) if entry.subject not in ended}
    yield from newest.values()


def under_way(workspace: Workspace) -> dict[str, tuple[Entry, Begun]]:
    """Return the runs that are under way, by subject."""
    return {entry.subject: (entry, record) for entry, record in unended(workspace.ledger) if lives(workspace, entry, record)}


def lives(workspace: Workspace, entry: Entry, record: Begun) -> bool:
    """Tell whether a run that has no end yet is under way.

    On this machine its process says so; one of another machine is taken to be for a week after it was begun, or logged last.
    """
    if record.host == socket.gethostname():
        return alive(record.process, record.born)
    since = workspace.clock.now() - ELSEWHERE
    if entry.at > since:
        return True
    newest = _newest_point(workspace, entry.subject)
    return newest is not None and newest > since


def put_since(workspace: Workspace) -> datetime | None:
    """Return the moment, on the machine's clock, since which runs under way may have put what no entry names yet.

    None where none is under way.
    """
    born = [record.born for _, record in under_way(workspace).values()]
    return datetime.fromtimestamp(min(born), UTC) if born else None


def continued(ledger: Ledger, subject: str, gone: frozenset[int]) -> list[str]:
    """Return, in words, that a run which was cut off was gone on with, by entries that are not ``gone``."""
    found = [*ledger.store.scan(kinds=["tracked", "started"], subject=subject)]
    left = [entry for entry in found if entry.seq not in gone]
    return [f"it was gone on with (entry {left[-1].seq}): restore it"] if left else []


def _newest_point(workspace: Workspace, subject: str) -> datetime | None:
    if not (workspace.root / METRICS).exists():
        return None
    newest = workspace.metrics.points(subject)["at"].max()
    return newest if isinstance(newest, datetime) else None
