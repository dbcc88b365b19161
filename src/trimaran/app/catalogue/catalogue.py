"""The catalogue of a workspace: its features in a list to search, and each of them whole."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from trimaran.app.catalogue.entries import FeatureRow, FeatureView, Use
from trimaran.app.catalogue.gathering import Found
from trimaran.app.catalogue.tracing import traced
from trimaran.app.catalogue.using import Using
from trimaran.app.views import Book
from trimaran.app.workspace import Workspace, only_product
from trimaran.core.durations import format_duration
from trimaran.core.errors import Fault, InputError, NotFound

Place = tuple[str, str]
SORTS: Mapping[str, Callable[[FeatureRow], Any]] = {
    "name": lambda row: row.name,
    "kind": lambda row: (row.kind, row.table, row.name),
    "owner": lambda row: (row.owner, row.name),
    "products": lambda row: (-len(row.products), row.name),
    "importance": lambda row: -(row.importance if row.importance is not None else -1.0),
    "missing": lambda row: -(row.missing_lately if row.missing_lately is not None else -1.0),
    "drift": lambda row: -(row.psi if row.psi is not None else -1.0),
    "age": lambda row: -(row.age if row.age is not None else float("-inf")),
}
"""The orders a list can have, by the name of a column: names rise, and of numbers the greatest comes first."""


class Catalogue:
    """Every feature of one product or of all, as the ledger, the tables and the captures tell it now.

    A feature is known by its digest: where two products have it, it is one line.
    """

    def __init__(self, books: Sequence[Book]) -> None:
        self._using = [Using(book) for book in books]

    @classmethod
    def open(cls, workspace: Workspace, product: str | None = None) -> Catalogue:
        """Return the catalogue of a workspace, or of one of its products; raises ``NotFound`` that lists these."""
        names = [only_product(workspace, product)] if product is not None else sorted(workspace.products())
        return cls([Book.open(workspace, name) for name in names])

    @property
    def faults(self) -> list[str]:
        """What could not be read, in words, each once."""
        return list(dict.fromkeys(fault for using in self._using for fault in using.book.faults))

    def rows(self, *, search: str = "", unused: bool = False, sort: str = "name") -> list[FeatureRow]:
        """Return a line for each feature whose words hold all those of ``search``.

        Raises ``InputError`` for an order that is none of ``SORTS``.
        """
        if sort not in SORTS:
            fault = Fault(what=f"there is no order {sort!r}", remedy=f"choose one of: {', '.join(SORTS)}")
            raise InputError("features", [fault])
        wanted = search.casefold().split()
        found = [row for row in self._rows if (row.unused or not unused) and all(word in _words(row) for word in wanted)]
        return sorted(found, key=SORTS[sort])

    def views(self, name: str) -> list[FeatureView]:
        """Return everything about the feature of a name, of each where several products mean different ones by it.

        What serves comes first, then what most versions were trained with.
        Raises ``NotFound`` that names the nearest.
        """
        places = [place for place in self._places if place[0] == name]
        if not places:
            known = sorted({place[0] for place in self._places})
            near = difflib.get_close_matches(name, known, n=3)
            remedy = f"did you mean {' or '.join(near)}?" if near else f"there is {', '.join(known[:20]) or 'none yet'}"
            raise NotFound(f"there is no feature {name!r}; {remedy} `trimaran features` lists them all")
        return sorted(map(self._view, places), key=lambda view: (not view.row.serving, -view.row.versions))

    @cached_property
    def _places(self) -> dict[Place, list[tuple[Using, Found]]]:
        places: dict[Place, list[tuple[Using, Found]]] = {}
        for using in self._using:
            for one in using.found:
                places.setdefault((one.feature.name, one.digest), []).append((using, one))
        return places

    @cached_property
    def _rows(self) -> list[FeatureRow]:
        return [
            self._row(place, [(using, one, using.use(one, whole=False)) for using, one in having])
            for place, having in self._places.items()
        ]

    def _view(self, place: Place) -> FeatureView:
        having = [(using, one, using.use(one, whole=True)) for using, one in self._places[place]]
        using, one, _ = having[0]
        upon, uses = using.upon(one), [use for _, _, use in having]
        lineage = traced(one, upon, uses)
        made = [edge.upstream for edge in lineage.edges if edge.downstream == lineage.focus]
        return FeatureView(
            row=self._row(place, having),
            at=using.book.now,
            where=one.feature.where,
            source=one.source,
            made_of=[name.removeprefix("feature:") for name in made if name.startswith("feature:")],
            built_upon=upon,
            uses=uses,
            lineage=lineage,
            faults=self.faults,
        )

    def _row(self, place: Place, having: Sequence[tuple[Using, Found, Use]]) -> FeatureRow:
        name, digest = place
        _, one, use = next((each for each in having if each[2].serving), having[0])
        feature = one.feature
        others = [other for key, found in self._places.items() if key[0] == name and key != place for other, _ in found]
        owners = [one.feature.owner or one.definition.owner for _, one, _ in having]
        return FeatureRow(
            name=name,
            digest=digest,
            kind=feature.kind,
            table=feature.table,
            key=list(feature.on),
            window=format_duration(feature.window) if feature.window is not None else None,
            owner=", ".join(dict.fromkeys(owners)),
            description=next((one.feature.description for _, one, _ in having if one.feature.description), ""),
            automated=one.automated,
            inputs=list(feature.inputs),
            products=[using.book.product for using, _, _ in having],
            serving=[f"{each.product} {version}" for _, _, each in having for version in each.serving],
            versions=sum(version.same is not False for _, _, each in having for version in each.versions),
            unused=all(using.unused(each) for using, _, each in having),
            missing=use.training.missing if use.training is not None else None,
            missing_lately=use.lately.missing if use.lately is not None else None,
            importance=use.importance,
            drift=use.drift.outcome if use.drift is not None else None,
            psi=use.drift.psi if use.drift is not None else None,
            newest=use.freshness.newest if use.freshness is not None else None,
            age=use.freshness.age if use.freshness is not None else None,
            namesakes=list(dict.fromkeys(other.book.product for other in others)),
        )


def _words(row: FeatureRow) -> str:
    said = [row.name, row.description, row.owner, row.kind, row.table, *row.key, *row.inputs, *row.products]
    return " ".join([*said, "automated" if row.automated else ""]).casefold()
