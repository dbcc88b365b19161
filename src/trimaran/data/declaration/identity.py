"""What a feature is, as a digest: the same in every product that has it, another one as soon as it computes something else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import CodeType, FunctionType, ModuleType

import polars as pl

from trimaran.core.canon import digest, digest_of
from trimaran.core.durations import format_duration
from trimaran.data.declaration.parts import Feature, Table

_PICKLED = (b"PLPYFN", b"\x80\x05\x95", b"\xcc\x80\x05\xcc\x95")
"""What stands before a Python function that Polars wrote into an expression: a pickle, which names files and lines."""

_PLAIN = (str, bytes, int, float, bool, type(None))


def identities(features: Iterable[Feature], tables: Mapping[str, Table]) -> dict[str, str]:
    """Return the digest of each feature by name; ``features`` are all of one definition, in its order.

    It is made of the name, the kind, the expression with every constant and helper that went into it, the key, the window
    and the table with its times; a row feature reads no table but the asked row, and a feature that it uses counts with its
    own digest. How the function is laid out, its comments and its docstring do not count.

    >>> flights = Table("flights", None, ("id",), "time")
    >>> hour = Feature("hour", "flights", "row", lambda time: time.dt.hour(), ("time",))
    >>> same = Feature("hour", "flights", "row", lambda when: when.dt.hour(), ("time",))
    >>> identities([hour], {"flights": flights}) == identities([same], {"flights": flights})
    True
    """
    found: dict[str, str] = {}
    for feature in features:
        read = {name: found[name] for name in feature.columns if feature.kind == "row" and name in found}
        found[feature.name] = digest_of(
            {
                "name": feature.name,
                "kind": feature.kind,
                "computes": _computed(feature),
                "on": list(feature.on),
                "window": format_duration(feature.window) if feature.window is not None else None,
                "table": _table(tables[feature.table]) if feature.kind != "row" else None,
                "read": read,
            }
        )
    return found


def _table(table: Table) -> list[object]:
    late = [f"{column} at {moment}" for column, moment in sorted(table.known.items())]
    age = format_duration(table.max_age) if table.max_age is not None else None
    return [table.name, list(table.key), table.time, late, age]


def _computed(feature: Feature) -> str:
    """Return the digest of the expression; of the author's code where Python runs inside it, which has no stable form."""
    try:
        written = feature.expression.meta.serialize()
    except (pl.exceptions.PolarsError, ValueError, TypeError, ImportError):
        return digest_of(list(_said(feature.function, set())))
    return digest_of(list(_said(feature.function, set()))) if any(mark in written for mark in _PICKLED) else digest(written)


def _said(value: object, seen: set[int]) -> Iterator[str]:
    """Yield what a value says that a function stands on: of a function its code, and all that this reads in turn."""
    if isinstance(value, _PLAIN):
        yield repr(value)
    elif isinstance(value, ModuleType | type):
        yield value.__name__
    elif id(value) not in seen:
        seen.add(id(value))
        if isinstance(value, FunctionType):
            yield from _coded(value.__code__, value.__doc__)
        parts = _parts(value)
        yield f"{type(value).__qualname__} of {len(parts)}"
        for part in parts:
            yield from _said(part, seen)


def _parts(value: object) -> list[object]:
    """Return what a value is made of, and of a function what it reads: defaults, closure and the names around it."""
    match value:
        case FunctionType():
            around = [
                (name, value.__globals__[name]) for name in sorted(_named(value.__code__)) if name in value.__globals__
            ]
            return [value.__defaults__, *(cell.cell_contents for cell in value.__closure__ or ()), *around]
        case Feature():
            return [value.name, value.inputs, value.function]
        case dict():
            return list(value.items())
        case list() | tuple():
            return list(value)
        case set() | frozenset():
            return sorted(value, key=repr)
        case _:
            return []


def _coded(code: CodeType, doc: str | None) -> Iterator[str]:
    yield code.co_code.hex()
    yield from (*code.co_names, *code.co_varnames, *code.co_freevars)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _coded(constant, None)
        elif constant != doc:
            # The order of a set of texts is another in every process.
            yield repr(sorted(constant, key=repr) if isinstance(constant, frozenset) else constant)


def _named(code: CodeType) -> set[str]:
    inner = (_named(constant) for constant in code.co_consts if isinstance(constant, CodeType))
    return {*code.co_names}.union(*inner)
