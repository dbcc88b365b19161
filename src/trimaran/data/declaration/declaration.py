"""The language a product file is written in: it collects what is declared, and judges it as a whole when it is frozen."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

from trimaran.core.checks import Rule, Rules, parse_rule, parse_rules
from trimaran.core.durations import parse_duration
from trimaran.core.errors import Fault, FaultyError
from trimaran.data.declaration.defining import define
from trimaran.data.declaration.definition import Definition
from trimaran.data.declaration.draft import Draft
from trimaran.data.declaration.parts import (
    Acceptance,
    Expectation,
    Feature,
    Function,
    ModelTest,
    ReleasePolicy,
    Retraining,
    Suggestion,
    Table,
    Value,
    Watch,
)
from trimaran.data.declaration.spaces import Choices, Interval, Space

F = TypeVar("F", bound=Function)
Parsed = TypeVar("Parsed")
SliceRule = tuple[str, str | Rule]


class Declaration:
    """A predictive product as its author declares it.

    Every decorated function stays what it was, a plain function. Nothing is read and nothing runs until the declaration
    is frozen: then all its faults are reported together, each with its file and line.

    >>> product = Declaration("churn", owner="crm", predict_at="asked")
    >>> customers = product.table("customers.parquet", key="id", time="asked")
    >>> @product.feature(customers)
    ... def seniority(months):
    ...     return months / 12
    >>> seniority(24)
    2.0
    """

    def __init__(self, name: str, *, owner: str, predict_at: str) -> None:
        self.name = name
        self._draft = Draft(name=name, owner=owner, predict_at=predict_at, where=_caller())

    def __getitem__(self, table: str) -> Table:
        """Return a declared table by its name."""
        return self._draft.tables[table]

    def table(
        self,
        source: str,
        *,
        key: str | Sequence[str],
        time: str | None = None,
        known: Mapping[str, str] | None = None,
        max_age: str | timedelta | None = None,
        name: str | None = None,
    ) -> Table:
        """Declare a table: its source, what names a row, its event time, and when each column becomes known."""
        where = _caller()
        table = Table(
            name=name or Path(source).stem,
            source=source,
            key=(key,) if isinstance(key, str) else tuple(key),
            time=time,
            known=dict(known or {}),
            max_age=self._duration(max_age, where),
        )
        self._draft.add(self._draft.tables, table.name, table, where)
        return table

    def expect(self, table: Table) -> Callable[[F], F]:
        """Declare an expectation: one value judges the whole delivery, a value a row refuses rows."""

        def declare(function: F) -> F:
            where = _line(function)
            part = Expectation(function.__name__, table.name, function, _inputs(function), where)
            self._draft.add(self._draft.expectations, part.name, part, where)
            return function

        return declare

    def feature(
        self,
        table: Table,
        *,
        on: str | Sequence[str] | None = None,
        by: str | Sequence[str] | None = None,
        window: str | timedelta | None = None,
    ) -> Callable[[F], F]:
        """Declare a feature: over the asked row, over the newest known row ``on`` a key, or ``by`` a key over a window."""
        key = on if on is not None else by

        def declare(function: F) -> F:
            where = _line(function)
            span = self._duration(window, where)
            part = Feature(
                name=function.__name__,
                table=table.name,
                kind="window" if span is not None else "newest" if key is not None else "row",
                function=function,
                inputs=_inputs(function),
                on=(key,) if isinstance(key, str) else tuple(key or ()),
                window=span,
                where=where,
            )
            self._draft.add(self._draft.features, part.name, part, where)
            return function

        return declare

    def suggest(self, *tables: Table, limit: int = 20) -> None:
        """Ask for automated features over some tables: proposed, proven out of time, frozen into readable ones."""
        self._draft.suggestion = Suggestion(tuple(table.name for table in tables), limit, _caller())

    def label(self, table: Table, *, wait: str | timedelta | None = None) -> Callable[[F], F]:
        """Declare the label; ``wait`` is how long after a row's time it may still be unknown."""

        def declare(function: F) -> F:
            where = _line(function)
            self._draft.label(function, table.name, _inputs(function), self._duration(wait, where), where)
            return function

        return declare

    def model(self, *, tune: Mapping[str, Interval | Sequence[Any]] | None = None, trials: int = 0) -> Callable[[F], F]:
        """Declare how a model is fitted: a function of ``(X, y, **parameters)``, and what to tune."""
        spaces: dict[str, Space] = {
            name: space if isinstance(space, Interval) else Choices(tuple(space)) for name, space in (tune or {}).items()
        }

        def declare(function: F) -> F:
            self._draft.model(function, spaces, trials, _line(function))
            return function

        return declare

    def test(self, function: F | None = None, *, rows: int = 100, share: float = 1.0) -> Any:
        """Declare a test of the model's specification, to hold on a share of real rows; usable with or without brackets."""

        def declare(function: F) -> F:
            where = _line(function)
            part = ModelTest(function.__name__, function, rows, share, where)
            self._draft.add(self._draft.tests, part.name, part, where)
            return function

        return declare if function is None else declare(function)

    def accept(
        self,
        *,
        out_of_time: str | timedelta,
        against_live: str | None = None,
        worst_slice: SliceRule | Sequence[SliceRule] = (),
        **rules: str | Rule,
    ) -> None:
        """Declare the gate: requirements by measure, the margin against the live model, and the worst slice's."""
        where = _caller()
        window = self._duration(out_of_time, where)
        required = [rule for name, text in rules.items() if (rule := self._rule(text, where, name)) is not None]
        quality = next((rule.measure for rule in required if rule.measure not in {"p50", "p99"}), "auc")
        relative = self._rule(_margin(against_live), where, quality) if against_live is not None else None
        named = [(column, self._rule(text, where)) for column, text in _pairs(worst_slice)]
        self._draft.place("accept", where)
        self._draft.slices = [column for column, _ in named]
        self._draft.acceptance = Acceptance(
            out_of_time=window or timedelta(days=30),
            rules=tuple(required),
            against_live=(relative,) if relative is not None else (),
            slices=tuple((column, rule) for column, rule in named if rule is not None),
        )

    def release(
        self,
        *,
        shadow: str | timedelta = "24h",
        steps: Sequence[float] = (5, 25, 100),
        hold: str | timedelta = "2h",
        approve: Sequence[str] = (),
        rollback: str | Rule | Rules | None = None,
    ) -> None:
        """Declare how a proven version goes live: approvals by role, shadow time, steps of traffic, what rolls it back."""
        where = _caller()
        self._draft.place("release", where)
        self._draft.release = ReleasePolicy(
            shadow=self._duration(shadow, where) or timedelta(),
            steps=tuple(float(step) for step in steps),
            hold=self._duration(hold, where) or timedelta(),
            approve=tuple(approve),
            rollback=self._parsed(lambda: parse_rules(rollback), where) if rollback is not None else None,
        )

    def watch(
        self,
        *,
        drift: bool = True,
        decay: str | Rule | None = None,
        estimate: bool = True,
        numerics: bool = True,
        stale: str | timedelta | None = None,
        tell: str | Sequence[str] = (),
    ) -> None:
        """Declare what is watched in production, and who is told."""
        where = _caller()
        self._draft.place("watch", where)
        self._draft.watch = Watch(
            drift=drift,
            decay=self._rule(decay, where) if decay is not None else None,
            estimate=estimate,
            numerics=numerics,
            stale=self._duration(stale, where),
            tell=(tell,) if isinstance(tell, str) else tuple(tell),
        )

    def retrain(self, *, every: str | timedelta | None = None, when: Sequence[str] = (), min_labels: int = 0) -> None:
        """Declare when a new candidate is trained: on a schedule, on findings, and how many new labels it needs."""
        where = _caller()
        self._draft.place("retrain", where)
        self._draft.retraining = Retraining(self._duration(every, where), tuple(when), min_labels)

    def value(self, **outcomes: float) -> None:
        """Declare what a decision is worth: true_positive, false_positive, true_negative, false_negative."""
        where = _caller()
        self._draft.place("value", where)
        known = set(Value.__dataclass_fields__)
        for name in outcomes.keys() - known:
            self._draft.fault(f"value() does not know {name!r}", where, f"choose from: {', '.join(sorted(known))}")
        self._draft.value = Value(**{name: float(worth) for name, worth in outcomes.items() if name in known})

    def replicate(self, *, by: str) -> None:
        """Declare one model a segment: the same definition and the same policy for each value of a column."""
        self._draft.place("replicate", _caller())
        self._draft.segments = by

    def freeze(self, root: Path | None = None) -> Definition:
        """Return the whole, checked definition; raises ``DefinitionError`` with every fault at once.

        ``root`` is the folder that relative sources are looked up in; the current folder by default.
        """
        return define(self._draft, root or Path())

    def _duration(self, value: str | timedelta | None, where: str) -> timedelta | None:
        if value is None or isinstance(value, timedelta):
            return value
        return self._parsed(lambda: parse_duration(value), where)

    def _rule(self, text: str | Rule, where: str, measure: str | None = None) -> Rule | None:
        return self._parsed(lambda: parse_rule(text, measure=measure), where)

    def _parsed(self, parse: Callable[[], Parsed], where: str) -> Parsed | None:
        try:
            return parse()
        except FaultyError as error:
            for fault in error.faults:
                self._draft.faults.append(Fault(what=fault.what, where=where, remedy=fault.remedy))
            return None


def _margin(text: str) -> str:
    margin = text.strip()
    return f">= live {margin[0]} {margin[1:]}" if margin[:1] in {"+", "-"} else text


def _pairs(worst: SliceRule | Sequence[SliceRule]) -> list[SliceRule]:
    if len(worst) == 2 and isinstance(worst[0], str):  # noqa: PLR2004  one pair of column and rule
        return [cast("SliceRule", worst)]
    return list(cast("Sequence[SliceRule]", worst))


def _inputs(function: Function) -> tuple[str, ...]:
    return tuple(inspect.signature(function).parameters)


def _line(function: Function) -> str:
    return f"{Path(function.__code__.co_filename).name}:{function.__code__.co_firstlineno}"


def _caller() -> str:
    frame = sys._getframe(1)  # noqa: SLF001  the place in the author's file; inspect.stack() reads every source
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("trimaran."):
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
