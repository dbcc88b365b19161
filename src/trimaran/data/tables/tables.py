"""A product's versioned tables: deliveries come in through the contract, every one with its control totals."""

from __future__ import annotations

import io
from datetime import datetime
from pathlib import Path

import polars as pl

from trimaran.core.errors import Fault, InputError, NotFound
from trimaran.core.ledger import Ledger, Write
from trimaran.core.nouns import Balance, Finding, Ingest, Quarantine
from trimaran.core.ports import ObjectStore, TableStore
from trimaran.data.contracts import judge_delivery
from trimaran.data.declaration import Definition


class Tables:
    """The tables of one product, with the newest rows of each kept in memory once they were read.

    One writer at a time: the loop. Deliveries are idempotent by their key, also after a crash between the table's
    commit and the ledger's.
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

    def ingest(self, table: str, rows: pl.DataFrame, *, source: str, key: str, now: datetime) -> Ingest:
        """Take a delivery in: judge it, append what is kept, quarantine what is refused, write the totals.

        ``source`` is a label of where it came from; the same ``key`` again returns the first delivery's record.
        """
        subject = self.address(table)
        done = self._delivered(subject, key)
        if done is not None:
            return done
        declared = self.definition.tables[table]
        version, present = self._newest(table)
        delivery = judge_delivery(declared, self.definition.expectations, rows, present)
        quarantine = None
        if not delivery.refused.is_empty():
            quarantine = Quarantine(reasons=delivery.reasons, rows=self._objects.put(_parquet(delivery.refused)))
        if not delivery.kept.is_empty():
            version = self._store.append(subject, delivery.kept, key=key)
            self._frames[table] = (version, pl.concat([present, delivery.kept]) if present is not None else delivery.kept)
        moments = delivery.kept[declared.time] if declared.time else None
        record = Ingest(
            table=table,
            version=version,
            source=source,
            rows_in=delivery.rows_in,
            kept=delivery.kept.height,
            refused=delivery.refused.height,
            repeated=delivery.repeated,
            quarantine=quarantine,
            first=_moment(moments.min()) if moments is not None else None,
            last=_moment(moments.max()) if moments is not None else None,
            expectations=[_tell(finding) for finding in delivery.findings],
        )
        balance = Balance(
            handover=f"ingest {table}",
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
        return record

    def frame(self, table: str) -> pl.DataFrame:
        """Return the newest rows of a table; empty, with the declared columns, before the first delivery."""
        _, rows = self._newest(table)
        return rows if rows is not None else pl.DataFrame(schema=self.definition.tables[table].schema)

    def versions(self) -> dict[str, int]:
        """Return the newest version of each table that has one."""
        found = {table: self._newest(table)[0] for table in self.definition.tables}
        return {table: version for table, version in found.items() if version >= 0}

    def at(self, table: str, version: int) -> pl.DataFrame:
        """Return the rows a table had at a version."""
        return self._store.read(self.address(table), version).collect()

    def _newest(self, table: str) -> tuple[int, pl.DataFrame | None]:
        if table not in self._frames:
            version = self._store.version(self.address(table))
            if version is None:
                return -1, None
            self._frames[table] = (version, self._store.read(self.address(table), version).collect())
        return self._frames[table]

    def _delivered(self, subject: str, key: str) -> Ingest | None:
        entry = self._ledger.store.find(_key(subject, key))
        return None if entry is None else self._ledger.read(entry, Ingest)


def read_source(path: Path) -> pl.DataFrame:
    """Return the rows of a Parquet or CSV file; raises ``NotFound`` or, naming the file and the reason, ``InputError``."""
    if not path.exists():
        raise NotFound(f"there is no file {path}; check the source of the table and the data folder")
    try:
        return pl.read_csv(path, try_parse_dates=True) if path.suffix == ".csv" else pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        fault = Fault(what=f"cannot be read: {str(error).splitlines()[0]}", where=str(path), remedy="deliver Parquet or CSV")
        raise InputError("source", [fault]) from error


def quarantined(objects: ObjectStore, record: Ingest) -> pl.DataFrame:
    """Return the refused rows of a delivery with their reasons; empty when none was refused."""
    return pl.read_parquet(io.BytesIO(objects.get(record.quarantine.rows))) if record.quarantine else pl.DataFrame()


def _parquet(rows: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    rows.write_parquet(buffer)
    return buffer.getvalue()


def _moment(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None


def _tell(finding: Finding) -> str:
    return f"{finding.check}: {finding.outcome} ({finding.reason})"


def _key(subject: str, key: str) -> str:
    return f"ingest:{subject}:{key}"
