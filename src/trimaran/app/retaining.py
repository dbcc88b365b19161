"""Keeps a product's versions, runs, tables, captures and facts no longer than the rules say: what is due, and what takes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from trimaran.app.ageing import due_beside, take_beside
from trimaran.app.dues import Due
from trimaran.app.purging import PurgePlan, foresee, plan_purge, purge
from trimaran.app.settings import RetentionSettings, read_settings
from trimaran.app.trashing import trash
from trimaran.app.vacuuming import Vacuum, plan_vacuum, vacuum
from trimaran.app.workspace import Workspace
from trimaran.control.custody import Custody
from trimaran.control.keeping import runs_due, versions_due
from trimaran.control.retention import belongings, objections
from trimaran.control.state import ProductState
from trimaran.control.words import moment
from trimaran.core.checks import Keep, parse_keep
from trimaran.core.durations import format_duration, parse_duration
from trimaran.core.nouns import Ref, Trimmed
from trimaran.core.ports import Progress
from trimaran.data.declaration import Definition
from trimaran.deploy.facts import SLACK
from trimaran.monitor.rows import STANDARD_WINDOWS

_PART = 5000
"""Captures removed in one transaction: answers that arrive meanwhile wait for some hundredths of a second."""

_LATENESS = timedelta(days=3)


def due(
    workspace: Workspace, definition: Definition | None, rules: RetentionSettings | None = None, *, force: bool = False
) -> list[Due]:
    """Return what each rule would take now, of a product if one is given, and of what belongs to none; changes nothing.

    Raises ``InputError`` with every faulty rule.

    With ``force`` also versions of tables go that runs were trained on; nothing else is forced.
    """
    said = read_settings(workspace.root).retention if rules is None else rules
    beside = due_beside(workspace, said)
    if definition is None:
        return beside
    now, found = workspace.clock.now(), []
    custody, state = Custody.read(workspace.ledger), ProductState.replay(workspace.ledger, definition.name)
    for store, take in (("versions", versions_due), ("runs", runs_due)):
        text = getattr(said, store)
        if text:
            rule = parse_keep(text)
            found.append(_things(workspace, state, custody, store, str(rule), take(state, custody, rule, now)))
    held = custody.holds_within(definition.name)
    if said.captures:
        found.append(_captures(workspace, definition, parse_keep(said.captures, by_age_alone=True), held))
    if said.online:
        found += _online(workspace, definition, parse_keep(said.online, by_age_alone=True), held)
    if said.tables:
        found += [_table(one) for one in plan_vacuum(workspace, definition, parse_keep(said.tables), force=force)]
    return found + beside


def foretell(workspace: Workspace, definition: Definition | None, progress: Progress, *, force: bool = False) -> list[Due]:
    """Return what is due, with what a purge of it would give back and end, and what is due in the trash; changes nothing."""
    rules, found = read_settings(workspace.root).retention, []
    for one in due(workspace, definition, rules, force=force):
        what = belongings(workspace.ledger, one.refs)
        freed, breaks = foresee(workspace, what, progress) if what else (one.freed, one.breaks)
        found.append(msgspec.structs.replace(one, freed=freed, breaks=breaks))
    if rules.purge:
        plan = plan_purge(workspace, progress, parse_duration(rules.purge))
        found.append(_emptied(rules.purge, plan, plan.freed))
    return found


def retain(workspace: Workspace, definition: Definition | None, progress: Progress, *, force: bool = False) -> list[Due]:
    """Take what is due, and purge the trash where the rules say so; return what was due. Done again, it completes."""
    rules = read_settings(workspace.root).retention
    found = due(workspace, definition, rules, force=force)
    for one in found:
        if not one.product:
            take_beside(workspace, one)
            continue
        for ref in one.refs:
            trash(workspace, ref, f"retention: {one.store} = {one.rule}")
        if one.before is not None and one.rows:
            _trim(workspace, one, one.before, progress)
        if one.vacuum is not None:
            vacuum(workspace, one.vacuum)
    if rules.purge:
        report = purge(workspace, progress, parse_duration(rules.purge))
        found.append(_emptied(rules.purge, report.plan, report.freed))
    return found


def _emptied(rule: str, plan: PurgePlan, freed: int) -> Due:
    return Due(
        product="",
        store="trash",
        rule=rule,
        things=[one.name for one in plan.things if one.due and not one.held],
        rows={"objects": len(plan.objects)} if plan.objects else {},
        spared={one.name: one.held for one in plan.things if one.held},
        freed=freed,
        breaks=plan.breaks,
    )


def _things(workspace: Workspace, state: ProductState, custody: Custody, store: str, rule: str, refs: Sequence[Ref]) -> Due:
    against = {ref: objections(workspace.ledger, custody, state, ref) for ref in refs}
    free = [ref for ref in refs if not against[ref]]
    return Due(
        product=state.product,
        store=store,
        rule=rule,
        things=[ref.subject for ref in free],
        spared={ref.subject: words for ref, words in against.items() if words},
        refs=free,
    )


def _captures(workspace: Workspace, definition: Definition, rule: Keep, held: list[str]) -> Due:
    before = workspace.clock.now() - (rule.age or timedelta())
    needed = STANDARD_WINDOWS.longest + definition.label.wait + abs(definition.predict_at.offset) + _LATENESS
    against = list(held)
    if rule.age is not None and rule.age < needed:
        against.append(f"labels and monitors need the captures of {format_duration(needed)}: write a longer time")
    if against:
        return Due(product=definition.name, store="captures", rule=str(rule), spared={"captures": against})
    totals, _, _ = workspace.captures.removable(definition.name, before=before)
    rows = {name: count for name, count in totals.items() if count}
    return Due(
        product=definition.name,
        store="captures",
        rule=str(rule),
        rows=rows,
        before=before,
        freed=workspace.captures.weight(definition.name, before=before) if rows else 0,
        breaks=[f"answers about what lies before {moment(before)} UTC can be explained no more"] if rows else [],
    )


def _online(workspace: Workspace, definition: Definition, rule: Keep, held: list[str]) -> Iterator[Due]:
    for name, table in definition.tables.items():
        if table.time is None:
            continue  # facts without moments do not age
        readers = [feature for feature in definition.features if feature.table == name and feature.kind != "row"]
        span = max(
            [*(one.window for one in readers if one.window is not None), table.max_age or timedelta()], default=timedelta()
        )
        against = list(held)
        if any(one.kind == "newest" for one in readers) and table.max_age is None:
            against.append("the newest row of each key serves however old it is: give the table a max_age")
        if readers and rule.age is not None and rule.age < span + SLACK:
            against.append(f"features look back {format_duration(span + SLACK)}: write a longer time")
        before = workspace.clock.now() - (rule.age or timedelta())
        facts = 0 if against else workspace.online.removable(definition.name, name, before)
        yield Due(
            product=definition.name,
            store=f"online {name}",
            rule=str(rule),
            rows={"facts": facts} if facts else {},
            before=before,
            freed=workspace.online.weight(definition.name, name, before) if facts else 0,
            spared={name: against} if against else {},
        )


def _table(found: Vacuum) -> Due:
    spared = {f"{found.table}@{version}": words for version, words in found.spared.items()}
    return Due(
        product=found.product,
        store=f"table {found.table}",
        rule=found.rule,
        things=[f"{found.table}@{version}" for version in found.versions],
        spared={found.table: found.held} if found.held else spared,
        freed=found.freed,
        breaks=found.breaks,
        vacuum=found,
    )


def _trim(workspace: Workspace, one: Due, before: datetime, progress: Progress) -> None:
    """Remove rows part by part; what is to go is written first, so that the totals of a part done balance as well."""
    record = Trimmed(product=one.product, store=one.store, rule=one.rule, before=before, rows=one.rows)
    key = f"trimmed:{one.product}:{one.store}:{before.isoformat()}"
    workspace.ledger.append(record, f"{one.product}/{one.store}", key=key)
    if one.store != "captures":
        workspace.online.trim(one.product, one.store.removeprefix("online "), before)
        return
    progress.start("captures", one.rows["predictions"])
    while removed := workspace.captures.trim(one.product, before, limit=_PART)["predictions"]:
        progress.advance("captures", removed)
    progress.finish("captures")
