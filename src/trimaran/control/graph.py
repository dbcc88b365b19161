"""A graph of provenance: what stands on record, and which of it came from which."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import msgspec

Hull = Literal["data", "build", "deploy", "monitor", "control"]

_LAST = 2**63

HULLS: dict[str, Hull] = {
    "data": "data",
    "ingest": "data",
    "quarantine": "data",
    "table": "data",
    "column": "data",
    "feature": "data",
    "code": "build",
    "environment": "build",
    "object": "build",
    "run": "build",
    "version": "build",
    "release": "deploy",
    "wave": "deploy",
    "prediction": "deploy",
    "answer": "deploy",
    "answers": "deploy",
    "label": "monitor",
    "trigger": "monitor",
}


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One thing on record: what it is called, when and in which entry it was written, and a few facts in words.

    ``live`` is whether it has a part in the traffic now. ``entry`` and ``at`` are None for what is no entry of the ledger.
    """

    id: str
    kind: str
    title: str
    entry: int | None = None
    at: datetime | None = None
    live: bool = False
    facts: dict[str, str] = {}

    @property
    def hull(self) -> Hull:
        """The hull it belongs to."""
        return HULLS.get(self.kind, "control")


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """``downstream`` came from ``upstream``; ``how`` reads from the downstream end, ``led`` from the upstream one."""

    upstream: str
    downstream: str
    how: str
    led: str


class Omitted(msgspec.Struct, frozen=True, kw_only=True):
    """How many more things a node came from or led to than the graph holds; none of them has a part in the traffic now."""

    node: str
    what: str
    count: int
    upstream: bool


class Lineage(msgspec.Struct, frozen=True, kw_only=True):
    """Where ``focus`` came from and what it led to."""

    focus: str
    nodes: list[Node]
    edges: list[Edge]
    omitted: list[Omitted]

    def node(self, name: str) -> Node:
        """Return a node by its id."""
        return next(node for node in self.nodes if node.id == name)

    @property
    def live(self) -> list[Node]:
        """What of it has a part in the traffic now."""
        return [node for node in self.nodes if node.live]


@dataclass
class Branch:
    """A node in a tree in one direction, with the word that joins it to the one above it.

    ``again`` says that it was shown before, with its branches; ``omitted`` what it came from or led to that is left out.
    """

    node: Node
    word: str = ""
    again: bool = False
    branches: list[Branch] = field(default_factory=list)
    omitted: list[Omitted] = field(default_factory=list)


def tree(found: Lineage, *, upstream: bool) -> Branch:
    """Return a lineage as a tree in one direction, its focus for a root, in the order in which things were written.

    A node that several others lead to has its branches where it comes first; it is named again only where it has some.
    """
    nodes = {node.id: node for node in found.nodes}
    edges: dict[str, list[Edge]] = {}
    for edge in found.edges:
        edges.setdefault(edge.downstream if upstream else edge.upstream, []).append(edge)
    shown = {found.focus}

    def beyond(here: str) -> list[tuple[str, Node]]:
        joined = [
            (edge.how, nodes[edge.upstream]) if upstream else (edge.led, nodes[edge.downstream])
            for edge in edges.get(here, [])
        ]
        return joined if upstream else sorted(joined, key=lambda each: each[1].entry or _LAST)

    def grow(branch: Branch) -> Branch:
        here = branch.node.id
        branch.omitted = [one for one in found.omitted if one.node == here and one.upstream is upstream]
        for word, node in beyond(here):
            if node.id not in shown:
                shown.add(node.id)
                branch.branches.append(grow(Branch(node, word)))
            elif beyond(node.id):
                branch.branches.append(Branch(node, word, again=True))
        return branch

    return grow(Branch(nodes[found.focus]))


class Web:
    """A graph in the making; a thing added twice is one node."""

    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {}
        self._edges: dict[tuple[str, str], Edge] = {}
        self._omitted: list[Omitted] = []

    def add(self, node: Node) -> bool:
        """Add a node and return whether it is new."""
        new = node.id not in self._nodes
        if new:
            self._nodes[node.id] = node
        return new

    def join(self, upstream: str, downstream: str, how: str, led: str) -> None:
        """Say that one thing came from another; the first word on two of them stands."""
        edge = Edge(upstream=upstream, downstream=downstream, how=how, led=led)
        self._edges.setdefault((upstream, downstream), edge)

    def omit(self, node: str, what: str, count: int, *, upstream: bool) -> None:
        """Say how many more there are."""
        if count > 0:
            self._omitted.append(Omitted(node=node, what=what, count=count, upstream=upstream))

    def seen_from(self, focus: str) -> Lineage:
        """Return the graph as it is seen from one of its nodes."""
        edges: Iterable[Edge] = self._edges.values()
        return Lineage(focus=focus, nodes=list(self._nodes.values()), edges=list(edges), omitted=self._omitted)
