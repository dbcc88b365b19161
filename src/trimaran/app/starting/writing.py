"""Writes a product file from what was seen of a table: short, readable, and with a remark where a person must decide."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl

from trimaran.app.starting.columns import Judged
from trimaran.app.starting.looking import Looked
from trimaran.app.starting.phrasing import DAY, call, plain, rounded, short, text, whole_file
from trimaran.app.starting.portfolio import Portfolio, imports_of, write_model
from trimaran.core.durations import format_duration
from trimaran.core.statistics import Ranked, ranked
from trimaran.core.tasks import PLACES

TEST_SHARE = 0.2
_SPAN = timedelta(days=100)
"""Over how many days the rows of a table without a time are spread."""

_SLICED = 5000
_LAGS = (1, 7, 28)


@dataclass(frozen=True)
class _Plan:
    """What the text says with numbers in it: when labels are known, the window to test on, what knowing nothing gives."""

    looked: Looked
    judged: Judged
    table: str
    wait: timedelta
    window: timedelta
    minimum: int
    outcome: str


def write_product(name: str, looked: Looked, judged: Judged, portfolio: Portfolio, owner: str) -> str:
    """Return the text of a product file; ``trimaran run`` takes it as it is."""
    plan = _plan(looked, judged)
    return whole_file(
        [
            _head(name, owner, plan, portfolio),
            _reading(plan),
            _table(plan),
            left_out(judged),
            _features(plan),
            _label(plan),
            write_model(looked, portfolio),
            _policy(plan),
        ]
    )


def _plan(looked: Looked, judged: Judged) -> _Plan:
    known = looked.rows.filter(pl.col(looked.label).is_not_null())
    wait, window = timedelta(minutes=1), _SPAN * TEST_SHARE
    if looked.time is not None:
        moments = known[looked.time].drop_nulls().cast(pl.Datetime("us")).sort()
        whole = moments[-1] - moments[0]
        wait = rounded(min(DAY, whole / 50))
        window = rounded(moments[-1] - moments[int((1 - TEST_SHARE) * (len(moments) - 1))])
    table = reader_of(looked)
    outcome = free_name("outcome", {*looked.rows.columns, table})
    tested = int(TEST_SHARE * (_groups(looked).number if looked.group is not None else known.height))
    return _Plan(looked, judged, table, wait, window, min(1000, max(10, tested // 2)), outcome)


def reader_of(looked: Looked) -> str:
    """Return the name of the function that reads the table."""
    table = "".join(each if each.isalnum() else "_" for each in looked.asked.path.stem.lower()).strip("_")
    return table if table.isidentifier() and table not in looked.rows.columns else f"rows_of_{table}"


def free_name(name: str, taken: Collection[str]) -> str:
    """Return a name that is not taken yet."""
    while name in taken:
        name += "_"
    return name


def _head(name: str, owner: str, plan: _Plan, portfolio: Portfolio) -> str:
    looked = plan.looked
    imports = ["from datetime import datetime, timedelta", "from pathlib import Path"]
    if looked.time is not None:
        imports[0] = "from datetime import timedelta"
    return "\n".join(
        [
            f'"""{_purpose(looked)}',
            "",
            _split(plan),
            "Lines that say DECIDE stand for what a table alone cannot tell.",
            '"""',
            "",
            *imports,
            "",
            "import polars as pl",
            "import trimaran as tm",
            *imports_of(looked, portfolio),
            "",
            call("FILE = Path(", [text(str(looked.asked.path.resolve()))]),
            f"# DECIDE: how long after its moment is a row's {looked.label} known?",
            f"KNOWN_AFTER = timedelta(seconds={plan.wait // timedelta(seconds=1)})",
            *mapping(looked),
            "",
            "# DECIDE: who owns it?",
            call("product = tm.Product(", [text(name), f"owner={text(owner)}", 'predict_at="moment"']),
        ]
    )


def _purpose(looked: Looked) -> str:
    label, file = plain(looked.asked.label), looked.asked.path.name
    if looked.task == "ranking":
        return f"Ranks the rows of each {plain(str(looked.asked.rank_by))} of {file} by {label}."
    kinds = {"binary": "whether", "regression": "the number", "multiclass": "the class"}
    return f"Predicts {kinds[looked.task]} {label} of each row of {file}."


def _split(plan: _Plan) -> str:
    if plan.looked.time is not None:
        return f"It is tested on the newest {format_duration(plan.window)}, after everything it was fitted on."
    whole = (
        "groups, drawn by a hash of their number,"
        if plan.looked.group is not None
        else "rows, drawn by a hash of their place,"
    )
    return (
        f"The table has no time, so a fifth of the {whole} is\n"
        "tested on: that says how well rows like these are told, and nothing of tomorrow."
    )


def mapping(looked: Looked) -> list[str]:
    """Return the lines that name columns as Python can say them."""
    if not looked.renamed:
        return []
    pairs = [f"{text(old)}: {text(new)}" for old, new in looked.renamed.items()]
    return ["# Columns are named as Python can say them.", call("NAMES = {", pairs, "}")]


def _reading(plan: _Plan) -> str:
    looked = plan.looked
    lines = [f"\ndef {plan.table}(since, until):", f"    rows = {looked.reading.format('FILE')}"]
    if looked.renamed:
        lines.append("    rows = rows.rename(NAMES)")
    if not looked.unique:
        lines.append("    # DECIDE: the table names no row, so its place does; a key that stays is better.")
        lines.append('    rows = rows.with_row_index("row").with_columns(pl.col("row").cast(pl.String))')
    if looked.group is not None and looked.rows[looked.group].null_count():
        lines += [
            "    # A row of no group is ranked among nothing.",
            f"    rows = rows.filter(pl.col({text(looked.group)}).is_not_null())",
        ]
    if looked.time is None:
        place = "pl.int_range(pl.len())" if looked.unique else 'pl.col("row").cast(pl.Int64)'
        if looked.group is not None:
            place = f'pl.col({text(looked.group)}).rank("dense").cast(pl.Int64)'
        lines += [
            "    # Knuth's hash of the place spreads the rows over days, in no order."
            if looked.group is None
            else "    # Knuth's hash of its number spreads the groups over days, each as a whole.",
            f"    share = {place} * 2654435761 % 2**32 / 2**32",
            '    begins = pl.lit(datetime(2000, 1, 1)).dt.replace_time_zone("UTC")',
            f"    moment = begins + pl.duration(seconds=share * {int(_SPAN.total_seconds())})",
        ]
    else:
        lines += moment_of(looked, looked.time)
    lines.append("    rows = rows.with_columns(moment=moment)")
    lines.append('    return rows.with_columns(known_at=pl.col("moment") + KNOWN_AFTER)')
    return "\n".join(lines) + "\n"


def moment_of(looked: Looked, time: str) -> list[str]:
    """Return the lines that make the rows' moment of their time."""
    kind = looked.rows.schema[time]
    lines = [f"    rows = rows.filter(pl.col({text(time)}).is_not_null())", f"    moment = pl.col({text(time)})"]
    if isinstance(kind, pl.Datetime) and kind.time_zone is not None:
        return [*lines, '    moment = moment.dt.cast_time_unit("us").dt.convert_time_zone("UTC")']
    cast = '    moment = moment.cast(pl.Datetime("us"))'
    return [*lines, "    # DECIDE: which zone is it?", cast, '    moment = moment.dt.replace_time_zone("UTC")']


def _table(plan: _Plan) -> str:
    looked = plan.looked
    key = looked.key if looked.unique and looked.key is not None else "row"
    late = f'known={{{text(looked.label)}: "known_at"}}'
    return call("table = product.table(", [f"tm.rows({plan.table})", f"key={text(key)}", 'time="moment"', late])


def left_out(judged: Judged) -> str:
    """Return the remarks about what is not used, and about what is used with doubt."""
    lines = [f"# left out: {name}, {reason}" for name, reason in judged.left_out.items()]
    lines += [f"# DECIDE: {name}, {doubt}" for name, doubt in judged.doubted.items()]
    return "\n".join(["# DECIDE: is every column below known when the prediction is made?", *lines])


def _features(plan: _Plan) -> str:
    looked = plan.looked
    functions = [*calendar(looked), *_ages(plan), *_past(plan)]
    return columns_of(plan.judged) + "".join(f"\n\n\n{each}" for each in functions) + "\n"


def columns_of(judged: Judged) -> str:
    """Return the calls that declare columns as features: numbers, and texts by their place in a list."""
    parts = []
    if judged.numbers:
        parts.append(call("product.numbers(", ["table", *map(text, judged.numbers)]))
    if judged.codes:
        codes = [call(f"    {name}=[", list(map(text, values)), "],").strip("\n") for name, values in judged.codes.items()]
        parts.append("\n".join(["product.codes(", "    table,", *codes, ")"]))
    return "\n".join(parts)


def calendar(looked: Looked) -> Iterator[str]:
    """Yield features of the hour, the weekday and the month of a row's moment, where they vary."""
    if looked.time is None:
        return
    moments = looked.rows[looked.time].drop_nulls().cast(pl.Datetime("us"))
    parts = []
    if moments.dt.hour().n_unique() > 1:
        parts.append(("hour_of_day", "hour"))
    parts.append(("day_of_week", "weekday"))
    if moments.dt.month().n_unique() > 3:  # noqa: PLR2004  fewer months are no season
        parts.append(("month_of_year", "month"))
    for name, part in parts:
        yield f"@product.feature(table)\ndef {name}(moment):\n    return moment.dt.{part}()"


def _ages(plan: _Plan) -> Iterator[str]:
    for name in plan.judged.moments if plan.looked.time is not None else ():
        yield (
            f"@product.feature(table)\ndef hours_since_{name}(moment, {name}):\n"
            f'    then = {name}.cast(pl.Datetime("us")).dt.epoch("s")\n'
            '    return (moment.dt.epoch("s") - then) / 3600'
        )


def _past(plan: _Plan) -> Iterator[str]:
    """Yield features of earlier labels: by a column of many values, and lags of the series that the key names."""
    looked = plan.looked
    if looked.task == "multiclass":
        return
    known = looked.rows[looked.label].drop_nulls()
    prior = _mean(looked, known)
    window = "30d" if looked.time is not None else format_duration(_SPAN)
    for name in plan.judged.encoded:
        yield (
            f'@product.feature(table, by="{name}", window="{window}")\n'
            f"def {plan.outcome}_by_{name}({plan.outcome}):  # only labels known by then: out of fold\n"
            f"    return tm.target_encoding({plan.outcome}, prior={prior:.4g})"
        )
    if looked.key is not None and not looked.unique and looked.time is not None:
        for lag in _LAGS:
            # A window counts back from the prediction, and the newest labels in it are not known by then.
            window = format_duration(lag * DAY + plan.wait)
            yield (
                f'@product.feature(table, by="{looked.key}", window="{window}")\n'
                f"def {plan.outcome}_of_{lag}d_by_{looked.key}({plan.outcome}):\n"
                f"    return {plan.outcome}.mean()"
            )


def _mean(looked: Looked, known: pl.Series) -> float:
    if looked.task == "binary":
        return float((known.cast(pl.String) == _yes(looked)).to_numpy().mean())
    return float(known.cast(pl.Float64).to_numpy().mean())


def _label(plan: _Plan) -> str:
    looked, name = plan.looked, plan.looked.label
    options, body, note = [f'wait="{format_duration(plan.wait)}"'], name, ""
    kind = looked.rows.schema[name]
    if looked.task == "ranking":
        options.append(f"group={text(str(looked.group))}")
        body = f"{name}.fill_nan(None)" if kind.is_float() else name
    elif looked.task == "regression":
        options.append('task="regression"')
        body = f"{name}.fill_nan(None)" if kind.is_float() else name
    elif looked.task == "multiclass":
        options.append(f"classes=[{', '.join(map(text, looked.classes))}]")
        note = f"  # too rare to learn: {', '.join(looked.dropped)}" if looked.dropped else ""
    elif kind != pl.Boolean:
        body = f"{name} == {text(_yes(looked)) if not kind.is_numeric() else _yes(looked)}"
        note = "  # DECIDE: is this the value to look for?"
    head = call("@product.label(", ["table", *options])
    return f"\n{head}\ndef {plan.outcome}({name}):\n    return {body}{note}\n"


def _yes(looked: Looked) -> str:
    """Return the value that is a yes: the greater of two numbers, the rarer of two texts."""
    known = looked.rows[looked.label].drop_nulls()
    if known.dtype.is_numeric() or known.dtype == pl.Boolean:
        return looked.classes[-1]
    counts = known.cast(pl.String).alias("value").value_counts().sort(["count", "value"])
    return str(counts["value"][0])


def _policy(plan: _Plan) -> str:
    looked = plan.looked
    rules, margin, decay, worst, nothing = _bounds(looked)
    options = [
        f'out_of_time="{format_duration(plan.window)}"',
        *rules,
        f'against_live="{margin}"',
        f"minimum={plan.minimum}",
    ]
    sliced = next(iter(plan.judged.codes), None) if looked.rows.height >= _SLICED else None
    if sliced is not None:
        options.append(f'worst_slice=("{sliced}", "{worst}")')
    watch = ["drift=True", f'decay="{decay}"'] if looked.time is not None else ["drift=True"]
    return "\n".join(
        [
            "",
            f"# DECIDE: how good must it be? {nothing}",
            call("product.accept(", options),
            "# DECIDE: who approves, and in which steps does it go live?",
            'product.release(steps=[100], shadow="0s", hold="0s")',
            call("product.watch(", watch),
        ]
    )


def _bounds(looked: Looked) -> tuple[list[str], str, str, str, str]:
    """Return what is required, the margin, the alarm, the worst slice's rule, and what knowing nothing would give."""
    if looked.task == "binary":
        nothing = "An AUC of 0.5 is what knowing nothing gives."
        return ['auc=">= 0.6"'], "-0.01", "auc < live - 0.05", "auc >= 0.5", nothing
    if looked.task == "multiclass":
        share = _majority(looked)
        nothing = "Always answering the most frequent class gives this."
        return (
            [f'accuracy=">= {short(share)}"'],
            "-0.01",
            "accuracy < live - 0.05",
            f"accuracy >= {short(share / 2)}",
            nothing,
        )
    if looked.task == "ranking":
        any_order = float(_groups(looked).ndcg(np.zeros(looked.rows.height), PLACES).mean())
        nothing = f"Any order at all gives {any_order:.2f}."
        least = short(round(any_order + 0.1 * (1 - any_order), 3))
        return [f'ndcg=">= {least}"'], "-0.01", "ndcg < live - 0.05", f"ndcg >= {short(round(0.9 * any_order, 3))}", nothing
    error = _naive(looked.rows[looked.label].drop_nulls())
    nothing = "Always answering the median gives this."
    rules = [f'mae="<= {short(error)}"', 'r2=">= 0"']
    return rules, f"+{short(0.02 * error)}", f"mae > live + {short(0.1 * error)}", f"mae <= {short(1.5 * error)}", nothing


def _groups(looked: Looked) -> Ranked:
    """Return the groups of the rows that have a grade; a row without one is graded 0 and alone."""
    grade = pl.col(looked.label).cast(pl.Float64).fill_nan(None)
    alone = pl.concat_str(pl.lit("row "), pl.int_range(pl.len()))
    named = pl.when(grade.is_not_null()).then(pl.col(str(looked.group)).cast(pl.String))
    rows = looked.rows.select(grade=grade.fill_null(0.0), group=pl.coalesce(named, alone))
    return ranked(rows["grade"], rows["group"])


def _majority(looked: Looked) -> float:
    known = looked.rows[looked.label].drop_nulls().cast(pl.String)
    counts = known.alias("value").value_counts().filter(pl.col("value").is_in(looked.classes))["count"]
    return float(counts.max()) / float(counts.sum())  # type: ignore[arg-type]  # counts are numbers


def _naive(known: pl.Series) -> float:
    """Return the mean distance from the median: the error of knowing nothing."""
    numbers = known.cast(pl.Float64).drop_nans()
    return float((numbers - numbers.median()).abs().mean() or 0.0)  # type: ignore[arg-type]  # numbers
