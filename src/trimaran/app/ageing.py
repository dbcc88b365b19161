"""Keeps what belongs to no product no longer than the rules say: tracked runs, runs of pipelines, results of steps."""

from __future__ import annotations

from trimaran.app.dues import Due
from trimaran.app.settings import RetentionSettings
from trimaran.app.workspace import STEPS, Workspace
from trimaran.control.custody import Custody
from trimaran.control.keeping import lines_due
from trimaran.control.retention import belongings, parts_of
from trimaran.core.checks import Keep, parse_keep
from trimaran.core.ledger import Write
from trimaran.core.nouns import Entry, PipelineRun, Tracked, Trashed, Trimmed

_STEPS = "steps"


def due_beside(workspace: Workspace, rules: RetentionSettings) -> list[Due]:
    """Return what each rule would take now; changes nothing. A number to keep counts for each project and each pipeline."""
    found = []
    for store, kind, text in (("tracked", Tracked, rules.tracked), ("pipelines", PipelineRun, rules.pipelines)):
        if text:
            found.append(_runs(workspace, store, kind, parse_keep(text)))
    if rules.steps and (workspace.root / STEPS).exists():
        found.append(_results(workspace, parse_keep(rules.steps, by_age_alone=True)))
    return found


def take_beside(workspace: Workspace, one: Due) -> None:
    """Put what is due into the trash, or remove results of steps; done again, it completes."""
    ledger, custody = workspace.ledger, Custody.read(workspace.ledger)
    if one.store == _STEPS:
        if one.before is not None and one.rows:
            record = Trimmed(product="", store=_STEPS, rule=one.rule, before=one.before, rows=one.rows)
            ledger.append(record, _STEPS, key=f"trimmed:{_STEPS}:{one.before.isoformat()}")
            workspace.steps.forget(before=one.before)
        return
    parts = parts_of(ledger)
    ledger.append_all(
        [
            Write(
                record=Trashed(what=belongings(ledger, [ref], parts), reason=f"retention: {one.store} = {one.rule}"),
                subject=ref.subject,
                key=f"custody:{ref.subject}:Trashed:{custody.seq}",
            )
            for ref in one.refs
        ]
    )


def _runs(workspace: Workspace, store: str, kind: type[Tracked | PipelineRun], rule: Keep) -> Due:
    ledger, custody = workspace.ledger, Custody.read(workspace.ledger)
    lines: dict[str, list[Entry]] = {}
    for entry, record in ledger.history([kind]):
        if not (isinstance(record, Tracked) and record.parent is not None):  # goes with the run that it is in
            lines.setdefault(entry.subject.partition("/")[0], []).append(entry)
    refs = lines_due(list(lines.values()), custody, rule, workspace.clock.now())
    held = {ref.subject: words for ref in refs if (words := custody.held(ref.subject))}
    free = [ref for ref in refs if ref.subject not in held]
    return Due(product="", store=store, rule=str(rule), things=[ref.subject for ref in free], spared=held, refs=free)


def _results(workspace: Workspace, rule: Keep) -> Due:
    before = workspace.clock.now() - rule.age if rule.age is not None else None
    count, freed = workspace.steps.weigh(before=before) if before is not None else (0, 0)
    return Due(
        product="",
        store=_STEPS,
        rule=str(rule),
        rows={"results": count} if count else {},
        before=before,
        freed=freed,
        breaks=["steps whose results go are run again when they are asked for"] if count else [],
    )
