"""A product's versioned tables: deliveries come in through the contract, every one with its control totals."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import polars as pl

from trimaran.core.errors import Conflict, Refused
from trimaran.core.ledger import Ledger, Write
from trimaran.core.nouns import Balance, Ingest, Quarantine
from trimaran.core.ports import ObjectStore, TableStore
from trimaran.data.contracts import Delivery, Surroundings, judge_delivery
from trimaran.data.declaration import Definition, Table
from trimaran.data.sketches import Origin, sketch_bytes, take
from trimaran.data.sources import REASONS, SOURCE, unreadable_rows

STOPPED = "stops the line: "
"""How the words of a delivery begin that name a check which stopped it."""


class Tables:
    """The tables of one product, with the newest rows of each kept in memory once they were read.

    One writer at a time: the loop. Deliveries are idempotent by their key, also after a crash between the table's
    commit and the ledger's: what the table holds and the ledger lacks is written down before anything else comes in.
    """

    def __init__(self, definition: Definition, store: TableStore, ledger: Ledger, objects: ObjectStore) -> None:
        self.definition = definition
        self._store = store
        self._ledger = ledger
        self._objects = objects
        self._frames: dict[str, tuple[int, pl.DataFrame]] = {}

    def address(self, table: str) -> str:
        """Return the name a table has in the store and as a subject: product/table."""
        return f"{self.definition.name}/{table}"

    def ingest(
        self, table: str, rows: pl.DataFrame, *, source: str, key: str, now: datetime, notes: Sequence[str] = ()
    ) -> Ingest:
        """Take a delivery in: judge it, append what is kept, quarantine what is refused, write the totals.

        Raises ``Refused``, once all of that is written, for a delivery that breaks a check whose policy is to stop the line.
        ``source`` is a label of where it came from; the same ``key`` again returns the first delivery's record. A delivery
        that the table holds and the ledger does not is judged against the rows that were there before it, so that its
        totals are what they would have been. Rows that their source could not be read as, which have their reasons with
        them, are refused as they are; ``notes`` are what there is to say of the source. Raises ``Conflict`` when other rows
        come under its key.
        """
        subject = self.address(table)
        done = self._delivered(subject, key)
        if done is not None:
            _require_moving(done)
            return done
        self._write_down(table, now, but=key)
        held = self._store.find(subject, key)
        version, present = self._newest(table) if held is None else self._before(table, held)
        added = self._added(table, version)
        rows, unreadable = _apart(self.definition.tables[table], rows)
        declared = self.definition.tables[table]
        around = Surroundings(now, others=self._others(declared))
        delivery = judge_delivery(declared, self.definition.expectations, rows, present, around)
        refused = pl.concat([delivery.refused, unreadable], how="diagonal") if unreadable.height else delivery.refused
        with ThreadPoolExecutor(1) as aside:  # while the rows go to the disk, their profile is taken
            taken = aside.submit(take, delivery.kept, declared.time)
            if held is not None:
                version = held
                self._require_same(table, held, present, delivery.kept.height)
            elif not delivery.kept.is_empty():
                version = self._store.append(subject, delivery.kept, key=key, evolve=declared.schema_change == "evolve")
                self._frames[table] = (
                    version,
                    pl.concat([present, delivery.kept]) if present is not None else delivery.kept,
                )
            profile = sketch_bytes(taken.result(), Origin(subject, version, declared.time))
        first, last = _span(self.definition.tables[table], delivery.kept)
        record = Ingest(
            table=table,
            version=version,
            source=source,
            rows_in=delivery.rows_in + unreadable.height,
            kept=delivery.kept.height,
            refused=refused.height,
            repeated=delivery.repeated,
            quarantine=self._quarantine(refused),
            first=first,
            last=last,
            expectations=[
                *_told(delivery, {part.name for part in self.definition.expectations}),
                *(added if delivery.kept.height else []),
                *notes,
            ],
            profile=None if delivery.kept.is_empty() else self._objects.put(profile),
        )
        self._close(record, key, now)
        _require_moving(record)
        return record

    def _quarantine(self, refused: pl.DataFrame) -> Quarantine | None:
        """Keep refused rows aside with their reasons."""
        if refused.is_empty():
            return None
        return Quarantine(reasons=_counted(refused), rows=self._objects.put(_parquet(refused)))

    def frame(self, table: str) -> pl.DataFrame:
        """Return the newest rows of a table; empty, with the declared columns, before the first delivery."""
        _, rows = self._newest(table)
        return rows if rows is not None else pl.DataFrame(schema=self.definition.tables[table].schema)

    def versions(self) -> dict[str, int]:
        """Return the newest version of each table that has one."""
        found = {table: self._version(table) for table in self.definition.tables}
        return {table: version for table, version in found.items() if version >= 0}

    def rows(self, table: str, version: int | None = None) -> pl.LazyFrame:
        """Return the rows a table had at a version, the newest by default, not read yet where they are not in memory.

        They are those of ``frame`` and ``at``, in the same order.
        """
        version = self._version(table) if version is None else version
        if version < 0:
            return pl.LazyFrame(schema=self.definition.tables[table].schema)
        if table in self._frames and self._frames[table][0] == version:
            return self._frames[table][1].lazy()
        rows = self._store.read(self.address(table), version)
        later = [pl.lit(None, kind).alias(n) for n, kind in self._late_columns(table, rows.collect_schema()).items()]
        return rows.with_columns(later) if later else rows

    def at(self, table: str, version: int) -> pl.DataFrame:
        """Return the rows a table had at a version; a column that it got only later is empty in them."""
        return self.rows(table, version).collect()

    def _version(self, table: str) -> int:
        """Return the newest version, -1 when there is none; what is in memory is the newest."""
        if table in self._frames:
            return self._frames[table][0]
        version = self._store.version(self.address(table))
        return -1 if version is None else version

    def _late_columns(self, table: str, schema: pl.Schema) -> dict[str, pl.DataType]:
        """Return the declared columns that a version of a table that may evolve did not have."""
        declared = self.definition.tables[table]
        if declared.schema_change != "evolve":
            return {}
        return {name: kind for name, kind in declared.schema.items() if name not in schema}

    def _added(self, table: str, version: int) -> list[str]:
        """Return what there is to say of columns that a delivery is the first to bring."""
        if version < 0 or self.definition.tables[table].schema_change != "evolve":
            return []
        had = self._store.read(self.address(table), version).collect_schema()
        return [
            f"{SOURCE}: warn (column {name!r} ({kind}) is new; it was taken in, and is empty in all rows before)"
            for name, kind in self._late_columns(table, had).items()
        ]

    def _newest(self, table: str) -> tuple[int, pl.DataFrame | None]:
        if table not in self._frames:
            version = self._store.version(self.address(table))
            if version is None:
                return -1, None
            self._frames[table] = (version, self.at(table, version))
        return self._frames[table]

    def _others(self, table: Table) -> dict[str, pl.DataFrame]:
        """Return the rows of the tables that a table's contract refers to."""
        named = table.contract.references if table.contract is not None else []
        return {name: self.frame(name) for name in named if name in self.definition.tables}

    def _before(self, table: str, version: int) -> tuple[int, pl.DataFrame | None]:
        return (version - 1, self.at(table, version - 1)) if version else (-1, None)

    def _require_same(self, table: str, version: int, before: pl.DataFrame | None, kept: int) -> None:
        added = self.at(table, version).height - (before.height if before is not None else 0)
        if added != kept:
            raise Conflict(
                f"a delivery to {table} was cut short after version {version} had taken {added} rows of it; what comes now "
                f"under its key would add {kept}: send the same rows again, or new ones under a new key"
            )

    def _write_down(self, table: str, now: datetime, *, but: str) -> None:
        """Write the totals of deliveries that the table took just before a crash and that nobody sends again.

        What else was in them is not known any more: refused rows, when they come again, are counted then.
        """
        subject, before = self.address(table), 0
        newest = self._ledger.latest(Ingest, subject)
        if self._store.version(subject) == (newest[1].version if newest is not None else None):
            return
        for version, key, changed, rows in self._store.commits(subject).iter_rows():
            added, before = rows - before, rows
            if key is not None and key != but and changed and self._delivered(subject, key) is None:
                found = "the table itself, after a crash"
                record = Ingest(table=table, version=version, source=found, rows_in=added, kept=added, refused=0)
                self._close(record, key, now)

    def _close(self, record: Ingest, key: str, now: datetime) -> None:
        """Write a delivery and its control totals, both or neither."""
        subject = self.address(record.table)
        balance = Balance(
            handover=f"ingest {record.table}",
            since=None,
            until=now,
            entered=record.rows_in,
            left={"kept": record.kept, "refused": record.refused, "repeated": record.repeated},
        )
        self._ledger.append_all(
            [
                Write(record=record, subject=subject, key=_key(subject, key)),
                Write(record=balance, subject=f"{self.definition.name}/ingest", key=f"balance:{_key(subject, key)}"),
            ]
        )

    def _delivered(self, subject: str, key: str) -> Ingest | None:
        entry = self._ledger.store.find(_key(subject, key))
        return None if entry is None else self._ledger.read(entry, Ingest)


def quarantined(objects: ObjectStore, record: Ingest) -> pl.DataFrame:
    """Return the refused rows of a delivery with their reasons; empty when none was refused."""
    return pl.read_parquet(io.BytesIO(objects.get(record.quarantine.rows))) if record.quarantine else pl.DataFrame()


def _apart(table: Table, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows of a delivery to be judged, and those that could not be read."""
    if REASONS not in rows.columns:
        return rows, unreadable_rows(table.schema)
    there = pl.col(REASONS).is_not_null()
    return rows.filter(~there).select(name for name in table.schema), rows.filter(there)


def _counted(refused: pl.DataFrame) -> dict[str, int]:
    return dict(refused[REASONS].explode().value_counts(sort=True).iter_rows())


def _parquet(rows: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    rows.write_parquet(buffer)
    return buffer.getvalue()


def _span(table: Table, rows: pl.DataFrame) -> tuple[datetime | None, datetime | None]:
    if table.time is None:
        return None, None
    first, last = rows[table.time].min(), rows[table.time].max()
    return (first, last) if isinstance(first, datetime) and isinstance(last, datetime) else (None, None)


def _told(delivery: Delivery, own: set[str]) -> Iterator[str]:
    """Yield what stopped the line, each expectation of the product, what else did not pass, and corrections not taken."""
    yield from (f"{STOPPED}{name}" for name in delivery.stopped)
    for finding in delivery.findings:
        if finding.outcome != "pass" or finding.check in own:
            yield f"{finding.check}: {finding.outcome} ({finding.reason})"
    if delivery.differing:
        what = f"{delivery.differing:,} rows that the table holds already came with other values, and it keeps those it has"
        yield f"{SOURCE}: warn ({what}; give a correction a key or a time of its own)"


def _require_moving(record: Ingest) -> None:
    """Raise ``Refused`` for a delivery that stopped the line; it is in quarantine by then, with its totals."""
    why = [line.removeprefix(STOPPED) for line in record.expectations if line.startswith(STOPPED)]
    if why:
        raise Refused(
            f"the delivery to {record.table} stops the line: {'; '.join(why)}; its {record.refused:,} rows are in quarantine "
            "and nothing of it was kept: send mended rows under a new key, or change the contract"
        )


def _key(subject: str, key: str) -> str:
    return f"ingest:{subject}:{key}"
