"""The catalogue as a notebook or a prompt shows it: a table of features, and each with its charts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from html import escape

import plotly.graph_objects as go

from trimaran.app import figures
from trimaran.app.catalogue import Catalogue, FeatureRow, FeatureView, Use, ago, definition_of, percent, seen_in
from trimaran.app.shown import shown
from trimaran.app.workspace import Workspace
from trimaran.control.words import decimal, sensible, short
from trimaran.core.errors import NotFound

_CHARTS: Mapping[str, Callable[[FeatureView], go.Figure]] = {
    "distribution": figures.distribution,
    "missing": figures.missing,
    "drift": figures.moved,
    "lineage": lambda view: figures.lineage(view.lineage),
}
_HEADS = ("feature", "over", "owner", "in the traffic", "matters", "missing", "description")
_WIDEST = 40


class ShownFeature(FeatureView, frozen=True, kw_only=True):
    """One feature, with its charts."""

    def figure(self, name: str = "distribution") -> go.Figure:
        """Return a chart: distribution (training and lately), missing (over time), drift (over time) or lineage."""
        if name not in _CHARTS:
            raise NotFound(f"there is no chart {name!r}; choose from: {', '.join(_CHARTS)}")
        return _CHARTS[name](self)

    def __repr__(self) -> str:
        pairs = self._pairs()
        wide = max(len(word) for word, _ in pairs)
        return "\n".join([self._head(), *(f"  {word:<{wide}}  {said}" for word, said in pairs)])

    def _repr_html_(self) -> str:
        # Names, descriptions and texts come from people: all of it is text, none of it markup.
        rows = "".join(f"<tr><th>{escape(word)}</th><td>{escape(said)}</td></tr>" for word, said in self._pairs())
        return f"<table><caption>{escape(self._head())}</caption>{rows}</table><pre>{escape(self.source)}</pre>"

    def _head(self) -> str:
        row = self.row
        return f"{row.name}: {definition_of(row)}, owned by {row.owner}{', automated' if row.automated else ''}"

    def _pairs(self) -> list[tuple[str, str]]:
        row = self.row
        said = [
            ("description", row.description),
            ("inputs", ", ".join(row.inputs)),
            ("made of", ", ".join(self.made_of)),
            ("built upon it", ", ".join(self.built_upon)),
            ("also called so", f"another feature in {', '.join(row.namesakes)}" if row.namesakes else ""),
            ("digest", short(row.digest)),
        ]
        return [(word, each) for word, each in said if each] + [pair for use in self.uses for pair in _used(use)]


class ShownFeatures:
    """The features of a workspace or of one product; ``features["crosswind"]`` is everything about one."""

    def __init__(self, catalogue: Catalogue, search: str = "", *, unused: bool = False) -> None:
        self.rows = catalogue.rows(search=search, unused=unused)
        self.faults = catalogue.faults
        self._catalogue = catalogue

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[FeatureRow]:
        return iter(self.rows)

    def __getitem__(self, name: str) -> ShownFeature:
        """Return everything about a feature; where several have the name, the one that most versions use.

        Raises ``NotFound`` that names the nearest.
        """
        return shown(ShownFeature, max(self._catalogue.views(name), key=lambda view: view.row.versions))

    def __repr__(self) -> str:
        cells = [_HEADS, *map(_cells, self.rows)]
        wide = [min(_WIDEST, max(len(line[place]) for line in cells)) for place in range(len(_HEADS) - 1)]
        lines = [
            "  ".join(f"{cell:<{width}}" for cell, width in zip(line, [*wide, 0], strict=True)).rstrip() for line in cells
        ]
        return "\n".join([*lines, *self.faults])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in _HEADS)
        rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in _cells(row))}</tr>" for row in self.rows)
        faults = "".join(f"<p>{escape(fault)}</p>" for fault in self.faults)
        return f"<table><tr>{head}</tr>{rows}</table>{faults}"


def features(workspace: Workspace, product: str | None = None, *, search: str = "", unused: bool = False) -> ShownFeatures:
    """Return the features of a workspace, or of one of its products; raises ``NotFound`` that lists the products."""
    return ShownFeatures(Catalogue.open(workspace, product), search, unused=unused)


def _cells(row: FeatureRow) -> tuple[str, ...]:
    lately = row.missing_lately if row.missing_lately is not None else row.missing
    first = row.description.partition("\n")[0]
    return row.name, definition_of(row), row.owner, seen_in(row), decimal(row.importance, 4), percent(lately), first


def _used(use: Use) -> Iterator[tuple[str, str]]:
    name = use.product
    having = [one for one in use.versions if one.same is not False]
    parts = ", ".join(use.serving) or "none in the traffic"
    yield f"{name} versions", f"{len(having)}, {parts}"
    if use.importance is not None:
        yield f"{name} matters", f"{use.importance:.4f} AUC, {use.rank} of {use.of} in {use.measured}"
    for look in (use.training, use.lately):
        if look is not None:
            middle = ", ".join(f"{100 * share:g} % {sensible(value)}" for share, value in look.quantiles.items())
            yield f"{name} values", f"{look.of}, {look.rows:,} rows: {percent(look.missing)} missing; {middle}"
    if use.drift is not None:
        yield f"{name} drift", f"{use.drift.outcome}: PSI {use.drift.psi:.3f}"
    if use.freshness is not None:
        yield f"{name} newest fact", f"of {use.freshness.table}, {ago(use.freshness.age)}"
