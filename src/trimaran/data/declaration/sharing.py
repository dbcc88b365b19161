"""Features that several products share: written once in a plain module, with an owner, and used by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from trimaran.data.declaration.collecting import Collecting, caller
from trimaran.data.declaration.draft import Draft
from trimaran.data.declaration.parts import ASKED, Feature, Function, Table


class Lent(NamedTuple):
    """What a product gets of a collection."""

    tables: list[Table]
    features: list[Feature]


class Features(Collecting):
    """Tables and features that any number of products use; ``owner`` answers for them.

    The functions stay plain, and nothing is declared anywhere until a product uses them. A relative source is looked up
    where that product's own are; a feature without a table is over the asked row of whichever product uses it.

    >>> weather = Features(owner="weather-team")
    >>> stations = weather.table("weather.parquet", key="origin", time="time_hour", max_age="3h")
    >>> @weather.feature(stations, on="origin")
    ... def crosswind(wind_speed, wind_dir):
    ...     return (wind_speed * (wind_dir - 40).radians().sin()).abs()
    >>> weather
    Features(owner='weather-team', crosswind)
    """

    def __init__(self, *, owner: str) -> None:
        super().__init__(Draft(name="shared features", owner=owner, predict_at="", where=caller()))
        self.owner = owner

    def lend(self, functions: Sequence[Function], draft: Draft, where: str) -> Lent:
        """Return the features of some functions (all without any) with what they are made of, and the tables they need.

        The collection's own faults, and a function that is none of its features, become faults of the product's draft.
        """
        mine = self._draft
        draft.faults += [fault for fault in mine.faults if fault not in draft.faults]
        chosen = {} if functions else dict(mine.features)
        for function in functions:
            part = next((part for part in mine.features.values() if part.function is function), None)
            if part is not None:
                chosen |= {part.name: part, **self._parts(part)}
            else:
                named = getattr(function, "__name__", repr(function))
                known = ", ".join(mine.features) or "none yet"
                what = f"use() is given {named!r}, which is no feature of {self.owner}'s collection"
                draft.fault(what, where, f"give it functions of: {known}")
        needed = {part.table for part in chosen.values()} - {ASKED} if functions else set(mine.tables)
        tables = [table for name, table in mine.tables.items() if name in needed]
        return Lent(tables, [replace(part, owner=part.owner or self.owner) for part in chosen.values()])

    def _parts(self, feature: Feature) -> dict[str, Feature]:
        """Return the features of the collection that one is made of; a name that is a column shadows nothing here."""
        found: dict[str, Feature] = {}
        waiting = [feature]
        while waiting:
            for name in waiting.pop().columns:
                part = self._draft.features.get(name)
                if part is not None and part.kind == "row" and name not in found and part is not feature:
                    found[name] = part
                    waiting.append(part)
        return found

    def __repr__(self) -> str:
        return f"Features({', '.join([f'owner={self.owner!r}', *self._draft.features])})"
