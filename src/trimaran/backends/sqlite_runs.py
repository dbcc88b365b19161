"""An index of runs in one SQLite file, folded from the ledger as far as it has come: search in milliseconds, on any ledger.

The file holds nothing of its own: it may be deleted at any time and is made again from the entries.
"""

from __future__ import annotations

import json
import math
import socket
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import psutil

from trimaran.backends.closing import Closing
from trimaran.backends.sqlite_files import Readers, create, transaction, writer
from trimaran.control.queries import (
    MOMENTS,
    Both,
    Compare,
    Condition,
    Either,
    Exists,
    Field,
    Not,
    OneOf,
    Query,
    Space,
    Value,
    moment_of,
)
from trimaran.core.clock import from_micros, to_micros
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import Entry, Run, Setting, Started, Tracked

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS mark (seq INTEGER NOT NULL, digest TEXT NOT NULL)",
    """CREATE TABLE IF NOT EXISTS runs (
        id INTEGER PRIMARY KEY, subject TEXT NOT NULL UNIQUE, project TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL,
        parent TEXT, status TEXT NOT NULL, actor TEXT NOT NULL, started INTEGER NOT NULL, ended INTEGER, seconds REAL,
        error TEXT, host TEXT, process INTEGER, born REAL)""",
    "CREATE INDEX IF NOT EXISTS runs_started ON runs (started)",
    "CREATE INDEX IF NOT EXISTS runs_status ON runs (status)",
    "CREATE INDEX IF NOT EXISTS runs_parent ON runs (parent, started)",
    """CREATE TABLE IF NOT EXISTS facts (
        run INTEGER NOT NULL, space TEXT NOT NULL, key TEXT NOT NULL, number REAL, text TEXT,
        PRIMARY KEY (run, space, key)) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS facts_number ON facts (space, key, number, run)",
    "CREATE INDEX IF NOT EXISTS facts_text ON facts (space, key, text, run) WHERE text IS NOT NULL",
)
_RUN = "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_FACT = "INSERT INTO facts VALUES (?, ?, ?, ?, ?)"
_SHOWN = "id, subject, project, name, kind, parent, status, actor, started, ended, seconds, error"
_PAGE = 2000

Kept = Run | Started | Tracked
"""What the index is made of."""

_DRIFT = 2.0
"""Seconds by which the time a process began may be told otherwise later: the machine's clock was set meanwhile."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A run as a list shows it; ``entry`` is its newest entry, ``kind`` ``run`` or a product's ``training``."""

    entry: int
    subject: str
    project: str
    name: str
    kind: str
    parent: str | None
    status: str
    actor: str
    started: datetime
    ended: datetime | None
    seconds: float | None
    error: str | None
    parameters: dict[str, Setting] = {}
    metrics: dict[str, float] = {}
    tags: dict[str, str] = {}


class SqliteRuns(Closing):
    """The runs of a ledger, searched.

    >>> import tempfile
    >>> from trimaran.control.queries import parse_query
    >>> from trimaran.core.clock import SystemClock
    >>> from trimaran.testing import MemoryLedger
    >>> index = SqliteRuns(Path(tempfile.mkdtemp()) / "runs.db", Ledger(MemoryLedger(), SystemClock(), "ada"))
    >>> index.find(parse_query("seconds > 3"))
    (0, [])
    """

    def __init__(self, path: Path, ledger: Ledger) -> None:
        self._path = path
        self._ledger = ledger
        create(path, _SCHEMA)
        self._readers = Readers(path)
        self._closes = (self._readers.close,)

    def catch_up(self) -> None:
        """Fold what the ledger has got since the last time, and see which runs were cut off."""
        head = self._ledger.store.head()
        seq, digest = self._mark()
        if seq < head or self._digest(seq) != digest:
            self._fold(head)
        self._look_after()

    def find(self, query: Query, most: int | None = None, hidden: Collection[int] = ()) -> tuple[int, list[Row]]:
        """Return how many runs a question is about, and the first of them, ``most`` where it sets no limit itself.

        Those whose entries are ``hidden`` are left out.
        """
        where, given = _sql(query.where) if query.where is not None else ("1", [])
        if hidden:
            where, given = (
                f"({where}) AND r.id NOT IN (SELECT value FROM json_each(?))",  # noqa: S608  parts of ours, values bound
                [*given, json.dumps(sorted(hidden))],
            )
        total = int(self._readers.connection.execute(f"SELECT count(*) FROM runs r WHERE {where}", given).fetchone()[0])  # noqa: S608  parts of ours, values bound
        joins, keys, order = "", [], []
        for place, one in enumerate(query.order):
            if one.field.space == "run":
                column = f"r.{one.field.name}"
            else:
                joins += f" LEFT JOIN facts o{place} ON o{place}.run = r.id AND o{place}.space = ? AND o{place}.key = ?"
                keys += [one.field.space, one.field.name]
                column = f"o{place}.number" if one.field.space == "metrics" else f"coalesce(o{place}.number, o{place}.text)"
            order += [f"{column} IS NULL", f"{column} {'DESC' if one.descending else 'ASC'}"]
        order += ["r.started DESC", "r.id DESC"]
        columns = ", ".join(f"r.{name}" for name in _SHOWN.split(", "))
        limit = query.limit if query.limit is not None else most
        rows = self._readers.connection.execute(
            f"SELECT {columns} FROM runs r{joins} WHERE {where} ORDER BY {', '.join(order)} LIMIT ?",  # noqa: S608  as above
            [*keys, *given, -1 if limit is None else limit],
        ).fetchall()
        return total, list(self._rows(rows))

    def named(self, name: str) -> list[Row]:
        """Return the runs that a name may mean: that subject, else that name, else those whose name begins so (at most 20)."""
        for condition, given in (
            ("subject = ?", [name]),
            ("name = ?", [name]),
            ("substr(name, 1, ?) = ? OR substr(subject, 1, ?) = ?", [len(name), name, len(name), name]),
        ):
            asked = f"SELECT {_SHOWN} FROM runs WHERE {condition} ORDER BY id LIMIT 20"  # noqa: S608  parts of ours
            rows = self._readers.connection.execute(asked, given)
            if found := list(self._rows(rows.fetchall())):
                return found
        return []

    def names(self, space: Space) -> list[str]:
        """Return the names of all metrics, parameters or tags, sorted: found by hops along the index, not by a scan."""
        hops = """WITH RECURSIVE hop(key) AS (
            SELECT (SELECT min(key) FROM facts WHERE space = :space)
            UNION ALL SELECT (SELECT min(key) FROM facts WHERE space = :space AND key > hop.key) FROM hop WHERE key IS NOT NULL)
            SELECT key FROM hop WHERE key IS NOT NULL"""
        return [str(row[0]) for row in self._readers.connection.execute(hops, {"space": space})]

    def _rows(self, rows: Sequence[tuple[Any, ...]]) -> Iterator[Row]:
        kept: dict[int, dict[str, dict[str, Any]]] = {row[0]: {"params": {}, "metrics": {}, "tags": {}} for row in rows}
        for run, space, key, number, text in self._facts(list(kept)):
            kept[run][space][key] = _of(space, number, text)
        for row in rows:
            fields = dict(zip(_SHOWN.split(", "), row, strict=True))
            entry = fields.pop("id")
            started, ended = from_micros(fields.pop("started")), fields.pop("ended")
            facts = kept[entry]
            yield Row(
                entry=entry,
                started=started,
                ended=None if ended is None else from_micros(ended),
                parameters=facts["params"],
                metrics=facts["metrics"],
                tags=facts["tags"],
                **fields,
            )

    def _facts(self, runs: list[int]) -> Iterator[tuple[Any, ...]]:
        for start in range(0, len(runs), 500):
            some = runs[start : start + 500]
            marks = ",".join("?" * len(some))
            asked = f"SELECT run, space, key, number, text FROM facts WHERE run IN ({marks})"  # noqa: S608  question marks
            yield from self._readers.connection.execute(asked, some)

    def _mark(self) -> tuple[int, str]:
        row = self._readers.connection.execute("SELECT seq, digest FROM mark").fetchone()
        return (int(row[0]), str(row[1])) if row else (0, "")

    def _fold(self, head: int) -> None:
        connection = writer(self._path)
        try:
            with transaction(connection, self._path):
                seq, digest = self._mark()
                if self._digest(seq) != digest:  # of another ledger, or of one that was made again: begin anew
                    connection.execute("DELETE FROM runs")
                    connection.execute("DELETE FROM facts")
                    seq = 0
                page: list[tuple[Entry, Kept]] = []
                kinds: tuple[type[Kept], ...] = (Run, Started, Tracked)
                for entry, record in self._ledger.history(kinds, after=seq):
                    page.append((entry, record))
                    head = max(head, entry.seq)
                    if len(page) == _PAGE:
                        _write(connection, page)
                        page = []
                _write(connection, page)
                connection.execute("DELETE FROM mark")
                connection.execute("INSERT INTO mark VALUES (?, ?)", (head, self._digest(head)))
        finally:
            connection.close()

    def _digest(self, seq: int) -> str:
        return self._ledger.store.get(seq).digest if 0 < seq <= self._ledger.store.head() else ""

    def _look_after(self) -> None:
        rows = self._readers.connection.execute(
            "SELECT id, host, process, born FROM runs WHERE status = 'running'"
        ).fetchall()
        gone = [(run,) for run, host, process, born in rows if host == socket.gethostname() and not alive(process, born)]
        if gone:
            connection = writer(self._path)
            try:
                with transaction(connection, self._path):
                    connection.executemany("UPDATE runs SET status = 'cut off' WHERE id = ? AND status = 'running'", gone)
            finally:
                connection.close()


def _write(connection: sqlite3.Connection, page: Sequence[tuple[Entry, Kept]]) -> None:
    newest = {entry.subject: (entry, record) for entry, record in page}
    before = [(subject,) for subject in newest]
    connection.executemany("DELETE FROM facts WHERE run = (SELECT id FROM runs WHERE subject = ?)", before)
    connection.executemany("DELETE FROM runs WHERE subject = ?", before)
    connection.executemany(_RUN, [_row(entry, record) for entry, record in newest.values()])
    connection.executemany(_FACT, [fact for entry, record in newest.values() for fact in _facts_of(entry.seq, record)])


def _row(entry: Entry, record: Kept) -> tuple[object, ...]:
    project, name = entry.subject.split("/", 1)
    head = entry.seq, entry.subject, project, name
    match record:
        case Started():
            process = record.host, record.process, record.born
            return (
                *head,
                "run",
                record.parent,
                "running",
                entry.actor,
                to_micros(record.started),
                None,
                None,
                None,
                *process,
            )
        case Tracked():
            kind, parent, status = "run", record.parent, record.status
        case Run():
            kind, parent, status = "training", None, "finished" if record.error is None else "failed"
    times = to_micros(record.started), to_micros(record.ended), record.seconds
    return (*head, kind, parent, status, entry.actor, *times, record.error, None, None, None)


def _facts_of(run: int, record: Kept) -> Iterator[tuple[object, ...]]:
    if isinstance(record, Started):
        return
    for name, value in record.parameters.items():
        yield run, "params", name, *_columns(value)
    if isinstance(record, Tracked):
        for name, reading in record.metrics.items():
            number = reading.number
            yield run, "metrics", name, *((None, "nan") if math.isnan(number) else (number, None))
        for name, text in record.tags.items():
            yield run, "tags", name, None, text
    else:
        for name, seen in record.metrics.items():
            if seen is not None:
                yield run, "metrics", name, seen, None
        yield run, "tags", "cause", None, record.cause


def _columns(value: Setting) -> tuple[float | None, str | None]:
    if isinstance(value, bool):
        return None, "true" if value else "false"
    if isinstance(value, int | float):
        return value, None
    return None, value


def _of(space: str, number: float | None, text: str | None) -> float | str | bool | None:
    if space == "metrics":
        return math.nan if number is None else number
    if number is not None:
        return int(number) if space == "params" and number.is_integer() and abs(number) < 2**53 else number
    return {"true": True, "false": False}.get(text or "", text) if space == "params" else text


def _sql(condition: Condition) -> tuple[str, list[object]]:
    """Return a condition as SQL with places for its values, and these."""
    match condition:
        case Both(parts) | Either(parts):
            return _joined(" AND " if isinstance(condition, Both) else " OR ", [_sql(part) for part in parts])
        case OneOf(field, values):
            return _joined(" OR ", [_sql(Compare(field, "=", value)) for value in values])
        case Not(part):
            sql, given = _sql(part)
            return f"NOT coalesce({sql}, 0)", given
        case Exists(field):
            test = f"r.{field.name} IS NOT NULL" if field.space == "run" else "1"
            return _of_fact(field, test, [])
        case Compare(field, operator, value):
            column, bound = _column(field, value)
            test = f"instr(lower({column}), lower(?)) > 0" if operator == "contains" else f"{column} {operator} ?"
            return _of_fact(field, test, [bound])


def _of_fact(field: Field, test: str, given: list[object]) -> tuple[str, list[object]]:
    """Return a test of a field as one of runs."""
    if field.space == "run":
        return test, given
    inner = f"SELECT run FROM facts WHERE space = ? AND key = ? AND {test}"  # noqa: S608  parts of ours, values bound
    return f"r.id IN ({inner})", [field.space, field.name, *given]


def _joined(word: str, made: Sequence[tuple[str, list[object]]]) -> tuple[str, list[object]]:
    return f"({word.join(sql for sql, _ in made)})", [value for _, given in made for value in given]


def _column(field: Field, value: Value) -> tuple[str, object]:
    """Return the column that a field is compared by, and the value as it is kept there."""
    if field.space == "run":
        return f"r.{field.name}", to_micros(moment_of(value)) if field.name in MOMENTS else value
    if isinstance(value, bool):
        return "text", "true" if value else "false"
    return ("number", value) if isinstance(value, float) else ("text", value)


def alive(process: int, born: float) -> bool:
    """Tell whether the process of a number on this machine is the one that began then, in seconds since 1970."""
    try:
        return abs(psutil.Process(process).create_time() - born) < _DRIFT
    except psutil.Error:
        return False
