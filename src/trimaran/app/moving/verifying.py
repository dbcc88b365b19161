"""Verifies all of a bundle before anything of it is written: signature, digests, chain and root."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from trimaran.app.moving.bundle import NOTE, Manifest, Member, text_to_sign
from trimaran.app.moving.lines import lines_of, read_entry
from trimaran.app.moving.opening import Bundle
from trimaran.app.moving.taking import belongs
from trimaran.core.canon import digest
from trimaran.core.errors import Corrupt, Fault, InputError, Refused
from trimaran.core.ledger import VerifierKey, read_text
from trimaran.core.ledger.merkle import Range, leaf
from trimaran.core.nouns import GENESIS, Entry

_BLOCK = 4 << 20
_MANY = 100


@dataclass(frozen=True)
class Trust:
    """Whose signature counts: of the keys that were given; else of the one that signed for the same origin before.

    ``first_use`` takes the word of a bundle whose origin was never met.
    """

    keys: Sequence[VerifierKey] = ()
    first_use: bool = False
    known: Mapping[str, str] = field(default_factory=dict)

    def key(self, manifest: Manifest) -> VerifierKey:
        """Return the key that must have signed a bundle; raises ``Refused`` where nothing says which that is."""
        for key in self.keys:
            if key.name == manifest.origin:
                return key
        if self.keys:
            names = ", ".join(key.name for key in self.keys)
            raise Refused(f"the bundle is of {manifest.origin}, the key that was given is of {names}")
        if manifest.origin in self.known:
            return VerifierKey.parse(self.known[manifest.origin])
        if self.first_use:
            return VerifierKey.parse(manifest.key)
        raise Refused(
            f"nothing says whether the key of {manifest.origin} can be trusted; give the file with the line that "
            "`trimaran audit key` prints there as --key, or take its word this once with --trust-on-first-use"
        )


def verify(bundle: Bundle, trust: Trust) -> Manifest:
    """Return the manifest of a bundle once all of it was found to be what was signed.

    Raises ``Refused`` where no key is trusted, and ``Corrupt`` with every member that is not what the manifest says, or
    what is wrong with the chain.
    """
    manifest = bundle.manifest
    key = trust.key(manifest)
    if key.name != manifest.origin:
        raise Corrupt(f"the bundle says it is of {manifest.origin}, its key is of {key.name}: it was changed")
    if read_text(bundle.note, [key], what=f"the bundle of {manifest.origin}") != text_to_sign(manifest, digest(bundle.data)):
        raise Corrupt(f"{NOTE} was signed for another manifest: one of them was changed")
    faults = list(_changed(bundle, manifest.members))
    if faults:
        raise Corrupt("the bundle is not what was signed:\n" + "\n".join(f"  {fault}" for fault in faults[:_MANY]))
    _verify_chain(bundle, manifest)
    return manifest


def entries(bundle: Bundle) -> Iterator[Entry]:
    """Yield the entries of a bundle, oldest first."""
    with bundle.open(_stream(bundle.manifest, "ledger")) as file:
        yield from map(read_entry, lines_of(file))


def _changed(bundle: Bundle, members: Iterable[Member]) -> Iterator[Fault]:
    for member in members:
        seen = hashlib.sha256()
        with bundle.open(member) as file:
            while block := file.read(_BLOCK):
                seen.update(block)
        if seen.hexdigest() != member.digest:
            yield Fault(what="does not have its digest any more", where=member.name, remedy="copy or export it again")


def _verify_chain(bundle: Bundle, manifest: Manifest) -> None:
    """Walk the entries beside the digests of all: each must be sealed, in its place, and of a product that is here."""
    tree, head, size, declared = Range(), GENESIS, 0, set()
    waiting = entries(bundle)
    entry = next(waiting, None)
    for each in _leaves(bundle):
        size += 1
        found = entry if entry is not None and entry.seq == size else None
        if found is not None:
            found.verify(head)
            if not any(belongs(found.subject, product) for product in manifest.products) and not manifest.whole:
                raise Corrupt(f"entry {size} is of {found.subject}, which is not one of the bundle's products")
            if found.kind == "declared":
                declared.add(found.subject)
            entry = next(waiting, None)
        if each != (found.digest if found is not None else each):
            raise Corrupt(f"entry {size} is not the one that stood in its place")
        head = each
        tree.append(leaf(bytes.fromhex(each)))
    if entry is not None:
        raise Corrupt(f"entry {entry.seq} is out of its place")
    if (size, head, tree.root().hex()) != (manifest.size, manifest.head, manifest.root):
        raise Corrupt(f"the chain of {size:,} entries does not end as it was signed: an entry was changed, removed or added")
    if declared != set(manifest.products):
        raise Corrupt(f"the products declared in the entries are {', '.join(sorted(declared))}, not those of the manifest")


def _leaves(bundle: Bundle) -> Iterator[str]:
    if bundle.manifest.whole:
        yield from (entry.digest for entry in entries(bundle))
        return
    with bundle.open(_stream(bundle.manifest, "leaves")) as file:
        for line in lines_of(file):
            found = msgspec.json.decode(line, type=str)
            if len(found) != len(GENESIS):
                raise InputError("bundle", [Fault(what="a digest is none", where="leaves", remedy="export it anew")])
            yield found


def _stream(manifest: Manifest, name: str) -> Member:
    member = manifest.stream(name)
    if member is None:
        raise InputError("bundle", [Fault(what=f"there is no member of {name}", remedy="export it anew")])
    return member
