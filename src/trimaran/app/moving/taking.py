"""Takes what a move or a backup is made of from a workspace that others may write to: the ledger first, then what it names."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO

from trimaran.app.moving.alone import workroom
from trimaran.app.moving.bundle import Manifest, Member, text_to_sign
from trimaran.app.moving.lines import entry_line, write_rows
from trimaran.app.workspace import CLOCK, METRICS, Workspace
from trimaran.backends.checkpoint_files import CheckpointFiles
from trimaran.backends.delta_files import files_of, tables_below, unerased
from trimaran.backends.sqlite_streams import facts, labels, points, predictions
from trimaran.core.canon import canonical, digest
from trimaran.core.errors import Corrupt, Fault, InputError, NotFound
from trimaran.core.ledger import Walk, mentioned
from trimaran.core.nouns import Entry
from trimaran.core.ports import ObjectStore

CAPTURES = "captures"
"""What may be left out: predictions and labels."""

_SMALL = 16 << 20
_SEARCHED = 64 << 20
_SEARCHABLE = (b"{", b"[")


@dataclass
class Taken:
    """A signed manifest, and where the bytes of each of its members are while the taking lasts."""

    manifest: bytes
    note: str
    members: list[Member]
    objects: ObjectStore
    files: dict[str, Path]
    spool: Path

    @contextmanager
    def open(self, member: Member) -> Iterator[BinaryIO]:
        """Give the bytes of a member to read; whether they have its digest is for the reader to find out."""
        if not member.name.startswith("objects/"):
            with self.files[member.name].open("rb") as file:
                yield file
        elif member.size <= _SMALL:
            yield io.BytesIO(self.objects.get(member.digest))
        else:
            aside = self.spool / member.digest
            self.objects.fetch(member.digest, aside)
            try:
                with aside.open("rb") as file:
                    yield file
            finally:
                aside.unlink()


@dataclass
class _Taking:
    """What was found so far, in files of a folder that goes away with the taking."""

    workspace: Workspace
    spool: Path
    products: list[str]
    whole: bool
    members: list[Member] = field(default_factory=list)
    files: dict[str, Path] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)
    runs: set[str] = field(default_factory=set)
    counts: dict[str, int] = field(default_factory=dict)
    tables: dict[str, dict[str, str]] = field(default_factory=dict)

    def stream(self, name: str, lines: Iterable[bytes]) -> None:
        path, seen, count = self.spool / name, hashlib.sha256(), 0
        with path.open("wb") as file:
            for line in lines:
                file.write(line)
                seen.update(line)
                count += 1
        self._add(Member(f"{name}.{seen.hexdigest()}.jsonl", path.stat().st_size), path)
        self.counts[name] = count

    def entries(self, size: int) -> Iterator[Entry]:
        """Yield the entries to take; those of other products are left as digests. Raises ``Corrupt`` for a Ref to one of these."""
        leaves, outside = (self.spool / "leaves").open("wb"), set()
        with leaves:
            for entry in self.workspace.ledger.store.scan():
                if entry.seq > size:
                    break
                leaves.write(f'"{entry.digest}"\n'.encode())
                if not self.whole and not any(belongs(entry.subject, product) for product in self.products):
                    outside.add(entry.digest)
                    continue
                found = mentioned(entry.body)
                if found & outside:
                    remedy = "export the whole workspace, without --product"
                    what = f"entry {entry.seq} ({entry.kind} of {entry.subject}) stands on an entry of another product"
                    raise InputError("export", [Fault(what=what, remedy=remedy)])
                self.named |= found
                if entry.kind == "run":
                    self.runs.add(entry.subject.rpartition("/")[2])
                yield entry

    def leaves(self) -> None:
        path = self.spool / "leaves"
        with path.open("rb") as file:
            seen = hashlib.file_digest(file, "sha256").hexdigest()
        self._add(Member(f"leaves.{seen}.jsonl", path.stat().st_size), path)

    def take_objects(self) -> None:
        """List every object, or of some products all that their entries name, and what those objects name in turn."""
        store = self.workspace.objects
        found = set(store.digests()) if self.whole else _reachable(store, self.named)
        self.members += [Member(f"objects/{name}", store.size(name)) for name in sorted(found)]
        self.counts["objects"] = len(found)

    def take_tables(self) -> None:
        root = self.workspace.root / "tables"
        for table in tables_below(root):
            if table.partition("/")[0] in self.products:
                self.tables[table] = {name: self._file(root / table / name) for name in files_of(root / table)}

    def is_run(self, run: str) -> bool:
        """Tell whether points were logged for a run that is taken; by its name, or product and name."""
        return self.whole or run in self.runs or any(belongs(run, product) for product in self.products)

    def _file(self, path: Path) -> str:
        with path.open("rb") as file:
            seen = hashlib.file_digest(file, "sha256").hexdigest()
        member = Member(f"tables/{seen}", path.stat().st_size)
        if member.name not in self.files:
            self._add(member, path)
        return seen

    def _add(self, member: Member, path: Path) -> None:
        self.members.append(member)
        self.files[member.name] = path


@contextmanager
def take(workspace: Workspace, spool: Path, *, product: str | None = None, without: Sequence[str] = ()) -> Iterator[Taken]:
    """Give what a bundle of a product, or of the whole workspace, is made of, as the ledger names it at this moment.

    Entries, objects, tables, then rows: what an entry names was durable before it, so that none of it can be missing;
    what was written since may be among the rows and does no harm. ``spool`` is a folder that is made for what is written on the way, and goes away.
    """
    known = sorted(workspace.products())
    if product is not None and product not in known:
        raise NotFound(f"there is no product {product!r} in {workspace.root}; it has {', '.join(known) or 'none'}")
    walk = Walk()
    size = workspace.ledger.store.head()
    if not size:
        raise NotFound(f"the workspace {workspace.root} is empty: there is nothing to take; declare a product first")
    walk.go(workspace.ledger.store, marks=(size,))
    if walk.faults:
        raise Corrupt("the ledger is not whole, so nothing is taken:\n" + "\n".join(f"  {fault}" for fault in walk.faults))
    head = workspace.ledger.store.get(size).digest
    products = known if product is None else [product]
    with workroom(spool), unerased(workspace.root / "tables"):
        taking = _Taking(workspace, spool, products, product is None)
        taking.stream("ledger", map(entry_line, taking.entries(size)))
        if not taking.whole:
            taking.leaves()
        taking.take_objects()
        taking.take_tables()
        _take_rows(taking, without)
        key = CheckpointFiles(workspace.root).signing_key()
        manifest = Manifest(
            trimaran=version("trimaran"),
            origin=key.verifier.name,
            key=str(key.verifier),
            size=size,
            head=head,
            root=walk.roots[size],
            whole=taking.whole,
            products=products,
            without=sorted(without),
            clock=workspace.clock.now() if (workspace.root / CLOCK).exists() else None,
            members=sorted(taking.members),
            tables=taking.tables,
            counts=taking.counts,
        )
        data = canonical(manifest)
        note = key.sign_text(text_to_sign(manifest, digest(data)))
        yield Taken(data, note, manifest.members, workspace.objects, taking.files, taking.spool)


def belongs(subject: str, product: str) -> bool:
    """Tell whether a subject is a product, or part of one.

    >>> belongs("flight-delay[EWR]/v1", "flight-delay"), belongs("flight-delay-2", "flight-delay")
    (True, False)
    """
    return subject == product or subject.startswith((f"{product}/", f"{product}["))


def _take_rows(taking: _Taking, without: Sequence[str]) -> None:
    workspace, products = taking.workspace, taking.products
    if CAPTURES not in without:
        taking.stream("predictions", write_rows(predictions(workspace.captures, products)))
        taking.stream("labels", write_rows(labels(workspace.captures, products)))
    taking.stream("facts", write_rows(facts(workspace.online, products)))
    if (workspace.root / METRICS).exists():
        taking.stream("points", write_rows(points(workspace.metrics, taking.is_run)))


def _reachable(store: ObjectStore, named: Collection[str]) -> set[str]:
    found: set[str] = set()
    waiting = [name for name in named if store.has(name)]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        if store.size(name) <= _SEARCHED:
            data = store.get(name)
            if data.startswith(_SEARCHABLE):
                waiting += [each for each in mentioned(data) if each not in found and store.has(each)]
    return found
