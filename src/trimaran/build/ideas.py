"""Ideas for automated features: what could be derived from some tables, each as a feature and as the text that declares it."""

from __future__ import annotations

import keyword
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import polars as pl

from trimaran.core.durations import format_duration
from trimaran.data.declaration import Definition, Feature, Table

WINDOWS = (timedelta(hours=24), timedelta(days=7))
_CALENDAR = ("hour", "weekday", "month")


@dataclass(frozen=True)
class Idea:
    """One possible feature; ``body`` is the expression that its function returns, in its parameter's name."""

    feature: Feature
    body: str

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
        (name,) = feature.inputs
        return f"@product.feature({', '.join(arguments)})\ndef {feature.name}({name}):\n    return {self.body}\n"


def ideas(definition: Definition, frames: dict[str, pl.DataFrame]) -> list[Idea]:
    """Return what could be derived from the tables a product names in ``suggest``, under the rules of its definition.

    Of the asked table: calendar parts of the time of ``predict_at``, numbers that are there from the start, and windows
    over late numbers by each text column. Of any other table whose key the asked rows have: its numbers, from the newest
    row known. A column that is late is only ever looked at in a window over earlier rows. Columns whose names are no
    Python names cannot be a function's parameter and are passed over.
    """
    if definition.suggestion is None:
        return []
    taken = {*definition.table.schema.names(), *(feature.name for feature in definition.features)}
    found = {}
    for name in definition.suggestion.tables:
        table = definition.tables[name]
        source = _of_asked(definition, frames[name]) if name == definition.asked else _of_keyed(definition, table)
        for idea in source:
            label = idea.feature.name
            if label not in taken and label not in found and all(map(_speakable, (label, *idea.feature.inputs))):
                found[label] = idea
    return list(found.values())


def _of_asked(definition: Definition, rows: pl.DataFrame) -> Iterator[Idea]:
    table, moment = definition.table, definition.predict_at.column
    for part in _CALENDAR:
        yield _row(table, f"{moment}_{part}", moment, f"{moment}.dt.{part}()", _calendar(part))
    used = {name for feature in definition.features if feature.kind == "row" for name in feature.inputs}
    for name in _numbers(table):
        if name not in table.late and name not in used:
            yield _row(table, f"{name}_as_given", name, name, _itself)
    late = [name for name in _numbers(table) if name in table.known]
    for by in _groups(table, rows):
        for window in WINDOWS:
            span = format_duration(window)
            for name in late:
                yield _window(table, f"{name}_mean_by_{by}_{span}", name, f"{name}.mean()", by, window)
            for name in late[:1]:
                yield _window(table, f"{name}_count_by_{by}_{span}", name, f"{name}.count()", by, window)


def _of_keyed(definition: Definition, table: Table) -> Iterator[Idea]:
    asked = definition.table
    if any(name not in asked.schema or name in asked.late for name in table.key):
        return
    for name in _numbers(table):
        feature = Feature(f"{table.name}_{name}", table.name, "newest", _itself, (name,), on=table.key, where="suggested")
        yield Idea(feature, name)


def _numbers(table: Table) -> list[str]:
    return [
        name for name, kind in table.schema.items() if (kind.is_numeric() or kind == pl.Boolean) and name not in table.key
    ]


def _groups(table: Table, rows: pl.DataFrame) -> list[str]:
    texts = [
        name
        for name, kind in table.schema.items()
        if kind == pl.String and name not in table.key and name not in table.late and name.isidentifier()
    ]
    # A column with a new value on most rows is an identifier: its groups hold no history.
    return [name for name in texts if rows[name].n_unique() <= rows.height / 2]


def _row(table: Table, name: str, column: str, body: str, function: Any) -> Idea:
    return Idea(Feature(name, table.name, "row", function, (column,), where="suggested"), body)


def _window(table: Table, name: str, column: str, body: str, by: str, window: timedelta) -> Idea:
    function = pl.Expr.mean if body.endswith(".mean()") else pl.Expr.count
    feature = Feature(name, table.name, "window", function, (column,), on=(by,), window=window, where="suggested")
    return Idea(feature, body)


def _itself(column: pl.Expr) -> pl.Expr:
    return column


def _calendar(part: str) -> Any:
    return lambda column: getattr(column.dt, part)()


def _speakable(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name)
