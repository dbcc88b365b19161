"""The audit: checkpoints written and kept, proofs given, and everything that is kept held against everything else."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

import msgspec

from trimaran.backends.checkpoint_files import CheckpointFiles, write_whole
from trimaran.core.clock import Clock
from trimaran.core.errors import Corrupt, Fault, NotFound, TrimaranError
from trimaran.core.ledger import Ledger, SigningKey, VerifierKey, Walk, read_note
from trimaran.core.ledger.exporting import fields_of, line_of
from trimaran.core.ledger.merkle import inclusion_path, leaf, roots_of
from trimaran.core.nouns import Checkpoint, Entry, Erasing, Purged
from trimaran.core.ports import ObjectStore

EVERY = timedelta(days=1)
"""How often a workspace that is up writes a checkpoint."""

_LARGE = 64 << 20
_RESTORE = "restore it from a copy"
_NO_OBJECTS: Mapping[str, Collection[str]] = {
    "erasing": ("person", "salt"),
    "erased": ("person",),
    "imported": ("head", "root"),
    "run": ("environment.trimaran", "parameters"),
    "tracked": ("environment.trimaran", "parameters", "tags", "data"),
    "pipeline": ("parameters",),
}
"""Fields of records that may look like an object's digest and are something else."""


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """A checkpoint with the note that says it, and where that is kept."""

    checkpoint: Checkpoint
    note: str
    file: str


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A checkpoint that the ledger was held to: where it came from, and whether the ledger still says the same."""

    file: str
    checkpoint: Checkpoint
    agrees: bool


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """What an audit found: the chain as it is now, each checkpoint it was held to, and every fault.

    ``objects`` is how many were read and verified, None when they were not asked for.
    """

    count: int
    head: str
    root: str
    checkpoints: list[Held]
    objects: int | None
    faults: list[Fault]


class Auditor:
    """Audits one workspace. It keeps what it has walked, so that the next checkpoint looks at new entries only."""

    def __init__(self, ledger: Ledger, objects: ObjectStore, files: CheckpointFiles, clock: Clock) -> None:
        self._ledger = ledger
        self._objects = objects
        self._files = files
        self._clock = clock
        self._walk = Walk()
        self._lock = Lock()

    def key(self) -> VerifierKey:
        """Return the key that checkpoints are verified with, made at first use."""
        return self._files.signing_key().verifier

    def checkpoint(self) -> Signed:
        """Sign the ledger as it is now, and keep the checkpoint; one of the same size that is kept already is returned.

        Raises ``Corrupt`` and signs nothing when the chain has a fault or is no continuation of the newest one kept.
        """
        with self._lock:
            return self._checkpoint()

    def daily(self) -> None:
        """Sign the ledger when the newest checkpoint kept is a day old, and there are entries that it does not name."""
        if self._ledger.store.head() == 0:
            return
        newest = self._newest([self.key()])
        if newest is None or self._clock.now() - newest.checkpoint.at >= EVERY:
            self.checkpoint()

    def proof(self, seq: int, note: str | None = None) -> dict[str, object]:
        """Return an entry, the proof that a checkpoint names it, and the checkpoint: by default the newest one kept.

        Raises ``NotFound`` for an entry that is not there or that the checkpoint does not reach, ``Corrupt`` for a
        checkpoint that the ledger does not continue.
        """
        entry = self._ledger.store.get(seq)
        keys = [self._files.verifier_key()]
        if note is None:
            kept = self._newest(keys)
            checkpoint, note = (None, "") if kept is None else (kept.checkpoint, kept.note)
        else:
            checkpoint = read_note(note, keys)
        if checkpoint is None or checkpoint.size < seq:
            message = f"no checkpoint names entry {seq} yet; write one with `trimaran audit checkpoint`"
            raise NotFound(message)
        walk = Walk()
        walk.go(self._ledger.store, [checkpoint.size])
        broken = walk.faults or _broken("the checkpoint", checkpoint, walk)
        if broken:
            raise Corrupt("\n".join(str(fault) for fault in broken))
        leaves = (leaf(bytes.fromhex(one.digest)) for one in self._ledger.store.scan())
        hashes = [root.hex() for root in roots_of(leaves, inclusion_path(seq - 1, checkpoint.size))]
        return {"checkpoint": note, "entry": fields_of(entry), "hashes": hashes}

    def export(self, path: Path) -> Signed:
        """Write a checkpoint of now, those kept before, and every entry as lines of JSON; return the checkpoint."""
        signed = self.checkpoint()
        write_whole(path, self._lines(signed))
        return signed

    def verify(
        self,
        notes: Mapping[str, str] | None = None,
        keys: Sequence[VerifierKey] = (),
        *,
        objects: bool = False,
        excused: Collection[str] = (),
    ) -> Audit:
        """Hold chain, index, checkpoints and, on request, objects against each other; nothing is raised, all is told.

        ``notes`` are checkpoints from elsewhere by the name of their file. ``keys`` verify all checkpoints, those kept here
        as well; without any, the workspace's own does. Besides what was purged or erased on record, the objects that are
        ``excused`` may be missing.
        """
        faults: list[Fault] = []
        held = list(self._held({**self._kept(), **(notes or {})}, keys, faults))
        walk = Walk()
        try:
            walk.go(self._ledger.store, [checkpoint.size for _, checkpoint in held])
            faults += walk.faults
            disagreements = list(self._ledger.store.disagreements())
        except Corrupt as error:
            disagreements = [str(error)]
        faults += (
            Fault(what=what, where="index", remedy="restore the ledger from a copy, or rebuild it") for what in disagreements
        )
        found = []
        for file, checkpoint in sorted(held, key=lambda one: one[1].size):
            broken = _broken(file, checkpoint, walk)
            found.append(Held(file=file, checkpoint=checkpoint, agrees=not broken))
            faults += broken
        count = None
        if objects:
            try:
                count = self._verify_objects(faults, excused)
            except TrimaranError as error:
                faults.append(
                    Fault(what=f"the objects could not all be verified: {error}", where="objects", remedy=_RESTORE)
                )
        root = walk.roots.get(walk.count, "")
        return Audit(count=walk.count, head=walk.head, root=root, checkpoints=found, objects=count, faults=faults)

    def _checkpoint(self) -> Signed:
        key = self._files.signing_key()
        kept = self._newest([key.verifier])
        size = kept.checkpoint.size if kept is not None else 0
        walk, self._walk = self._walk, Walk()  # a walk that met a fault is not gone on with
        if size < walk.count and size not in walk.roots:
            walk = Walk()
        walk.go(self._ledger.store, [size])
        broken = walk.faults or ([] if kept is None else _broken(kept.file, kept.checkpoint, walk))
        if broken:
            said = "\n".join(str(fault) for fault in broken)
            message = f"nothing was signed: {said}\nlook at all of it with `trimaran audit verify`"
            raise Corrupt(message)
        self._walk = walk
        if kept is not None and size == walk.count:
            self._files.settle()
            return kept
        return self._sign(key, walk)

    def _sign(self, key: SigningKey, walk: Walk) -> Signed:
        checkpoint = Checkpoint(
            origin=key.verifier.name,
            size=walk.count,
            root=walk.roots[walk.count],
            head=walk.head,
            at=self._clock.now(),
        )
        note = key.sign(checkpoint)
        file = self._files.keep(walk.count, note)
        kept = read_file(file)  # another process may have been first
        return Signed(checkpoint=read_note(kept, [key.verifier]), note=kept, file=str(file))

    def _newest(self, keys: Sequence[VerifierKey]) -> Signed | None:
        files = self._files.kept()
        if not files:
            return None
        note = read_file(files[-1])
        return Signed(checkpoint=read_note(note, keys), note=note, file=str(files[-1]))

    def _kept(self) -> dict[str, str]:
        return {str(file): read_file(file) for file in self._files.kept()}

    def _held(
        self, notes: Mapping[str, str], keys: Sequence[VerifierKey], faults: list[Fault]
    ) -> Iterator[tuple[str, Checkpoint]]:
        if not notes:
            return
        try:
            keys = keys or [self._files.verifier_key()]
        except TrimaranError as error:
            faults.append(Fault(what=str(error), where="key", remedy="pass the one you kept elsewhere with --key"))
            return
        for file, note in notes.items():
            try:
                yield file, read_note(note, keys)
            except Corrupt as error:
                faults.append(Fault(what=str(error), where=file, remedy="find out who could write to it"))

    def _lines(self, signed: Signed) -> Iterator[bytes]:
        for note in self._kept().values():
            yield line_of({"checkpoint": note})
        for entry in self._ledger.store.scan():
            if entry.seq > signed.checkpoint.size:
                return
            yield line_of(fields_of(entry))

    def _verify_objects(self, faults: list[Fault], excused: Collection[str]) -> int:
        """Read every object that is there or that an entry names; return how many verify."""
        gone = {*excused, *self._gone()}
        named: dict[str, Entry] = {}
        for entry in self._ledger.store.scan():
            for digest in _named(entry):
                named.setdefault(digest, entry)
        there = set(self._objects.digests())
        missing = named.keys() - there - gone
        if missing:
            missing -= {
                entry.digest for entry in self._ledger.store.scan() if entry.digest in missing
            }  # a verdict about one
        for digest in sorted(missing, key=lambda digest: named[digest].seq):
            entry = named[digest]
            where = f"entry {entry.seq} ({entry.kind} of {entry.subject})"
            faults.append(Fault(what=f"object {digest} is missing", where=where, remedy=_RESTORE))
        whole = 0
        for digest in sorted(there):
            try:
                self._read(digest)
                whole += 1
            except TrimaranError as error:
                faults.append(Fault(what=str(error), where=f"object {digest[:12]}"))
        return whole

    def _gone(self) -> Iterator[str]:
        """Yield what the ledger itself says was removed for good."""
        for _, record in self._ledger.history([Purged]):
            yield from record.objects
        for _, erasing in self._ledger.history([Erasing]):
            yield from erasing.replaced

    def _read(self, digest: str) -> None:
        if self._objects.size(digest) <= _LARGE:
            self._objects.get(digest)
            return
        with TemporaryDirectory() as folder:
            self._objects.fetch(digest, Path(folder) / "object")


def read_file(file: Path) -> str:
    """Return the text of a note as it is; what is no text in it cannot be part of what was signed."""
    return file.read_bytes().decode(errors="replace")


def _broken(file: str, checkpoint: Checkpoint, walk: Walk) -> list[Fault]:
    """Return how the ledger differs from what a checkpoint says of it."""
    if checkpoint.size > walk.count:
        cut = checkpoint.size - walk.count
        what = (
            f"the ledger ends at entry {walk.count}, this checkpoint names {checkpoint.size}: the newest {cut} were cut off"
        )
    elif walk.roots.get(checkpoint.size) != checkpoint.root:  # none, where that very entry is missing
        what = f"the first {checkpoint.size} entries are not those that were signed on {checkpoint.at:%Y-%m-%d %H:%M} UTC"
    else:
        return []
    return [Fault(what=what, where=file, remedy="restore the ledger from a copy, and find out who could write to it")]


def _named(entry: Entry) -> Iterator[str]:
    """Yield the digests of the objects that an entry names: every one in its body that is no Ref's."""
    try:
        fields = msgspec.json.decode(entry.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return  # no record names an object so; that it was changed, the chain tells
    for path in _NO_OBJECTS.get(entry.kind, ()):
        *places, name = path.split(".")
        holder = fields
        for place in places:
            holder = holder.get(place) if isinstance(holder, dict) else None
        if isinstance(holder, dict):
            holder.pop(name, None)
    waiting = [fields]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict) and value.keys() != {"kind", "subject", "seq", "digest"}:
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str) and _is_digest(value):
            yield value


def _is_digest(text: str) -> bool:
    return len(text) == 64 and not text.strip("0123456789abcdef")  # noqa: PLR2004  a SHA-256 in hexadecimal
