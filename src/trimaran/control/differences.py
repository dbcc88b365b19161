"""What differs between two runs, versions or moments: code, data, parameters, environment, features, metrics and policy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from difflib import unified_diff

import msgspec

from trimaran.control.authorship import definitions
from trimaran.control.deliveries import between
from trimaran.control.naming import EntryName, MomentName, Name
from trimaran.control.rewinding import newest_at, newest_before
from trimaran.control.standing import live_at
from trimaran.core.errors import Fault, InputError, NotFound
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import Declared, Entry, ModelVersion, Release, Run
from trimaran.core.ports import ObjectStore

Value = float | int | str | bool | None


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two things compared: a run, the version it made (None when it made none), and the policies in force then."""

    name: str
    product: str
    at: datetime
    entry: int
    run: Run
    version: ModelVersion | None
    policies: dict[str, str]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One value on both sides, None where a side has none."""

    name: str
    a: Value
    b: Value

    @property
    def same(self) -> bool:
        """Whether both sides have the same value."""
        return self.a == self.b


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One metric on both sides; ``difference`` is b - a, None where a side has none."""

    name: str
    a: float | None
    b: float | None
    difference: float | None


class TableChange(msgspec.Struct, frozen=True, kw_only=True):
    """One table's version on both sides; ``deliveries`` and ``rows`` are what came between the two, None where one has none."""

    table: str
    a: int | None
    b: int | None
    deliveries: int | None
    rows: int | None


class CodeChange(msgspec.Struct, frozen=True, kw_only=True):
    """The product's text and the repository around it; ``source``, ``suggested`` and ``uncommitted`` are unified diffs."""

    digests: Change
    source: list[str]
    suggested: list[str]
    commit: Change
    uncommitted_digests: Change
    uncommitted: list[str]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was looked at of two things, the same or not.

    ``features`` holds the digest-free text of each feature's function on both sides (None where a side has no such
    feature); ``packages`` only those that differ, ``packages_same`` says how many do not.
    """

    a: Side
    b: Side
    made: list[Change]
    code: CodeChange
    data: list[TableChange]
    parameters: list[Change]
    features: list[Change]
    environment: list[Change]
    packages: list[Change]
    packages_same: int
    metrics: list[Measured]
    policies: list[Change]


def side(ledger: Ledger, name: Name, products: Iterable[str]) -> Side:
    """Return what a name stands for in a comparison.

    A run or version stands for itself, a move for the version it moved, and a moment for the version that was live then,
    with the policies of that moment. Raises ``InputError`` for anything else and ``NotFound`` where nothing was live.
    """
    if isinstance(name, MomentName):
        return _of_moment(ledger, name, list(products))
    entry = name.entry if isinstance(name, EntryName) else None
    if entry is not None and entry.kind == "release":
        move = ledger.read(entry, Release)
        entry = ledger.store.latest("version", f"{move.product}/v{move.number}")
    if entry is not None and entry.kind == "version":
        return _of_version(ledger, entry, entry.subject, entry.at, entry.seq)
    if entry is not None and entry.kind == "run":
        made = next((one for one in ledger.store.mentions(entry.digest) if one.kind == "version"), None)
        return _side(ledger, entry, made, (entry.subject, entry.at, entry.seq))
    remedy = "compare two runs, versions or moments; `trimaran why` says which version something belongs to"
    raise InputError("comparison", [Fault(what=f"{name} is neither a run, a version nor a moment", remedy=remedy)])


def difference(ledger: Ledger, objects: ObjectStore, a: Side, b: Side) -> Difference:
    """Return what differs between two sides, and what does not."""
    packages = _changes(_packages(objects, a.run), _packages(objects, b.run))
    return Difference(
        a=a,
        b=b,
        made=_changes(_made(a), _made(b)),
        code=_code(objects, a, b),
        data=[_table(ledger, a, b, table) for table in sorted(a.run.data.keys() | b.run.data.keys())],
        parameters=_changes(_parameters(a.run), _parameters(b.run)),
        features=_changes(_features(objects, a), _features(objects, b)),
        environment=_changes(_environment(a.run), _environment(b.run)),
        packages=[each for each in packages if not each.same],
        packages_same=sum(each.same for each in packages),
        metrics=[_measured(name, a.run, b.run) for name in sorted(a.run.metrics.keys() | b.run.metrics.keys())],
        policies=_changes(a.policies, b.policies),
    )


def _of_moment(ledger: Ledger, name: MomentName, products: list[str]) -> Side:
    if len(products) != 1:
        listed = ", ".join(products) or "none"
        raise NotFound(f"which product is meant at {name} is not clear; choose with --product from: {listed}")
    until = newest_at(ledger, name.at)
    number = live_at(ledger, products[0], until)
    entry = ledger.store.latest("version", f"{products[0]}/v{number}") if number is not None else None
    if entry is None:
        raise NotFound(f"nothing of {products[0]} was live at {name}; `trimaran versions` says when each was")
    return _of_version(ledger, entry, f"{entry.subject} at {name}", name.at, until)


def _of_version(ledger: Ledger, entry: Entry, label: str, at: datetime, until: int) -> Side:
    version = ledger.read(entry, ModelVersion)
    ledger.read(version.run)
    return _side(ledger, ledger.store.get(version.run.seq), entry, (label, at, until))


def _side(ledger: Ledger, run: Entry, made: Entry | None, known: tuple[str, datetime, int]) -> Side:
    label, at, until = known
    product = run.subject.rpartition("/")[0].partition("[")[0]
    declared = newest_before(ledger, Declared, product, until=until)
    return Side(
        name=label,
        product=product,
        at=at,
        entry=made.seq if made is not None else run.seq,
        run=ledger.read(run, Run),
        version=ledger.read(made, ModelVersion) if made is not None else None,
        policies=declared[1].policies if declared is not None else {},
    )


def _made(one: Side) -> dict[str, Value]:
    run, version = one.run, one.version
    facts: dict[str, Value] = {"run": run.name, "because of": run.cause, "started": f"{run.started:%Y-%m-%d %H:%M}"}
    if version is not None:
        facts["trained on"] = f"{version.trained_from:%Y-%m-%d %H:%M} to {version.trained_to:%Y-%m-%d %H:%M}"
        facts["tested on"] = f"{version.tested_from:%Y-%m-%d %H:%M} to {version.tested_to:%Y-%m-%d %H:%M}"
        facts["rows"] = version.rows
    facts["trials"] = run.trials
    if run.error is not None:
        facts["failed"] = run.error.strip().splitlines()[-1]
    return facts


def _parameters(run: Run) -> dict[str, Value]:
    return {**run.parameters, "seed": run.seed}


def _environment(run: Run) -> dict[str, Value]:
    return {"python": run.environment.python, "platform": run.environment.platform, "packages": run.environment.lock}


def _packages(objects: ObjectStore, run: Run) -> dict[str, Value]:
    lines = _text(objects, run.environment.lock).splitlines()
    return {name: version for name, _, version in (line.partition("==") for line in lines) if name}


def _features(objects: ObjectStore, one: Side) -> dict[str, Value]:
    if one.version is None:
        return {}
    written = definitions(objects, (one.version.code, one.version.suggested))
    return {name: written.get(name, "") for name in one.version.features}


def _code(objects: ObjectStore, a: Side, b: Side) -> CodeChange:
    suggested = (_suggested(a), _suggested(b))
    digests = Change(name="source", a=a.run.code.source, b=b.run.code.source)
    changes = Change(name="uncommitted", a=a.run.code.uncommitted, b=b.run.code.uncommitted)
    return CodeChange(
        digests=digests,
        source=_unified(objects, digests.a, digests.b, (a.name, b.name)),
        suggested=_unified(objects, suggested[0], suggested[1], (a.name, b.name)),
        commit=Change(name="commit", a=a.run.code.commit, b=b.run.code.commit),
        uncommitted_digests=changes,
        uncommitted=_unified(objects, changes.a, changes.b, (a.name, b.name)),
    )


def _suggested(one: Side) -> str | None:
    return one.version.suggested if one.version is not None else None


def _unified(objects: ObjectStore, a: Value, b: Value, names: tuple[str, str]) -> list[str]:
    if a == b:
        return []
    before, after = (_text(objects, each).splitlines() for each in (a, b))
    return list(unified_diff(before, after, *names, lineterm=""))


def _text(objects: ObjectStore, digest: Value) -> str:
    if not isinstance(digest, str):
        return ""
    return objects.get(digest).decode(errors="replace") if objects.has(digest) else f"(object {digest} is not kept any more)"


def _table(ledger: Ledger, a: Side, b: Side, table: str) -> TableChange:
    before, after = a.run.data.get(table), b.run.data.get(table)
    if before is None or after is None or a.product != b.product:
        return TableChange(table=table, a=before, b=after, deliveries=None, rows=None)
    first, last = sorted((before, after))
    came = [record for _, record in between(ledger, f"{a.product}/{table}", first, last)] if first != last else []
    return TableChange(table=table, a=before, b=after, deliveries=len(came), rows=sum(record.kept for record in came))


def _measured(name: str, a: Run, b: Run) -> Measured:
    before, after = a.metrics.get(name), b.metrics.get(name)
    gap = after - before if before is not None and after is not None else None
    return Measured(name=name, a=before, b=after, difference=gap)


def _changes(a: Mapping[str, Value], b: Mapping[str, Value]) -> list[Change]:
    return [Change(name=name, a=a.get(name), b=b.get(name)) for name in {**a, **b}]
