"""Verify an exported ledger, or the proof of one entry, without trimaran: standard library and `cryptography` only.

    python verify_ledger.py --key KEY EXPORT [--checkpoint FILE]...
    python verify_ledger.py --key KEY --proof PROOF [--checkpoint FILE]...
KEY holds the lines that `trimaran audit key` printed, EXPORT is of `trimaran audit export`, PROOF of `trimaran audit prove`,
FILE is a checkpoint that was kept elsewhere. What is checked: the signature of every checkpoint (C2SP signed-note); every
entry's seal, number and link to the one before; the Merkle root of every checkpoint, or the path from the entry to the root
(RFC 9162, section 2.1). The exit code is 0 when all holds, 1 when anything does not.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
from collections.abc import Iterator
from functools import reduce
from itertools import dropwhile, islice, takewhile
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

Key = tuple[str, bytes, Ed25519PublicKey]  # its name, the four bytes that its signatures begin with, and itself
FIELDS = {"actor", "at", "body", "digest", "key", "kind", "previous", "seq", "subject"}
Checkpoint = tuple[int, bytes, str]  # how many entries there were, their Merkle root, and what to call it


def sha256(data: bytes) -> bytes:
    """Return the SHA-256 of some bytes."""
    return hashlib.sha256(data).digest()


def node(left: bytes, right: bytes) -> bytes:
    """Return the hash of the Merkle node over two others."""
    return sha256(b"\x01" + left + right)


def canonical(value: object) -> bytes:
    """Return the one way to write a value down: sorted keys, no spaces, no escapes but those that JSON demands."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def strictly(coded: str) -> bytes:
    """Return what is written in base64, in its one and only form; nothing for anything else."""
    try:
        data = base64.b64decode(coded, validate=True)
    except ValueError:
        return b""
    return data if base64.b64encode(data).decode() == coded else b""


def read_key(line: str) -> Key:
    """Return the key of a line: its name, its number, and base64 of 1 (Ed25519) and 32 bytes."""
    name, number, coded = [*line.split("+", 2), "", ""][:3]
    public = strictly(coded)
    own = sha256(f"{name}\n".encode() + public)[:4]
    if len(public) != 1 + 32 or public[:1] != b"\x01" or own.hex() != number:
        raise ValueError(f"{line!r} is no verifier key")
    return name, own, Ed25519PublicKey.from_public_bytes(public[1:])


def read_checkpoint(note: str, keys: list[Key], source: str) -> Checkpoint:
    """Return what a note says, once a signature of a given key was found good and none was found bad."""
    text, _, signatures = note.partition("\n\n")
    origin, size, root, *_ = [*text.split("\n"), "", "", ""]
    prefix = f"\u2014 {origin} "
    signed = [strictly(line.removeprefix(prefix)) for line in signatures.splitlines() if line.startswith(prefix)]
    good = [(public, one[4:]) for one in signed for name, number, public in keys if (name, number) == (origin, one[:4])]
    if not good:
        raise ValueError(f"{source} is not signed by a key that was given")
    try:
        for public, signature in good:
            public.verify(signature, f"{text}\n".encode())
    except InvalidSignature as error:
        raise ValueError(f"{source} was changed: its signature is of another text") from error
    return int(size), strictly(root), f"{source} ({size} entries)"


def sealed(fields: dict[str, Any]) -> bool:
    """Tell whether an entry is by itself what was written: its digest covers every other field."""
    try:
        body = fields["body"].encode() if "body" in fields else strictly(fields["bytes"])
        said = [*(fields[name] for name in ("seq", "at", "actor", "kind", "subject")), sha256(body).hex()]
        whole = {name.replace("bytes", "body") for name in fields} == FIELDS and len(fields) == len(FIELDS)
        return whole and sha256(canonical([*said, fields["key"], fields["previous"]])).hex() == fields["digest"]
    except (AttributeError, KeyError, TypeError, ValueError):
        return False


def lines_of(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the objects of a file, one a line, each with its place; a line that is not canonical JSON has no fields."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                fields = json.loads(line)
                whole = isinstance(fields, dict) and canonical(fields) + b"\n" == line
            except (ValueError, RecursionError):
                whole = False
            yield f"line {number}", fields if whole else {}


def grow(peaks: list[bytes], size: int, digest: str) -> None:
    """Take the entry after the first ``size`` into the roots of the whole subtrees over them."""
    found = sha256(b"\x00" + bytes.fromhex(digest))
    while size & 1:
        found, size = node(peaks.pop(), found), size >> 1
    peaks.append(found)


def root_of(peaks: list[bytes]) -> bytes:
    """Return the root over the roots of whole subtrees."""
    return reduce(lambda right, left: node(left, right), reversed(peaks)) if peaks else sha256(b"")


def check_export(path: Path, keys: list[Key], notes: dict[str, str]) -> Iterator[str]:
    """Yield everything that is wrong with an exported ledger."""
    own = takewhile(lambda line: line[1].keys() == {"checkpoint"}, lines_of(path))
    notes |= {f"the checkpoint in {place}": str(fields["checkpoint"]) for place, fields in own}
    roots: dict[int, bytes] = {}
    checkpoints = []
    for source, note in notes.items():
        try:
            checkpoints.append(read_checkpoint(note, keys, source))
        except ValueError as error:
            yield str(error)
    yield from check_entries(path, {size for size, _, _ in checkpoints}, roots)
    for size, root, said in checkpoints:
        if size not in roots:
            yield f"{said}: the ledger has {max(roots)} entries: it was cut short"
        elif roots[size] != root:
            yield f"{said}: its root is that of other entries: the ledger was rewritten"
    if max(roots) > max((size for size, _, _ in checkpoints), default=-1):
        yield "the newest entries are named by no checkpoint: nobody has signed them"


def check_entries(path: Path, sizes: set[int], roots: dict[int, bytes]) -> Iterator[str]:
    """Yield what is wrong with the entries of an export; ``roots`` gets the root at each of the sizes and at the end."""
    peaks, count, head, number = list[bytes](), 0, "0" * 64, 0
    for place, fields in dropwhile(lambda line: line[1].keys() == {"checkpoint"}, lines_of(path)):
        if count in sizes:
            roots[count] = root_of(peaks)
        if not sealed(fields):
            yield f"{place} was changed after it was written"
            head, number = "", number + 1  # the next is not held to it
        else:
            if fields["seq"] != number + 1 or head not in {"", fields["previous"]}:
                yield f"{place} is entry {fields['seq']} and does not follow entry {number}: removed, changed or moved"
            head, number = fields["digest"], fields["seq"]
        grow(peaks, count, head)
        count += 1
    roots[count] = root_of(peaks)


def check_proof(path: Path, keys: list[Key], notes: dict[str, str]) -> Iterator[str]:
    """Yield everything that is wrong with the proof of one entry."""
    ((_, proof),) = lines_of(path)
    if proof.keys() != {"checkpoint", "entry", "hashes"} or not sealed(proof["entry"]):
        raise ValueError(f"{path} is no proof as it was written")
    if notes and proof["checkpoint"] not in notes.values():
        yield "the proof is by another checkpoint than the one that was given"
    size, root, said = read_checkpoint(proof["checkpoint"], keys, "the checkpoint of the proof")
    first, last = proof["entry"]["seq"] - 1, size - 1
    found = sha256(b"\x00" + bytes.fromhex(proof["entry"]["digest"]))
    for sibling in map(bytes.fromhex, proof["hashes"]):
        right = first & 1 or first == last
        found = node(sibling, found) if right else node(found, sibling)
        while right and first and not first & 1:
            first, last = first >> 1, last >> 1
        first, last = first >> 1, last >> 1
    if last != 0 or found != root or not 0 < proof["entry"]["seq"] <= size:
        yield f"the path of entry {proof['entry']['seq']} does not lead to the root of {said}"


def main() -> int:
    """Verify what is named on the command line, say what was found and return the exit code."""
    parser = argparse.ArgumentParser()
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("export", nargs="?", type=Path, help="an exported ledger")
    what.add_argument("--proof", type=Path, help="the proof of one entry")
    parser.add_argument("--key", type=Path, required=True, help="the keys that may have signed, a line a key")
    parser.add_argument("--checkpoint", type=Path, action="append", default=[], help="a checkpoint kept elsewhere")
    given = parser.parse_args()
    faults: list[str] = []
    try:
        keys = [read_key(line) for line in given.key.read_text(encoding="utf-8").splitlines()]
        notes = {str(path): path.read_bytes().decode(errors="replace") for path in given.checkpoint}
        faults += islice((check_proof if given.proof else check_export)(given.proof or given.export, keys, notes), 20)
    except (OSError, TypeError, ValueError) as error:
        faults.append(str(error))
    print("".join(f"WRONG: {fault}\n" for fault in faults), end="")
    print("do not trust it" if faults else "verified: all as it was signed")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
