"""A workspace with a ledger of many entries, as years of several products leave them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from trimaran.app.workspace import Workspace
from trimaran.core.canon import digest_of
from trimaran.core.clock import ManualClock
from trimaran.core.ledger import Write
from trimaran.core.nouns import (
    Approval,
    Balance,
    Code,
    Declared,
    Environment,
    Finding,
    Ingest,
    ModelVersion,
    Ref,
    Release,
    Run,
    Traffic,
    Turn,
    Verdict,
)

START = datetime(2013, 1, 1, tzinfo=UTC)
PRODUCTS = tuple(f"product-{number}" for number in range(5))
TABLES = ("flights", "weather", "planes")
HOURLY = timedelta(hours=1)
VERSION_EVERY = 24 * 14
"""Hours between two versions of a product."""

_BATCH = 2_000
_PASSED = [Finding(check="auc >= 0.68", outcome="pass", reason="AUC is 0.71 on 25,000 rows", value=0.71, bound=0.68)]


def fill(workspace: Workspace, clock: ManualClock, entries: int) -> datetime:
    """Write entries until there are that many, all products taking turns hour by hour; return the last moment."""
    for product in PRODUCTS:
        declared = Declared(product=product, owner="ops", source=digest_of([product, "text"]), policies={"accept": "auc"})
        workspace.ledger.append(declared, product)
    hour = 0
    while workspace.ledger.store.head() < entries:
        clock.set(START + HOURLY * hour)
        if hour % VERSION_EVERY == 0:
            for product in PRODUCTS:
                _release(workspace, product, hour)
        writes = [write for step in range(hour, hour + 24) for product in PRODUCTS for write in _routine(product, step)]
        remaining = iter(writes)
        while batch := list(islice(remaining, _BATCH)):
            workspace.ledger.append_all(batch)
        hour += 24
    return clock.now()


def workspace_of(root: Path, entries: int) -> tuple[Workspace, datetime]:
    """Return a new workspace with so many entries, and the moment of the last."""
    clock = ManualClock(START)
    workspace = Workspace(root, clock=clock)
    return workspace, fill(workspace, clock, entries)


def _routine(product: str, hour: int) -> Iterator[Write]:
    """Yield what every hour leaves: deliveries, control totals, a look of the monitors, a turn."""
    now = START + HOURLY * hour
    for table in TABLES:
        record = Ingest(table=table, version=hour, source="feed", rows_in=40, kept=39, refused=1, first=now, last=now)
        yield Write(record=record, subject=f"{product}/{table}", key=f"ingest:{product}:{table}:{hour}")
        total = Balance(handover=f"ingest {table}", since=None, until=now, entered=40, left={"kept": 39, "refused": 1})
        yield Write(record=total, subject=f"{product}/ingest", key=f"balance:{product}:{table}:{hour}")
    if hour % 24 == 0:
        watched = Verdict(policy="watch", outcome="pass", findings=_PASSED, about=_model(product, _number(hour)))
        yield Write(record=watched, subject=f"{product}/v{_number(hour)}", key=f"watch:{product}:{hour}")
    turn = Turn(product=product, until=now, requests=140, answered=139, refused=1, labels=120)
    yield Write(record=turn, subject=product, key=f"turn:{product}:{hour}")


def _release(workspace: Workspace, product: str, hour: int) -> None:
    """Write a training, its judgement, two approvals and the moves to live."""
    number, now, ledger = _number(hour), START + HOURLY * hour, workspace.ledger
    run = Run(
        name=f"run-{number:012x}",
        cause="schedule",
        code=Code(source=digest_of([product, "text"])),
        environment=Environment(python="3.11.7", platform="linux x86_64", lock=digest_of("lock")),
        data=dict.fromkeys(TABLES, max(hour - 1, 0)),
        parameters={"learning_rate": 0.1},
        seed=13,
        started=now,
        ended=now,
        seconds=3.0,
        metrics={"auc": 0.71},
        artifacts={"native": _model(product, number)},
    )
    made = ledger.append(run, f"{product}/{run.name}", key=f"run:{product}:{number}")
    version = _version(product, number, made, now)
    subject = f"{product}/v{number}"
    ref = ledger.append(version, subject, key=f"version:{product}:{number}")
    gate = Verdict(policy="gate", outcome="pass", findings=_PASSED, about=version.native, refs=[ref])
    proof = ledger.append(gate, subject, key=f"gate:{product}:{number}")
    signed = [
        ledger.append(
            Approval(product=product, number=number, model=version.native, role=role, person=role, decision="approve"),
            subject,
            key=f"approval:{product}:{number}:{role}",
        )
        for role in ("domain", "risk")
    ]
    for stage, traffic in (("staging", Traffic(live=number - 1 or None)), ("live", Traffic(live=number))):
        move = Release(
            product=product,
            number=number,
            model=version.native,
            stage=stage,  # type: ignore[arg-type]
            traffic=traffic,
            reason="the gate passed it",
            proof=proof,
            approvals=signed if stage == "live" else [],
        )
        ledger.append(move, product, key=f"release:{product}:{number}:{stage}")


def _version(product: str, number: int, run: Ref, now: datetime) -> ModelVersion:
    return ModelVersion(
        product=product,
        number=number,
        run=run,
        native=_model(product, number),
        compiled=None,
        features=["sched_hour", "crosswind"],
        profile=digest_of([product, number, "profile"]),
        code=digest_of([product, "text"]),
        suggested=None,
        trained_from=now - timedelta(days=60),
        trained_to=now - timedelta(days=30),
        tested_from=now - timedelta(days=30),
        tested_to=now,
        rows=50_000,
    )


def _model(product: str, number: int) -> str:
    return digest_of([product, number])


def _number(hour: int) -> int:
    return hour // VERSION_EVERY + 1
