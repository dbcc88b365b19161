"""Judges a declaration as a whole: every fault at once, each with its place and the valid choices."""

from __future__ import annotations

import difflib
import traceback
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import polars as pl
from msgspec import structs

from trimaran.core.errors import DefinitionError, Fault, FaultyError, TrimaranError
from trimaran.core.tasks import Value
from trimaran.data.contracts import Contract, recorded, settled, settles
from trimaran.data.declaration.composing import composed
from trimaran.data.declaration.definition import Definition
from trimaran.data.declaration.draft import Draft
from trimaran.data.declaration.grouping import group_faults
from trimaran.data.declaration.lagging import lag_faults
from trimaran.data.declaration.ordering import order
from trimaran.data.declaration.parts import (
    PREDICT_AT,
    Acceptance,
    Expectation,
    Feature,
    Label,
    Moment,
    ReleasePolicy,
    Retraining,
    Table,
    Watch,
    parse_moment,
)
from trimaran.data.declaration.segmenting import segment_faults
from trimaran.data.declaration.tasking import asked_table, label_faults, measured
from trimaran.data.sources import Source, columns, guessed

TRIGGERS = ("drift", "decay", "stale")
ONLINE_ONLY = ("errors", "drift")
MOMENT = pl.Datetime("us", "UTC")


def define(draft: Draft, root: Path, schemas: Mapping[str, pl.Schema], *, evolve: bool = False) -> Definition:
    """Return the definition a declaration amounts to; raises ``DefinitionError`` with every fault at once.

    The source of a table that ``schemas`` names is not opened, but for one that may ``evolve``.
    """
    judge = _Judge(draft, root, schemas, evolve=evolve)
    definition = judge.definition()
    if definition is None:
        raise DefinitionError(f"product {draft.name!r}", sorted(judge.draft.faults, key=_place))
    return definition


class _Judge:
    """Works through one declaration; what it finds goes to the draft's list of faults."""

    def __init__(self, draft: Draft, root: Path, schemas: Mapping[str, pl.Schema], *, evolve: bool) -> None:
        self.draft = replace(draft, faults=list(draft.faults))
        self.root = root
        self.schemas = schemas
        self.evolve = evolve

    def definition(self) -> Definition | None:
        draft = self.draft
        tables = {name: self._table(table) for name, table in draft.tables.items()}
        if not draft.labels:
            draft.fault("no label is declared", draft.where, "add @product.label(table, wait=…) above a function")
        if len(draft.labels) > 1:
            draft.fault("more than one label is declared", draft.labels[1][0].where, "keep one label a product")
        if len(draft.models) != 1:
            where = draft.models[1].where if draft.models else draft.where
            draft.fault(f"{len(draft.models)} models are declared", where, "declare one @product.model function")
        if draft.acceptance is None:
            draft.fault("no gate is declared", draft.where, "add product.accept(out_of_time='30d', auc='>= 0.7')")
        asked = asked_table(draft, tables)
        if asked is None:
            return None
        draft.features = {name: replace(part, table=part.table or asked.name) for name, part in self.draft.features.items()}
        moment = self._moment(asked)
        features = self._features(tables, asked, moment)
        self._expectations(tables)
        if not draft.labels:
            return None
        label = self._label(asked)
        draft.faults += [*lag_faults(draft, tables, moment, label), *group_faults(draft, asked, label)]
        measured(draft, label)
        self._policies(asked)
        if draft.faults or moment is None or draft.acceptance is None:
            return None
        return Definition(
            name=draft.name,
            owner=draft.owner,
            root=self.root,
            predict_at=moment,
            asked=asked.name,
            tables=tables,
            expectations=tuple(draft.expectations.values()),
            features=features,
            label=label,
            model=draft.models[0],
            tests=tuple(draft.tests.values()),
            acceptance=draft.acceptance,
            release=draft.release or ReleasePolicy(),
            watch=draft.watch or Watch(),
            retraining=draft.retraining or Retraining(),
            value=draft.value or Value(),
            suggestion=draft.suggestion,
            replication=draft.replication,
            worth=draft.worth,
            naive=draft.naive,
        )

    def _held(self, table: Table, source: Source, moments: Collection[str]) -> pl.Schema | None:
        """Return the columns of a table that holds rows, and behind them those that came to its source since."""
        held = self.schemas.get(table.name)
        if held is None or not self.evolve or table.schema_change != "evolve":
            return held
        try:
            return pl.Schema({**held, **{name: kind for name, kind in columns(source, moments).items() if name not in held}})
        except TrimaranError:
            return held  # reading the source says what is wrong with it

    def _table(self, table: Table) -> Table:
        draft, where = self.draft, self.draft.where
        source = table.source.at(self.root)
        moments = {*filter(None, [table.time]), *table.known.values()}
        try:
            schema = self._held(table, source, moments) or _come(table, source, moments, self.root)
        except TrimaranError as error:
            found = error.faults if isinstance(error, FaultyError) else [Fault(what=str(error))]
            for fault in found:
                what = f"table {table.name!r} cannot be read from {fault.where or source.label}: {fault.what}"
                draft.fault(what, where, fault.remedy)
            return table
        named = [*table.key, *filter(None, [table.time]), *table.known, *table.known.values()]
        self._unknown(dict.fromkeys(named), schema.names(), f"table {table.name!r} names", where)
        for column in dict.fromkeys([*filter(None, [table.time]), *table.known.values()]):
            kind = schema.get(column)
            if isinstance(kind, pl.Datetime) and kind.time_zone is None:
                draft.fault(
                    f"{table.name}.{column} is a time without a zone", where, "give it one: .dt.replace_time_zone(…)"
                )
            elif kind is not None and not isinstance(kind, pl.Datetime):
                draft.fault(f"{table.name}.{column} is {kind}, not a moment", where, "make it a Datetime with a zone")
        return replace(table, schema=schema, contract=self._contract(table, schema))

    def _contract(self, table: Table, schema: pl.Schema) -> Contract | None:
        if table.contract is None or table.name in self.schemas:
            return table.contract and recorded(table.contract, table.name, self.root, schema)
        found, faults = settled(table.contract, table.name, self.root, schema, self.draft.tables)
        self.draft.faults += [fault if fault.where else structs.replace(fault, where=self.draft.where) for fault in faults]
        return found

    def _moment(self, asked: Table) -> Moment | None:
        draft = self.draft
        try:
            moment = parse_moment(draft.predict_at)
        except FaultyError as error:
            draft.fault(f"predict_at {draft.predict_at!r}: {error.faults[0].what}", draft.where, error.faults[0].remedy)
            return None
        if asked.schema and moment.column not in asked.schema:
            self._unknown([moment.column], asked.schema.names(), "predict_at names", draft.where)
            return None
        if moment.column in asked.late:
            draft.fault(
                f"predict_at uses {moment.column!r}, which is only known at {asked.late[moment.column]!r}",
                draft.where,
                "use a column that is there from the start, like the row's time",
            )
        return moment

    def _features(self, tables: dict[str, Table], asked: Table, moment: Moment | None) -> tuple[Feature, ...]:
        draft = self.draft
        types: dict[str, pl.DataType] = {PREDICT_AT: MOMENT, **asked.schema}
        ordered, rings = order(list(draft.features.values()))
        draft.faults += rings
        features: list[Feature] = []
        for feature in ordered:
            table = tables.get(feature.table)
            if table is None or not table.schema:
                continue
            if PREDICT_AT in feature.inputs:
                self._timed(feature, table, moment)
            whole = feature
            if feature.kind == "row" and table.name == asked.name:
                self._row(feature, asked, moment)
                schema = pl.Schema(types)
            else:
                whole = self._composed(feature, table, bool(rings))
                schema = pl.Schema({PREDICT_AT: MOMENT, **table.schema})
            if feature.kind == "row" and table.name != asked.name:
                self._unasked(whole, table, asked)
                self._typed(whole, schema)
                continue
            if feature.kind != "row":
                self._joined(whole, table, asked)
            kind = self._typed(whole, schema)
            if kind is not None and feature.name not in asked.schema:
                types[feature.name] = kind
            elif kind is not None:
                draft.fault(f"feature {feature.name!r} has the name of a column", feature.where, "give it another name")
            features.append(whole)
        return tuple(features)

    def _timed(self, feature: Feature, table: Table, moment: Moment | None) -> None:
        """Refuse a name that could mean two things."""
        if PREDICT_AT in table.schema and not (moment == Moment(PREDICT_AT) and feature.kind == "row"):
            what = (
                f"feature {feature.name!r} uses {PREDICT_AT!r}: the moment of the prediction or the column of {table.name}?"
            )
            self.draft.fault(what, feature.where, "give the column another name")

    def _composed(self, feature: Feature, table: Table, ring: bool) -> Feature:  # noqa: FBT001  a private step
        """Return a feature over its table's columns; a column's name is never a feature's."""
        if ring:
            return feature
        label = self.draft.labels[0][0] if self.draft.labels else None
        others = {name: each for name, each in self.draft.features.items() if name not in table.schema}
        whole, faults = composed(feature, others, None if label is None or label.name in table.schema else label)
        self.draft.faults += faults
        if (
            label is not None
            and any(part.name == label.name for part in whole.over)
            and not set(label.inputs) & set(table.late)
        ):
            what = f"feature {feature.name!r} uses the label {label.name!r}, which is known from the start"
            self.draft.fault(what, feature.where, "say when the label's columns become known: known= on the table")
        return whole

    def _unasked(self, feature: Feature, table: Table, asked: Table) -> None:
        """Judge a row feature over a table that is looked up: it counts through the features made of it."""
        if not any(feature.name in each.inputs and each.table == table.name for each in self.draft.features.values()):
            self.draft.fault(
                f"feature {feature.name!r} is over {table.name!r}, whose rows are not the asked ones",
                feature.where,
                f"say which column of {asked.name} names the row: on='{table.key[0]}', or by= and window=",
            )
        self._unknown(feature.columns, table.schema.names(), f"feature {feature.name!r} uses", feature.where)

    def _row(self, feature: Feature, asked: Table, moment: Moment | None) -> None:
        choices = [*asked.schema.names(), *self.draft.features]
        self._unknown(feature.columns, choices, f"feature {feature.name!r} uses", feature.where)
        for name in feature.inputs:
            if name in asked.late:
                self.draft.fault(
                    f"feature {feature.name!r} leaks the future: {name!r} becomes known at {asked.late[name]!r}, "
                    f"and the prediction is made at {moment or self.draft.predict_at}",
                    feature.where,
                    "use it in a window over earlier rows: @product.feature(…, by=…, window=…)",
                )

    def _joined(self, feature: Feature, table: Table, asked: Table) -> None:
        self._unknown(feature.columns, table.schema.names(), f"feature {feature.name!r} uses", feature.where)
        self._unknown(feature.on, asked.schema.names(), f"feature {feature.name!r} joins on", feature.where)
        late = [name for name in feature.on if name in asked.late]
        for name in late:
            self.draft.fault(
                f"feature {feature.name!r} joins on {name!r}, which becomes known at {asked.late[name]!r}",
                feature.where,
                "join on a column that is there from the start",
            )
        if feature.kind == "window":
            self._unknown(feature.on, table.schema.names(), f"feature {feature.name!r} groups by", feature.where)
            if table.time is None:
                self.draft.fault(
                    f"feature {feature.name!r} has a window over {table.name!r}, which has no time", feature.where
                )
            if not feature.on:
                self.draft.fault(f"feature {feature.name!r} has a window but no by=", feature.where, "say by which column")
        elif len(feature.on) != len(table.key):
            self.draft.fault(
                f"feature {feature.name!r} joins on {', '.join(feature.on)}, but the key of {table.name} is "
                f"{', '.join(table.key)}",
                feature.where,
                "name one column of the asked table for each column of the key",
            )

    def _typed(self, part: Feature | Expectation | Label, schema: pl.Schema) -> pl.DataType | None:
        """Return the type of a part's expression, None (and a fault) when it cannot be computed on the schema."""
        if any(name not in schema for name in part.inputs):
            return None
        try:
            empty = pl.DataFrame(schema=schema)
            lazily = empty.lazy().select(part.expression)
            kind = lazily.collect_schema()[part.name]
            rows = pl.concat([empty, pl.DataFrame({name: [None] * 2 for name in schema}, schema=schema)])
            height = rows.lazy().select(part.expression).collect().height
        except Exception as error:  # noqa: BLE001  the author's own function: any error of it is a fault of the declaration
            last = traceback.extract_tb(error.__traceback__)[-1]
            text = str(error).splitlines()[0] if str(error) else type(error).__name__
            remedy = f"its parameters are Polars expressions; the error is in {last.name}()"
            self.draft.fault(f"{part.name!r} cannot be computed: {type(error).__name__}: {text}", part.where, remedy)
            return None
        if isinstance(part, Feature):
            self._shaped(part, kind, aggregated=height == 1)
        return kind

    def _shaped(self, feature: Feature, kind: pl.DataType, *, aggregated: bool) -> None:
        if feature.kind == "window" and not aggregated:
            self.draft.fault(
                f"feature {feature.name!r} does not aggregate its window", feature.where, "end it with .mean(), .count(), …"
            )
        if feature.kind != "window" and aggregated:
            self.draft.fault(
                f"feature {feature.name!r} aggregates whole columns",
                feature.where,
                "give it by= and window=, or drop the aggregate",
            )
        if not (kind.is_numeric() or kind == pl.Boolean):
            self.draft.fault(
                f"feature {feature.name!r} is {kind}, not a number", feature.where, "make it one: a code, a count or a rate"
            )

    def _expectations(self, tables: dict[str, Table]) -> None:
        for part in self.draft.expectations.values():
            schema = tables[part.table].schema
            if not schema:
                continue
            self._unknown(part.inputs, schema.names(), f"expectation {part.name!r} uses", part.where)
            kind = self._typed(part, schema)
            if kind is not None and kind != pl.Boolean:
                self.draft.fault(f"expectation {part.name!r} gives {kind}", part.where, "end it with a comparison")

    def _label(self, asked: Table) -> Label:
        label, wait = self.draft.labels[0]
        if not asked.schema:
            return label
        self._unknown(label.inputs, asked.schema.names(), f"label {label.name!r} uses", label.where)
        kind = self._typed(label, asked.schema)
        for what, remedy in label_faults(label, kind):
            self.draft.fault(what, label.where, remedy)
        late = tuple(dict.fromkeys(asked.late[name] for name in label.inputs if name in asked.late))
        if late and wait is None:
            names = ", ".join(repr(name) for name in label.inputs if name in asked.late)
            self.draft.fault(
                f"label {label.name!r} uses {names}, known only at {', '.join(map(repr, late))}, but has no waiting time",
                label.where,
                "say how long it may take: @product.label(…, wait='2d')",
            )
        if asked.time is None:
            self.draft.fault(f"table {asked.name!r} is predicted but has no time", label.where, "declare time= on it")
            return label
        return replace(label, known=late or (asked.time,))

    def _policies(self, asked: Table) -> None:
        draft, place = self.draft, self.draft.places
        if draft.acceptance is not None:
            self._gate(draft.acceptance, asked, place["accept"])
        if draft.release is not None:
            steps = draft.release.steps
            if not steps or steps[-1] != 100 or list(steps) != sorted(set(steps)) or steps[0] <= 0:  # noqa: PLR2004  per cent
                draft.fault(f"steps {list(steps)} do not rise to 100", place["release"], "write them like [5, 25, 100]")
        if draft.retraining is not None:
            self._retraining(draft.retraining, draft.watch or Watch(), place["retrain"])
        if draft.replication is not None and asked.schema:
            self._unknown([draft.replication.by], asked.schema.names(), "replicate names", place["replicate"])
            draft.faults += segment_faults(draft.replication, asked, draft.suggestion, place["replicate"])
        if draft.suggestion is not None:
            self._unknown(draft.suggestion.tables, list(draft.tables), "suggest names", draft.suggestion.where)

    def _gate(self, acceptance: Acceptance, asked: Table, where: str) -> None:
        if asked.schema:
            self._unknown(self.draft.slices, asked.schema.names(), "worst_slice names", where)
        for rule in acceptance.rules:
            if rule.measure in ONLINE_ONLY:
                remedy = "put it into release(rollback=…), which looks at what the candidate answers"
                self.draft.fault(f"accept() asks for {rule.measure}, which shows only in traffic", where, remedy)

    def _retraining(self, policy: Retraining, watch: Watch, where: str) -> None:
        self._unknown(policy.when, TRIGGERS, "retrain(when=…) names", where)
        silent = {"drift": not watch.drift, "decay": watch.decay is None, "stale": watch.stale is None}
        for name in policy.when:
            if silent.get(name):
                self.draft.fault(f"retrain waits for {name!r}, which is not watched", where, f"add {name}= to watch()")

    def _unknown(self, names: Iterable[str], choices: Iterable[str], subject: str, where: str) -> None:
        valid = list(choices)
        for name in names:
            if name not in valid:
                close = difflib.get_close_matches(name, valid, n=1)
                nearest = f"did you mean {close[0]!r}? " if close else ""
                self.draft.fault(
                    f"{subject} {name!r}, which is not there", where, f"{nearest}choose from: {', '.join(valid)}"
                )


def _come(table: Table, source: Source, moments: Collection[str], root: Path) -> pl.Schema:
    """Return the columns that come from a source; what text looks like gives way to what a contract promises."""
    found = columns(source, moments)
    return found if table.contract is None or not guessed(source) else settles(table.contract, table.name, root, found)


def _place(fault: Fault) -> tuple[str, int]:
    file, _, line = fault.where.rpartition(":")
    return file, int(line) if line.isdigit() else 0
