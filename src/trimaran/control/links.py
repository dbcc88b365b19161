"""What the ledger's index says of one thing: its runs, versions, moves and verdicts, without reading what lies between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

from trimaran.control.naming import DataName
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import Entry, ModelVersion, Ref, Release, Run, SegmentMove, Verdict, Wave

Moves = Sequence[tuple[Entry, Release]]

_NEAR = 1000
"""How many entries after a version that was never moved its verdicts are looked for."""


class Links:
    """Follows what joins the entries of a ledger: Refs, digests and subjects."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @cached_property
    def parts(self) -> dict[str, str]:
        """Which versions, by subject, have which part in the traffic now."""
        products = {entry.subject for entry in self._ledger.store.scan(kinds=["declared"])}
        found: dict[str, str] = {}
        for product in sorted(products):
            newest = self._ledger.latest(Release, product)
            traffic = newest[1].traffic if newest is not None else None
            if traffic is not None:
                shares = {"live": 100.0 - traffic.percent, "canary": traffic.percent, "shadow": 0.0}
                for part, share in shares.items():
                    number = getattr(traffic, part)
                    if number is not None:
                        found[f"{product}/v{number}"] = f"{part} at {share:g} %"
        return found

    @cached_property
    def live_runs(self) -> set[int]:
        """The entries of the runs that made what is in the traffic now."""
        found = (self._ledger.latest(ModelVersion, subject) for subject in self.parts)
        return {version[1].run.seq for version in found if version is not None}

    def made_by(self, run: Entry) -> list[Entry]:
        """Return the versions that a run made."""
        return [entry for entry in self._ledger.store.mentions(run.digest) if entry.kind == "version"]

    def moves_of(self, version: ModelVersion) -> Moves:
        """Return the moves of a version, oldest first: what names its model is its own life, not that of its product."""
        named = self._ledger.store.mentions(version.native)
        moves = [(entry, self._ledger.read(entry, Release)) for entry in named if entry.kind == "release"]
        return [(entry, move) for entry, move in moves if (move.product, move.number) == (version.product, version.number)]

    def waves_of(self, version: ModelVersion) -> Iterator[tuple[Entry, SegmentMove]]:
        """Yield the waves that put the model of a segment into service, oldest first, each with its move."""
        for entry in self._ledger.store.mentions(version.native):
            if entry.kind == "wave":
                wave = self._ledger.read(entry, Wave)
                yield from ((entry, move) for move in wave.moves if (wave.product, move.version) == _line(version))

    def judged(self, version: Entry, moves: Moves) -> Iterator[Entry]:
        """Yield the verdicts that a version's moves hung on: the daily watch of what is live is not among them."""
        last = moves[-1][0].seq if moves else version.seq + _NEAR
        for entry in self._ledger.store.scan(after=version.seq, kinds=["verdict"], subject=version.subject):
            if entry.seq > last:
                return
            if self._ledger.read(entry, Verdict).policy != "watch":
                yield entry

    def trained_on(self, name: DataName) -> Iterator[Entry]:
        """Yield the runs that read a version of a table or a later one, which holds its rows as well."""
        for entry in self._ledger.store.scan(kinds=["run"]):
            if product_of(entry.subject) == name.product:
                version = self._ledger.read(entry, Run).data.get(name.table)
                if version is not None and version >= name.version:
                    yield entry

    def entry(self, ref: Ref) -> Entry:
        """Return the entry that a Ref names, verified; raises ``NotFound`` or ``Corrupt``."""
        entry = self._ledger.store.get(ref.seq)
        self._ledger.read(ref)
        return entry

    def role(self, digest: str) -> str:
        """Return under which name the first entry that mentions an object holds it."""
        first = next(iter(self._ledger.store.mentions(digest)), None)
        before = first.body.decode(errors="replace").partition(f'"{digest}"')[0] if first is not None else ""
        return before.rpartition('":')[0].rpartition('"')[2] or "object"


def _line(version: ModelVersion) -> tuple[str, int]:
    return version.product, version.number


def product_of(subject: str) -> str:
    """Return the product that a subject belongs to.

    >>> product_of("flight-delay[JFK]/v3")
    'flight-delay'
    """
    return subject.rpartition("/")[0].partition("[")[0]
