"""Contracts from pandera's Polars schemas: what can be judged our way is converted, what cannot is refused by its name."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import polars as pl

from trimaran.core.errors import Fault, InputError
from trimaran.data.contracts.checks import Check, Policy
from trimaran.data.contracts.columns import Length, Pattern, Range, Required, Values
from trimaran.data.contracts.contract import Contract
from trimaran.data.contracts.literals import Value, logical_type, pattern_fault
from trimaran.data.contracts.tables import Unique

_REST = "(?s:.*)"
_MAKERS: dict[str, Callable[[dict[str, Any], dict[str, Any]], Check]] = {
    "greater_than": lambda said, common: Range(low=_value(said["min_value"]), open_low=True, **common),
    "greater_than_or_equal_to": lambda said, common: Range(low=_value(said["min_value"]), **common),
    "less_than": lambda said, common: Range(high=_value(said["max_value"]), open_high=True, **common),
    "less_than_or_equal_to": lambda said, common: Range(high=_value(said["max_value"]), **common),
    "in_range": lambda said, common: Range(
        low=_value(said["min_value"]),
        high=_value(said["max_value"]),
        open_low=not said.get("include_min", True),
        open_high=not said.get("include_max", True),
        **common,
    ),
    "isin": lambda said, common: Values(values=tuple(_value(one) for one in said["allowed_values"]), **common),
    "equal_to": lambda said, common: Values(values=(_value(said["value"]),), **common),
    "str_matches": lambda said, common: Pattern(pattern=f"(?:{_text(said['pattern'])}){_REST}", **common),
    "str_contains": lambda said, common: Pattern(pattern=f"{_REST}(?:{_text(said['pattern'])}){_REST}", **common),
    "str_startswith": lambda said, common: Pattern(pattern=f"{re.escape(said['string'])}{_REST}", **common),
    "str_endswith": lambda said, common: Pattern(pattern=f"{_REST}{re.escape(said['string'])}", **common),
    "str_length": lambda said, common: Length(low=said.get("min_value"), high=said.get("max_value"), **common),
}


def is_pandera(schema: object) -> bool:
    """Return whether something is a pandera schema, or a model class that has one; pandera is not imported for it."""
    return any(
        kind.__module__.partition(".")[0] == "pandera" for kind in (*type(schema).__mro__, *getattr(schema, "__mro__", ()))
    )


def from_pandera(schema: Any) -> Contract:
    """Return the contract that a ``pandera.polars`` schema or model is; ``InputError`` names all that cannot be converted.

    Null, NaN and text are judged by our rule; a column that may not be null may not be NaN either, as pandera has it.
    """
    if isinstance(schema, type):
        model: Any = schema
        schema = model.to_schema()
    name = schema.name or "pandera schema"
    faults: list[str] = [f"check {_called(check)!r} of the whole" for check in schema.checks or ()]
    faults += [
        f"{part}={getattr(schema, part)!r}" for part in ("strict", "coerce", "ordered") if getattr(schema, part, False)
    ]
    faults += ["dtype of the whole"] if schema.dtype is not None else []
    faults += ["parsers"] if getattr(schema, "parsers", None) else []
    types: dict[str, str | None] = {}
    checks: list[Check] = []
    for column, declared in schema.columns.items():
        kind = getattr(declared.dtype, "type", None)
        types[column] = None if kind is None else logical_type(pl.Series([], dtype=kind).dtype)
        odd = [part for part in ("regex", "coerce", "parsers") if getattr(declared, part, False)]
        odd += ["required=False"] if not declared.required else []
        odd += ["default"] if getattr(declared, "default", None) is not None else []
        faults += [f"{column}: {part}" for part in odd]
        if not declared.nullable:
            checks.append(Required(columns=(column,)))
            if types[column] == "number":
                checks.append(Range(columns=(column,), low=float("-inf"), title=f"{column} is NaN"))
        if declared.unique:
            checks.append(Unique(columns=(column,)))
        found, wrong = _checks(column, declared.checks)
        checks += found
        faults += wrong
    if schema.unique:
        checks.append(Unique(columns=tuple(schema.unique)))
    if faults:
        remedy = f"drop it, or write it as @product.expect; what can be converted: {', '.join(_MAKERS)}"
        raise InputError(name, [Fault(what=f"{what} cannot be converted", where=name, remedy=remedy) for what in faults])
    return Contract(name, types, tuple(checks))


def _checks(column: str, declared: Any) -> tuple[list[Check], list[str]]:
    found: list[Check] = []
    wrong: list[str] = []
    for check in declared:
        name = _called(check)
        policy: Policy = "warn" if check.raise_warning else "refuse"
        common = {"columns": (column,), "policy": policy, "title": check.title or ""}
        if name not in _MAKERS or not check.statistics or not check.ignore_na or check.element_wise or check.groupby:
            wrong.append(f"{column}: check {name!r}")
            continue
        made = _MAKERS[name](check.statistics, common)
        fault = pattern_fault(made.pattern) if isinstance(made, Pattern) else None
        if fault:
            wrong.append(f"{column}: check {name!r}, whose pattern cannot be used ({fault}),")
        found.append(made)
    return found, wrong


def _called(check: Any) -> str:
    return str(check.name or getattr(check, "__name__", "") or type(check).__name__)


def _value(value: Any) -> Value:
    return value if isinstance(value, bool | int | float | str) else value.isoformat()


def _text(pattern: Any) -> str:
    return str(getattr(pattern, "pattern", pattern))
