"""The quality entries, relationships and service levels of a contract, as checks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from trimaran.data.contracts.checks import Allowance, Check, Policy
from trimaran.data.contracts.columns import Finite, Pattern, Required, Values
from trimaran.data.contracts.expressions import Expression, sql_fault
from trimaran.data.contracts.literals import pattern_fault
from trimaran.data.contracts.marked import Marked
from trimaran.data.contracts.tables import Fresh, Reference, Rows, Unique

SEVERITIES: dict[str, Policy] = {"info": "warn", "warning": "warn", "error": "refuse", "critical": "stop"}
"""What the severity of a quality entry does when it is broken."""
ENGINE = "trimaran"
METRICS = ("nullValues", "invalidValues", "duplicateValues", "rowCount")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_WORDS = {"second": "s", "minute": "m", "min": "m", "hour": "h", "day": "d", "week": "w"}
_OPERATORS = (
    "mustBe",
    "mustBeLessThan",
    "mustBeLessOrEqualTo",
    "mustBeGreaterThan",
    "mustBeGreaterOrEqualTo",
    "mustBeBetween",
)


@dataclass(frozen=True)
class Place:
    """Where entries stand: how a fault is noted, which column they are about, and what a broken check does there."""

    fault: Callable[[str, Marked, str], None]
    where: Callable[[Marked], str]
    policy: Policy = "refuse"
    column: str | None = None
    table: str = ""


def quality_checks(entries: Marked, place: Place) -> list[Check]:
    """Return the checks that the entries under ``quality`` are; text for people is none."""
    found: list[Check] = []
    for entry in entries:
        parts: dict[str, Marked] = entry.value if isinstance(entry.value, dict) else {}
        kind = parts["type"].value if "type" in parts else "library"
        common: dict[str, Any] = {"where": place.where(entry), "policy": _policy(parts, place)}
        if "name" in parts:
            common["title"] = str(parts["name"].plain)
        if kind == "library":
            check = _library(entry, parts, place, common)
        elif kind == "custom" and parts.get("engine", Marked(None, 1)).value == ENGINE:
            check = _custom(entry, parts, place, common)
        elif kind in {"text", "custom"}:
            continue
        else:
            place.fault(f"quality of type {kind!r} is not judged", entry, f"use a metric, or type: custom, engine: {ENGINE}")
            continue
        found += [check] if check is not None else []
    return found


def relationships(entries: Marked, place: Place) -> list[Check]:
    """Return the references to other tables."""
    found: list[Check] = []
    for entry in entries:
        parts: dict[str, Marked] = entry.value if isinstance(entry.value, dict) else {}
        ours = [place.column] if place.column else _names(parts.get("from"))
        targets = [name.rpartition(".") for name in _names(parts.get("to"))]
        tables = {table for table, _, _ in targets}
        if len(tables) != 1 or "" in tables or len(ours) != len(targets):
            place.fault("a relationship does not say what refers to what", entry, "write to: table.column, one a column")
            continue
        columns = tuple(str(name).rpartition(".")[2] for name in ours)
        theirs = tuple(column for _, _, column in targets)
        common = {"policy": place.policy, "where": place.where(entry)}
        found.append(Reference(columns=columns, table=tables.pop(), others=theirs, **common))  # type: ignore[arg-type]
    return found


def service_checks(entries: Marked, place: Place) -> list[Check]:
    """Return the checks that service levels are: ``latency`` is how old the newest moment of its element may be."""
    found: list[Check] = []
    for entry in entries:
        parts: dict[str, Marked] = entry.value if isinstance(entry.value, dict) else {}
        if parts.get("property", Marked("", 1)).value not in {"latency", "ly"}:
            continue
        table, _, column = str(parts.get("element", Marked("", 1)).plain).rpartition(".")
        value, unit = parts.get("value", entry), str(parts.get("unit", Marked("d", 1)).value).lower().rstrip("s") or "s"
        seconds = _UNITS.get(_WORDS.get(unit, unit))
        number = isinstance(value.value, int | float) and not isinstance(value.value, bool)
        if not column or seconds is None or not number:
            place.fault(
                "a latency that says no time",
                entry,
                f"write element: table.column, value: a number, unit: {', '.join(_UNITS)}",
            )
        elif not table or table == place.table:
            policy: Policy = _policy(parts, place)
            age = timedelta(seconds=value.value * seconds)
            found.append(Fresh(columns=(column,), age=age, policy=policy, where=place.where(entry)))
    return found


def _library(entry: Marked, parts: dict[str, Marked], place: Place, common: dict[str, Any]) -> Check | None:
    metric = str(parts.get("metric", parts.get("rule", Marked("", 1))).value)
    if metric == "rowCount":
        return _rows(entry, parts, place, common)
    arguments = parts.get("arguments", Marked({}, entry.line)).plain
    arguments = arguments if isinstance(arguments, dict) else {}
    columns = (place.column,) if place.column else tuple(map(str, arguments.get("properties", ())))
    if metric not in METRICS or not columns or (metric != "duplicateValues" and not place.column):
        where = "a column" if place.column else "a table"
        place.fault(f"metric {metric!r} is not judged for {where}", entry, f"choose from: {', '.join(METRICS)}")
        return None
    common |= {"columns": columns, "allowed": _allowance(entry, parts, place)}
    if metric == "invalidValues":
        return _valid(entry, arguments, place, common)
    return Required(**common) if metric == "nullValues" else Unique(**common)


def _valid(entry: Marked, arguments: dict[str, Any], place: Place, common: dict[str, Any]) -> Check | None:
    listed = arguments.get("validValues")
    if isinstance(listed, list):
        return Values(values=tuple(value for value in listed if value is not None), **common)
    if "pattern" in arguments and not pattern_fault(str(arguments["pattern"])):
        return Pattern(pattern=str(arguments["pattern"]), **common)
    place.fault(
        "invalidValues without valid ones", entry, "write arguments: {validValues: […]} or a pattern that can be used"
    )
    return None


def _custom(entry: Marked, parts: dict[str, Marked], place: Place, common: dict[str, Any]) -> Check | None:
    text = parts.get("implementation", Marked("", entry.line)).value
    if text == "finite" and place.column:
        return Finite(columns=(place.column,), allowed=_allowance(entry, parts, place), **common)
    fault = sql_fault(text) if isinstance(text, str) and text.strip() else "says nothing"
    if fault:
        place.fault(f"an implementation that {fault}", entry, "write a comparison over columns, like arrived >= departed")
        return None
    return Expression(text=text, allowed=_allowance(entry, parts, place), **common)


def _rows(entry: Marked, parts: dict[str, Marked], place: Place, common: dict[str, Any]) -> Check | None:
    name, bound = _operator(entry, parts, place)
    low: float | None = None
    high: float | None = None
    if name == "mustBeBetween":
        low, high = bound
    elif name == "mustBe":
        low = high = bound
    elif name in {"mustBeGreaterThan", "mustBeGreaterOrEqualTo"}:
        low = bound + 1 if name == "mustBeGreaterThan" else bound
    elif name:
        high = bound - 1 if name == "mustBeLessThan" else bound
    else:
        place.fault("a number of rows without a bound", entry, f"write one of: {', '.join(_OPERATORS)}")
        return None
    return Rows(low=None if low is None else math.ceil(low), high=None if high is None else math.floor(high), **common)


def _allowance(entry: Marked, parts: dict[str, Marked], place: Place) -> Allowance:
    name, bound = _operator(entry, parts, place)
    if name in {"mustBeGreaterThan", "mustBeGreaterOrEqualTo", "mustBeBetween"} or (name == "mustBe" and bound != 0):
        place.fault(f"{name} {bound} of what is wrong", entry, "write mustBe: 0, mustBeLessThan or mustBeLessOrEqualTo")
        return Allowance()
    unit = parts.get("unit", Marked("rows", 1)).value
    if unit not in {"rows", "percent"}:
        place.fault(f"unit {unit!r}", entry, "choose from: rows, percent")
    return Allowance(bound or 0, percent=unit == "percent", strict=name == "mustBeLessThan")


def _operator(entry: Marked, parts: dict[str, Marked], place: Place) -> tuple[str, Any]:
    used = [name for name in parts if name.startswith("must")]
    if not used:
        return "", None
    bound = parts[used[0]].plain
    numbers = bound if isinstance(bound, list) else [bound]
    two = 2 if used[0] == "mustBeBetween" else 1
    right = len(numbers) == two and all(isinstance(one, int | float) and not isinstance(one, bool) for one in numbers)
    if len(used) > 1 or used[0] not in _OPERATORS or not right:
        place.fault(
            f"{', '.join(used)}: {bound!r} is not judged", entry, f"write one of {', '.join(_OPERATORS)} and a number"
        )
        return "", None
    return used[0], bound


def _policy(parts: dict[str, Marked], place: Place) -> Policy:
    severity = parts.get("severity")
    if severity is None:
        return place.policy
    if severity.value not in SEVERITIES:
        place.fault(f"severity {severity.plain!r}", severity, f"choose from: {', '.join(SEVERITIES)}")
    return SEVERITIES.get(str(severity.value), "refuse")


def _names(node: Marked | None) -> list[str]:
    plain = node.plain if node is not None else []
    return [str(name) for name in plain] if isinstance(plain, list) else [str(plain)]
