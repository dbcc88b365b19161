"""Holds the totals of deliveries, feature builds and training sets against the rows that the tables really have."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from trimaran.app.loading import load_text
from trimaran.app.workspace import Workspace
from trimaran.build import Snapshot, balance_key, divide
from trimaran.control.reconciling import Break, Lawful, Step, missteps
from trimaran.core.errors import Corrupt, InputError, NotFound, TrimaranError
from trimaran.core.nouns import Balance, Declared, Entry, Ingest, ModelVersion, Run
from trimaran.data.contracts import identity
from trimaran.data.declaration import Definition

_PLACE = "__place"


@dataclass(frozen=True)
class HeldRows:
    """The tables of one product beside what its deliveries and trainings say of them, in the window (since, until].

    ``doubts`` gathers, by hand-over, what could not be looked at.
    """

    workspace: Workspace
    definition: Definition
    lawful: Lawful
    since: datetime | None
    until: datetime | None
    doubts: dict[str, str] = field(default_factory=dict)
    counted: dict[tuple[str, int, datetime], Balance] = field(default_factory=dict)

    def deliveries(self) -> list[Break]:
        """Return the breaks of every table: rows that came or went without a delivery, and quarantine that lacks rows."""
        return [one for table in self.definition.tables for one in (*self._table(table), *self._quarantine(table))]

    def trainings(self, runs: Iterable[tuple[Entry, Run]], versions: Mapping[str, ModelVersion]) -> list[Break]:
        """Return the breaks of the trainings of the window, counted again from the versions of the table they name.

        ``versions`` are the model versions by the subject of the run that made each.
        """
        return [
            one
            for entry, run in runs
            if self._within(entry.at)
            for one in self._training(entry, run, versions.get(entry.subject))
        ]

    def _within(self, moment: datetime) -> bool:
        return (self.since is None or moment > self.since) and (self.until is None or moment <= self.until)

    def _ingests(self, table: str) -> list[tuple[Entry, Ingest]]:
        return list(self.workspace.ledger.history([Ingest], self._address(table)))

    def _table(self, table: str) -> list[Break]:
        ingests, erased = self._ingests(table), self.lawful.rows.get(table, {})
        kept: dict[int, int] = {}
        times: dict[int, datetime] = {}
        for entry, record in ingests:
            kept[record.version] = kept.get(record.version, 0) + record.kept
            times.setdefault(record.version, entry.at)
        for version, count in erased.items():
            kept[version] = kept.get(version, 0) - count
        commits = self.workspace.tables.commits(self._address(table))
        known = {version: count for version, count in kept.items() if version >= 0}
        steps = missteps(known, commits)
        broken = [
            self._step(table, step, times)
            for step in steps
            if self._within(times.get(step.version, self._after(step.version, times)))
        ]
        recorded = int(commits["rows"][-1]) if not commits.is_empty() else 0
        if commits.is_empty() and any(known.values()):
            broken.append(Break(handover=f"ingest {table}", what="the table is gone", expected=sum(known.values()), found=0))
        elif recorded:
            broken += self._files(table, recorded)
        return broken

    def _after(self, version: int, times: Mapping[int, datetime]) -> datetime:
        """Return the moment of the newest delivery before a version that none made."""
        return max((moment for known, moment in times.items() if known < version), default=self.workspace.clock.now())

    def _step(self, table: str, step: Step, times: Mapping[int, datetime]) -> Break:
        ours = step.version in times
        try:
            before, after = self._rows(table, step.version - 1), self._rows(table, step.version)
        except NotFound as error:
            return Break(
                handover=f"ingest {table}",
                what=f"version {step.version} of {table} is not what its delivery says; which rows cannot be told ({error})",
                expected=step.expected,
                found=step.found,
                until=times.get(step.version),
            )
        gone, new = (_only(one, other) for one, other in ((before, after), (after, before)))
        rows = gone if ours and not gone.is_empty() else new if ours else pl.concat([gone, new])
        who = (
            "its delivery says otherwise"
            if ours
            else f"no delivery made it (key {step.key})"
            if step.key
            else "no delivery made it"
        )
        return Break(
            handover=f"ingest {table}",
            what=f"version {step.version} of {table} took {gone.height:,} rows out and added {new.height:,}, and {who}",
            expected=step.expected,
            found=step.found,
            until=times.get(step.version),
            rows=self._keys(table, rows),
        )

    def _files(self, table: str, recorded: int) -> list[Break]:
        """Return a break when the files of the newest version are not there, or hold other numbers of rows than their log says."""
        try:
            found = self.workspace.tables.read(self._address(table)).select(pl.len()).collect().item()
        except (pl.exceptions.PolarsError, OSError, TrimaranError) as error:
            what = f"the newest version of {table} cannot be read ({str(error).splitlines()[0]})"
            return [Break(handover=f"ingest {table}", what=what, expected=recorded, found=0)]
        if found == recorded:
            return []
        what = f"the files of {table} do not hold the rows that its log says"
        return [Break(handover=f"ingest {table}", what=what, expected=recorded, found=found)]

    def _quarantine(self, table: str) -> list[Break]:
        found = []
        for entry, record in self._ingests(table):
            held = record.quarantine.rows if record.quarantine is not None else None
            stored = self.lawful.objects.get(held, held) if held is not None else None
            if not self._within(entry.at) or (held is not None and stored is None):
                continue
            what, count = "refused rows in quarantine", 0
            if stored is not None:
                try:
                    count = pl.read_parquet(io.BytesIO(self.workspace.objects.get(stored))).height
                except (NotFound, Corrupt, pl.exceptions.PolarsError) as error:
                    what = f"the quarantined rows cannot be read ({str(error).splitlines()[0]})"
            if count != record.refused and not (stored != held and count < record.refused):
                what = f"{what} of {table}, version {record.version}"
                found.append(
                    Break(handover=f"ingest {table}", what=what, expected=record.refused, found=count, until=entry.at)
                )
        return found

    def _training(self, entry: Entry, run: Run, version: ModelVersion | None) -> list[Break]:
        ledger = self.workspace.ledger.store
        written = {name: ledger.find(balance_key(entry.subject, name)) for name in ("training", "features")}
        said = {name: self.workspace.ledger.read(found, Balance) for name, found in written.items() if found is not None}
        training = said.get("training")
        if training is None:
            return []
        breaks = self._recounted(run, version, training)
        drawn = training.left.get("trained", 0) + training.left.get("tested", 0)
        if "features" in said and said["features"].entered != drawn:
            what = f"{run.name} asked the feature build for other rows than its training set has"
            breaks.append(_of("features", run, what, drawn, said["features"].entered))
        if version is not None and version.segment is None and version.rows != training.left.get("trained"):
            what = f"{version.name} says that it was trained on another number of rows than its training set had"
            breaks.append(_of("training", run, what, training.left.get("trained", 0), version.rows))
        return breaks

    def _recounted(self, run: Run, version: ModelVersion | None, training: Balance) -> list[Break]:
        """Return the breaks of a training set: where its rows went, counted again from the version of the table it names."""
        number = run.data.get(self.definition.asked)
        try:
            definition = self._as_it_was(run, version)
        except TrimaranError as error:
            self.doubts["training"] = f"{run.name} cannot be counted again: {error}"
            return []
        if number is None or number in self.lawful.vacuumed.get(self.definition.asked, set()):
            return []
        place = run.code.source, number, training.until
        try:
            if place not in self.counted:  # the segments of one job share their rows
                rows = self._rows(definition.asked, number)
                self.counted[place] = divide(
                    definition, Snapshot({definition.asked: rows}, run.data, training.until)
                ).balance
            again = self.counted[place]
        except (InputError, NotFound) as error:
            return [_of("training", run, f"its training set cannot be counted again ({error})", training.entered, 0)]
        erased = sum(count for version, count in self.lawful.rows.get(definition.asked, {}).items() if version <= number)
        if again.left == training.left or 0 < training.entered - again.entered <= erased:
            return []
        moved = [
            f"{place} {training.left.get(place, 0):,} then and {again.left.get(place, 0):,} now"
            for place in {**training.left, **again.left}
            if training.left.get(place, 0) != again.left.get(place, 0)
        ]
        what = f"the rows of {run.name} are not where its totals say: {', '.join(moved)}"
        return [_of("training", run, what, training.entered, again.entered)]

    def _as_it_was(self, run: Run, version: ModelVersion | None) -> Definition:
        newest = self.workspace.ledger.latest(Declared, self.definition.name)
        if newest is not None and newest[1].source == run.code.source:
            return self.definition
        if version is not None:
            return self.workspace.definition(version)
        return load_text(self.workspace.objects.get(run.code.source).decode(), root=self.workspace.data_root)

    def _rows(self, table: str, version: int) -> pl.DataFrame:
        declared = self.definition.tables[table]
        if version < 0:
            return pl.DataFrame(schema=declared.schema)
        return self.workspace.tables.read(self._address(table), version).collect()

    def _keys(self, table: str, rows: pl.DataFrame) -> list[str]:
        names = identity(self.definition.tables[table])
        texts = [pl.col(name).cast(pl.String) for name in names]
        return sorted(set(rows.select(pl.concat_str(texts, separator=" ", ignore_nulls=True)).to_series()))

    def _address(self, table: str) -> str:
        return f"{self.definition.name}/{table}"


def _only(rows: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    """Return the rows that another frame does not have, each as often as it has it less often."""
    if rows.is_empty():
        return rows
    names = rows.columns
    counted = (frame.with_columns(pl.int_range(pl.len()).over(names).alias(_PLACE)) for frame in (rows, other))
    mine, theirs = counted
    return mine.join(theirs, on=[*names, _PLACE], how="anti", nulls_equal=True).drop(_PLACE)


def _of(handover: str, run: Run, what: str, expected: int, found: int) -> Break:
    return Break(handover=handover, what=what, expected=expected, found=found, until=run.ended)
