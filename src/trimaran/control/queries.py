"""The language that runs are searched in: ``metrics.auc > 0.8 and params.depth <= 6 and tags.team = "ops" order by started desc``.

A question is parsed into frozen parts that hold values and never any SQL; what is wrong is told with the place where it stands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from difflib import get_close_matches
from typing import Literal, NamedTuple

import msgspec

from trimaran.core.clock import parse_moment
from trimaran.core.errors import Fault, InputError

LONGEST = 4000
"""Characters that a question may have."""

LIMIT = 1_000_000
"""Runs that a question may return at most."""

MOST = 100
"""Conditions that a question may have."""

DEEPEST = 40
"""Brackets and ``not`` that may stand in each other."""

Space = Literal["metrics", "params", "tags", "run"]
Operator = Literal["=", "!=", "<", "<=", ">", ">=", "contains"]
Value = float | str | bool

SPACES = ("metrics", "params", "tags")
NUMBERS = ("seconds",)
MOMENTS = ("started", "ended")
WORDS = ("name", "project", "status", "parent", "actor", "kind", "error")
STATUSES = ("running", "finished", "failed", "cut off")


class Field(msgspec.Struct, frozen=True):
    """What is asked of a run: a metric's newest value, a parameter, a tag, or a thing that every run has."""

    space: Space
    name: str
    at: int


class Compare(msgspec.Struct, frozen=True):
    """A field beside a value."""

    field: Field
    operator: Operator
    value: Value


class OneOf(msgspec.Struct, frozen=True):
    """A field that is one of some values."""

    field: Field
    values: tuple[Value, ...]


class Exists(msgspec.Struct, frozen=True):
    """A field that the run has at all."""

    field: Field


class Both(msgspec.Struct, frozen=True):
    """Conditions that all hold."""

    parts: tuple[Condition, ...]


class Either(msgspec.Struct, frozen=True):
    """Conditions of which one holds."""

    parts: tuple[Condition, ...]


class Not(msgspec.Struct, frozen=True):
    """A condition that does not hold."""

    part: Condition


Condition = Compare | OneOf | Exists | Both | Either | Not


class Order(msgspec.Struct, frozen=True):
    """A field to sort by; runs without it come last either way."""

    field: Field
    descending: bool


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A question: which runs, in what order, how many."""

    text: str = ""
    where: Condition | None = None
    order: tuple[Order, ...] = ()
    limit: int | None = None

    def fields(self) -> list[Field]:
        """Return every field that the question names, in order of the text."""
        found = [*(_fields_of(self.where) if self.where is not None else []), *(order.field for order in self.order)]
        return sorted(found, key=lambda field: field.at)


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


_WORD = r"[A-Za-z_][\w/\-]*"
_TOKENS = re.compile(
    rf"""(?P<space>\s+)
    |(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<word>{_WORD}(?:\.(?:[\w/\-]+|"[^"]*"))*)
    |(?P<sign><=|>=|!=|==|=|<|>|\(|\)|,)""",
    re.VERBOSE,
)
_SIGNS = {"=", "==", "!=", "<", "<=", ">", ">="}


def parse_query(text: str) -> Query:
    """Return the question that a text asks; raises ``InputError`` that points at what is wrong and lists what is right.

    >>> query = parse_query('metrics.auc > 0.8 and not status = "failed" order by metrics.auc desc limit 5')
    >>> query.limit, query.order[0].descending, [field.name for field in query.fields()]
    (5, True, ['auc', 'status', 'auc'])
    """
    if len(text) > LONGEST:
        raise InputError("query", [Fault(what=f"it has {len(text):,} characters", remedy=f"write at most {LONGEST:,}")])
    return _Parser(text).query()


def check_names(query: Query, known: Callable[[Space], Sequence[str]]) -> None:
    """Raise ``InputError`` that names every metric, parameter and tag of a question that no run has, and those that are."""
    faults = []
    for field in query.fields():
        names = known(field.space) if field.space != "run" else (field.name,)
        if field.name not in names:
            near = get_close_matches(field.name, names, n=3) or sorted(names)[:20]
            more = f" and {len(names) - len(near)} more" if len(names) > len(near) else ""
            remedy = f"choose from: {', '.join(near)}{more}" if names else "no run has any"
            faults.append(_fault(query.text, field.at, f"no run has {field.space}.{field.name}", remedy))
    if faults:
        raise InputError("query", faults)


class _Parser:
    """Reads a question from left to right, one token at a time (recursive descent)."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._read()
        self._place = 0
        self._count = 0
        self._depth = 0

    def query(self) -> Query:
        """Read all of it."""
        where = None if self._next.kind == "end" or self._is("order", "limit") else self._either()
        order: list[Order] = []
        if self._take("order"):
            self._expect("by")
            order.append(self._order())
            while self._take(","):
                order.append(self._order())
        limit = self._limit() if self._take("limit") else None
        if self._next.kind != "end":
            raise self._wrong("nothing more was expected here", "join conditions by and, or; end with: order by … limit …")
        return Query(text=self._text, where=where, order=tuple(order), limit=limit)

    def _read(self) -> list[_Token]:
        found: list[_Token] = []
        at = 0
        while at < len(self._text):
            match = _TOKENS.match(self._text, at)
            if match is None:
                quote = self._text[at] in "\"'"
                what = "this text has no end" if quote else f"{self._text[at]!r} means nothing here"
                raise InputError("query", [_fault(self._text, at, what, 'write texts as "…" and names as metrics."…"')])
            if match.lastgroup != "space":
                found.append(_Token(str(match.lastgroup), match.group(), at))
            at = match.end()
        return [*found, _Token("end", "", len(self._text))]

    @property
    def _next(self) -> _Token:
        return self._tokens[self._place]

    def _is(self, *words: str) -> bool:
        return self._next.kind in {"word", "sign"} and self._next.text.lower() in words

    def _take(self, word: str) -> bool:
        if self._is(word):
            self._place += 1
            return True
        return False

    def _expect(self, word: str) -> None:
        if not self._take(word):
            raise self._wrong(f"{word!r} was expected here", f"write {word}")

    def _either(self) -> Condition:
        parts = [self._both()]
        while self._take("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def _both(self) -> Condition:
        parts = [self._one()]
        while self._take("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else Both(tuple(parts))

    def _one(self) -> Condition:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._wrong("brackets stand too deep in each other here", f"nest at most {DEEPEST}")
        try:
            if self._take("not"):
                return Not(self._one())
            if self._take("("):
                inner = self._either()
                self._expect(")")
                return inner
            return self._condition()
        finally:
            self._depth -= 1

    def _condition(self) -> Condition:
        self._count += 1
        if self._count > MOST:
            raise self._wrong("this is one condition too many", f"ask at most {MOST}")
        if self._take("exists"):
            return Exists(self._field())
        field = self._field()
        if self._take("in"):
            self._expect("(")
            values = [self._value(field, "=")]
            while self._take(","):
                values.append(self._value(field, "="))
            self._expect(")")
            return OneOf(field, tuple(values))
        return Compare(field, operator := self._operator(), self._value(field, operator))

    def _operator(self) -> Operator:
        token = self._next
        if self._take("contains"):
            return "contains"
        if token.kind == "sign" and token.text in _SIGNS:
            self._place += 1
            return "=" if token.text == "==" else token.text  # type: ignore[return-value]  # looked up just above
        raise self._wrong("a comparison was expected here", "write one of: = != < <= > >= contains in")

    def _field(self) -> Field:
        token = self._next
        if token.kind != "word":
            raise self._wrong(
                "the name of something was expected here", "write metrics.NAME, params.NAME, tags.NAME or a word"
            )
        space, _, name = token.text.partition(".")
        if name:
            if space not in SPACES:
                near = get_close_matches(space, SPACES, n=1)
                what = f"there is no {space}.…{f', perhaps {near[0]} is meant' if near else ''}"
                raise self._wrong(what, f"choose from: {', '.join(f'{one}.NAME' for one in SPACES)}")
            self._place += 1
            return Field(space, name.strip('"'), token.at)  # type: ignore[arg-type]  # one of SPACES, as was just seen
        names = (*WORDS, *NUMBERS, *MOMENTS)
        if token.text not in names:
            near = get_close_matches(token.text, names, n=1)
            what = f"a run has no {token.text!r}{f', perhaps {near[0]} is meant' if near else ''}"
            raise self._wrong(what, f"choose from: {', '.join(names)}, metrics.NAME, params.NAME, tags.NAME")
        self._place += 1
        return Field("run", token.text, token.at)

    def _value(self, field: Field, operator: Operator) -> Value:
        token = self._next
        value: Value
        if token.kind == "text":
            value = re.sub(r"\\(.)", r"\1", token.text[1:-1])
        elif token.kind == "number":
            value = float(token.text)
        elif self._is("true", "false"):
            value = token.text.lower() == "true"
        else:
            raise self._wrong("a value was expected here", 'write a number, a text in quotes like "ops", true or false')
        fault = _unfit(field, operator, value)
        if fault is not None:
            raise self._wrong(*fault)
        self._place += 1
        return value

    def _order(self) -> Order:
        field = self._field()
        descending = self._take("desc")
        return Order(field, descending or (self._take("asc") and False))

    def _limit(self) -> int:
        token = self._next
        if token.kind != "number" or not token.text.isdigit() or not 0 < int(token.text) <= LIMIT:
            raise self._wrong("a whole number above zero was expected here", "write like: limit 20")
        self._place += 1
        return int(token.text)

    def _wrong(self, what: str, remedy: str) -> InputError:
        return InputError("query", [_fault(self._text, self._next.at, what, remedy)])


def moment_of(value: Value) -> datetime:
    """Return the moment that the value beside ``started`` or ``ended`` names."""
    return parse_moment(str(value))


def _unfit(field: Field, operator: Operator, value: Value) -> tuple[str, str] | None:
    """Return what is wrong with a value beside a field, and what to do."""
    name = field.name if field.space == "run" else f"{field.space}.{field.name}"
    number = isinstance(value, float) and not isinstance(value, bool)
    ordered = operator not in {"=", "!=", "contains"}
    fault = None
    if (field.space == "metrics" or name in NUMBERS) and (not number or operator == "contains"):
        fault = f"{name} is a number", "compare it with a number, like 0.8"
    elif (field.space == "tags" or name in WORDS) and (not isinstance(value, str) or ordered):
        fault = f"{name} is a text", f'write like: {name} = "…", or contains "…"'
    elif name == "status" and operator != "contains" and value not in STATUSES:
        fault = f"no run is {value!r}", f"choose from: {', '.join(STATUSES)}"
    elif name in MOMENTS and (operator == "contains" or not _is_moment(value)):
        fault = f"{name} is a moment", f'write like: {name} > "2026-11-01" or "2026-11-01T12:00"'
    elif field.space == "params" and ordered and not number:
        fault = f"{value!r} has no order", "compare a parameter that is no number by = != contains in"
    elif operator == "contains" and not isinstance(value, str):
        fault = "only a text can be contained", 'write like: contains "…"'
    return fault


def _is_moment(value: Value) -> bool:
    try:
        moment_of(value)
    except InputError:
        return False
    return isinstance(value, str)


def _fields_of(condition: Condition) -> list[Field]:
    match condition:
        case Both(parts) | Either(parts):
            return [field for part in parts for field in _fields_of(part)]
        case Not(part):
            return _fields_of(part)
        case _:
            return [condition.field]


def _fault(text: str, at: int, what: str, remedy: str) -> Fault:
    start = max(0, at - 30)
    shown = f"{'…' if start else ''}{text[start:at]}▸{text[at : at + 30]}{'…' if len(text) > at + 30 else ''}"
    return Fault(where=f"character {at + 1}, {shown}", what=what, remedy=remedy)
