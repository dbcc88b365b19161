"""The language a product file is written in: it collects what is declared, and judges it as a whole when it is frozen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

import polars as pl

from trimaran.core.checks import Rule, Rules, parse_rule, parse_rules
from trimaran.core.durations import format_duration
from trimaran.core.errors import FaultyError
from trimaran.core.targets import parse_target
from trimaran.core.tasks import PLACES, Kind, Value
from trimaran.data.declaration.collecting import Collecting, F, caller, inputs, line
from trimaran.data.declaration.defining import define
from trimaran.data.declaration.definition import Definition
from trimaran.data.declaration.draft import Draft
from trimaran.data.declaration.lagging import lag_name, lagged
from trimaran.data.declaration.parts import (
    Acceptance,
    Expectation,
    Function,
    Label,
    Lag,
    ModelTest,
    Naive,
    ReleasePolicy,
    Replicating,
    Retraining,
    Suggestion,
    Table,
    Watch,
    parse_moment,
)
from trimaran.data.declaration.segmenting import FEATURES
from trimaran.data.declaration.sharing import Features
from trimaran.data.declaration.spaces import Choices, Interval, Space

SliceRule = tuple[str, str | Rule]


class Declaration(Collecting):
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
        super().__init__(Draft(name=name, owner=owner, predict_at=predict_at, where=caller()))
        self.name = name

    @property
    def contract_files(self) -> dict[str, str]:
        """The paths of the contracts that stand in files, by table; relative ones are looked up where the data is."""
        tables = self._draft.tables.values()
        return {
            table.name: table.contract.absent for table in tables if table.contract is not None and table.contract.absent
        }

    def expect(self, table: Table) -> Callable[[F], F]:
        """Declare an expectation: one value judges the whole delivery, a value a row refuses rows."""

        def declare(function: F) -> F:
            where = line(function)
            self._adopt(table, where)
            part = Expectation(function.__name__, table.name, function, inputs(function), where)
            self._draft.add(self._draft.expectations, part.name, part, where)
            return function

        return declare

    def use(self, shared: Features, *functions: Function) -> None:
        """Use features of a shared collection: these functions of it with what they are made of, or all of them.

        >>> weather = Features(owner="weather-team")
        >>> stations = weather.table("weather.parquet", key="origin", time="time_hour")
        >>> @weather.feature(stations, on="origin")
        ... def wind(wind_speed):
        ...     return wind_speed
        >>> Declaration("delay", owner="ops-ml", predict_at="due").use(weather, wind)
        """
        where = caller()
        lent = shared.lend(functions, self._draft, where)
        for table in lent.tables:
            self._adopt(table, where)
        for feature in lent.features:
            known = self._draft.features.get(feature.name)
            if known is None or known.function is not feature.function:
                self._draft.add(self._draft.features, feature.name, feature, where)

    def lags(
        self,
        table: Table,
        column: str,
        *,
        by: str | Sequence[str],
        lags: Sequence[str | timedelta],
        within: str | timedelta = "0s",
        naive: str | timedelta | None = None,
    ) -> None:
        """Declare what a column of the same series was so long before each row's own time, as ``<column>_lag_<lag>``.

        A lag shorter than the horizon, the time from ``predict_at`` to the row, is refused: nobody knows it yet. ``within`` is
        how much older a value may be where none is of that very moment. ``naive`` is the lag that is a forecast by itself:
        the gate holds the model against it, and ``accept(mase=…)`` is in units of its error.

        >>> product = Declaration("sales", owner="ana", predict_at="day - 1d")
        >>> shops = product.table("sales.parquet", key="point", time="day", known={"sold": "closed"})
        >>> product.lags(shops, "sold", by="shop", lags=["1d", "7d"], naive="7d")
        >>> list(product._draft.features)
        ['sold_lag_1d', 'sold_lag_7d']
        """
        where, keys = caller(), (by,) if isinstance(by, str) else tuple(by)
        self._adopt(table, where)
        ahead, older = -self._offset(), self._duration(within, where) or timedelta()
        found = [parsed for each in lags if (parsed := self._duration(each, where)) is not None]
        for lag in found:
            part = replace(lagged(table, column, keys, (lag, older), ahead), where=where)
            self._draft.add(self._draft.features, part.name, part, where)
            self._draft.lags.append(Lag(table.name, column, lag, where))
        chosen = self._duration(naive, where)
        if chosen is not None and chosen not in found:
            told = ", ".join(map(format_duration, found))
            self._draft.fault(f"naive= is {format_duration(chosen)}, none of the lags", where, f"choose from: {told}")
        elif chosen is not None:
            self._draft.place("naive", where)
            self._draft.naive = Naive(lag_name(column, chosen), keys, where)

    def suggest(self, *tables: Table, limit: int = 20) -> None:
        """Ask for automated features over some tables: proposed, proven out of time, frozen into readable ones."""
        where = caller()
        for table in tables:
            self._adopt(table, where)
        self._draft.suggestion = Suggestion(tuple(table.name for table in tables), limit, where)

    def label(
        self,
        table: Table,
        *,
        wait: str | timedelta | None = None,
        task: Kind | None = None,
        classes: Sequence[str | int] = (),
        quantile: float = 0.5,
        group: str | None = None,
        at: int | None = None,
    ) -> Callable[[F], F]:
        """Declare the label; ``wait`` is how long after a row's time it may still be unknown.

        Yes or no unless said otherwise: ``classes`` name the values that a label of several has, ``task="regression"`` says
        that it is a number. ``quantile`` is the one that the measure pinball is about. With ``group`` it is a grade, a whole
        number from 0, by which the rows with one value in that column are ranked, like the results of a search; NDCG looks
        at the first ``at`` of them, 10 unless said otherwise.
        """

        def declare(function: F) -> F:
            where = line(function)
            self._adopt(table, where)
            waits = self._duration(wait, where)
            label = Label(
                name=function.__name__,
                table=table.name,
                function=function,
                inputs=inputs(function),
                wait=waits or timedelta(),
                known=(),
                where=where,
                kind=task or ("multiclass" if classes else "ranking" if group else "binary"),
                classes=tuple(map(str, classes)),
                quantile=quantile,
                group=group,
                at=PLACES if at is None else at,
            )
            self._draft.label(label, waits)
            return function

        return declare

    def model(
        self,
        *,
        tune: Mapping[str, Interval | Sequence[Any]] | None = None,
        trials: int = 0,
        budget: str | None = None,
        prune: str = "",
    ) -> Callable[[F], F]:
        """Declare how a model is fitted: a function of ``(X, y, **parameters)``, and what to tune.

        ``trials`` is the most there are, fewer where the ``budget`` is spent before: a time like ``10min``, or money like
        ``5 at 2.40/h``. A fit with a parameter ``report`` may call ``report(step, model)`` on its way, and is given up there by
        ``prune``: ``median`` or ``halving``.
        """
        spaces: dict[str, Space] = {
            name: space if isinstance(space, Interval) else Choices(tuple(space)) for name, space in (tune or {}).items()
        }

        def declare(function: F) -> F:
            where = line(function)
            if tune is not None and not spaces:
                self._draft.fault(
                    "the space to tune in is empty", where, "name a parameter and its space, or leave tune out"
                )
            self._draft.model(function, spaces, trials, where)
            self._draft.search(budget, prune, where)
            return function

        return declare

    def test(self, function: F | None = None, *, rows: int = 100, share: float = 1.0) -> Any:
        """Declare a test of the model's specification, to hold on a share of real rows; usable with or without brackets."""

        def declare(function: F) -> F:
            where = line(function)
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
        minimum: int = 1000,
        **rules: str | Rule,
    ) -> None:
        """Declare the gate: requirements by measure, the margin against the live model, and the worst slice's.

        ``minimum`` is how many rows of the out-of-time window a measure must rest on, groups where rows are ranked; below it
        is unknown, and no pass.
        """
        where = caller()
        window = self._duration(out_of_time, where)
        required = [rule for name, text in rules.items() if (rule := self._rule(text, where, name)) is not None]
        named = [(column, self._rule(text, where)) for column, text in _pairs(worst_slice)]
        self._draft.place("accept", where)
        self._draft.slices, self._draft.margin = [column for column, _ in named], against_live
        self._draft.acceptance = Acceptance(
            out_of_time=window or timedelta(days=30),
            minimum=minimum,
            rules=tuple(required),
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
        where = caller()
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
        skew: bool = True,
        stale: str | timedelta | None = None,
        tell: str | Sequence[str] = (),
    ) -> None:
        """Declare what is watched in production, and who is told.

        ``drift`` of inputs, scores and labels; ``decay`` of quality by a rule; ``estimate``: quality before labels are known;
        ``numerics``: missing, infinite and stuck numbers; ``skew``: features served otherwise than they are trained on;
        ``stale``: the age of the newest row a version was tested on. ``tell`` names where notices go: ``mailto:ops@example.com``,
        a webhook ``https://example.com/hook``, or a service, its secret in a variable of the environment: ``slack://{OPS_SLACK}``.
        """
        where = caller()
        self._draft.place("watch", where)
        told = (tell,) if isinstance(tell, str) else tuple(tell)
        targets = [self._parsed(partial(parse_target, target), where) for target in told]
        self._draft.watch = Watch(
            drift=drift,
            decay=self._rule(decay, where) if decay is not None else None,
            estimate=estimate,
            numerics=numerics,
            skew=skew,
            stale=self._duration(stale, where),
            tell=tuple(dict.fromkeys(str(target) for target in targets if target is not None)),
        )

    def retrain(self, *, every: str | timedelta | None = None, when: Sequence[str] = (), min_labels: int = 0) -> None:
        """Declare when a new candidate is trained: on a schedule, on findings, and how many new labels it needs."""
        where = caller()
        self._draft.place("retrain", where)
        self._draft.retraining = Retraining(self._duration(every, where), tuple(when), min_labels)

    def value(self, worth: F | None = None, **outcomes: float) -> F | None:
        """Declare what a decision is worth: true_positive, false_positive, true_negative, false_negative.

        Of a number or a class, what an answer is worth is a function of ``(score, label)``, two Polars expressions; classes
        are there by name. It is declared above the function: ``@product.value``.
        """
        where = caller()
        self._draft.place("value", where)
        self._draft.worth = worth
        known = set(Value.__dataclass_fields__)
        for name in outcomes.keys() - known:
            self._draft.fault(f"value() does not know {name!r}", where, f"choose from: {', '.join(sorted(known))}")
        self._draft.value = Value(**{name: float(gain) for name, gain in outcomes.items() if name in known})
        return worth

    def replicate(
        self,
        *,
        by: str,
        minimum: int = 200,
        tested: int = 50,
        features: str = "shared",
        waves: Sequence[float] = (5, 25, 100),
        hold: str | timedelta = "2h",
    ) -> None:
        """Declare one model a segment: the same definition and the same policy for each value of a column.

        A segment with fewer than ``minimum`` rows to train on, or ``tested`` rows out of time, is answered by the pooled
        model, and so is one whose own model is worse on its own rows. ``features`` are ``shared``, or ``own``: suggested for
        each segment. Models go live in ``waves`` of growing shares of the segments (per cent), each ``hold`` long at least.
        """
        where = caller()
        self._draft.place("replicate", where)
        if features not in FEATURES:
            self._draft.fault(f"replicate has features={features!r}", where, f"choose from: {', '.join(FEATURES)}")
        shares, wait = tuple(float(share) for share in waves), self._duration(hold, where)
        self._draft.replication = Replicating(by, minimum, tested, features == "own", shares, wait or timedelta())

    def freeze(
        self, root: Path | None = None, schemas: Mapping[str, pl.Schema] | None = None, *, evolve: bool = False
    ) -> Definition:
        """Return the whole, checked definition; raises ``DefinitionError`` with every fault at once.

        ``root`` is the folder that relative sources are looked up in; the current folder by default. A table that
        ``schemas`` names has those columns, and its source is not opened, unless the table may ``evolve``: then it has the
        new columns of its source too, where that is there.
        """
        return define(self._draft, root or Path(), schemas or {}, evolve=evolve)

    def _offset(self) -> timedelta:
        try:
            return parse_moment(self._draft.predict_at).offset
        except FaultyError:
            return timedelta()  # told when the declaration is frozen

    def _rule(self, text: str | Rule, where: str, measure: str | None = None) -> Rule | None:
        return self._parsed(lambda: parse_rule(text, measure=measure), where)


def _pairs(worst: SliceRule | Sequence[SliceRule]) -> list[SliceRule]:
    if len(worst) == 2 and isinstance(worst[0], str):  # noqa: PLR2004  one pair of column and rule
        return [cast("SliceRule", worst)]
    return list(cast("Sequence[SliceRule]", worst))
