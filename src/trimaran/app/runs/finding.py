"""Finds runs: by a question, by name, and everything that is kept of one."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import polars as pl
from msgspec.structs import replace

from trimaran.app.workspace import Workspace
from trimaran.backends.sqlite_runs import Row, SqliteRuns
from trimaran.build import Tuning
from trimaran.control.custody import Custody
from trimaran.control.queries import Both, Compare, Exists, Field, Not, Query, check_names, parse_query
from trimaran.core.clock import to_micros
from trimaran.core.errors import NotFound
from trimaran.core.nouns import Artifact, Code, Environment, Reading, Run, Started, Tracked, Used

INDEX = "runs.db"
MOST = 100
"""Runs that a question returns which says nothing of how many."""

_PARENT = Field("run", "parent", 0)


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a question: the first of all the runs it is about."""

    query: str
    total: int
    runs: list[Row]


class Detail(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is kept of one run but its points; ``parts`` is how many runs were started inside it."""

    run: Row
    readings: dict[str, Reading] = {}
    artifacts: dict[str, Artifact] = {}
    data: dict[str, Used] = {}
    code: Code | None = None
    environment: Environment | None = None
    parts: int = 0
    points: int = 0


class Finder:
    """Looks for runs in one workspace; the index is brought up to the ledger each time it is asked."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._index = SqliteRuns(workspace.root / INDEX, workspace.ledger)

    def find(self, query: str = "", *, parts: bool = True, most: int | None = MOST) -> Found:
        """Return the runs that a question is about and that are not in the trash, newest first where it says nothing else.

        ``parts`` leaves runs in that were started inside another one. Raises ``InputError`` that points at what is wrong in
        the question and lists what would be right.
        """
        asked = parse_query(query)
        self._index.catch_up()
        check_names(asked, self._index.names)
        if not parts:
            inner = Not(Exists(_PARENT))
            asked = replace(asked, where=inner if asked.where is None else Both((inner, asked.where)))
        total, rows = self._index.find(asked, most, Custody.read(self.workspace.ledger).hidden)
        return Found(query=query, total=total, runs=rows)

    def one(self, name: str) -> Row:
        """Return the run that a subject, a name or the beginning of one means; raises ``NotFound`` where none or several do."""
        self._index.catch_up()
        rows = self._index.named(name)
        if len(rows) == 1:
            return rows[0]
        if rows:
            raise NotFound(f"{name!r} may mean {len(rows)} runs; say which: {', '.join(row.subject for row in rows)}")
        newest = ", ".join(row.subject for row in self._index.find(parse_query("limit 5"))[1])
        raise NotFound(f"there is no run {name!r} in {self.workspace.root}; the newest are: {newest or 'none yet'}")

    def detail(self, name: str) -> Detail:
        """Return everything that is kept of a run; raises ``NotFound`` as ``one``."""
        row = self.one(name)
        parts, _ = self._index.find(Query(where=Compare(_PARENT, "=", row.subject), limit=1))
        entry = self.workspace.ledger.store.get(row.entry)
        record = self.workspace.ledger.read(entry)
        match record:
            case Tracked():
                return Detail(
                    run=row,
                    readings=record.metrics,
                    artifacts=record.artifacts,
                    data=record.data,
                    code=record.code,
                    environment=record.environment,
                    parts=parts,
                    points=record.points,
                )
            case Run():
                made = {
                    name: Artifact(digest=digest, kind="bytes", size=self._size(digest))
                    for name, digest in record.artifacts.items()
                }
                data = {table: Used(version=version) for table, version in record.data.items()}
                return Detail(
                    run=row, artifacts=made, data=data, code=record.code, environment=record.environment, parts=parts
                )
            case _:
                return Detail(run=row, parts=parts)

    def points(self, row: Row, names: Sequence[str] = ()) -> pl.DataFrame:
        """Return the points of a run, of some metrics (all when empty), in order of name and step.

        Those of a run under way as far as they are on the disk.
        """
        stored = self.workspace.metrics.points(row.subject, names)
        record = self.workspace.ledger.read(self.workspace.ledger.store.get(row.entry))
        if stored.height or isinstance(record, Started):
            return stored
        readings = record.metrics if isinstance(record, Tracked) else {}
        told = [(name, reading.step, reading.number, reading.at) for name, reading in sorted(readings.items())]
        if isinstance(record, Run):
            at = to_micros(record.ended)
            told = [(name, 0, value, at) for name, value in sorted(row.metrics.items())]
        schema = {"name": pl.String, "step": pl.Int64, "value": pl.Float64, "at": pl.Int64}
        kept = [one for one in told if not names or one[0] in names]
        return pl.DataFrame(kept, schema=schema, orient="row").with_columns(pl.col("at").cast(pl.Datetime("us", "UTC")))

    def tuning(self, detail: Detail) -> Tuning | None:
        """Return the tuning of a product's training, None for any other run."""
        kept = detail.artifacts.get("trials")
        if detail.run.kind != "training" or kept is None:
            return None
        return msgspec.json.decode(self.workspace.objects.get(kept.digest), type=Tuning)

    def _size(self, digest: str) -> int:
        return self.workspace.objects.size(digest) if self.workspace.objects.has(digest) else 0
