"""The parts a product is declared of: plain, frozen, with the author's functions in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

import polars as pl

from trimaran.core.checks import Rule, Rules
from trimaran.core.durations import format_duration, parse_duration
from trimaran.core.tasks import PLACES
from trimaran.core.tasks import Kind as TaskKind
from trimaran.data.contracts import Contract
from trimaran.data.declaration.budgets import Budget
from trimaran.data.declaration.spaces import Space
from trimaran.data.sources import Source

Function = Callable[..., Any]

Kind = Literal["row", "newest", "window"]

ASKED = ""
"""The table of a feature over the asked row, until a product says which table that is."""

PREDICT_AT = "predict_at"
"""The input that is no column: the moment the asked row's prediction is made at."""


@dataclass(frozen=True)
class Moment:
    """A moment of each row: a time column moved by an offset, like ``sched_dep - 2h``."""

    column: str
    offset: timedelta = timedelta()

    @property
    def expression(self) -> pl.Expr:
        """The moment as a Polars expression over the row's columns."""
        return pl.col(self.column) + self.offset

    def __str__(self) -> str:
        if not self.offset:
            return self.column
        sign = "-" if self.offset < timedelta() else "+"
        return f"{self.column} {sign} {format_duration(abs(self.offset))}"


def parse_moment(text: str) -> Moment:
    """Return the moment that a text states; raises ``InputError`` for an offset that is no duration.

    >>> parse_moment("sched_dep - 2h")
    Moment(column='sched_dep', offset=datetime.timedelta(days=-1, seconds=79200))
    """
    for sign in ("-", "+"):
        column, found, offset = text.partition(sign)
        if found:
            distance = parse_duration(offset.strip())
            return Moment(column.strip(), -distance if sign == "-" else distance)
    return Moment(text.strip())


SchemaChange = Literal["tell", "stop", "evolve"]
"""What an upstream change does: it is told and lived with, it stops the line, or new columns are taken in as well."""
SCHEMA_CHANGES: tuple[SchemaChange, ...] = ("tell", "stop", "evolve")


@dataclass(frozen=True)
class Table:
    """A declared table: where its rows come from, what names a row, and when each column becomes true.

    ``schema_change`` is what becomes of a delivery whose columns are others; ``time`` is the event time; ``known`` maps a column to the time column at which its value becomes known (a column not
    named there is known at ``time``); ``max_age`` is how old the newest row may be and still count.
    """

    name: str
    source: Source
    key: tuple[str, ...]
    time: str | None = None
    known: dict[str, str] = field(default_factory=dict)
    max_age: timedelta | None = None
    schema: pl.Schema = field(default_factory=pl.Schema)
    contract: Contract | None = None
    schema_change: SchemaChange = "tell"

    @property
    def late(self) -> dict[str, str]:
        """Every column whose value is not there from the start, with the column that says when it is."""
        return {**{moment: moment for moment in self.known.values()}, **self.known}


@dataclass(frozen=True)
class Feature:
    """A declared feature.

    ``kind``: ``row`` (an expression over the asked row), ``newest`` (over the newest row of ``table`` known at
    predict_at whose key equals the asked row's ``on`` columns; without ``time`` in the table, the one row with that key)
    or ``window`` (an aggregation over the rows of ``table`` whose ``on`` columns equal the asked row's, with event time
    in (predict_at - window, predict_at] and every used column known by predict_at). An input named ``predict_at`` is that
    moment, in UTC; in a window it is one value like an aggregate. ``back`` says of a window that it is a lag, the first input's
    newest value at least so long before predict_at: what the function says, found without going through the rows. ``over`` are the row features it is made of. ``owner`` is
    empty where it is the product's, and ``description`` is the function's docstring.
    """

    name: str
    table: str
    kind: Kind
    function: Function
    inputs: tuple[str, ...]
    on: tuple[str, ...] = ()
    window: timedelta | None = None
    where: str = ""
    over: tuple[Feature, ...] = ()
    owner: str = ""
    description: str = ""
    back: timedelta | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The inputs that are columns or other features: all but ``predict_at``."""
        return tuple(name for name in self.inputs if name != PREDICT_AT)

    @property
    def expression(self) -> pl.Expr:
        """The author's function, applied to the columns its parameters name."""
        once = self.kind == "window"
        moment = pl.col(PREDICT_AT).first() if once else pl.col(PREDICT_AT)
        result: pl.Expr = self.function(*(moment if name == PREDICT_AT else pl.col(name) for name in self.inputs))
        return result.alias(self.name)


@dataclass(frozen=True)
class Expectation:
    """A declared expectation about a table.

    An expression that gives one value judges the whole delivery; one that gives a value a row refuses the rows where it
    is not true.
    """

    name: str
    table: str
    function: Function
    inputs: tuple[str, ...]
    where: str = ""

    @property
    def expression(self) -> pl.Expr:
        """The author's function, applied to the columns its parameters name."""
        result: pl.Expr = self.function(*(pl.col(name) for name in self.inputs))
        return result.alias(self.name)


@dataclass(frozen=True)
class Label:
    """What is predicted of each row of ``table``, final ``wait`` after predict_at's row time.

    It is true or false, a number (``quantile`` says which of its distribution is meant), one of ``classes``, or a grade by
    which the rows with one value in the column ``group`` are ranked, of which the first ``at`` places count.
    """

    name: str
    table: str
    function: Function
    inputs: tuple[str, ...]
    wait: timedelta
    known: tuple[str, ...]
    where: str = ""
    kind: TaskKind = "binary"
    classes: tuple[str, ...] = ()
    quantile: float = 0.5
    group: str | None = None
    at: int = PLACES

    @property
    def expression(self) -> pl.Expr:
        """The label as a nullable Float64, null where it never became known: 1.0 or 0.0, the number, the class's place."""
        result = self.value(*(pl.col(name) for name in self.inputs))
        if self.classes:
            places = list(range(len(self.classes)))
            result = result.replace_strict(list(self.classes), places, default=None, return_dtype=pl.Float64)
        return result.alias(self.name)

    def value(self, *columns: pl.Expr) -> pl.Expr:
        """Return the label of the columns its parameters name: a number, or the class's name."""
        result: pl.Expr = self.function(*columns)
        return result.cast(pl.String if self.classes else pl.Float64)

    @property
    def known_at(self) -> pl.Expr:
        """When the label became known: the latest moment of the columns it uses, null while any of them is."""
        moments = [pl.col(name) for name in self.known]
        late = pl.any_horizontal(*(moment.is_null() for moment in moments))
        return pl.when(~late).then(pl.max_horizontal(*moments))


@dataclass(frozen=True)
class Lag:
    """A declared lag: what a column of a table was ``lag`` before a row's own time."""

    table: str
    column: str
    lag: timedelta
    where: str


@dataclass(frozen=True)
class Naive:
    """The forecast that a model must beat: the value of a feature, a lag of the series that ``by`` names."""

    feature: str
    by: tuple[str, ...]
    where: str = ""


@dataclass(frozen=True)
class Model:
    """How a model is fitted: ``function(X, y, **parameters)`` and the space its parameters are tuned in.

    ``budget`` says when to begin no more trials, ``prune`` by which rule to give one up on its way, which needs a function
    that ``reports``: it has a parameter ``report``. One that is ``grouped`` has a parameter ``group``: the sizes of the groups
    that the rows are ranked in, whose rows then stand together.
    """

    function: Function
    parameters: dict[str, Any]
    spaces: dict[str, Space]
    trials: int
    where: str = ""
    budget: Budget | None = None
    prune: str = ""
    reports: bool = False
    grouped: bool = False


@dataclass(frozen=True)
class ModelTest:
    """A test of the model's specification: ``function(model, row)``, to hold on ``share`` of ``rows`` real rows."""

    name: str
    function: Function
    rows: int = 100
    share: float = 1.0
    where: str = ""


@dataclass(frozen=True)
class Acceptance:
    """What a candidate must show: requirements on the out-of-time window, against the live model, and on its worst slice."""

    out_of_time: timedelta
    rules: tuple[Rule, ...] = ()
    against_live: tuple[Rule, ...] = ()
    slices: tuple[tuple[str, Rule], ...] = ()
    minimum: int = 1000
    slice_minimum: int = 300


@dataclass(frozen=True)
class ReleasePolicy:
    """How a proven version goes live: who approves, how long it shadows, its steps of traffic, what rolls it back."""

    shadow: timedelta = timedelta(days=1)
    steps: tuple[float, ...] = (5.0, 25.0, 100.0)
    hold: timedelta = timedelta(hours=2)
    approve: tuple[str, ...] = ()
    rollback: Rules | None = None


@dataclass(frozen=True)
class Watch:
    """What is watched in production, and who is told."""

    drift: bool = True
    decay: Rule | None = None
    estimate: bool = True
    numerics: bool = True
    skew: bool = True
    stale: timedelta | None = None
    tell: tuple[str, ...] = ()


@dataclass(frozen=True)
class Retraining:
    """When a new candidate is trained: on a schedule, on what monitors find, and not before enough new labels came."""

    every: timedelta | None = None
    when: tuple[str, ...] = ()
    min_labels: int = 0


@dataclass(frozen=True)
class Replicating:
    """One model a segment: by which column, from how many rows on, with whose features, and how they are released.

    A segment with fewer than ``minimum`` rows to train on, or ``tested`` out of time, is answered by the pooled model. Its
    model has the product's features, or ``own`` ones that are suggested for it. ``waves`` are the shares of segments, in per
    cent, that are served one after the other, each ``hold`` long before the next.
    """

    by: str
    minimum: int = 200
    tested: int = 50
    own: bool = False
    waves: tuple[float, ...] = (5.0, 25.0, 100.0)
    hold: timedelta = timedelta(hours=2)


@dataclass(frozen=True)
class Suggestion:
    """A wish for automated features: over which tables, and at most how many."""

    tables: tuple[str, ...]
    limit: int
    where: str = ""
