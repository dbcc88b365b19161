"""What people write to name a thing that is on record: a version, a run, an entry, a digest, a prediction, a moment."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from itertools import islice

import msgspec

from trimaran.control.aliases import meant
from trimaran.control.rewinding import entry_at
from trimaran.core.clock import parse_moment
from trimaran.core.errors import Fault, InputError, NotFound
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import SEGMENTED, Entry, Ingest, Ref, Run, name_of
from trimaran.core.ports import ObjectStore

FORMS = "v3, PRODUCT/v3, an alias, run-8f7e34c241be, #123, flights@12, a digest or its first 8 digits, a prediction's id"
SHORTEST = 8
"""The fewest digits that may stand for a digest."""

_FULL = re.compile(r"[a-z]+:.+@\d+\.[0-9a-f]{64}")
_NUMBER = re.compile(r"#(\d+)")
_VERSION = re.compile(r"(?:(.+)/)?([vs]\d+)")
_ALIAS = re.compile(r"(?:(.+)/)?([A-Za-z][A-Za-z0-9_.-]*)")
_RUN = re.compile(r"(?:(.+)/)?([^/\s]+)")
_DATA = re.compile(r"(?:table[ :])?(?:(.+)/)?([^/\s@]+)@(\d+)")
_DIGEST = re.compile(rf"[0-9a-f]{{{SHORTEST},64}}")
_EXPLICIT = ("version", "run", "table", "object", "prediction")
_WHOLE = 64
_MANY = 5
_DELIVERIES = 1000


class EntryName(msgspec.Struct, frozen=True):
    """An entry of the ledger: a version, a run, a verdict or anything else that was written down."""

    entry: Entry

    def __str__(self) -> str:
        return self.entry.subject if self.entry.kind in {"version", "run"} else f"#{self.entry.seq}"


class DataName(msgspec.Struct, frozen=True):
    """A version of a product's table."""

    product: str
    table: str
    version: int

    def __str__(self) -> str:
        return f"{self.product}/{self.table}@{self.version}"


class ObjectName(msgspec.Struct, frozen=True):
    """An object, by its digest."""

    digest: str

    def __str__(self) -> str:
        return f"object:{self.digest}"


class PredictionName(msgspec.Struct, frozen=True):
    """What was predicted about one thing, by the caller's id of it."""

    product: str
    id: str

    def __str__(self) -> str:
        return f"prediction:{self.id} of {self.product}"


class MomentName(msgspec.Struct, frozen=True):
    """A moment, in UTC."""

    at: datetime

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%dT%H:%M} UTC"


Name = EntryName | DataName | ObjectName | PredictionName | MomentName


@dataclass(frozen=True)
class Names:
    """Reads names among the records of some products; ``predicted`` tells whether a product has predicted an id."""

    ledger: Ledger
    products: Sequence[str]
    objects: ObjectStore | None = None
    predicted: Callable[[str, str], bool] = lambda _product, _id: False

    def resolve(self, text: str, *, moments: bool = True) -> Name:
        """Return the one thing that a text names.

        A word before a colon says what is meant where a text could be several: ``run:``, ``version:``, ``table:``,
        ``object:`` or ``prediction:``. Raises ``NotFound`` that says what was looked for, with names that come close, and
        ``InputError`` that lists all that a text could mean.
        """
        word, colon, rest = text.strip().partition(":")
        explicit = word if colon and word in _EXPLICIT and not _FULL.fullmatch(text.strip()) else None
        said = rest.strip() if explicit else text.strip()
        readings: dict[str, Callable[[str], Iterator[Name]]] = {
            "version": self._version,
            "run": self._run,
            "table": self._data,
            "object": self._digest,
            "prediction": self._prediction,
        }
        if explicit is not None:
            found = list(readings[explicit](said))
        else:
            found = [*self._entry(said), *self._version(said), *self._run(said), *self._data(said), *self._digest(said)]
            # Ids are the callers' own words and may look like anything: they are looked up when nothing else is called so.
            found = found or list(self._prediction(said)) or list(self._moment(said) if moments else ())
        if not found:
            raise NotFound(self._nothing(text, said, explicit))
        if len(found) > 1:
            raise _ambiguous(text, found)
        return found[0]

    def _entry(self, text: str) -> Iterator[Name]:
        number = _NUMBER.fullmatch(text)
        if number:
            yield EntryName(entry_at(self.ledger, int(number[1])))
        elif _FULL.fullmatch(text):
            ref = Ref.parse(text)
            entry = entry_at(self.ledger, ref.seq)
            self.ledger.read(ref)
            yield EntryName(entry)

    def _version(self, text: str) -> Iterator[Name]:
        found = _VERSION.fullmatch(text)
        if found:
            for line in self._lines(found[1]):
                entry = self.ledger.store.latest("version", f"{line}/{found[2]}")
                if entry is not None:
                    yield EntryName(entry)
                elif found[2].startswith("s"):
                    yield from map(EntryName, of_segment(self.ledger, line, found[2]))
            return
        named = _ALIAS.fullmatch(text)
        if named:
            aliased = (meant(self.ledger, line, named[2]) for line in self._lines(named[1]))
            yield from (EntryName(entry) for entry in aliased if entry is not None)

    def _run(self, text: str) -> Iterator[Name]:
        found = _RUN.fullmatch(text)
        if not found or _DIGEST.fullmatch(text):
            return
        exact = [self.ledger.store.latest("run", f"{line}/{found[2]}") for line in self._lines(found[1])]
        if any(exact):
            yield from (EntryName(entry) for entry in exact if entry is not None)
        elif found[2].startswith("run-") and len(found[2]) >= SHORTEST:
            # A segment's run, or a name cut short: the index knows neither, but there are far fewer runs than entries.
            yield from (EntryName(entry) for entry in self._runs() if entry.subject.rpartition("/")[2].startswith(found[2]))

    def _data(self, text: str) -> Iterator[Name]:
        found = _DATA.fullmatch(text)
        if found:
            for product in self._lines(found[1]):
                newest = self.ledger.latest(Ingest, f"{product}/{found[2]}")
                if newest is not None and int(found[3]) <= newest[1].version:
                    yield DataName(product, found[2], int(found[3]))

    def _digest(self, text: str) -> Iterator[Name]:
        if not _DIGEST.fullmatch(text):
            return
        if len(text) < _WHOLE:
            yield from (ObjectName(one) for one in (self.objects.digests() if self.objects else ()) if one.startswith(text))
            return
        first = next(iter(self.ledger.store.mentions(text)), None)
        ref = next((one for one in refs_in(first) if one.digest == text), None) if first is not None else None
        if ref is not None:
            yield EntryName(self.ledger.store.get(ref.seq))
        elif first is not None or (self.objects is not None and self.objects.has(text)):
            yield ObjectName(text)

    def _prediction(self, text: str) -> Iterator[Name]:
        yield from (PredictionName(product, text) for product in self.products if self.predicted(product, text))

    def _moment(self, text: str) -> Iterator[Name]:
        try:
            yield MomentName(parse_moment(text))
        except InputError:
            return

    def _lines(self, line: str | None) -> Sequence[str]:
        """Return whose versions, runs or tables are meant: those of the line named, else of every product at hand."""
        if line is None:
            return self.products
        return [line] if line.partition("[")[0] in self.products else []

    def _runs(self) -> Iterator[Entry]:
        for entry in self.ledger.store.scan(kinds=["run"]):
            if entry.subject.rpartition("/")[0].partition("[")[0] in self.products:
                yield entry

    def _nothing(self, text: str, said: str, explicit: str | None) -> str:
        tried = f"no {explicit}" if explicit else "no version, run, entry, table, object, prediction or moment"
        there = [self._there(product, said) for product in self.products]
        known = list(self._close(said))
        close = f"; close to it: {', '.join(known)}" if known else ""
        facts = f"; {'; '.join(fact for fact in there if fact)}" if any(there) else ""
        return f"{tried} is called {text!r}{close}{facts}; write {FORMS}"

    def _there(self, product: str, said: str) -> str:
        """Return what there is of the kind that a text seems to mean."""
        table = _DATA.fullmatch(said)
        if table:
            newest = self.ledger.latest(Ingest, f"{product}/{table[2]}")
            if newest is not None:
                return f"{product}/{table[2]} has versions 0 to {newest[1].version}"
            return f"{product} has the tables {', '.join(tables_of(self.ledger, product)) or 'none'}"
        count = versions_of(self.ledger, product)
        return f"{product} has {f'v1 to v{count}' if count else 'no version'}" if _VERSION.fullmatch(said) else ""

    def _close(self, said: str) -> Iterator[str]:
        last = said.rpartition("/")[2]
        runs = {entry.subject.rpartition("/")[2] for entry in self._runs()} if not _VERSION.fullmatch(last) else set()
        tables = {f"{table}@0" for product in self.products for table in tables_of(self.ledger, product)}
        yield from get_close_matches(last, sorted(runs), 2, 0.7)
        if "@" in said and f"{last.partition('@')[0]}@0" not in tables:
            yield from (name.removesuffix("0") + "N" for name in get_close_matches(last, sorted(tables), 2, 0.6))
        if "/" in said:
            yield from get_close_matches(said.partition("/")[0], list(self.products), 2, 0.6)


def refs_in(entry: Entry) -> list[Ref]:
    """Return the Refs that stand in an entry's body, in the order in which they stand there."""

    def walk(value: object) -> Iterator[Ref]:
        if isinstance(value, dict):
            if value.keys() == {"kind", "subject", "seq", "digest"}:
                yield msgspec.convert(value, Ref)
            else:
                for item in value.values():
                    yield from walk(item)
        elif isinstance(value, list):
            for item in value:
                yield from walk(item)

    return list(walk(msgspec.json.decode(entry.body)))


def tables_of(ledger: Ledger, product: str) -> list[str]:
    """Return the tables of a product, as its first deliveries and its newest version's run name them."""
    deliveries = islice(ledger.store.scan(kinds=["ingest"]), _DELIVERIES)
    found = {entry.subject.rpartition("/")[2] for entry in deliveries if entry.subject.startswith(f"{product}/")}
    number = versions_of(ledger, product)
    newest = ledger.store.latest("version", f"{product}/v{number}") if number else None
    if newest is not None:
        found |= {table for ref in refs_in(newest) if ref.kind == "run" for table in ledger.read(ref, Run).data}
    return sorted(found)


def versions_of(ledger: Ledger, product: str) -> int:
    """Return the number of a product's newest version, 0 before the first; numbers go up by one."""
    low, high = 0, 1
    while ledger.store.latest("version", f"{product}/v{high}") is not None:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if ledger.store.latest("version", f"{product}/v{middle}") is not None else (low, middle)
    return low


def _ambiguous(text: str, found: Sequence[Name]) -> InputError:
    more = [Fault(what=f"and {len(found) - _MANY} more", remedy="write more of it")] if len(found) > _MANY else []
    faults = [Fault(what=_sort(name), remedy=f"if that is meant, write {_explicit(name)}") for name in found[:_MANY]]
    return InputError(f"{text!r} could mean several things", [*faults, *more])


def _sort(name: Name) -> str:
    match name:
        case EntryName(entry):
            return f"a {entry.kind} of {entry.subject}"
        case DataName(product, table, version):
            return f"version {version} of {product}'s table {table}"
        case ObjectName(digest):
            return f"the object {digest}"
        case PredictionName(product, _):
            return f"a prediction of {product}"
        case MomentName():
            return "a moment"


def _explicit(name: Name) -> str:
    match name:
        case EntryName(entry):
            return f"#{entry.seq}"
        case DataName():
            return f"table:{name}"
        case PredictionName(product, id_):
            return f"prediction:{id_} with --product {product}"
        case _:
            return str(name)


def version_entry(ledger: Ledger, product: str, number: int) -> Entry | None:
    """Return the entry of the version that captures know by a number, a segment's included; None where there is none."""
    if number <= SEGMENTED:
        return ledger.store.latest("version", f"{product}/{name_of(number)}")
    return next(of_segment(ledger, product, name_of(number)), None)


def of_segment(ledger: Ledger, product: str, name: str) -> Iterator[Entry]:
    """Yield the entry of a segment's model, whose line its name does not say."""
    for entry in ledger.store.scan(kinds=["version"]):
        if entry.subject.startswith(f"{product}[") and entry.subject.endswith(f"]/{name}"):
            yield entry
