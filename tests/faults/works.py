"""Every write operation of the platform as a small work, done on a workspace that holds a little already."""

from __future__ import annotations

import shutil
import sqlite3
import sys
import tarfile
import tempfile
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import msgspec
import piped
import polars as pl

sys.path.append(str(Path(__file__).parent.parent / "deploy"))

import shop
import tracked
from judging import NOON, Claim, Step, Work

from trimaran.app.workspace import Workspace
from trimaran.core.canon import digest
from trimaran.core.errors import Unavailable
from trimaran.core.ledger import Write
from trimaran.core.nouns import (
    Approval,
    Declared,
    Finding,
    Kept,
    Label,
    Notice,
    Prediction,
    Quarantine,
    Trimmed,
    Verdict,
    View,
)
from trimaran.data.declaration import Declaration, Definition
from trimaran.data.tables import Tables
from trimaran.deploy import Releases

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
_FIXTURE = Path(__file__).parent.parent / "app" / "fixtures" / "workspace-form-1.tar.xz"


def _notice(number: int) -> Notice:
    return Notice(product="p", to="olga", subject=f"notice {number}", text="x" * 300)


def _one(workspace: Workspace, number: int, *, after: bool = False) -> list[Claim]:
    newest = None
    if after:
        seen = workspace.ledger.store.find(f"n{number - 1}")
        newest = seen.seq if seen else 0
    return [["entry", str(workspace.ledger.append(_notice(number), "p", key=f"n{number}", after=newest))]]


def _several(workspace: Workspace, *numbers: int) -> list[Claim]:
    writes = [Write(record=_notice(number), subject="p", key=f"n{number}") for number in numbers]
    return [["entry", str(ref)] for ref in workspace.ledger.append_all(writes)]


def _checkpointed(workspace: Workspace) -> list[Claim]:
    # What SQLite does by itself after 4,000 pages: every write so far moves from the WAL into the database.
    for database in sorted(workspace.root.glob("*.db")):
        try:
            with closing(sqlite3.connect(database, timeout=60)) as connection:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        except sqlite3.OperationalError as error:
            raise Unavailable(str(database)) from error
    return []


def _put(workspace: Workspace, size: int, fill: bytes) -> list[Claim]:
    return [["object", workspace.objects.put(fill * size), size]]


def _put_files(workspace: Workspace, count: int) -> list[Claim]:
    folder = workspace.root.parent / "incoming"
    return [
        ["object", digest, path.stat().st_size]
        for paths in [sorted(folder.iterdir())[:count]]
        for path, digest in zip(paths, workspace.objects.put_files(paths), strict=True)
    ]


def _incoming(workspace: Workspace) -> None:
    folder = workspace.root.parent / "incoming"
    folder.mkdir()
    for number, size in enumerate((10, 4096, 70_000, 2_500_000, *range(1000, 1020))):
        (folder / f"{number:02}").write_bytes(bytes([number]) * size)


def _recorded(workspace: Workspace, *numbers: int, version: int = 1) -> list[Claim]:
    workspace.captures.record(
        [
            Prediction(
                id=f"i{number}",
                product="p",
                version=version,
                role="live" if version == 1 else "shadow",
                mode="http",
                event_at=NOON + number * HOUR,
                asked_at=NOON,
                score=number / 10,
                features=[float(number), None],
            )
            for number in numbers
        ]
    )
    return [["prediction", "p", f"i{number}", version] for number in numbers]


def _joined(workspace: Workspace, *numbers: int) -> list[Claim]:
    labels = [
        Label(id=f"i{number}", product="p", value=number % 2, known_at=NOON + HOUR, joined_at=NOON + 2 * HOUR)
        for number in numbers
    ]
    workspace.captures.join(labels)
    return [["label", "p", f"i{number}", number % 2] for number in numbers]


def _pushed(workspace: Workspace, table: str, number: int) -> list[Claim]:
    rows = pl.DataFrame({"n": [number, number + 100], "seen": [NOON, NOON + HOUR]})
    workspace.online.push("p", table, rows, key=f"push {number}")
    return [["pushed", "p", table, number]]


def _appended(workspace: Workspace, table: str, *numbers: int) -> list[Claim]:
    claims: list[Claim] = []
    for number in numbers:
        rows = pl.DataFrame({"n": range(10 * number, 10 * number + 10), "x": [number / 3] * 10})
        version = workspace.tables.append(table, rows, key=f"k{number}")
        claims.append(["rows", table, version, 10 * (version + 1)])
    return claims


def _grown(workspace: Workspace, table: str, number: int) -> list[Claim]:
    _appended(workspace, table, number)
    return [["newest", table, workspace.tables.read(table).collect().height]]


def _merged(workspace: Workspace, table: str) -> list[Claim]:
    workspace.tables.compact(table)
    return [["newest", table, workspace.tables.read(table).collect().height]]


def _let_go(workspace: Workspace, table: str, *keep: int) -> list[Claim]:
    workspace.tables.let_go(table, keep, before=NOON + 10_000 * DAY)
    return [["newest", table, workspace.tables.read(table).collect().height]]


def _checked(workspace: Workspace) -> list[Claim]:
    signed = workspace.auditor.checkpoint()
    return [["checkpoint", signed.note]]


def _asked(workspace: Workspace, table: str, *people: str) -> None:
    for number, person in enumerate(people):
        rows = pl.DataFrame({"who": [person, "somebody"], "n": [number, -1], "seen": [NOON, NOON]})
        workspace.online.push("p", table, rows, key=f"{number}")
        workspace.tables.append(f"p/{table}", rows, key=f"{number}")


def _erased(workspace: Workspace, table: str, person: str) -> list[Claim]:
    workspace.captures.erase("p", [f"i{len(person)}"])
    workspace.online.erase("p", {"who": [person]})
    workspace.tables.erase(f"p/{table}", {"who": [person]})
    return [["erased", f"i{len(person)}", f"p/{table}", person]]


def _removed(workspace: Workspace, *places: int) -> list[Claim]:
    files = sorted((workspace.root.parent / "incoming").iterdir())
    digests = [digest(files[place].read_bytes()) for place in places]
    workspace.objects.remove(digests)
    return [["removed", each] for each in digests]


def _logged(workspace: Workspace, run: str, *batches: int) -> list[Claim]:
    for batch in batches:
        steps = pl.int_range(10 * batch, 10 * batch + 10, eager=True)
        points = pl.DataFrame({"name": "loss", "step": steps, "value": 1 / (steps + 1.0), "at": NOON})
        workspace.metrics.log(run, points, key=f"{batch}")
    return [["points", run, 10 * batch] for batch in batches]


def _kept(workspace: Workspace, number: int, *keys: str, whole: bool = False) -> list[Claim]:
    view = View(product="p", name="origin", keys=("origin",), columns=(), moments=0, schema="", definition="1")
    write = workspace.views.refresh if whole else workspace.views.advance
    records = [[Kept(key.encode(), number, number, b"%d" % number * 50) for key in part] for part in (keys[::2], keys[1::2])]
    write(view, records, as_of=number, sources=b"%d" % number, key=f"{number}")
    return [["kept", "p", "origin", key, number] for key in keys]


def _written_long_ago(workspace: Workspace) -> None:
    with tarfile.open(_FIXTURE) as archive:
        archive.extractall(workspace.root.parent / "old", filter="data")
    shutil.rmtree(workspace.root)
    (workspace.root.parent / "old" / "workspace").rename(workspace.root)


def _old(workspace: Workspace) -> None:
    _recorded(workspace, *range(40))
    _joined(workspace, *range(0, 40, 3))
    for number in range(6):
        rows = pl.DataFrame({"n": [number], "seen": [NOON + number * HOUR]})
        workspace.online.push("p", "weather", rows, key=f"push {number}")


def _trimmed(workspace: Workspace, hours: int) -> list[Claim]:
    before = NOON + hours * HOUR
    record = Trimmed(product="p", store="captures", rule="1d", before=before, rows={"predictions": hours})
    ref = workspace.ledger.append(record, "p/captures", key=f"trimmed {hours}")
    while workspace.captures.trim("p", before, limit=4)["predictions"]:
        pass
    workspace.online.trim("p", "weather", before)
    return [["entry", str(ref)], ["trimmed", "p", hours]]


def _trips(start: int, count: int) -> pl.DataFrame:
    due = [NOON + timedelta(minutes=number) for number in range(start, start + count)]
    late_by = [5000.0 if number % 7 == 0 else number / 3 for number in range(start, start + count)]
    return pl.DataFrame({"id": [f"t{number}" for number in range(start, start + count)], "due": due, "late_by": late_by})


def _delivered(workspace: Workspace, start: int, count: int) -> list[Claim]:
    product = Declaration("delay", owner="ops", predict_at="due - 2h")
    source = workspace.root.parent / "trips.parquet"
    if not source.exists():
        _trips(0, 3).write_parquet(source)
    table = product.table("trips.parquet", key="id", time="due")

    @product.expect(table)
    def sane(late_by):
        return late_by < 1000

    @product.label(table)
    def is_late(late_by):
        return late_by > 15

    @product.model()
    def fit(X, y):
        return None

    product.accept(out_of_time="1d", auc=">= 0.5")
    definition = product.freeze(workspace.root.parent)
    tables = Tables(definition, workspace.tables, workspace.ledger, workspace.objects)
    record = tables.ingest("trips", _trips(start, count), source="test", key=f"from {start}", now=NOON)
    entry = workspace.ledger.store.find(f"ingest:delay/trips:from {start}")
    claims: list[Claim] = [["entry", str(entry.ref)]]
    if isinstance(record.quarantine, Quarantine):
        claims.append(["object", record.quarantine.rows, workspace.objects.size(record.quarantine.rows)])
    return claims


def _definition() -> Definition:
    with tempfile.TemporaryDirectory() as folder:  # the author's disk, not the platform's
        return shop.define(Path(folder))


def _registered(workspace: Workspace, number: int) -> list[Claim]:
    ledger, definition = workspace.ledger, _definition()
    model = workspace.objects.put(b"model %d" % number)
    run = ledger.append(Declared(product="parcels", owner="olga", source=model, policies={}), "parcels")
    version = shop.version(number, definition, model=model)
    version = msgspec.structs.replace(version, run=run, profile=model, code=model)
    written = [ledger.append(version, f"parcels/v{number}")]
    releases = Releases(ledger, definition)
    if releases.stage_of(number) is None:
        written.append(releases.stage(written[0]))
    return [["object", model, 7], *(["entry", str(ref)] for ref in written)]


def _released(workspace: Workspace, number: int) -> list[Claim]:
    ledger, releases = workspace.ledger, Releases(workspace.ledger, _definition())
    model, evidence = workspace.objects.put(b"model %d" % number), workspace.objects.put(b"evidence %d" % number)
    finding = Finding(check="auc", outcome="pass", reason="as measured")
    verdict = Verdict(policy="gate", outcome="pass", findings=[finding], about=model, evidence=evidence)
    proof = ledger.append(verdict, f"parcels/v{number}")
    approvals = [
        ledger.append(
            Approval(product="parcels", number=number, model=model, role=role, person=person, decision="approve"),
            f"parcels/v{number}",
        )
        for role, person in (("domain", "dora"), ("risk", "rita"))
    ]
    written = [proof, *approvals]
    if releases.stage_of(number) == "staging":
        step = releases.next_step(number)
        written.append(releases.move(number, step.stage, step.traffic, proof=proof, approvals=approvals, reason="proven"))
    return [["object", evidence, 10], *(["entry", str(ref)] for ref in written)]


def _known(workspace: Workspace) -> None:
    _several(workspace, 0, 1, 2)
    _recorded(workspace, 0, 1)
    _joined(workspace, 0)
    _pushed(workspace, "weather", 0)
    _put(workspace, 1000, b"o")


def _people(workspace: Workspace) -> None:
    _several(workspace, 0)
    _recorded(workspace, *range(8))
    _joined(workspace, *range(6))
    _asked(workspace, "rides", "ann", "bob", "carl", "ann", "dora")


def _stored(workspace: Workspace) -> None:
    _incoming(workspace)
    _put_files(workspace, 24)


def _steps(*steps: Step) -> dict[str, Step]:
    return {f"{number}": step for number, step in enumerate(steps, 1)}


WORKS: dict[str, Work] = {
    work.name: work
    for work in (
        Work("a new workspace", None, _steps(
            lambda w: _one(w, 1), lambda w: _put(w, 100, b"a"), lambda w: _recorded(w, 1), lambda w: _pushed(w, "weather", 1),
        )),
        Work("a workspace brought up to date", _written_long_ago, _steps(
            lambda w: _one(w, 1), lambda w: _recorded(w, 1), lambda w: _pushed(w, "weather", 1), lambda w: _several(w, 2, 3),
        )),
        Work("ledger append", _known, _steps(
            lambda w: _one(w, 3), lambda w: _one(w, 4, after=True), lambda w: _several(w, 5, 6, 7), _checkpointed,
            lambda w: _one(w, 8, after=True), lambda w: _several(w, *range(9, 40)),
        )),
        Work("objects put", _incoming, _steps(
            lambda w: _put(w, 10, b"a"), lambda w: _put(w, 300_000, b"b"), lambda w: _put(w, 10, b"a"),
            lambda w: _put_files(w, 3), lambda w: _put_files(w, 4), lambda w: _put_files(w, 24),
        )),
        Work("captures record, join", _known, _steps(
            lambda w: _recorded(w, 1, 2, 3), lambda w: _joined(w, 1, 2), lambda w: _recorded(w, 2, 3, version=2),
            _checkpointed, lambda w: _recorded(w, *range(4, 60)), lambda w: _joined(w, *range(3, 60)),
        )),
        Work("online push", _known, _steps(
            lambda w: _pushed(w, "weather", 1), lambda w: _pushed(w, "trips", 2), _checkpointed,
            lambda w: _pushed(w, "weather", 3), lambda w: _pushed(w, "weather", 3),
        )),
        Work("table append", lambda w: _appended(w, "p/old", 1, 2), _steps(
            lambda w: _appended(w, "p/old", 3), lambda w: _appended(w, "p/new", 1, 2), lambda w: _appended(w, "p/old", 3, 4),
        )),
        Work("table append, checkpoint", lambda w: _appended(w, "p/long", *range(98)), _steps(
            lambda w: _appended(w, "p/long", 98), lambda w: _appended(w, "p/long", 99), lambda w: _appended(w, "p/long", 100),
        )),
        Work("table compact, let go", lambda w: _appended(w, "p/many", *range(8)), _steps(
            lambda w: _merged(w, "p/many"), lambda w: _let_go(w, "p/many", 1), lambda w: _grown(w, "p/many", 8),
            lambda w: _merged(w, "p/many"), lambda w: _let_go(w, "p/many"),
        )),
        Work("ingest", lambda w: _delivered(w, 0, 3), _steps(
            lambda w: _delivered(w, 3, 20), lambda w: _delivered(w, 23, 20),
        )),
        Work("objects remove", _stored, _steps(
            lambda w: _removed(w, 0, 3), lambda w: _put(w, 50, b"z"), lambda w: _removed(w, 1, 7, 8), lambda w: _removed(w, 2),
        )),
        Work("metrics log", lambda w: _logged(w, "p/run-0", 0), _steps(
            lambda w: _logged(w, "p/run-1", 0), lambda w: _logged(w, "p/run-1", 0, 1, 2), _checkpointed,
            lambda w: _logged(w, "p/run-2", 0), lambda w: _logged(w, "p/run-1", 2, 3),
        )),
        Work("features by key", lambda w: _kept(w, 1, "JFK", "LGA", whole=True), _steps(
            lambda w: _kept(w, 2, "JFK", "EWR"), lambda w: _kept(w, 3, "JFK", "LGA", "EWR", "BOS", whole=True),
            lambda w: _kept(w, 4, "BOS"), _checkpointed, lambda w: _kept(w, 5, "LGA", "BOS", "EWR", "JFK", whole=True),
        )),
        Work("retention trim", _old, _steps(
            lambda w: _trimmed(w, 9), lambda w: _one(w, 1), _checkpointed, lambda w: _trimmed(w, 30),
        )),
        Work("erase", _people, _steps(
            lambda w: _erased(w, "rides", "ann"), lambda w: _one(w, 1), lambda w: _erased(w, "rides", "carl"),
        )),
        Work("checkpoint", _known, _steps(
            _checked, lambda w: _one(w, 3), _checked, lambda w: _several(w, 4, 5, 6), _checked,
        )),
        Work("tracked run", lambda w: tracked.done(w, 0, 3), _steps(
            lambda w: tracked.done(w, 1, 1), lambda w: tracked.done(w, 2, 40), _checkpointed, lambda w: tracked.done(w, 3, 5),
        ), tracked.look),
        Work("pipeline run", lambda w: piped.done(w, 2), _steps(
            lambda w: piped.done(w, 3), lambda w: piped.done(w, 3), _checkpointed, lambda w: piped.done(w, 4000),
        ), piped.look),
        Work("release move", _known, _steps(
            lambda w: _registered(w, 1), lambda w: _released(w, 1), lambda w: _registered(w, 2), lambda w: _released(w, 2),
        )),
    )
}  # fmt: skip
"""Every write operation of the platform, by name."""
