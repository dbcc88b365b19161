"""Features by key for whoever asks: values as fresh as their tables allow, what is missing and what is too old counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import polars as pl

from trimaran.core.clock import Clock, aware, to_micros
from trimaran.core.errors import Fault, InputError, NotFound
from trimaran.core.nouns import Kept, Standing
from trimaran.core.ports import ViewStore
from trimaran.data.features import Packing, unpack

MAX_KEYS = 1_000
"""How many rows may be looked up at once over HTTP."""

_SECOND = 1e6
_TIMELESS = -(2**61)
"""The event of a key none of whose facts has a time lies before this."""

_TALLIED = ("asked", "missing", "stale", "aged", "age")
_ASKED, _MISSING, _STALE, _AGED, _AGE = range(5)
_WAYS = 1_000
"""So many ways of asking are remembered: callers must not be able to grow them for ever."""


class Looked(msgspec.Struct, frozen=True, gc=False):
    """What was found for one row: features by name, which of them were too old (and are None), and how fresh the rest is.

    ``missing`` names the views that know nothing of the row's key: its features are what training gives on no facts, null or
    a count of 0. ``age`` is how many seconds before the moment asked the
    newest fact behind the values happened, None where there is none or no fact has a time.
    """

    features: dict[str, Any]
    missing: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    age: float | None = None


class Lookups:
    """Reads the views of products from a store, and counts what it read.

    Several threads may read at once.
    """

    def __init__(self, store: ViewStore, clock: Clock) -> None:
        self.store = store
        self._tallies: dict[tuple[str, str], list[float]] = {}
        self._clock = clock
        self._known: dict[str, dict[str, _Reader]] = {}
        self._ways: dict[tuple[Any, ...], list[_Reader]] = {}

    @property
    def counts(self) -> dict[tuple[str, str], dict[str, float]]:
        """What was read so far, by product and view.

        ``asked`` counts keys, ``missing`` those that are unknown, ``stale`` values that were too old; ``age`` is the sum, in
        seconds, of how old the newest fact of each of the ``aged`` keys was.
        """
        return {place: dict(zip(_TALLIED, tally, strict=True)) for place, tally in list(self._tallies.items())}

    def views(self, product: str) -> list[Standing]:
        """Return how each view of a product stands; raises ``NotFound`` where nothing was materialised."""
        self._readers(product, anew=True)
        return self.store.standing(product)

    def look(
        self,
        product: str,
        rows: Sequence[Mapping[str, Any]],
        *,
        features: Sequence[str] | None = None,
        at: datetime | None = None,
    ) -> list[Looked]:
        """Return the features of some rows, all that their columns name keys for or only some, as of now or of a moment.

        Every row has the same columns. Raises ``InputError`` with the columns and features that no view has, ``NotFound`` for
        a product that nothing was materialised of.
        """
        if not rows:
            return []
        readers = self._chosen(product, rows, features)
        now = self._clock.micros() if at is None else to_micros(aware(at))
        if len(readers) == 1:
            return self._read(product, readers[0], rows, features, now)
        parts = [self._read(product, reader, rows, features, now) for reader in readers]
        return [_together(each) for each in zip(*parts, strict=True)]

    def frame(
        self, product: str, rows: pl.DataFrame, *, features: Sequence[str] | None = None, at: datetime | None = None
    ) -> pl.DataFrame:
        """Return rows with their features as columns more, in the types that training has."""
        columns = rows.columns
        readers = self._chosen(product, [dict.fromkeys(columns)], features)
        looked = self.look(product, rows.to_dicts(), features=features, at=at)
        kinds = {name: kind for reader in readers for name, kind in reader.packing.features.items()}
        found = [name for name in kinds if features is None or name in features]
        return rows.with_columns(
            pl.Series(name, [each.features[name] for each in looked], dtype=kinds[name]) for name in features or found
        )

    def _read(
        self,
        product: str,
        reader: _Reader,
        rows: Sequence[Mapping[str, Any]],
        features: Sequence[str] | None,
        now: int,
    ) -> list[Looked]:
        alone = len(rows) == 1  # without a loop: a tenth of the time of one row
        keys = [reader.key(rows[0])] if alone else [reader.key(row) for row in rows]
        standing, found = self.store.read(product, reader.name, keys)
        if standing.generation != reader.generation:
            reader = self._renewed(product, reader, standing, features)
        reader.tally[_ASKED] += len(rows)
        as_of = standing.as_of
        looked = [reader.looked(found[0], as_of, now)] if alone else [reader.looked(each, as_of, now) for each in found]
        return looked if features is None else [_only(each, features) for each in looked]

    def _renewed(self, product: str, reader: _Reader, standing: Standing, features: Sequence[str] | None) -> _Reader:
        """Return who reads a view that was refreshed since: its columns may be others."""
        renewed = self._readers(product, anew=True).get(reader.name, reader)
        if standing.generation != renewed.generation:
            renewed = self._reader(standing)
        if features is not None:
            renewed.require(features)
        return renewed

    def _chosen(self, product: str, rows: Sequence[Mapping[str, Any]], features: Sequence[str] | None) -> list[_Reader]:
        """Return the views whose keys the rows have, of those that hold one of the wanted features."""
        way = (product, None if features is None else tuple(features), *rows[0])
        readers = self._ways.get(way)
        if readers is None:
            readers = self._fitting(product, rows[0].keys(), features)
            if len(self._ways) >= _WAYS:
                self._ways.clear()
            self._ways[way] = readers
        if len(rows) > 1:
            _require_alike(product, rows)
        return readers

    def _fitting(self, product: str, columns: Any, features: Sequence[str] | None) -> list[_Reader]:
        """Return the views for some columns and features; raises ``InputError`` with all that is in none."""
        every = self._readers(product, anew=True).values()
        fitting = [reader for reader in every if reader.on <= columns]
        readers = [each for each in fitting if features is None or any(name in each.nothing for name in features)]
        used = {name for reader in fitting for name in reader.on}
        held = {name for reader in fitting for name in reader.nothing}
        keys = {name for reader in every for name in reader.on}
        faults = [
            Fault(what=f"no view is looked up by {name!r} here", where=name, remedy=f"give keys: {_listed(keys)}")
            for name in columns
            if name not in used
        ]
        faults += [
            Fault(what=f"feature {name!r} is in no view of these keys", where=name, remedy=f"there are: {_listed(held)}")
            for name in features or ()
            if name not in held
        ]
        if not readers and not faults:
            faults.append(Fault(what="the rows name no key", remedy=f"give keys: {_listed(keys)}"))
        if faults:
            raise InputError(f"features of {product[:100]}", faults)
        return readers

    def _readers(self, product: str, *, anew: bool = False) -> dict[str, _Reader]:
        known = self._known.get(product)
        if known is None or anew:
            self._ways = {way: readers for way, readers in self._ways.items() if way[0] != product}
            standing = self.store.standing(product)
            if not standing:
                self._known.pop(product, None)
                message = f"nothing of {product[:100]!r} was materialised; run `trimaran materialise --product …`"
                raise NotFound(message)
            known = self._known[product] = {each.view.name: self._reader(each) for each in standing}
        return known

    def _reader(self, standing: Standing) -> _Reader:
        place = standing.view.product, standing.view.name
        return _Reader(standing, self._tallies.setdefault(place, [0.0] * len(_TALLIED)))


class _Reader:
    """Reads the records of one generation of a view; ``tally`` counts them, those of earlier generations included."""

    def __init__(self, standing: Standing, tally: list[float]) -> None:
        view = standing.view
        self.tally = tally
        self.name = view.name
        self.generation = standing.generation
        self.on = frozenset(view.keys)
        self.packing = Packing(view)
        self.nothing: dict[str, Any] = {column.name: column.nothing for column in view.columns}
        self._keys = view.keys
        self._first = view.keys[0] if len(view.keys) == 1 else None
        self._pack = self.packing.key
        self._names = tuple(self.nothing)
        self._moments = view.moments
        together: dict[tuple[int, int], list[str]] = {}
        for column in view.columns:
            if column.max_age is not None:
                together.setdefault((column.moment, column.max_age), []).append(column.name)
        self._ageing = [(place, oldest, names) for (place, oldest), names in together.items()]

    def key(self, row: Mapping[str, Any]) -> bytes:
        """Return the packed key of a row; one that no fact can have is the empty one, which no record has."""
        first = self._first
        return self._pack((row[first],) if first is not None else [row[name] for name in self._keys]) or b""

    def require(self, features: Sequence[str]) -> None:
        """Raise ``InputError`` for features that the view has no more."""
        gone = [name for name in features if name not in self.nothing]
        if len(gone) == len(features):
            raise InputError(f"view {self.name}", [Fault(what=f"feature {name!r} is there no more") for name in gone])

    def looked(self, record: Kept | None, as_of: int, now: int) -> Looked:
        """Return the values of a record, those that are too old as None, and count what was found."""
        tally = self.tally
        if record is None:
            tally[_MISSING] += 1
            return self._absent(as_of, now)
        _, event, _, packed = record
        body = unpack(packed)
        features = dict(zip(self._names, body[self._moments :]))  # noqa: B905  a check of what was packed so costs a tenth of a read
        stale: tuple[str, ...] = ()
        for place, oldest, names in self._ageing:
            at = as_of if place < 0 else body[place]
            if at is not None and now - at > oldest:
                stale += tuple(name for name in names if features[name] is not None)
                features.update(dict.fromkeys(names))
        if stale:
            tally[_STALE] += len(stale)
        if event <= _TIMELESS:
            return Looked(features, (), stale)
        age = (now - event) / _SECOND if now > event else 0.0
        tally[_AGED] += 1
        tally[_AGE] += age
        return Looked(features, (), stale, age)

    def _absent(self, as_of: int, now: int) -> Looked:
        """Return what there is to say of a key without a record."""
        features = dict(self.nothing)
        for place, oldest, names in self._ageing:
            if place < 0 and now - as_of > oldest:
                features.update(dict.fromkeys(names))
        return Looked(features, missing=(self.name,))


def _require_alike(product: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Raise ``InputError`` with every row that has other columns than the first."""
    columns = rows[0].keys()
    faults = [
        Fault(what=f"row {number} has other columns than row 0", where=f"rows[{number}]", remedy="ask with one set")
        for number, row in enumerate(rows[1:], 1)
        if row.keys() != columns
    ]
    if faults:
        raise InputError(f"features of {product}", faults)


def _together(parts: Sequence[Looked]) -> Looked:
    """Return what several views found for one row as one; the age is that of the newest fact."""
    features: dict[str, Any] = {}
    for part in parts:
        features |= part.features
    ages = [part.age for part in parts if part.age is not None]
    missing = tuple(name for part in parts for name in part.missing)
    stale = tuple(name for part in parts for name in part.stale)
    return Looked(features, missing, stale, min(ages, default=None))


def _only(looked: Looked, features: Sequence[str]) -> Looked:
    kept = {name: value for name, value in looked.features.items() if name in features}
    return Looked(kept, looked.missing, tuple(name for name in looked.stale if name in kept), looked.age)


def _listed(names: Any) -> str:
    return ", ".join(sorted(names)) or "none"
