"""Reads contracts written as the Open Data Contract Standard has it (ODCS v3, bitol.io): all faults at once, with their lines."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from trimaran.core.errors import Fault, InputError, NotFound
from trimaran.data.contracts.checks import POLICIES, Check, Policy
from trimaran.data.contracts.columns import Length, Pattern, Range, Required
from trimaran.data.contracts.contract import Contract
from trimaran.data.contracts.literals import TYPES, pattern_fault
from trimaran.data.contracts.marked import Marked, read_marked
from trimaran.data.contracts.quality import Place, quality_checks, relationships, service_checks
from trimaran.data.contracts.tables import Unique

_TOP = [
    "apiVersion",
    "kind",
    "id",
    "name",
    "version",
    "status",
    "description",
    "schema",
    "slaProperties",
    "customProperties",
    "tags",
    "domain",
    "tenant",
    "dataProduct",
    "authoritativeDefinitions",
    "servers",
    "team",
    "roles",
    "support",
    "price",
    "contractCreatedTs",
    "slaDefaultElement",
]
_TABLE = [
    "name",
    "logicalType",
    "physicalType",
    "physicalName",
    "description",
    "businessName",
    "tags",
    "dataGranularityDescription",
    "properties",
    "quality",
    "relationships",
    "customProperties",
    "authoritativeDefinitions",
    "id",
]
_COLUMN = [
    "name",
    "logicalType",
    "logicalTypeOptions",
    "physicalType",
    "physicalName",
    "required",
    "unique",
    "primaryKey",
    "primaryKeyPosition",
    "description",
    "businessName",
    "tags",
    "classification",
    "examples",
    "criticalDataElement",
    "partitioned",
    "partitionKeyPosition",
    "quality",
    "relationships",
    "customProperties",
    "authoritativeDefinitions",
    "encryptedName",
    "transformSourceObjects",
    "transformLogic",
    "transformDescription",
    "id",
    "items",
    "properties",
]
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_OPTIONS = {
    "string": ("minLength", "maxLength", "pattern"),
    "array": ("minItems", "maxItems"),
    **dict.fromkeys(("integer", "number", "date", "timestamp", "time"), _BOUNDS),
}


def read_contract(path: Path, table: str | None = None) -> Contract:
    """Return the contract that a file holds for a table; ``NotFound``, or ``InputError`` with all its faults and lines.

    A file with one table is that table's whatever its name; of several, ``table`` names one.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise NotFound(f"there is no contract {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        fault = Fault(what=f"not UTF-8 at byte {error.start:,}", where=f"{path.name}:1", remedy="save it as UTF-8")
        raise InputError(path.name, [fault]) from error
    return parse_contract(text, path.name, table)


def parse_contract(text: str, source: str = "contract.yaml", table: str | None = None) -> Contract:
    """Return the contract that a text holds for a table, as ``read_contract`` does for a file."""
    return _Reader(source).contract(read_marked(text, source), table)


class _Reader:
    """Works through one document; what is wrong goes to the list of faults."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.faults: list[Fault] = []

    def contract(self, root: Marked, table: str | None) -> Contract:
        top = self._mapping(root, "a contract", _TOP)
        kind, version = top.get("kind"), top.get("apiVersion")
        if kind is None or kind.value != "DataContract":
            self._fault("no data contract", kind or root, "write kind: DataContract")
        if version is None or not str(version.value).startswith("v3."):
            self._fault("not of the standard's version 3", version or root, "write apiVersion: v3.1.0")
        tables = [self._mapping(each, "a table", _TABLE) for each in top.get("schema", Marked([], 1))]
        names = [str(each["name"].plain) if "name" in each else "" for each in tables]
        chosen = tables[0] if len(tables) == 1 else next((t for t, n in zip(tables, names, strict=True) if n == table), None)
        if chosen is None:
            said = f"{len(tables)} tables, none of which is {table!r}" if tables else "no table"
            self._fault(f"the schema has {said}", top.get("schema", root), f"name one of: {', '.join(names) or 'none yet'}")
            raise InputError(self.source, self.faults)
        name = str(chosen["name"].plain) if "name" in chosen else ""
        types, places, checks = self._table(chosen)
        checks += service_checks(top.get("slaProperties", Marked([], 1)), Place(self._fault, self._where, table=name))
        self._known(checks, types)
        self._twice(checks)
        if self.faults:
            raise InputError(self.source, sorted(self.faults, key=lambda fault: int(fault.where.rpartition(":")[2])))
        return Contract(name, types, tuple(checks), places)

    def _table(self, table: dict[str, Marked]) -> tuple[dict[str, str | None], dict[str, str], list[Check]]:
        types: dict[str, str | None] = {}
        places: dict[str, str] = {}
        checks: list[Check] = []
        keys: list[tuple[int, str, Marked]] = []
        for node in table.get("properties", Marked([], 1)):
            column = self._mapping(node, "a column", _COLUMN)
            if "name" not in column or not isinstance(column["name"].value, str):
                self._fault("a column without a name", node, "write name: as text, in quotes where it looks like a number")
                continue
            name = column["name"].value
            if name in types:
                self._fault(f"column {name!r} stands here twice", node, "keep one of them")
            types[name], places[name] = self._type(column), self._where(node)
            checks += self._column(name, types[name], column)
            if self._flag(column, "primaryKey"):
                position = column.get("primaryKeyPosition", Marked(len(keys), node.line)).value
                keys.append((position if isinstance(position, int) else len(keys), name, node))
        if keys:
            columns = tuple(name for _, name, _ in sorted(keys, key=lambda key: key[0]))
            stated = {(type(check), check.columns) for check in checks}
            parts = [Required(columns=(name,), where=self._where(node)) for _, name, node in keys]
            whole = Unique(columns=columns, where=self._where(keys[0][2]))
            checks += [check for check in [*parts, whole] if (type(check), check.columns) not in stated]
        place = Place(self._fault, self._where, policy=self._policy(table))
        checks += quality_checks(table.get("quality", Marked([], 1)), place)
        return types, places, checks + relationships(table.get("relationships", Marked([], 1)), place)

    def _column(self, name: str, kind: str | None, column: dict[str, Marked]) -> list[Check]:
        policy = self._policy(column)
        checks: list[Check] = []
        if self._flag(column, "required"):
            checks.append(Required(columns=(name,), policy=policy, where=self._where(column["required"])))
        if self._flag(column, "unique"):
            checks.append(Unique(columns=(name,), policy=policy, where=self._where(column["unique"])))
        options = column.get("logicalTypeOptions")
        if options is not None:
            found = self._mapping(options, f"the options of {kind or 'no type'}", _OPTIONS.get(kind or "", ()))
            checks += self._options(name, found, policy, self._where(options))
        place = Place(self._fault, self._where, policy=policy, column=name)
        checks += quality_checks(column.get("quality", Marked([], 1)), place)
        return checks + relationships(column.get("relationships", Marked([], 1)), place)

    def _options(self, name: str, options: dict[str, Marked], policy: Policy, where: str) -> list[Check]:
        checks: list[Check] = []
        lengths = [self._count(options, *names) for names in (("minLength", "minItems"), ("maxLength", "maxItems"))]
        if any(length is not None for length in lengths):
            checks.append(Length(columns=(name,), low=lengths[0], high=lengths[1], policy=policy, where=where))
        if "pattern" in options:
            pattern = str(options["pattern"].value)
            if wrong := pattern_fault(pattern):
                self._fault(f"the pattern cannot be used: {wrong}", options["pattern"], "write one without look-around")
            else:
                place = self._where(options["pattern"])
                checks.append(Pattern(columns=(name,), pattern=pattern, policy=policy, where=place))
        for each in _BOUNDS:
            if each in options and (
                isinstance(options[each].value, bool) or not isinstance(options[each].value, int | float | str)
            ):
                self._fault(f"{each} is {options[each].plain!r}", options[each], "write a number, a day or a moment")
        if {"minimum", "exclusiveMinimum"} <= options.keys() or {"maximum", "exclusiveMaximum"} <= options.keys():
            self._fault("two bounds on one side", next(iter(options.values())), "keep one of them")
        elif options.keys() & set(_BOUNDS):
            low, open_low = _bound(options, "minimum", "exclusiveMinimum")
            high, open_high = _bound(options, "maximum", "exclusiveMaximum")
            if type(low) is type(high) and low is not None and low > high:
                self._fault(f"nothing lies between {low} and {high}", next(iter(options.values())), "swap them")
            bounds: dict[str, Any] = {"low": low, "high": high, "open_low": open_low, "open_high": open_high}
            checks.append(Range(columns=(name,), **bounds, policy=policy, where=where))
        return checks

    def _type(self, column: dict[str, Marked]) -> str | None:
        node = column.get("logicalType")
        if node is None or node.value in TYPES:
            return None if node is None else str(node.value)
        self._fault(f"{node.plain!r} is no logical type", node, f"choose from: {', '.join(TYPES)}")
        return None

    def _policy(self, part: dict[str, Marked]) -> Policy:
        for each in part.get("customProperties", Marked([], 1)):
            entry = each.value if isinstance(each.value, dict) else {}
            if "property" in entry and entry["property"].value == "policy":
                value = entry.get("value", each)
                if value.value in POLICIES:
                    return cast("Policy", value.value)
                self._fault(f"{value.plain!r} is no policy", value, f"choose from: {', '.join(POLICIES)}")
        return "refuse"

    def _flag(self, part: dict[str, Marked], name: str) -> bool:
        node = part.get(name)
        if node is not None and not isinstance(node.value, bool):
            self._fault(f"{name} is {node.plain!r}", node, "write true or false")
        return node is not None and node.value is True

    def _count(self, part: dict[str, Marked], *names: str) -> int | None:
        node = next((part[name] for name in names if name in part), None)
        if node is None:
            return None
        if isinstance(node.value, bool) or not isinstance(node.value, int) or node.value < 0:
            self._fault(f"{node.plain!r} is no length", node, "write a whole number")
            return None
        return node.value

    def _mapping(self, node: Marked, what: str, known: Iterable[str]) -> dict[str, Marked]:
        if not isinstance(node.value, dict):
            self._fault(f"{what} is expected here", node, "write it as name: value")
            return {}
        valid = tuple(known)
        for name, value in node.value.items():
            if name not in valid:
                close = difflib.get_close_matches(name, valid, n=1)
                near = f"did you mean {close[0]!r}? " if close else ""
                self._fault(
                    f"{what} has no {name!r} that can be judged", value, f"{near}choose from: {', '.join(valid) or 'none'}"
                )
        return node.value

    def _known(self, checks: list[Check], types: dict[str, str | None]) -> None:
        for check in checks:
            for name in check.columns:
                if types and name not in types:
                    fault = f"{check.name}: column {name!r} is not there"
                    self.faults.append(Fault(what=fault, where=check.where, remedy=f"choose from: {', '.join(types)}"))

    def _twice(self, checks: list[Check]) -> None:
        seen: dict[str, Check] = {}
        for check in checks:
            if check.name in seen:
                remedy = f"keep one of them, or give it a name; the other stands at {seen[check.name].where}"
                self.faults.append(Fault(what=f"two checks are called {check.name!r}", where=check.where, remedy=remedy))
            seen[check.name] = check

    def _fault(self, what: str, node: Marked, remedy: str) -> None:
        self.faults.append(Fault(what=what, where=self._where(node), remedy=remedy))

    def _where(self, node: Marked) -> str:
        return f"{self.source}:{node.line}"


def _bound(options: dict[str, Marked], closed: str, opened: str) -> tuple[Any, bool]:
    name = opened if opened in options else closed
    return (options[name].value if name in options else None), name == opened
