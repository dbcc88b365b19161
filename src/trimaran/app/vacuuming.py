"""Lets go of versions of tables that nobody needs, and merges small files: what that would take, and what it ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

import msgspec

from trimaran.app.closing import LABELS
from trimaran.app.workspace import Workspace
from trimaran.control.custody import Custody
from trimaran.control.keeping import data_versions_kept, data_versions_needed
from trimaran.control.state import ProductState
from trimaran.core.checks import Keep
from trimaran.core.clock import SystemClock
from trimaran.core.nouns import Balance, Entry, Ingest, Vacuumed
from trimaran.core.ports import Progress
from trimaran.data.declaration import Definition

SETTLED = timedelta(days=1)
"""By the machine's clock: who began to read a version within this time, as a training does, may read it to its end."""


class Vacuum(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule lets go of one table: versions that can be read no more, and the ``files`` and bytes that returns.

    ``keep`` are the versions that stay readable for their own sake, ``spared`` says why of those that the rule would not
    keep, ``breaks`` what ends with those that go.
    """

    product: str
    table: str
    rule: str
    keep: list[int] = []
    versions: list[int] = []
    files: int = 0
    freed: int = 0
    spared: dict[int, list[str]] = {}
    breaks: list[str] = []
    held: list[str] = []


class Merged(msgspec.Struct, frozen=True, kw_only=True):
    """How many small files a table has, and after they were merged, if they were, in which version."""

    table: str
    small: int
    left: int | None = None
    version: int | None = None


def plan_vacuum(workspace: Workspace, definition: Definition, rule: Keep, *, force: bool = False) -> Iterator[Vacuum]:
    """Yield what a rule would let go of each table of a product now; changes nothing.

    Versions that runs were trained on stay, unless ``force`` lets them go too.
    """
    custody, state = Custody.read(workspace.ledger), ProductState.replay(workspace.ledger, definition.name)
    for table in definition.tables:
        yield _of_table(workspace, definition, table, rule, custody, state, force=force)


def vacuum(workspace: Workspace, plan: Vacuum) -> None:
    """Let go of what a plan names. The entry is written before the first file goes; killed and done again, it completes."""
    if not plan.files:
        return
    address = f"{plan.product}/{plan.table}"
    record = Vacuumed(
        product=plan.product,
        table=plan.table,
        rule=plan.rule,
        versions=plan.versions,
        files=plan.files,
        freed=plan.freed,
        breaks=plan.breaks,
    )
    key = f"vacuumed:{address}:{workspace.clock.now().isoformat()}:{workspace.ledger.store.head()}"
    workspace.ledger.append(record, address, key=key)
    workspace.tables.let_go(address, plan.keep, before=SystemClock().now() - SETTLED)


def merge_small(
    workspace: Workspace, definition: Definition, progress: Progress, *, most: int = 1, dry: bool = False
) -> list[Merged]:
    """Merge the small files of each table that has more than ``most`` of them; older versions stay readable.

    Returns what came of every table; ``dry`` only counts.
    """
    store = workspace.tables
    found = [Merged(table=table, small=store.small(f"{definition.name}/{table}")) for table in definition.tables]
    due = [one for one in found if one.small > most and not dry]
    if not due:
        return found
    progress.start("compact", len(due))
    for place, one in enumerate(found):
        if one in due:
            address = f"{definition.name}/{one.table}"
            version = store.compact(address)
            found[place] = Merged(table=one.table, small=one.small, left=store.small(address), version=version)
            progress.advance("compact", note=one.table)
    progress.finish("compact")
    return found


def _of_table(
    workspace: Workspace,
    definition: Definition,
    table: str,
    rule: Keep,
    custody: Custody,
    state: ProductState,
    *,
    force: bool,
) -> Vacuum:
    address = f"{definition.name}/{table}"
    held = custody.held(address)
    if held:
        return Vacuum(product=definition.name, table=table, rule=str(rule), held=held)
    deliveries = list(workspace.ledger.history([Ingest], address))
    kept = data_versions_kept(deliveries, rule, workspace.clock.now())
    if table == definition.asked:
        kept |= _labelled(workspace, definition, deliveries)
    runs = data_versions_needed(state, custody, table)
    before = SystemClock().now() - SETTLED
    alone = workspace.tables.let_go(address, kept, before=before, dry=True)
    spared = {} if force else {version: _trained(runs[version]) for version in alone.versions if version in runs}
    keep = sorted(kept | set(() if force else runs))
    found = workspace.tables.let_go(address, keep, before=before, dry=True) if spared else alone
    return Vacuum(
        product=definition.name,
        table=table,
        rule=str(rule),
        keep=keep,
        versions=found.versions,
        files=found.files,
        freed=found.size,
        spared=spared,
        breaks=_breaks(table, found.versions, runs),
    )


def _labelled(workspace: Workspace, definition: Definition, deliveries: list[tuple[Entry, Ingest]]) -> set[int]:
    """Return the version that the newest labels were joined from: `trimaran balance` counts again what it made due."""
    closing = workspace.ledger.latest(Balance, f"{definition.name}/{LABELS}")
    if closing is None:
        return set()
    before = [record.version for entry, record in deliveries if entry.seq < closing[0].seq and record.version >= 0]
    return set(before[-1:])


def _trained(names: list[str]) -> list[str]:
    return [f"{name} was trained on it" for name in names]


def _breaks(table: str, versions: list[int], runs: Mapping[int, list[str]]) -> list[str]:
    return [
        f"{name} was trained on {table}@{version}: it can be reproduced and counted again no more"
        for version in versions
        for name in runs.get(version, [])
    ]
