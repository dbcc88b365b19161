"""Where a thing on record came from, and what it led to: the ledger read along the Refs and digests that join its entries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import msgspec

from trimaran.control.deliveries import Origin, delivery_of, origin
from trimaran.control.graph import Lineage, Node, Web
from trimaran.control.links import Links, product_of
from trimaran.control.naming import DataName, EntryName, ObjectName, refs_in
from trimaran.control.portraits import of_data, of_entry, of_environment, of_object
from trimaran.control.rewinding import newest_before
from trimaran.control.words import moment
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import Approval, Declared, Entry, Ingest, ModelVersion, Release, Run, Trigger, Verdict, Wave

Thing = EntryName | DataName | ObjectName

FEW = 6
"""How many things of one sort a node is joined to, unless everything is asked for; what is live is always among them."""

_MOST = 100_000
_WIDE = frozenset({"data", "ingest", "quarantine", "code", "environment", "object", "declared"})
"""What leads to many versions: each is then told with its last move only, and asked about itself for the others."""

_MADE = ("native", "compiled", "profile", "evidence", "rows", "suggested", "version", "trials")
"""The names under which an entry holds an object that it made; under other names it holds what it used."""


class Tracer:
    """Walks the ledger from one thing, backwards and forwards, and draws what it meets.

    ``everything`` lifts the limit of ``FEW``.
    """

    def __init__(self, ledger: Ledger, *, everything: bool = False) -> None:
        self.web = Web()
        self._ledger = ledger
        self._links = Links(ledger)
        self._few = _MOST if everything else FEW
        self._brought: dict[DataName, Origin | None] = {}
        self._grown: set[tuple[str, bool]] = set()
        self._focus = ""
        self._wide = False

    def trace(self, thing: Thing) -> Lineage:
        """Return the lineage of a thing in both directions."""
        focus = self.add(thing)
        self._focus = focus.id
        self._wide = focus.kind in _WIDE
        self.back(thing)
        self.forth(thing)
        return self.web.seen_from(focus.id)

    def add(self, thing: Thing, role: str = "") -> Node:
        """Add the node of a thing and return it."""
        match thing:
            case EntryName(entry):
                record = self._ledger.read(entry)
                node = of_entry(entry, record, self._links.parts)
                if self._wide and isinstance(record, ModelVersion):
                    node = self._with_fate(node, record)
            case DataName():
                node = of_data(thing, self._origin(thing))
            case ObjectName(digest):
                node = of_object(digest, role or self._links.role(digest))
        self.web.add(node)
        return node

    def back(self, thing: Thing, *, until: int | None = None) -> None:
        """Add everything that a thing came from; of the moves of a version, those up to entry ``until``."""
        here = self.add(thing).id
        if (here, True) in self._grown:
            return
        self._grown.add((here, True))
        for source, how, led in self._origins(thing, here, until):
            self._join(self.add(source).id, here, how, led)
            self.back(source, until=until)

    def forth(self, thing: Thing) -> None:
        """Add everything that a thing led to."""
        here = self.add(thing).id
        if (here, False) in self._grown:
            return
        self._grown.add((here, False))
        for result, how, led in self._results(thing, here):
            self._join(here, self.add(result).id, how, led)
            self.forth(result)

    def _join(self, upstream: str, downstream: str, how: str, led: str) -> None:
        self.web.join(upstream, downstream, how, led)

    def _origins(self, thing: Thing, here: str, until: int | None) -> Iterator[tuple[Thing, str, str]]:
        match thing:
            case DataName():
                yield from self._deliveries(thing, here)
            case ObjectName(digest):
                first = next(iter(self._ledger.store.mentions(digest)), None)
                if first is not None and self._links.role(digest) in _MADE:
                    yield EntryName(first), "made by", "made"
            case EntryName(entry):
                yield from self._origins_of(entry, until)

    def _origins_of(self, entry: Entry, until: int | None) -> Iterator[tuple[Thing, str, str]]:
        match self._ledger.read(entry):
            case ModelVersion() as version:
                yield from self._origins_of_version(version, until)
            case Run() as run:
                yield from self._origins_of_run(entry, run)
            case Release() as move:
                refs = [*([move.proof] if move.proof is not None else []), *move.approvals]
                yield from ((EntryName(self._links.entry(ref)), _PROOFS.get(ref.kind, "by"), "let go") for ref in refs)
                yield from self._about(entry, f"{move.product}/v{move.number}")
            case Wave() as wave:
                # The proofs of its models are theirs: there may be hundreds.
                refs = [*([wave.proof] if wave.proof is not None else []), *wave.approvals]
                yield from ((EntryName(self._links.entry(ref)), _PROOFS.get(ref.kind, "by"), "let go") for ref in refs)
            case Trigger() as trigger if trigger.seen_in is not None:
                yield EntryName(self._links.entry(trigger.seen_in)), "seen in", "rang"
            case Declared() as declared:
                yield ObjectName(declared.source), "written in", "declared by"
            case Verdict() | Approval():
                yield from self._about(entry, entry.subject)
            case _:
                yield from ((EntryName(self._links.entry(ref)), "refers to", "led to") for ref in refs_in(entry))

    def _origins_of_version(self, version: ModelVersion, until: int | None) -> Iterator[tuple[Thing, str, str]]:
        yield EntryName(self._links.entry(version.run)), "made by", "made"
        if until is None:
            return
        if version.segment is None:
            moves = (one for one, _ in self._links.moves_of(version) if one.seq <= until)
            yield from ((EntryName(one), "released by", "released") for one in moves)
            return
        for wave, move in self._links.waves_of(version):
            if wave.seq <= until:
                yield EntryName(wave), "released by", "released"
                yield EntryName(self._links.entry(move.proof)), "proven by", "let go"

    def _about(self, entry: Entry, subject: str) -> Iterator[tuple[Thing, str, str]]:
        """Yield the version that a verdict, an approval or a move is about, where that one itself is asked about.

        Elsewhere it would lead from version to version, through what started each training, back to the first.
        """
        version = self._ledger.store.latest("version", subject) if str(entry.ref) == self._focus else None
        if version is not None:
            yield EntryName(version), "about", "led to"

    def _origins_of_run(self, entry: Entry, run: Run) -> Iterator[tuple[Thing, str, str]]:
        here, product = str(entry.ref), product_of(entry.subject)
        self.web.add(of_environment(run.environment))
        for digest, role in ((run.code.source, "source"), (run.code.uncommitted, "uncommitted")):
            if digest is not None:
                self.web.add(of_object(digest, role))
                self._join(f"object:{digest}", here, "ran the code" if role == "source" else "with changes", "run by")
        self._join(f"object:{run.environment.lock}", here, "ran in", "ran")
        trigger = newest_before(self._ledger, Trigger, product, until=entry.seq)
        if trigger is not None and trigger[1].cause == run.cause:
            yield EntryName(trigger[0]), "started by", "started"
        for table, version in run.data.items():
            yield DataName(product, table, version), "trained on", "trained"

    def _deliveries(self, name: DataName, here: str) -> Iterator[tuple[Thing, str, str]]:
        found = self._origin(name)
        if found is None:
            return
        quarantined = [each for each in found.quarantined if each not in found.newest]
        for entry, _ in [*found.newest, *quarantined]:
            yield EntryName(entry), "brought by", "became"
        self.web.omit(here, "deliveries", found.deliveries - len(found.newest) - len(quarantined), upstream=True)

    def _origin(self, name: DataName) -> Origin | None:
        if name not in self._brought:
            few = self._few if self._few > FEW else FEW // 2
            self._brought[name] = origin(self._ledger, f"{name.product}/{name.table}", name.version, few)
        return self._brought[name]

    def _results(self, thing: Thing, here: str) -> Iterator[tuple[Thing, str, str]]:
        match thing:
            case DataName():
                yield from self._runs(self._links.trained_on(thing), here, "trained on", "trained")
            case ObjectName(digest):
                yield from self._used(digest, here)
            case EntryName(entry):
                yield from self._results_of(entry, here)

    def _results_of(self, entry: Entry, here: str) -> Iterator[tuple[Thing, str, str]]:  # noqa: C901  one flat case a kind
        match self._ledger.read(entry):
            case Ingest() as delivery:
                name = DataName(product_of(entry.subject), delivery.table, delivery.version)
                made = delivery_of(self._ledger, entry.subject, delivery.version)
                if made is not None and made[0].seq == entry.seq:
                    yield name, "brought by", "became"
            case Run():
                yield from ((EntryName(one), "made by", "made") for one in self._links.made_by(entry))
            case ModelVersion() if self._wide:
                return
            case ModelVersion() as version:
                moves = [] if version.segment is not None else self._links.moves_of(version)
                shown = moves[-self._few :]
                judged = [
                    *self._links.judged(entry, moves),
                    *self._ledger.store.scan(kinds=["approval"], subject=entry.subject),
                ]
                yield from ((EntryName(one), "about", _JUDGED[one.kind]) for one in judged)
                yield from ((EntryName(one), "about", "moved by") for one, _ in shown)
                waves = self._links.waves_of(version) if version.segment is not None else ()
                yield from ((EntryName(one), "about", "moved by") for one, _ in waves)
                self.web.omit(here, "moves", len(moves) - len(shown), upstream=False)
            case Trigger() as trigger:
                later = islice(self._ledger.store.scan(after=entry.seq, kinds=["run"]), _MOST)
                run = next((one for one in later if product_of(one.subject) == trigger.product), None)
                if run is not None and self._ledger.read(run, Run).cause == trigger.cause:
                    yield EntryName(run), "started by", "started"
            case Release() | Wave():
                return
            case Declared() as declared if here == self._focus:
                runs = (
                    one for one in self._ledger.store.mentions(declared.source) if one.kind == "run" and one.seq > entry.seq
                )
                yield from self._runs(runs, here, "ran as", "ran in")
            case Declared():
                return
            case _:
                found = self._ledger.store.mentions(entry.digest)
                yield from ((EntryName(one), _PROOFS.get(entry.kind, "refers to"), "led to") for one in found)

    def _used(self, digest: str, here: str) -> Iterator[tuple[Thing, str, str]]:
        if self._links.role(digest) in _MADE:
            # What a run made lives on in the version it became; verdicts and moves hang on that one.
            made = next((one for one in self._ledger.store.mentions(digest) if one.kind == "version"), None)
            yield from ((EntryName(one), "holds", "is part of") for one in [made] if one is not None)
            return
        found = list(self._ledger.store.mentions(digest))
        yield from self._runs((one for one in found if one.kind == "run"), here, "used", "used by")
        yield from ((EntryName(one), "declares", "declared by") for one in found if one.kind == "declared")

    def _runs(self, runs: Iterable[Entry], here: str, how: str, led: str) -> Iterator[tuple[Thing, str, str]]:
        """Yield runs: those whose versions are in the traffic now, then the newest; the others are counted."""
        newest_first = sorted(runs, key=lambda one: -one.seq)
        in_traffic = sum(one.seq in self._links.live_runs for one in newest_first)
        chosen = sorted(newest_first, key=lambda one: one.seq not in self._links.live_runs)[: max(self._few, in_traffic)]
        yield from ((EntryName(one), how, led) for one in chosen)
        self.web.omit(here, "runs", len(newest_first) - len(chosen), upstream=False)

    def _with_fate(self, node: Node, version: ModelVersion) -> Node:
        """Return the node of a version with its last move: one line, where there may be hundreds of versions."""
        moves = [] if version.segment is not None else self._links.moves_of(version)
        if not moves:
            return node
        entry, move = moves[-1]
        return msgspec.structs.replace(node, facts={**node.facts, "last move": f"{move.stage}, {moment(entry.at)} UTC"})


_JUDGED = {"verdict": "judged by", "approval": "signed by"}
_PROOFS = {"verdict": "proven by", "approval": "signed by"}
