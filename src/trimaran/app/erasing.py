"""Erases one person's rows from everything a product keeps, history included, and certifies it in the ledger."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec
import polars as pl

from trimaran.app.barring import person_digest, salt_of
from trimaran.app.loading import load_text
from trimaran.app.materialising import Materialising, in_service
from trimaran.app.traces import Trace, Wanted, clear_log, holding, in_logs, in_objects, left_in
from trimaran.app.workspace import STEPS, Workspace
from trimaran.backends.selecting import selects
from trimaran.control.custody import Custody
from trimaran.control.retention import unfinished
from trimaran.core.canon import digest
from trimaran.core.errors import Fault, InputError, NotFound, Refused
from trimaran.core.nouns import Declared, Entry, Erased, Erasing, Ingest, ModelVersion, Ref, Run, Vacuumed
from trimaran.core.ports import Progress
from trimaran.data.declaration import Definition
from trimaran.data.sources import read
from trimaran.data.tables import quarantined

_VERSION = "__version"
_STEPS = 5


class ErasePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What an erasure would take: rows by store, and what it cannot reach.

    ``versions`` counts the rows by table and by the data version that brought them; ``captured`` the captures, as
    ``CaptureStore.counts`` does; ``objects`` would be replaced by others without the rows; ``models`` were trained on the
    rows and would not be untrained; ``sources`` still hold rows, and are not ours to change; ``held`` forbids it. ``freed``
    is about how many bytes the rows take in tables, captures and facts.
    """

    product: str
    column: str
    rows: dict[str, int]
    versions: dict[str, dict[int, int]]
    captured: dict[str, int]
    objects: list[str]
    models: list[str]
    sources: dict[str, int]
    held: list[str]
    unfinished: list[int]
    freed: int

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do: nothing found, and nothing left of an erasure that was cut short."""
        return not any(self.rows.values()) and not self.unfinished


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """An erasure that was done: the entry that certifies it, what it took, and where the value still stands."""

    entry: int
    person: str
    plan: ErasePlan
    left: list[str]


@dataclass(frozen=True)
class _Found:
    wanted: Wanted
    tables: Mapping[str, pl.DataFrame]
    online: Mapping[str, pl.DataFrame]
    traces: list[Trace]
    logs: Mapping[Path, int]
    steps: int
    captured: Mapping[str, int]
    first: datetime | None
    last: datetime | None
    sources: dict[str, int]


class Erasure:
    """The erasure of one person from one product, by the value of a declared column."""

    def __init__(self, workspace: Workspace, product: str, column: str, value: str, progress: Progress) -> None:
        self._workspace = workspace
        self._product = product
        self._column = column
        self._value = value
        self._progress = progress
        self._definition = definition_of(workspace, product)
        _check(self._definition, column)

    def plan(self) -> ErasePlan:
        """Return what would be erased now; changes nothing."""
        return self._plan(self._find())

    def erase(self, reason: str) -> Certificate:
        """Erase, and return the certificate once no byte of tables, captures, facts and objects holds the rows.

        The intent is written first, so that an erasure that is killed is completed by doing the same again. Raises
        ``Refused`` under a hold, and ``NotFound`` when there is nothing of the person.
        """
        held = Custody.read(self._workspace.ledger).holds_within(self._product)
        if held:
            raise Refused(f"nothing is erased from {self._product}: {'; '.join(held)}")
        found = self._find()
        plan, workspace = self._plan(found), self._workspace
        if plan.empty:
            raise NotFound(
                f"{self._product} holds nothing whose {self._column} is the value given: there is nothing to erase"
            )
        ledger, salt = workspace.ledger, salt_of(workspace)
        person = person_digest(salt, self._column, self._value)
        intents = [entry.ref for entry, _ in self._open()]
        fresh = self._intent(found, plan)
        if fresh is not None:
            intent = msgspec.structs.replace(fresh, person=person, salt=digest(salt), reason=reason)
            intents.append(ledger.append(intent, self._product, key=f"erasing:{person}:{ledger.store.head()}"))
        self._remove(found)
        left = left_in(workspace, found.wanted, self._progress) + self._beyond_reach(found)
        certificate = Erased(product=self._product, intents=intents, person=person, left=left)
        ref = ledger.append(certificate, self._product, key=f"erased:{intents[-1]}")
        return Certificate(entry=ref.seq, person=person, plan=plan, left=left)

    def _find(self) -> _Found:
        """Look everywhere: first whose rows they are, then for all that was asked about those."""
        key = self._definition.key
        named = {self._column: {self._value}}
        sources = self._sources(named)
        first = [*self._tables(named).values(), *self._online(named).values(), *sources.values(), *self._quarantined(named)]
        ids = {str(one) for rows in first if key in rows.columns for one in rows[key].drop_nulls()}
        if self._column == key:
            ids.add(self._value)  # an answer may be about a row that was never delivered
        wanted = Wanted(column=self._column, value=self._value, key=key, ids=frozenset(ids))
        traces = in_objects(self._workspace, self._product, wanted, self._progress)
        captured, since, until = self._workspace.captures.removable(self._product, ids=sorted(ids))
        return _Found(
            wanted=wanted,
            tables=self._tables(wanted.criteria),
            online=self._online(wanted.criteria),
            traces=traces,
            logs=in_logs(self._workspace, wanted),
            steps=self._workspace.steps.holding(holding(wanted), _large(traces)) if self._has_steps() else 0,
            captured=captured,
            first=since,
            last=until,
            sources={self._definition.source(name).label: rows.height for name, rows in sources.items() if rows.height},
        )

    def _plan(self, found: _Found) -> ErasePlan:
        rows = {f"table {name}": rows.height for name, rows in found.tables.items()}
        rows |= {f"online {name}": rows.height for name, rows in found.online.items()}
        rows |= {"captures": found.captured["predictions"], "labels": found.captured["labels"]}
        rows |= {"objects": sum(trace.rows for trace in found.traces), "logs": sum(found.logs.values())}
        rows |= {"results of steps": found.steps}
        return ErasePlan(
            product=self._product,
            column=self._column,
            rows={name: count for name, count in rows.items() if count},
            versions={name: dict(sorted(rows[_VERSION].value_counts().iter_rows())) for name, rows in found.tables.items()},
            captured=dict(found.captured),
            objects=[trace.digest for trace in found.traces],
            models=[ref.subject for ref in self._trained(found)],
            sources=found.sources,
            held=Custody.read(self._workspace.ledger).holds_within(self._product),
            unfinished=[entry.seq for entry, _ in self._open()],
            freed=sum(int(rows.estimated_size()) for rows in (*found.tables.values(), *found.online.values()))
            + self._workspace.captures.weight(self._product, ids=sorted(found.wanted.ids)),
        )

    def _intent(self, found: _Found, plan: ErasePlan) -> Erasing | None:
        """Return what goes beyond the erasures of this person that were begun and not finished; None when nothing does.

        Objects without the rows are stored on the way; who it is and why is for the caller to add.
        """
        begun = [record for _, record in self._open()]
        counted = {name: max((record.rows.get(name, 0) for record in begun), default=0) for name in plan.rows}
        replaced = {old: new for record in begun for old, new in record.replaced.items()}
        if begun and not any(plan.rows[name] > counted[name] for name in plan.rows) and replaced.keys() >= set(plan.objects):
            return None
        objects = self._workspace.objects
        news = {trace.digest: objects.put(trace.without) for trace in found.traces if trace.digest not in replaced}
        known = {(table, version) for record in begun for table, counts in record.versions.items() for version in counts}
        versions = {
            table: {version: count for version, count in counts.items() if (table, version) not in known}
            for table, counts in plan.versions.items()
        }
        fresh = plan.rows.get("captures", 0) > counted.get("captures", 0) or plan.rows.get("labels", 0) > counted.get(
            "labels", 0
        )
        return Erasing(
            product=self._product,
            column=self._column,
            person="",
            salt="",
            reason="",
            rows={name: plan.rows[name] - counted[name] for name in plan.rows if plan.rows[name] > counted[name]},
            versions={table: counts for table, counts in versions.items() if counts},
            captured=plan.captured if fresh else {},
            first=found.first if fresh else None,
            last=found.last if fresh else None,
            replaced=news,
            models=self._trained(found),
        )

    def _remove(self, found: _Found) -> None:
        """Remove all that was found; the asked table comes last, since it tells after a kill which captures are theirs."""
        workspace, wanted, name = self._workspace, found.wanted, self._definition.asked
        tables = sorted(self._definition.tables, key=lambda table: table == name)
        self._progress.start("erase", _STEPS + len(tables))
        workspace.captures.erase(self._product, sorted(wanted.ids))
        self._progress.advance("erase", note="captures and labels")
        workspace.online.erase(self._product, wanted.criteria)
        self._progress.advance("erase", note="online facts")
        if self._has_steps():
            workspace.steps.erase(holding(wanted), _large(found.traces))
        workspace.objects.remove([old for _, record in self._open() for old in record.replaced])
        self._progress.advance("erase", note="objects")
        for path in found.logs:
            clear_log(path, wanted)
        self._progress.advance("erase", note="logs")
        for table in tables:
            workspace.tables.erase(f"{self._product}/{table}", wanted.criteria)
            self._progress.advance("erase", note=f"table {table}")
        if workspace.has_views and workspace.views.standing(self._product):
            Materialising(workspace, in_service(workspace, self._product), self._progress).materialise(whole=True)
            workspace.views.scrub()
        self._progress.advance("erase", note="features by key")
        self._progress.finish("erase")

    def _has_steps(self) -> bool:
        return (self._workspace.root / STEPS).exists()

    def _open(self) -> list[tuple[Entry, Erasing]]:
        """Return the erasures of this person that were begun and have no certificate yet."""
        begun = unfinished(self._workspace.ledger, self._product)
        if not begun:
            return []
        salt = salt_of(self._workspace)
        person = person_digest(salt, self._column, self._value)
        return [(entry, record) for entry, record in begun if (record.person, record.salt) == (person, digest(salt))]

    def _tables(self, criteria: Mapping[str, Collection[str]]) -> dict[str, pl.DataFrame]:
        store = self._workspace.tables
        found = {name: store.matching(f"{self._product}/{name}", criteria) for name in self._definition.tables}
        return {name: rows for name, rows in found.items() if rows.height}

    def _online(self, criteria: Mapping[str, Collection[str]]) -> dict[str, pl.DataFrame]:
        return dict(self._workspace.online.matching(self._product, criteria))

    def _quarantined(self, criteria: Mapping[str, Collection[str]]) -> list[pl.DataFrame]:
        ledger, objects = self._workspace.ledger, self._workspace.objects
        found = []
        for name in self._definition.tables:
            for _, record in ledger.history([Ingest], f"{self._product}/{name}"):
                if record.quarantine is not None and objects.has(record.quarantine.rows):
                    rows = quarantined(objects, record)
                    found.append(rows.filter(selects(criteria, rows.columns)))
        return found

    def _sources(self, criteria: Mapping[str, Collection[str]]) -> dict[str, pl.DataFrame]:
        """Return their rows in the files that the tables come from, which are read and never changed."""
        found = {}
        for name in self._definition.tables:
            with suppress(NotFound):  # a source that is gone holds nobody
                reading = read(self._definition.source(name), self._definition.shape(name))
                rows = pl.concat([reading.rows, reading.unreadable], how="diagonal").select(reading.rows.columns)
                found[name] = rows.filter(selects(criteria, rows.columns))
        return found

    def _trained(self, found: _Found) -> list[Ref]:
        """Return the versions whose training read a data version with the rows in it."""
        ledger, gone = self._workspace.ledger, Custody.read(self._workspace.ledger).purged
        first = {name: self._first(name, rows) for name, rows in found.tables.items()}
        models = [ref for _, record in self._open() for ref in record.models]
        for entry, version in ledger.history([ModelVersion]):
            if version.product == self._product and entry.seq not in gone:
                data = ledger.read(version.run, Run).data
                if any(data.get(name, -1) >= brought for name, brought in first.items()):
                    models.append(entry.ref)
        return list(dict.fromkeys(models))

    def _first(self, table: str, rows: pl.DataFrame) -> int:
        """Return the first version that may have had some rows: of those that were let go nobody knows which did."""
        subject, ledger = f"{self._product}/{table}", self._workspace.ledger
        found: set[int] = set(rows[_VERSION].to_list())
        if found <= {record.version for _, record in ledger.history([Ingest], subject)}:
            return min(found)
        return min([*found, *(version for _, record in ledger.history([Vacuumed], subject) for version in record.versions)])

    def _beyond_reach(self, found: _Found) -> list[str]:
        models = [ref.subject for ref in self._trained(found)]
        said = (
            [f"{', '.join(models)} were trained on the rows and are not untrained: train anew, and trash them"]
            if models
            else []
        )
        said += [
            f"the source {path} still holds {count:,} row{'' if count == 1 else 's'}: what it holds of the person is not taken in"
            " again, and the file is not ours to change"
            for path, count in found.sources.items()
        ]
        return [
            *said,
            "copies, backups and exports made before, and what servers that are up hold in memory until they are restarted",
        ]


def _large(traces: Collection[Trace]) -> list[str]:
    return [trace.digest for trace in traces]


def definition_of(workspace: Workspace, product: str) -> Definition:
    """Return a product's definition, that of its newest declaration; raises ``NotFound`` that lists the products."""
    known = workspace.products()
    if product not in known:
        raise NotFound(f"there is no product {product!r} in {workspace.root}; there is {', '.join(sorted(known)) or 'none'}")
    declared: Declared = known[product]
    text = workspace.objects.get(declared.source).decode()
    return load_text(text, root=workspace.data_root, schemas=workspace.schemas(declared.schemas))


def column_of(definition: Definition, table: str | None) -> str:
    """Return the column whose value names a row of a table, the predicted one by default; raises ``InputError``."""
    name = definition.asked if table is None else table
    if name not in definition.tables:
        fault = Fault(what=f"there is no table {name!r}", remedy=f"choose one of: {', '.join(definition.tables)}")
        raise InputError("erase", [fault])
    key = definition.tables[name].key
    if len(key) > 1:
        fault = Fault(what=f"a row of {name} is named by {' and '.join(key)} together", remedy="say --where COLUMN=VALUE")
        raise InputError("erase", [fault])
    return key[0]


def _check(definition: Definition, column: str) -> None:
    kinds = {name: kind for table in definition.tables.values() for name, kind in table.schema.items()}
    names = sorted(name for name, kind in kinds.items() if _names_people(kind))
    if column not in names:
        what = (
            f"{column!r} is no declared column"
            if column not in kinds
            else f"{column!r} holds {kinds[column]}, which names nobody"
        )
        raise InputError("erase", [Fault(what=what, remedy=f"choose one of: {', '.join(names)}")])


def _names_people(kind: pl.DataType) -> bool:
    return kind.is_integer() or isinstance(kind, pl.String | pl.Categorical | pl.Enum)
