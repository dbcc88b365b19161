"""What the acts on a product give back, as a notebook or a prompt shows it: words, a table, and charts on request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, TypeVar

import msgspec
import plotly.graph_objects as go

from trimaran.app import figures
from trimaran.app.views import ProductView, VersionView
from trimaran.control.standing import Standing
from trimaran.control.story import Event
from trimaran.core.errors import NotFound

Pairs = list[tuple[str, str]]
S = TypeVar("S", bound=msgspec.Struct)
_OF_A_PRODUCT = {
    "loop": figures.loop,
    "quality": figures.quality,
    "drift": figures.drift,
    "releases": figures.releases,
    "traffic": figures.traffic,
    "worth": figures.worth,
}
_OF_A_VERSION = {"roc": figures.roc, "calibration": figures.calibration, "importance": figures.importance}


class ShownProduct(ProductView, frozen=True, kw_only=True):
    """The view of a product, with its charts."""

    def figure(self, name: str = "loop") -> go.Figure:
        """Return a chart: loop, quality, drift, releases, traffic or worth."""
        return _chart(_OF_A_PRODUCT, name)(self)

    def __repr__(self) -> str:
        return _text(self._head(), self._pairs())

    def _repr_html_(self) -> str:
        return _page(self._head(), self._pairs())

    def _head(self) -> str:
        return f"{self.product}, owned by {self.owner or 'nobody yet'}, at {self.at:%Y-%m-%d %H:%M} UTC"

    def _pairs(self) -> Pairs:
        return [(station.name, f"{station.figure}: {station.text}") for station in self.stations]


class ShownVersion(VersionView, frozen=True, kw_only=True):
    """One version, with the charts of what the gate looked at."""

    def figure(self, name: str = "roc") -> go.Figure:
        """Return a chart: roc, calibration or importance; raises ``NotFound`` before the gate has judged."""
        chart = _chart(_OF_A_VERSION, name)
        if self.evidence is None:
            raise NotFound(f"{self.product} {self.row.name} has no evidence: the gate has not judged it")
        return chart(self.evidence)

    def __repr__(self) -> str:
        return _text(self._head(), self._pairs())

    def _repr_html_(self) -> str:
        return _page(self._head(), self._pairs())

    def _head(self) -> str:
        return f"{self.product} {self.row.name}: {self.row.fate}, made because of {self.row.cause}"

    def _pairs(self) -> Pairs:
        judged = [
            (f"{verdict.policy}: {finding.check}", f"{finding.outcome}: {finding.reason}")
            for verdict in self.verdicts
            for finding in verdict.findings
        ]
        waits = [("waits for", ", ".join(self.lacking))] if self.lacking else []
        return [("rows", f"{self.row.rows:,}"), *judged, *waits]


class ShownStanding(Standing, frozen=True, kw_only=True):
    """What a product was at a moment."""

    def __repr__(self) -> str:
        return _text(self._head(), self._pairs())

    def _repr_html_(self) -> str:
        return _page(self._head(), self._pairs())

    def _head(self) -> str:
        live = ", ".join(f"{one.version} ({one.part}, {one.percent:g} %)" for one in self.versions)
        return f"{self.product} at {self.at:%Y-%m-%d %H:%M} UTC: {live or 'nothing was live'}"

    def _pairs(self) -> Pairs:
        return [pair for one in self.versions for pair in self._of(one.version)]

    def _of(self, version: str) -> Pairs:
        one = next(each for each in self.versions if each.version == version)
        people = ", ".join(f"{each.person} ({each.role}, {each.decision})" for each in one.approvers)
        return [
            (f"{version} since", f"{one.stage_since:%Y-%m-%d %H:%M} UTC, made because of {one.cause}"),
            (f"{version} trained on", f"{one.trained_from:%Y-%m-%d} to {one.trained_to:%Y-%m-%d}"),
            (f"{version} data", ", ".join(f"{table} version {number}" for table, number in one.data.items())),
            (f"{version} model", one.model),
            (f"{version} code", one.code),
            (f"{version} why", "; ".join(one.reasons) or "no reasons were kept"),
            (f"{version} approved by", people or "nobody"),
        ]


class ShownStory(list[Event]):
    """Dated events, oldest first."""

    def __repr__(self) -> str:
        return _text(f"{len(self)} events", self._pairs())

    def _repr_html_(self) -> str:
        return _page(f"{len(self)} events", self._pairs())

    def _pairs(self) -> Pairs:
        return [(f"{event.at:%Y-%m-%d %H:%M} {event.sort}", event.text) for event in self]


def shown(kind: type[S], view: msgspec.Struct) -> S:
    """Return a view as the kind that shows it."""
    return kind(**{name: getattr(view, name) for name in view.__struct_fields__})


def _chart(charts: dict[str, Any], name: str) -> Any:
    if name not in charts:
        raise NotFound(f"there is no chart {name!r}; choose from: {', '.join(charts)}")
    return charts[name]


def _text(head: str, pairs: Sequence[tuple[str, str]]) -> str:
    wide = max((len(name) for name, _ in pairs), default=0)
    return "\n".join([head, *(f"  {name:<{wide}}  {words}" for name, words in pairs)])


def _page(head: str, pairs: Iterable[tuple[str, str]]) -> str:
    # Names, notes and reasons come from people and callers: all of it is text, none of it markup.
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(words)}</td></tr>" for name, words in pairs)
    return f"<table><caption>{escape(head)}</caption>{rows}</table>"
