"""Which versions and runs a retention rule would have in the trash, and which versions of a table it keeps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from trimaran.control.custody import Custody
from trimaran.control.state import ProductState, VersionState
from trimaran.core.checks import Keep
from trimaran.core.nouns import Entry, Ingest, Ref


def versions_due(state: ProductState, custody: Custody, rule: Keep, now: datetime) -> list[Ref]:
    """Return the versions that a rule would have in the trash, oldest first, whatever stands against it."""
    lines = [list(state.versions.values()), *state.segments.values()]
    return [ref for line in lines for ref in _due([(one.entry, _used(one)) for one in line], custody, rule, now)]


def runs_due(state: ProductState, custody: Custody, rule: Keep, now: datetime) -> list[Ref]:
    """Return the runs that a rule would have in the trash: those that made no version, or only such as are there."""
    alive = {
        one.version.run.seq
        for line in (list(state.versions.values()), *state.segments.values())
        for one in line
        if one.entry.seq not in custody.hidden
    }
    return _due([(entry, entry.at) for entry, _ in state.runs if entry.seq not in alive], custody, rule, now)


def lines_due(lines: Sequence[Sequence[Entry]], custody: Custody, rule: Keep, now: datetime) -> list[Ref]:
    """Return what a rule would have in the trash of several lines of entries, each the oldest first."""
    return [ref for line in lines for ref in _due([(entry, entry.at) for entry in line], custody, rule, now)]


def data_versions_kept(deliveries: Sequence[tuple[Entry, Ingest]], rule: Keep, now: datetime) -> set[int]:
    """Return the versions of a table that a rule keeps, of its deliveries, oldest first.

    They are those that the newest deliveries made; by age, each that was the newest within that time.
    """
    made = {record.version: entry.at for entry, record in reversed(deliveries) if record.version >= 0}
    versions = sorted(made)
    if rule.age is None:
        return set(versions[-(rule.newest or 1) :])
    before = now - rule.age
    return {*versions[-1:], *(version for version, following in pairwise(versions) if made[following] >= before)}


def data_versions_needed(state: ProductState, custody: Custody, table: str) -> dict[int, list[str]]:
    """Return the versions of a table that runs were trained on, and which: by the version they made, if one is there."""
    made = {
        one.version.run.seq: one.entry.subject
        for line in (list(state.versions.values()), *state.segments.values())
        for one in line
        if one.entry.seq not in custody.purged
    }
    found: dict[int, list[str]] = {}
    for entry, run in state.runs:
        if table in run.data and entry.seq not in custody.purged:
            found.setdefault(run.data[table], []).append(made.get(entry.seq, entry.subject))
    return found


def _due(things: Sequence[tuple[Entry, datetime]], custody: Custody, rule: Keep, now: datetime) -> list[Ref]:
    there = [(entry, used) for entry, used in things if entry.seq not in custody.hidden]
    if rule.age is None:
        return [entry.ref for entry, _ in there[: max(0, len(there) - (rule.newest or 0))]]
    before = now - rule.age
    return [entry.ref for entry, used in there if (used if rule.unused else entry.at) < before]


def _used(state: VersionState) -> datetime:
    """Return when a version was last judged, approved, moved or replaced."""
    seen = [state.entry, *(entry for entry, _ in (*state.verdicts, *state.approvals, *state.moves))]
    return max(entry.at for entry in [*seen, *([state.replaced] if state.replaced is not None else [])])
