"""Ideas for automated features: what could be derived from some tables, each as a feature and as the text that declares it."""

from __future__ import annotations

import keyword
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import combinations, islice
from typing import TypeAlias

import polars as pl

from trimaran.core.durations import format_duration
from trimaran.data.declaration import Definition, Feature, Function, Table, composed

WINDOWS = (timedelta(hours=24), timedelta(days=7))
_RATE_WINDOW = timedelta(days=30)
_RATE_WEIGHT = 20  # labels that the overall rate is worth
_PAIRS = 40  # ratios and differences at most: there are as many as pairs of columns, and most say nothing
_WIDE = (pl.Int32, pl.Int64, pl.Float32, pl.Float64)
"""Numbers whose difference is one too: a smaller or unsigned type would wrap around."""
_CALENDAR = ("hour", "weekday", "month")


@dataclass(frozen=True)
class Idea:
    """One possible feature: ``body`` is the expression that its function returns in the names of its ``parameters``.

    ``needs`` are the ideas whose features it is made of, and which are kept with it.
    """

    feature: Feature
    body: str
    parameters: tuple[str, ...]
    needs: tuple[Idea, ...] = ()

    @property
    def text(self) -> str:
        """The Python text that declares it, for a module in which ``product`` is the declaration."""
        feature = self.feature
        arguments = [f'product["{feature.table}"]']
        if feature.on:
            names = ", ".join(f'"{name}"' for name in feature.on)
            word = "on" if feature.kind == "newest" else "by"
            arguments.append(f"{word}={names}" if len(feature.on) == 1 else f"{word}=({names})")
        if feature.window is not None:
            arguments.append(f'window="{format_duration(feature.window)}"')
        line = f"def {feature.name}({', '.join(self.parameters)}):"
        return f"@product.feature({', '.join(arguments)})\n{line}\n    return {self.body}\n"


_Number: TypeAlias = tuple[str, str, str, tuple[Idea, ...]]
"""A number a row has or finds: its name as a feature's parameter, its table and column there, what has to be kept for it."""


def ideas(definition: Definition, frames: dict[str, pl.DataFrame], rate: float) -> list[Idea]:
    """Return what could be derived from the tables a product names in ``suggest``, under the rules of its definition.

    Of the asked table: calendar parts of the time of ``predict_at``, numbers that are there from the start, and, by each
    text column, windows over late numbers, how the last day differs from the week, and the rate of the label drawn to the
    overall ``rate``. Of any other table whose key the asked rows have: its numbers, from the newest row known. Of two such
    numbers: their ratio, and the difference where one table says both. A column that is late is only ever looked at in a
    window over earlier rows. Columns whose names are no Python names cannot be a function's parameter and are passed over.
    """
    if definition.suggestion is None:
        return []
    taken = {*definition.table.schema.names(), *(feature.name for feature in definition.features)}
    named = [definition.tables[name] for name in definition.suggestion.tables]
    proposed: list[Idea] = []
    for table in named:
        if table.name == definition.asked:
            proposed += _of_asked(definition, frames[table.name], rate)
        else:
            proposed += _of_keyed(definition, table)
    proposed += islice(_of_pairs(definition, proposed, frames), _PAIRS)
    found: dict[str, Idea] = {}
    for idea in proposed:
        label = idea.feature.name
        known = all(need.feature.name in found for need in idea.needs)
        if known and label not in taken and label not in found and all(map(_speakable, (label, *idea.parameters))):
            found[label] = idea
    return list(found.values())


def _of_asked(definition: Definition, rows: pl.DataFrame, rate: float) -> Iterator[Idea]:
    table, moment = definition.table, definition.predict_at.column
    for part in _CALENDAR:
        yield _row(table, f"{moment}_{part}", f"{moment}.dt.{part}()", (moment,), _calendar(part))
    used = {name for feature in definition.features if feature.kind == "row" for name in feature.inputs}
    for name in _given(table):
        if name not in used:
            yield _row(table, f"{name}_as_given", name, (name,), _itself)
    late = [name for name in _numbers(table) if name in table.known]
    for by in _groups(table, rows):
        for window in WINDOWS:
            span = format_duration(window)
            for name in late:
                yield _window(table, f"{name}_mean_by_{by}_{span}", name, f"{name}.mean()", by, window)
            for name in late[:1]:
                yield _window(table, f"{name}_count_by_{by}_{span}", name, f"{name}.count()", by, window)
        for name in late:
            yield _change(table, name, by)
        if definition.label.table == table.name and not definition.label.classes:
            yield _rate(definition, by, rate)


def _of_keyed(definition: Definition, table: Table) -> Iterator[Idea]:
    asked = definition.table
    if any(name not in asked.schema or name in asked.late for name in table.key):
        return
    for name in _numbers(table):
        feature = Feature(f"{table.name}_{name}", table.name, "newest", _itself, (name,), on=table.key, where="suggested")
        yield Idea(feature, name, (name,))


def _of_pairs(definition: Definition, proposed: Sequence[Idea], frames: Mapping[str, pl.DataFrame]) -> Iterator[Idea]:
    """Yield ratios of the numbers a row has or finds by its keys, and differences of those that one table says."""
    asked = definition.table
    tables = definition.tables
    own: list[_Number] = [(name, asked.name, name, ()) for name in _given(asked)]
    found: list[_Number] = [
        (idea.feature.name, idea.feature.table, idea.parameters[0], (idea,))
        for idea in proposed
        if idea.feature.kind == "newest"
    ]
    wide = [number for number in (*own, *found) if tables[number[1]].schema[number[2]] in _WIDE]
    for (a, table, _, needs), (b, other, column, also) in combinations(wide, 2):
        if table == other:
            yield _row(asked, f"{a}_less_{b}", f"{a} - {b}", (a, b), _difference, (*needs, *also))
        if _above_zero(frames[other][column]):  # nothing to divide by otherwise
            yield _row(asked, f"{a}_per_{b}", f"{a} / {b}", (a, b), _ratio, (*needs, *also))


def _numbers(table: Table) -> list[str]:
    return [
        name for name, kind in table.schema.items() if (kind.is_numeric() or kind == pl.Boolean) and name not in table.key
    ]


def _given(table: Table) -> list[str]:
    return [name for name in _numbers(table) if name not in table.late]


def _groups(table: Table, rows: pl.DataFrame) -> list[str]:
    texts = [
        name
        for name, kind in table.schema.items()
        if kind == pl.String and name not in table.key and name not in table.late and name.isidentifier()
    ]
    # A column with a new value on most rows is an identifier: its groups hold no history.
    return [name for name in texts if rows[name].n_unique() <= rows.height / 2]


def _row(
    table: Table, name: str, body: str, columns: tuple[str, ...], function: Function, needs: tuple[Idea, ...] = ()
) -> Idea:
    return Idea(Feature(name, table.name, "row", function, columns, where="suggested"), body, columns, needs)


def _window(table: Table, name: str, column: str, body: str, by: str, window: timedelta) -> Idea:
    function = pl.Expr.mean if body.endswith(".mean()") else pl.Expr.count
    feature = Feature(name, table.name, "window", function, (column,), on=(by,), window=window, where="suggested")
    return Idea(feature, body, (column,))


def _change(table: Table, column: str, by: str) -> Idea:
    """Return how the mean of the shorter window differs from that of the longer one."""
    means = tuple(
        _window(table, f"{column}_mean_by_{by}_{format_duration(window)}", column, f"{column}.mean()", by, window)
        for window in WINDOWS
    )
    short, long = (mean.feature.name for mean in means)
    return _row(table, f"{column}_change_by_{by}", f"{short} - {long}", (short, long), _difference, means)


def _rate(definition: Definition, by: str, rate: float) -> Idea:
    """Return the rate of the label among the rows of a group whose label is known, as ``target_encoding`` gives it."""
    label, prior = definition.label, float(f"{rate * _RATE_WEIGHT:.3g}")
    name = f"{label.name}_rate_by_{by}_{format_duration(_RATE_WINDOW)}"
    body = f"({label.name}.sum() + {prior}) / ({label.name}.count() + {_RATE_WEIGHT})"
    feature = Feature(
        name,
        label.table,
        "window",
        lambda known: (known.sum() + prior) / (known.count() + _RATE_WEIGHT),
        (label.name,),
        on=(by,),
        window=_RATE_WINDOW,
        where="suggested",
    )
    whole, _ = composed(feature, {}, label)
    return Idea(whole, body, (label.name,))


def _itself(column: pl.Expr) -> pl.Expr:
    return column


def _difference(a: pl.Expr, b: pl.Expr) -> pl.Expr:
    return a - b


def _ratio(a: pl.Expr, b: pl.Expr) -> pl.Expr:
    return a / b


def _above_zero(column: pl.Series) -> bool:
    least = column.min()
    return isinstance(least, int | float) and least > 0


def _calendar(part: str) -> Function:
    return lambda column: getattr(column.dt, part)()


def _speakable(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name)
