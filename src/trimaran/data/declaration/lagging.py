"""Lags: what a column of a series was so long before a row's own time; one that is not known by then is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import partial

import polars as pl

from trimaran.core.durations import format_duration
from trimaran.core.errors import Fault
from trimaran.data.declaration.draft import Draft
from trimaran.data.declaration.parts import PREDICT_AT, Feature, Label, Moment, Table

_MICROSECOND = timedelta(microseconds=1)


def lag_name(column: str, lag: timedelta) -> str:
    """Return the name of a lag's feature.

    >>> lag_name("sold", timedelta(days=7))
    'sold_lag_7d'
    """
    return f"{column}_lag_{format_duration(lag)}"


def lagged(table: Table, column: str, by: tuple[str, ...], span: tuple[timedelta, timedelta], ahead: timedelta) -> Feature:
    """Return the feature of a lag: a window back to it, of which the newest value at or before it counts.

    ``span`` is the lag and how much older a value may be where there is none at that very moment; ``ahead`` is how long
    before its own time a row is predicted. What is asked is the value, so one that becomes known later than the prediction
    is not seen, like in any window.
    """
    lag, within = span
    back = max(lag - ahead, timedelta())
    return Feature(
        name=lag_name(column, lag),
        table=table.name,
        kind="window",
        function=partial(_newest_before, back),
        inputs=(column, str(table.time), PREDICT_AT),
        on=by,
        window=back + within + _MICROSECOND,
        back=back,
        description=f"{column} of the same {' and '.join(by)} {format_duration(lag)} before",
    )


def lag_faults(draft: Draft, tables: Mapping[str, Table], moment: Moment | None, label: Label) -> Iterator[Fault]:
    """Yield why a lag cannot be used: it must be of the asked table, and at least as long as the horizon."""
    if moment is None:
        return
    asked = tables[label.table]
    for lag in draft.lags:
        named = f"the lag {format_duration(lag.lag)} of {lag.column!r}"
        ahead, late = -moment.offset, lag.column in asked.late
        if lag.table != asked.name or moment.column != asked.time:
            what = (
                f"{named} counts back from {lag.table}.{tables[lag.table].time}, and {asked.name} is predicted at {moment}"
            )
            yield Fault(what=what, where=lag.where, remedy=f"take lags of {asked.name}, with predict_at='{asked.time} - 1d'")
        elif late and lag.lag < ahead:
            what = f"{named} leaks the future: it is shorter than the horizon, {format_duration(ahead)}, and not known at {moment}"
            yield Fault(what=what, where=lag.where, remedy=f"give lags of {format_duration(ahead)} or more")
        elif late and lag.lag <= timedelta():
            yield Fault(
                what=f"{named} leaks the future: it is the row's own value", where=lag.where, remedy="give longer lags"
            )
    yield from _naive_faults(draft, label)


def _naive_faults(draft: Draft, label: Label) -> Iterator[Fault]:
    naive = draft.naive
    if naive is None:
        return
    if label.kind != "regression":
        what = f"the naive forecast {naive.feature} is a number, and the label {label.name!r} is {label.kind}"
        yield Fault(what=what, where=naive.where, remedy='make the label a number: task="regression"')
    columns = [lag.column for lag in draft.lags if lag_name(lag.column, lag.lag) == naive.feature]
    if columns and label.inputs != tuple(columns):
        what = f"the naive forecast is of {columns[0]!r}, and the label {label.name!r} is made of {', '.join(label.inputs)}"
        yield Fault(what=what, where=naive.where, remedy="take lags of what is predicted, or leave naive= out")
    if draft.replication is not None:
        what = "a replicated product is not held against a naive forecast"
        yield Fault(what=what, where=naive.where, remedy="leave naive= out, or replicate()")


def _newest_before(back: timedelta, value: pl.Expr, time: pl.Expr, predict_at: pl.Expr) -> pl.Expr:
    return value.filter(time <= predict_at - back).last()
