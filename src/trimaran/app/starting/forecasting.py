"""Looks at the series of a table: their step, which lags are known at the horizon, and which naive forecast is the best."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from trimaran.app.starting.columns import FEW_CATEGORIES, Judged
from trimaran.app.starting.looking import FEWEST_ROWS, Looked
from trimaran.core.durations import format_duration, parse_duration
from trimaran.core.errors import Fault, InputError

SERIES = "series"
"""The column that is the one series of a table where none is named."""

_DAY = timedelta(days=1)
_SEASONS = (_DAY, 7 * _DAY, 364 * _DAY, 365 * _DAY)
_MONTH = (27 * _DAY, 32 * _DAY)
_REGULAR, _OLDER = 0.95, 0.8
_ROLLED = (7, 28)
_MICROSECOND = timedelta(microseconds=1)
_AT, _NUMBER, _BY = "__at", "__number", "__by"


@dataclass(frozen=True)
class Outlook:
    """What a forecast stands on.

    ``step`` is from one row of a series to the next, ``within`` how much older a lag's value may be, ``lags`` are the
    features, ``naive`` the one of them that is the naive forecast; ``errors`` are the mean absolute errors of the naive
    forecasts that were compared, on the oldest four fifths of the rows. ``windows`` are those of the rolling means.
    """

    horizon: timedelta
    step: timedelta
    within: timedelta
    lags: tuple[timedelta, ...]
    naive: timedelta
    errors: dict[timedelta, float]
    windows: tuple[timedelta, ...]
    series: int


def look_ahead(looked: Looked) -> Outlook:
    """Return what a forecast of a table stands on; raises ``InputError`` for series that are none, or are too short."""
    horizon = parse_duration(str(looked.asked.forecast))
    rows = _points(looked)
    _refuse_doubles(looked, rows)
    gaps = rows.select((pl.col(_AT).diff().over(_BY)).drop_nulls())[_AT]
    if gaps.is_empty():
        raise _refused(looked, "no series has two rows", "name the column that rows of one series share with --by")
    step, within = _step(gaps)
    whole = timedelta(microseconds=int(rows.select((pl.col(_AT).max() - pl.col(_AT).min()).over(_BY).max()).item(0, 0)))
    first = _known(horizon, step)
    errors: dict[timedelta, float] = {}
    for season in dict.fromkeys([step, *_SEASONS]):
        lag = _known(horizon, season)
        if season >= step and 3 * lag <= whole and (error := _error(rows, lag, within)) is not None:
            errors.setdefault(lag, error)
    if not errors:
        what = f"the series span {format_duration(whole)}, too little to forecast {format_duration(horizon)} ahead"
        raise _refused(looked, what, f"give a horizon of {format_duration(whole / 6)} at most, or more history")
    naive = min(errors, key=lambda lag: (errors[lag], lag))
    wanted = {first, first + step, first + 2 * step, *errors, 2 * naive}
    return Outlook(
        horizon=horizon,
        step=step,
        within=within,
        lags=tuple(sorted(lag for lag in wanted if 3 * lag <= whole or lag == naive)),
        naive=naive,
        errors=errors,
        windows=tuple(count * step for count in _ROLLED if 3 * count * step <= whole),
        series=rows[_BY].n_unique(),
    )


def judge_series(looked: Looked, horizon: timedelta) -> Judged:
    """Return what the other columns are good for: what never changes within a series is known ahead, and nothing else."""
    judged = Judged()
    own = {looked.label, looked.time, looked.by, looked.key}
    ahead = format_duration(horizon)
    for name in looked.rows.columns:
        if name in own:
            continue
        column = looked.rows[name]
        kind, values = column.dtype, column.drop_nulls().n_unique()
        varies = looked.by is None or looked.rows.group_by(looked.by).agg(pl.col(name).n_unique() > 1)[name].any()
        if values <= 1:
            judged.left_out[name] = "the same in every row"
        elif varies:
            judged.left_out[name] = f"it changes within a series: is it known {ahead} ahead?"
        elif kind.is_numeric() or kind == pl.Boolean:
            judged.numbers.append(name)
        elif kind in {pl.String, pl.Categorical, pl.Enum} and values <= FEW_CATEGORIES:
            judged.codes[name] = column.drop_nulls().cast(pl.String).unique().sort().to_list()
        else:
            judged.left_out[name] = f"{values} values of {kind} for as many series or fewer"
    return judged


def _points(looked: Looked) -> pl.DataFrame:
    by = pl.lit("") if looked.by is None else pl.col(looked.by).cast(pl.String)
    at = pl.col(str(looked.time)).cast(pl.Datetime("us")).dt.epoch("us")
    number = pl.col(looked.label).cast(pl.Float64).fill_nan(None)
    rows = looked.rows.select(by.alias(_BY), at.alias(_AT), number.alias(_NUMBER))
    return rows.drop_nulls([_BY, _AT]).sort(_BY, _AT)


def _refuse_doubles(looked: Looked, rows: pl.DataFrame) -> None:
    double = rows.filter(pl.struct(_BY, _AT).is_duplicated())
    if double.is_empty():
        return
    asked = looked.asked
    told = f"{asked.time}" if asked.by is None else f"{asked.by} and {asked.time}"
    remedy = f"name the column that rows of one series share: --by, one of {', '.join(_candidates(looked))}"
    if asked.by is not None:
        remedy = "give one row for each moment of a series: sum them up first"
    raise _refused(looked, f"{double.height} rows share {told} with another", remedy)


def _candidates(looked: Looked) -> list[str]:
    """Return the columns that may name series, as the file calls them."""
    back = {new: old for old, new in looked.renamed.items()}
    own = {looked.label, looked.time}
    return [
        back.get(name, name) for name in looked.rows.columns if name not in own and not looked.rows[name].dtype.is_float()
    ]


def _step(gaps: pl.Series) -> tuple[timedelta, timedelta]:
    """Return the step of the series, and how much older than itself a lag's value may be."""
    median = timedelta(microseconds=int(gaps.median() or 0))  # type: ignore[arg-type]  # whole numbers
    if _MONTH[0] <= median <= _MONTH[1]:
        return 28 * _DAY, 31 * _DAY  # so long before the first of any month lies the month before
    regular = float((gaps == median // _MICROSECOND).mean() or 0.0)  # type: ignore[arg-type]  # a share
    return median, timedelta() if regular >= _REGULAR else median


def _known(horizon: timedelta, season: timedelta) -> timedelta:
    """Return the first multiple of a season that is as long as the horizon."""
    return math.ceil(horizon / season) * season


def _error(rows: pl.DataFrame, lag: timedelta, within: timedelta) -> float | None:
    """Return the mean absolute error of the value so long before, on the oldest four fifths of the rows."""
    newest = rows[_AT].quantile(_OLDER, interpolation="nearest")
    older = rows.filter(pl.col(_AT) <= newest).sort(_AT)
    then = older.with_columns(then=pl.col(_AT) - lag // _MICROSECOND)
    past = older.select(_BY, _AT, past=pl.col(_NUMBER))
    found = then.join_asof(
        past,
        left_on="then",
        right_on=_AT,
        by=_BY,
        strategy="backward",
        tolerance=within // _MICROSECOND,
        check_sortedness=False,
    )
    errors = found.select((pl.col(_NUMBER) - pl.col("past")).abs())[_NUMBER].drop_nulls()
    return float(errors.mean()) if errors.len() >= FEWEST_ROWS // 2 else None  # type: ignore[arg-type]  # numbers


def _refused(looked: Looked, what: str, remedy: str) -> InputError:
    return InputError(str(looked.asked.path), [Fault(what=what, where=looked.asked.path.name, remedy=remedy)])
