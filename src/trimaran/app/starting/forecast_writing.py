"""Writes the product file of a forecast: lags and rolling means as far as they are known ahead, and a naive forecast to beat."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import polars as pl

from trimaran.app.starting.columns import Judged
from trimaran.app.starting.forecasting import SERIES, Outlook
from trimaran.app.starting.looking import Looked
from trimaran.app.starting.phrasing import call, plain, rounded, short, text, whole_file
from trimaran.app.starting.portfolio import Portfolio, imports_of, write_model
from trimaran.app.starting.writing import (
    TEST_SHARE,
    calendar,
    columns_of,
    free_name,
    left_out,
    mapping,
    moment_of,
    reader_of,
)
from trimaran.core.durations import format_duration


def write_forecast(name: str, looked: Looked, judged: Judged, outlook: Outlook, portfolio: Portfolio, owner: str) -> str:
    """Return the text of a product file; ``trimaran run`` takes it as it is."""
    known = looked.rows.filter(pl.col(looked.label).is_not_null())
    moments = known[str(looked.time)].drop_nulls().cast(pl.Datetime("us")).sort()
    window = rounded(moments[-1] - moments[int((1 - TEST_SHARE) * (len(moments) - 1))])
    minimum = min(1000, max(10, int(TEST_SHARE * known.height) // 2))
    return whole_file(
        [
            _head(name, looked, outlook, portfolio, owner, window),
            _reading(looked),
            _table(looked),
            left_out(judged) if judged.numbers or judged.codes or judged.left_out else "",
            columns_of(judged),
            _lags(looked, outlook),
            "".join(f"\n\n\n{each}" for each in [*calendar(looked), *_rolling(looked, outlook)]) + "\n",
            _label(looked),
            write_model(looked, portfolio),
            _policy(outlook, window, minimum),
        ]
    )


def _head(name: str, looked: Looked, outlook: Outlook, portfolio: Portfolio, owner: str, window: timedelta) -> str:
    ahead = format_duration(outlook.horizon)
    each = f" of each {plain(str(looked.asked.by))}" if looked.by is not None else ""
    return "\n".join(
        [
            f'"""Forecasts {plain(looked.asked.label)}{each} in {looked.asked.path.name}, {ahead} ahead.',
            "",
            f"A row is a point of a series. It is predicted {ahead} before its moment, from what was",
            f"known by then, and tested on the newest {format_duration(window)}.",
            "Lines that say DECIDE stand for what a table alone cannot tell.",
            '"""',
            "",
            "from datetime import timedelta",
            "from pathlib import Path",
            "",
            "import polars as pl",
            "import trimaran as tm",
            *imports_of(looked, portfolio),
            "",
            call("FILE = Path(", [text(str(looked.asked.path.resolve()))]),
            "# DECIDE: how long after its moment is a value known? What is not known by then is no",
            "# lag: give longer ones below where this is more than nothing.",
            "KNOWN_AFTER = timedelta(0)",
            *mapping(looked),
            "",
            "# DECIDE: who owns it?",
            call("product = tm.Product(", [text(name), f"owner={text(owner)}", f'predict_at="moment - {ahead}"']),
        ]
    )


def _reading(looked: Looked) -> str:
    lines = [f"\ndef {reader_of(looked)}(since, until):", f"    rows = {looked.reading.format('FILE')}"]
    if looked.renamed:
        lines.append("    rows = rows.rename(NAMES)")
    lines += moment_of(looked, str(looked.time))
    lines.append("    rows = rows.with_columns(moment=moment)")
    if not looked.unique and looked.by is not None:
        lines.append(f'    point = [pl.col({text(looked.by)}).cast(pl.String), pl.col("moment").dt.to_string()]')
        lines.append('    rows = rows.with_columns(point=pl.concat_str(point, separator=" "))')
    elif not looked.unique:
        lines.append('    rows = rows.with_columns(point=pl.col("moment").dt.to_string())')
    if looked.by is None:
        lines.append(f'    rows = rows.with_columns({SERIES}=pl.lit("all"))')
    lines.append('    return rows.with_columns(known_at=pl.col("moment") + KNOWN_AFTER)')
    return "\n".join(lines) + "\n"


def _table(looked: Looked) -> str:
    key = looked.key if looked.unique and looked.key is not None else "point"
    late = f'known={{{text(looked.label)}: "known_at"}}'
    return call("table = product.table(", [f"tm.rows({reader_of(looked)})", f"key={text(key)}", 'time="moment"', late])


def _lags(looked: Looked, outlook: Outlook) -> str:
    told = ", ".join(f"{format_duration(lag)} before: {short(error)}" for lag, error in outlook.errors.items())
    parts = [
        "table",
        text(looked.label),
        f"by={text(looked.by or SERIES)}",
        f"lags=[{', '.join(text(format_duration(lag)) for lag in outlook.lags)}]",
        *([f"within={text(format_duration(outlook.within))}"] if outlook.within else []),
        f"naive={text(format_duration(outlook.naive))}",
    ]
    return "\n".join(
        [
            "# The naive forecast is the value so long before that was the nearest in the mean",
            f"# ({told}). Who does not beat it needs no model.",
            call("product.lags(", parts),
        ]
    )


def _rolling(looked: Looked, outlook: Outlook) -> Iterator[str]:
    label, by = looked.label, looked.by or SERIES
    for window in outlook.windows:
        name = free_name(f"{label}_mean_{format_duration(window)}", looked.rows.columns)
        yield (
            f'@product.feature(table, by="{by}", window="{format_duration(window)}")\n'
            f"def {name}({label}):  # up to the prediction\n    return {label}.mean()"
        )


def _label(looked: Looked) -> str:
    name = looked.label
    body = f"{name}.fill_nan(None)" if looked.rows.schema[name].is_float() else name
    outcome = free_name("outcome", {*looked.rows.columns, reader_of(looked)})
    return f'\n@product.label(table, wait=KNOWN_AFTER, task="regression")\ndef {outcome}({name}):\n    return {body}\n'


def _policy(outlook: Outlook, window: timedelta, minimum: int) -> str:
    error = outlook.errors[outlook.naive]
    options = [
        f'out_of_time="{format_duration(window)}"',
        f'against_live="+{short(0.02 * error)}"',
        f"minimum={minimum}",
    ]
    return "\n".join(
        [
            "",
            "# DECIDE: how good must it be? It must beat the naive forecast on the rows tested on;",
            '# mase="<= 1" asks that it errs no more than that did on the rows trained on.',
            call("product.accept(", options),
            "# DECIDE: who approves, and in which steps does it go live?",
            'product.release(steps=[100], shadow="0s", hold="0s")',
            call("product.watch(", ["drift=True", f'decay="mae > live + {short(0.1 * error)}"']),
        ]
    )
