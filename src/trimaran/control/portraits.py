"""Things on record in a title and a few facts: how the nodes of a lineage read."""

from __future__ import annotations

from collections.abc import Mapping

from trimaran.control.brief import failing, plain, shown
from trimaran.control.deliveries import Origin
from trimaran.control.graph import Node
from trimaran.control.naming import DataName
from trimaran.control.words import days, moment, sensible, short, value_of
from trimaran.core.nouns import (
    Alias,
    Approval,
    Declared,
    Dispatch,
    Entry,
    Environment,
    Ingest,
    ModelVersion,
    Notice,
    Record,
    Release,
    Run,
    Trigger,
    Verdict,
    Wave,
)
from trimaran.core.targets import masked

_SIGNS = {"pass": "passed", "warn": "passed with a warning", "fail": "failed", "unknown": "could not tell"}
_METRICS = ("auc", "brier", "accuracy", "mae", "ndcg")


def of_entry(entry: Entry, record: Record, parts: Mapping[str, str]) -> Node:
    """Return the node of an entry; ``parts`` says which versions, by subject, have which part in the traffic now."""
    title, facts = _told(entry, record)
    part = parts.get(entry.subject) if entry.kind == "version" else None
    if part is not None:
        facts = {"now": part, **facts}
    return Node(
        id=str(entry.ref),
        kind=entry.kind,
        title=title,
        entry=entry.seq,
        at=entry.at,
        live=part is not None,
        facts={name: words for name, words in facts.items() if words},
    )


def of_data(name: DataName, origin: Origin | None) -> Node:
    """Return the node of a version of a table."""
    facts = {}
    if origin is not None:
        whole = origin.counted >= origin.deliveries
        facts["rows"] = f"{'' if whole else f'in the newest {origin.counted:,} deliveries '}{origin.kept:,} kept"
        if origin.refused:
            facts["refused"] = f"{origin.refused:,} rows, in quarantine"
        facts["deliveries"] = f"{origin.deliveries:,}"
    return Node(id=f"data:{name}", kind="data", title=str(name), facts=facts)


def of_object(digest: str, role: str) -> Node:
    """Return the node of an object: what role it plays, and its digest."""
    kind = {"source": "code", "suggested": "code", "uncommitted": "code", "lock": "environment", "rows": "quarantine"}
    return Node(
        id=f"object:{digest}", kind=kind.get(role, "object"), title=f"{role} {short(digest)}", facts={"digest": digest}
    )


def of_environment(environment: Environment) -> Node:
    """Return the node of the environment of a run."""
    title = f"Python {environment.python} on {environment.platform}, packages {short(environment.lock)}"
    return Node(id=f"object:{environment.lock}", kind="environment", title=title, facts={"digest": environment.lock})


def _told(entry: Entry, record: Record) -> tuple[str, dict[str, str]]:  # noqa: C901, PLR0911, PLR0912  one flat case a kind
    match record:
        case ModelVersion():
            return entry.subject, _version(record)
        case Run():
            return entry.subject, _run(record)
        case Ingest():
            return f"delivery {entry.subject}@{record.version}", _delivery(record)
        case Release():
            share = f" at {record.traffic.percent:g} %" if record.stage == "canary" else ""
            facts = {"by": entry.actor, "because": plain(record.reason)}
            return f"{record.product}/v{record.number} → {record.stage}{share}", facts
        case Wave():
            title = f"{record.product} r{record.replication}, wave {record.number} of {record.of} → {record.stage}"
            count = f", {len(record.moves):,} segments" if record.moves else ""
            return f"{title}{count}", {"by": entry.actor, "because": plain(record.reason)}
        case Verdict():
            said = shown(record) if record.outcome in {"pass", "warn"} else failing(record)
            return f"{record.policy} of {entry.subject}: {_SIGNS[record.outcome]}", {"said": said}
        case Approval():
            says = "approval" if record.decision == "approve" else "refusal"
            return f"{record.person} ({record.role}), {says} of {entry.subject}", {"note": record.note}
        case Trigger():
            return f"retraining because of {record.cause}", {"seen": plain(record.detail)}
        case Declared():
            facts = {"owner": record.owner, "source": short(record.source), "policies": str(len(record.policies))}
            return f"{record.product} declared", facts
        case Alias():
            where = f"v{record.number}" if record.number is not None else "nothing"
            return f"alias {entry.subject} → {where}", {"by": entry.actor, "because": record.reason}
        case Notice():
            return f"notice to {masked(record.to)}: {record.subject}", {}
        case Dispatch():
            return f"attempt {record.attempt} at notice {record.notice.seq}: {record.outcome}", {"because": record.reason}
        case _:
            return f"{entry.kind} of {entry.subject}", {}


def _version(version: ModelVersion) -> dict[str, str]:
    origin = version.origin
    return {
        "came from": f"{origin.sort} {origin.source}, trained elsewhere" if origin is not None else "",
        "trained on" if origin is None else "compared with": f"{version.rows:,} rows of {_window(version)}",
        "tested on": f"{days(version.tested_from, version.tested_to)}",
        "features": str(len(version.features)),
        "model": short(version.native),
    }


def _window(version: ModelVersion) -> str:
    return f"{moment(version.trained_from)} to {moment(version.trained_to)} UTC"


def _run(run: Run) -> dict[str, str]:
    metrics = [f"{name} {sensible(run.metrics[name])}" for name in _METRICS if run.metrics.get(name) is not None]
    return {
        "because of": run.cause,
        "parameters": ", ".join(f"{name} = {value_of(value)}" for name, value in run.parameters.items()),
        "seed": str(run.seed),
        "commit": short(run.code.commit) if run.code.commit else "",
        "metrics": ", ".join(metrics),
        "failed": run.error.strip().splitlines()[-1] if run.error else "",
    }


def _delivery(record: Ingest) -> dict[str, str]:
    reasons = record.quarantine.reasons if record.quarantine else {}
    told = ", ".join(f"{count:,} {reason}" for reason, count in reasons.items())
    where = f"in quarantine {short(record.quarantine.rows)}" if record.quarantine else "kept nowhere"
    return {
        "source": record.source,
        "rows": f"{record.kept:,} kept of {record.rows_in:,}",
        "refused": f"{record.refused:,} rows ({told}), {where}" if record.refused else "",
        "of": days(record.first, record.last) if record.first and record.last else "",
    }
