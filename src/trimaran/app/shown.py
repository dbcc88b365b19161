"""What the acts on a product give back, as a notebook or a prompt shows it: words, a table, and charts on request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, TypeVar

import msgspec
import plotly.graph_objects as go

from trimaran.app import figures
from trimaran.app.reconciling import Reconciled
from trimaran.app.reproduction import Reproduction
from trimaran.app.views import ProductView, VersionView
from trimaran.control.differences import Difference
from trimaran.control.graph import Branch, Lineage, tree
from trimaran.control.standing import Standing
from trimaran.control.story import Event
from trimaran.control.words import NOTHING, sensible, short, value_of
from trimaran.core.errors import NotFound

Pairs = list[tuple[str, str]]
S = TypeVar("S", bound=msgspec.Struct)
_OF_A_PRODUCT = {
    "loop": figures.loop,
    "quality": figures.quality,
    "outlook": figures.outlook,
    "drift": figures.drift,
    "releases": figures.releases,
    "traffic": figures.traffic,
    "worth": figures.worth,
}
_OF_A_VERSION = {
    "roc": figures.roc,
    "calibration": figures.calibration,
    "confusion": figures.confusion,
    "importance": figures.importance,
}


class ShownProduct(ProductView, frozen=True, kw_only=True):
    """The view of a product, with its charts."""

    def figure(self, name: str = "loop") -> go.Figure:
        """Return a chart: loop, quality, outlook, drift, releases, traffic or worth."""
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
        """Return a chart: roc, calibration, confusion or importance; raises ``NotFound`` before the gate has judged."""
        chart = _chart(_OF_A_VERSION, name)
        if self.evidence is None:
            raise NotFound(f"{self.product} {self.row.name} has no evidence: the gate has not judged it")
        return chart(self.evidence)

    def __repr__(self) -> str:
        return _text(self._head(), self._pairs())

    def _repr_html_(self) -> str:
        return _page(self._head(), self._pairs())

    def _head(self) -> str:
        cause = self.row.cause if self.origin is not None else f"made because of {self.row.cause}"
        return f"{self.product} {self.row.name}: {self.row.fate}, {cause}"

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
        policies = [(f"policy {name}", words) for name, words in sorted(self.policies.items())]
        return [*(pair for one in self.versions for pair in self._of(one.version)), *policies]

    def _of(self, version: str) -> Pairs:
        one = next(each for each in self.versions if each.version == version)
        people = ", ".join(f"{each.person} ({each.role}, {each.decision})" for each in one.approvers)
        commit = f", commit {short(one.commit)}" if one.commit else ""
        suggested = f", suggested features {short(one.suggested)}" if one.suggested else ""
        return [
            (f"{version} since", f"{one.stage_since:%Y-%m-%d %H:%M} UTC, made because of {one.cause}"),
            (f"{version} trained on", f"{one.rows:,} rows of {one.trained_from:%Y-%m-%d} to {one.trained_to:%Y-%m-%d}"),
            (f"{version} data", ", ".join(f"{table} version {number}" for table, number in one.data.items())),
            (f"{version} features", ", ".join(one.features)),
            (f"{version} model", one.model),
            (f"{version} code", f"{one.code}{suggested}{commit}{' with uncommitted changes' if one.uncommitted else ''}"),
            (f"{version} environment", f"Python {one.python} on {one.platform}, packages {short(one.environment)}"),
            (f"{version} verdicts", ", ".join(f"{policy}: {outcome}" for policy, outcome in one.verdicts.items()) or "none"),
            (f"{version} why", "; ".join(one.reasons) or "no reasons were kept"),
            (f"{version} approved by", people or "nobody"),
        ]


class ShownDifference(Difference, frozen=True, kw_only=True):
    """What differs between two runs, versions or moments, side by side."""

    def figure(self) -> go.Figure:
        """Return the metrics of both sides, and by how much each changed."""
        return figures.metrics(self)

    def __repr__(self) -> str:
        rows = [(name, f"{a} → {b}{f' ({gap})' if gap else ''}") for name, a, b, gap in self._rows()]
        return _text(f"{self.a.name} compared with {self.b.name}", rows)

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(name)}</th>" for name in ("", self.a.name, self.b.name, "difference"))
        rows = (
            f"<tr><th>{escape(name)}</th>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
            for name, *cells in self._rows()
        )
        code = "\n".join([*self.code.source, *self.code.suggested, *self.code.uncommitted])
        text = f"<details><summary>code</summary><pre>{escape(code)}</pre></details>" if code else ""
        return f"<table><tr>{head}</tr>{''.join(rows)}</table>{text}"

    def _rows(self) -> list[tuple[str, str, str, str]]:
        """Return what differs, the metrics whole: name, both sides, and the difference where it is a number."""
        told = {"made": self.made, "parameter": self.parameters, "policy": self.policies, "environment": self.environment}
        rows = [(one.name, sensible(one.a), sensible(one.b), _signed(one.difference)) for one in self.metrics]
        rows += [(one.table, _cell(one.a), _cell(one.b), f"{one.rows:,} rows" if one.rows else "") for one in self.data]
        rows += [
            (f"{sort} {one.name}" if sort != "made" else one.name, _cell(one.a), _cell(one.b), "")
            for sort, changes in told.items()
            for one in changes
            if not one.same
        ]
        rows += [(f"package {one.name}", _cell(one.a), _cell(one.b), "") for one in self.packages]
        rows += [
            (f"feature {one.name}", "written" if one.a else _cell(one.a), "written" if one.b else _cell(one.b), "")
            for one in self.features
            if not one.same
        ]
        code = (("source", self.code.digests), ("commit", self.code.commit), ("uncommitted", self.code.uncommitted_digests))
        return rows + [(name, _cell(one.a), _cell(one.b), "") for name, one in code if not one.same]


class ShownLineage(Lineage, frozen=True, kw_only=True):
    """Where a thing came from and what it led to, as two trees."""

    def figure(self) -> go.Figure:
        """Return the graph: what it came from to the left, what it led to to the right, what is live marked."""
        return figures.lineage(self)

    def __repr__(self) -> str:
        parts = [self.node(self.focus).title]
        for title, root in self._trees():
            parts += [f"  {title}", *_outline(root, 2)]
        return "\n".join(parts)

    def _repr_html_(self) -> str:
        trees = "".join(f"<p>{escape(title)}</p>{_list(root)}" for title, root in self._trees())
        return f"<div><b>{escape(self.node(self.focus).title)}</b>{trees}</div>"

    def _trees(self) -> list[tuple[str, Branch]]:
        both = [("it came from", tree(self, upstream=True)), ("it led to", tree(self, upstream=False))]
        return [(title, root) for title, root in both if root.branches]


class ShownBalance(Reconciled, frozen=True, kw_only=True):
    """The control totals of a product, held against what the stores have, with the flow of its rows."""

    def figure(self, name: str = "flow") -> go.Figure:
        """Return a chart: flow."""
        return _chart({"flow": figures.flow}, name)(self)

    def __repr__(self) -> str:
        return _text(self._head(), self._pairs())

    def _repr_html_(self) -> str:
        return _page(self._head(), self._pairs())

    def _head(self) -> str:
        said = "balances" if self.closed else f"{len(self.breaks)} breaks, {len(self.doubts)} not looked at"
        return f"{self.product} at {self.at:%Y-%m-%d %H:%M} UTC: {said}"

    def _pairs(self) -> Pairs:
        totals = [
            (one.name, f"{one.entered:,}: {', '.join(f'{count:,} {where}' for where, count in one.left.items() if count)}")
            for one in self.handovers
        ]
        doubts = [(f"{name} not looked at", why) for name, why in self.doubts.items()]
        return [*totals, *((f"BREAK {one.handover}", str(one)) for one in self.breaks), *doubts]


class ShownReproduction(Reproduction, frozen=True, kw_only=True):
    """A training that was done again, beside the one on record."""

    def __repr__(self) -> str:
        return _text(self._head(), self._pairs())

    def _repr_html_(self) -> str:
        return _page(self._head(), self._pairs())

    def _head(self) -> str:
        outcome = "came out the same, to the last bit" if self.same else "came out otherwise"
        return f"{self.version or self.run} {outcome}, {'; '.join(self.notes)}"

    def _pairs(self) -> Pairs:
        made = [(one.name, "the same" if one.same else f"{one.was} → {one.now}") for one in (*self.made, *self.parameters)]
        told = [one for one in self.metrics if not one.timed]
        metrics = [(one.name, f"{one.was:.6g}" if one.same else f"{one.was} → {one.now}") for one in told]
        return [*made, *metrics, *(("can explain it", reason) for reason in self.reasons)]


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


def _outline(branch: Branch, depth: int) -> list[str]:
    lines = []
    for one in branch.branches:
        lines.append(f"{'  ' * depth}{one.word} {_named(one)}")
        lines += _outline(one, depth + 1)
    return lines + [f"{'  ' * depth}and {more.count:,} more {more.what}" for more in branch.omitted]


def _list(branch: Branch) -> str:
    # Ids, sources, notes and reasons come from people and callers: all of it is text, none of it markup.
    items = [f"<li>{escape(one.word)} <b>{escape(_named(one))}</b>{_list(one)}</li>" for one in branch.branches]
    items += [f"<li>and {more.count:,} more {escape(more.what)}</li>" for more in branch.omitted]
    return f"<ul>{''.join(items)}</ul>" if items else ""


def _named(branch: Branch) -> str:
    node = branch.node
    now = f", {node.facts['now']}" if "now" in node.facts else ""
    return f"{node.title}{now}{f' (entry {node.entry})' if node.entry is not None else ''}{' (see above)' if branch.again else ''}"


def _cell(value: object) -> str:
    return NOTHING if value is None else value_of(value)


def _signed(value: float | None) -> str:
    return "" if value is None else f"{'+' if value > 0 else ''}{sensible(value)}"


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
