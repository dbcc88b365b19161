"""The parts of a product, each tried alone: contracts on a sample, features on rows, the model's fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from trimaran.app.gathering import Gathered
from trimaran.app.trying.cases import Cases, Outcome, Warned
from trimaran.app.trying.slicing import Slice
from trimaran.build import Rows, fit_model, scores_of
from trimaran.core.errors import Fault, InputError
from trimaran.core.nouns import Finding
from trimaran.core.tasks import evenly
from trimaran.data.contracts import Delivery, Surroundings, judge_delivery
from trimaran.data.contracts import Rows as Count
from trimaran.data.declaration import Definition, Feature, Table
from trimaran.data.features import FeatureEngine

SAMPLE = 100_000
"""Rows of a table that its contract is held against."""

MOST_REFUSED = 0.5
"""A check that refuses more than this share of a sample fails; fewer rows would go into quarantine, which is what it is for."""

ASKED, ALONE, FITTED = 1_000, 20, 2_000
"""Rows that a feature is computed for, rows that are asked alone as well, and rows that a model is fitted on twice."""


def try_contracts(cases: Cases, definition: Definition, gathered: Gathered, now: datetime, seed: int) -> None:
    """Hold a sample of each table against its contract and the expectations about it; a case for each."""
    around = Surroundings(now, others=dict(gathered.frames))
    for name, table in definition.tables.items():
        rows, spoiled = gathered.frames[name], gathered.unreadable.get(name)
        delivery = cases.attempt("contract", name, partial(_judged, definition, table, rows, around, seed), _kept)
        if delivery is not None:
            _told(cases, definition, name, delivery)
        if spoiled is not None and spoiled.height:
            share = spoiled.height / (rows.height + spoiled.height)
            outcome: Outcome = "fail" if share > MOST_REFUSED else "warn"
            cases.add("contract", f"{name}: readable", outcome, f"{spoiled.height:,} rows cannot be read ({share:.2%})")


def _judged(definition: Definition, table: Table, rows: pl.DataFrame, around: Surroundings, seed: int) -> Delivery:
    if rows.height > SAMPLE:
        rows = rows[pl.int_range(rows.height, eager=True).sample(SAMPLE, seed=seed).sort()]
        if table.contract is not None:  # a sample has fewer rows than what the contract counts
            counted = [check for check in table.contract.checks if not isinstance(check, Count)]
            table = replace(table, contract=replace(table.contract, checks=tuple(counted)))
    return judge_delivery(table, definition.expectations, rows, None, around)


def _kept(delivery: Delivery) -> str:
    return f"{delivery.kept.height:,} of {delivery.rows_in:,} rows {'of a sample ' if delivery.rows_in == SAMPLE else ''}are kept"


def _told(cases: Cases, definition: Definition, table: str, delivery: Delivery) -> None:
    found: dict[str, Finding] = {finding.check: finding for finding in delivery.findings}
    reasons = {name.removesuffix(": the delivery as a whole"): count for name, count in delivery.reasons.items()}
    own = [part.name for part in definition.expectations if part.table == table]
    for name in dict.fromkeys([*own, *found, *reasons]):
        finding, refused = found.get(name), reasons.get(name, 0)
        share = refused / max(delivery.rows_in, 1)
        if finding is not None and finding.outcome == "fail" and (share > MOST_REFUSED or name in delivery.stopped):
            cases.add("contract", f"{table}: {name}", "fail", f"{finding.reason}; nothing of such a delivery is kept")
        elif finding is not None and finding.outcome != "pass":
            cases.add("contract", f"{table}: {name}", "warn", finding.reason)
        elif refused:
            outcome: Outcome = "fail" if share > MOST_REFUSED else "warn"
            said = f"{refused:,} of {delivery.rows_in:,} rows break it ({share:.2%}) and go into quarantine"
            cases.add("contract", f"{table}: {name}", outcome, said)
        else:
            cases.add("contract", f"{table}: {name}", "pass", finding.reason if finding is not None else "every row holds")


def try_features(cases: Cases, definition: Definition, part: Slice) -> None:
    """Compute each feature by itself for a sample of rows, and for some of them alone: one row must be what it is in a batch."""
    rows = part.frames[definition.asked]
    asked = rows[np.unique(np.linspace(0, rows.height - 1, min(ASKED, rows.height)).astype(np.int64))]
    for feature in definition.features:
        cases.attempt("feature", feature.name, partial(_computed, definition, feature, part.frames, asked), str)


def _computed(definition: Definition, feature: Feature, frames: Mapping[str, pl.DataFrame], asked: pl.DataFrame) -> str:
    engine = FeatureEngine(_needed(definition, feature), definition.tables, definition.asked, definition.predict_at)
    prepared = {name: engine.prepare(name, frames[name]) for name in engine.needs}

    def values(some: pl.DataFrame) -> pl.Series:
        made = engine.compute(some, prepared)[feature.name]
        if not (made.dtype.is_numeric() or made.dtype in {pl.Boolean, pl.Null}):
            what = f"its values are {made.dtype}, and a model takes numbers"
            raise InputError(
                feature.name, [Fault(what=what, where=feature.where, remedy="return a number, or true and false")]
            )
        return made.cast(pl.Float32).fill_nan(None)

    batch = values(asked)
    places = np.unique(np.linspace(0, asked.height - 1, min(ALONE, asked.height)).astype(int)).tolist()
    for place in places:
        alone, together = values(asked[place : place + 1])[0], batch[place]
        if alone != together:
            key = asked[definition.key][place]
            what = f"the row {definition.key} {key!r} asked alone gives {alone}, among {asked.height:,} rows {together}"
            remedy = "let it depend on its own row and what it looks up alone: it is asked a row at a time when it serves"
            raise InputError(feature.name, [Fault(what=what, where=feature.where, remedy=remedy)])
    missing = batch.null_count() / max(batch.len(), 1)
    if missing == 1:
        raise Warned(f"it is missing in all {batch.len():,} rows")
    return f"{batch.len():,} rows, {missing:.1%} missing; {len(places)} of them alone are the same"


def _needed(definition: Definition, feature: Feature) -> list[Feature]:
    """Return a feature and those that it is made of, in an order in which each can be computed."""
    known = {one.name: one for one in definition.features}
    wanted, names = [feature], {feature.name}
    for one in wanted:
        for name in one.columns if one.kind == "row" else ():
            if name in known and name not in names:
                names.add(name)
                wanted.append(known[name])
    return [one for one in definition.features if one.name in names]


def try_fit(definition: Definition, train: Rows, seed: int) -> str:
    """Fit the model twice on the same rows with the same seed, with the parameters it has by itself; the answers must agree.

    Raises ``InputError`` where they differ, ``UserCodeError`` with the author's traceback.
    """
    some = train.take(evenly(train.labels, FITTED))
    model, task = definition.model, definition.task
    with threadpool_limits(limits=1):
        first, second = (
            scores_of(fit_model(model, task, some.features, some.labels, model.parameters, seed), task, some.features)
            for _ in range(2)
        )
    if not task.sound(first).all():
        raise InputError("fit", [Fault(what="it gives scores that can be no answer", where=model.where, remedy="mend it")])
    if not np.array_equal(first, second):
        what = f"two fits on the same {len(some):,} rows with one seed differ by up to {np.abs(first - second).max():.2g}"
        raise InputError("fit", [Fault(what=what, where=model.where, remedy="draw random numbers from a seeded generator")])
    return f"{len(some):,} rows of {some.features.width} features, twice the same"
