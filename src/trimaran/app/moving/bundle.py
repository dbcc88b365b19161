"""What a bundle is: a signed manifest, and members that are known by their digests; names in it are labels, never paths."""

from __future__ import annotations

import re
from datetime import datetime

import msgspec

from trimaran.core.errors import Fault, InputError

FORM = 1
"""The number of a bundle's form, raised when older trimarans could not read it."""

MANIFEST, NOTE = "manifest.json", "manifest.note"
"""The members that are there before all others: what is in the bundle, and the signature under it."""

MOST_MANIFEST = 512 << 20
"""Bytes that a manifest may have: about two million members."""

MOST_NOTE = 1 << 20
MOST_MEMBERS = 2_000_000
MOST_LINE = 256 << 20
"""Bytes that one entry, row or batch of facts may have."""

STREAMS = ("ledger", "leaves", "predictions", "labels", "facts", "points")
"""What is written as one member of JSON lines each: entries, or digests where entries of others stand between them; then rows."""

_MEMBER = re.compile(
    rf"(objects|tables)/(?P<object>[0-9a-f]{{64}})|({'|'.join(STREAMS)})\.(?P<stream>[0-9a-f]{{64}})\.jsonl"
)
_FILE = re.compile(r"(_delta_log/)?[A-Za-z0-9_][A-Za-z0-9_.=-]{0,250}")
_TABLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)+")


class Member(msgspec.Struct, frozen=True, order=True):
    """One file of a bundle: its name there, which ends in its SHA-256, and its size in bytes."""

    name: str
    size: int

    @property
    def digest(self) -> str:
        """The SHA-256 that the bytes must have."""
        found = _MEMBER.fullmatch(self.name)
        return (found["object"] or found["stream"]) if found else ""


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is in a bundle, and where it comes from; its canonical JSON is what is signed.

    The ledger of ``origin`` had ``size`` entries, the digest ``head`` of the last and the Merkle ``root``; ``key`` is the
    verifier key of the signature. ``whole`` says that all of its entries are here, else only those of ``products``, with
    the digest of every other. ``tables`` maps a table's address to its files, and each file to the digest of its member.
    ``counts`` says how many entries, objects, predictions, labels and facts there are.
    """

    form: int = FORM
    trimaran: str
    origin: str
    key: str
    size: int
    head: str
    root: str
    whole: bool
    products: list[str]
    without: list[str]
    clock: datetime | None
    members: list[Member]
    tables: dict[str, dict[str, str]]
    counts: dict[str, int]

    def stream(self, name: str) -> Member | None:
        """Return the member of a stream, None where it was left out."""
        return next((member for member in self.members if member.name.startswith(f"{name}.")), None)

    def objects(self) -> list[Member]:
        """Return the members that are objects."""
        return [member for member in self.members if member.name.startswith("objects/")]


def text_to_sign(manifest: Manifest, digest: str) -> str:
    """Return the lines that are signed: what kind of thing it is, whose, the state of the ledger, and the manifest's digest."""
    return (
        f"trimaran bundle {manifest.form}\norigin {manifest.origin}\nsize {manifest.size}\n"
        f"root {manifest.root}\nhead {manifest.head}\nmanifest {digest}\n"
    )


def read_manifest(data: bytes) -> Manifest:
    """Return the manifest that bytes hold; raises ``InputError`` with every name, size and count in it that cannot be."""
    try:
        form = msgspec.json.decode(data, type=_Form).form
        if form != FORM:
            remedy = f"this trimaran reads form {FORM}: use the trimaran that wrote it, or a newer one"
            raise InputError("bundle", [Fault(what=f"the bundle has form {form}", where=MANIFEST, remedy=remedy)])
        manifest = msgspec.json.decode(data, type=Manifest)
    except msgspec.MsgspecError as error:
        fault = Fault(what=f"cannot be read: {error}", where=MANIFEST, remedy="give a file that `trimaran export` wrote")
        raise InputError("bundle", [fault]) from error
    faults = [*_faults_of_members(manifest), *_faults_of_tables(manifest)]
    if faults:
        raise InputError("bundle", faults[:100])
    return manifest


class _Form(msgspec.Struct):
    form: int


def _faults_of_members(manifest: Manifest) -> list[Fault]:
    names = [member.name for member in manifest.members]
    faults = [
        Fault(
            what=f"a member is named {member.name[:200]!r} with {member.size} bytes", where=MANIFEST, remedy="export it anew"
        )
        for member in manifest.members
        if not member.digest or member.size < 0
    ]
    if len(set(names)) != len(names):
        faults.append(Fault(what="a member is listed twice", where=MANIFEST, remedy="export it anew"))
    streams = [name.partition(".")[0] for name in names if "/" not in name]
    faults += [
        Fault(what=f"there is more than one stream of {name}", where=MANIFEST, remedy="export it anew")
        for name in STREAMS
        if streams.count(name) > 1
    ]
    if "ledger" not in streams or manifest.whole == ("leaves" in streams):
        faults.append(Fault(what="the entries are not there as they should be", where=MANIFEST, remedy="export it anew"))
    if len(names) > MOST_MEMBERS:
        remedy = "move fewer products at once, or the whole workspace as a backup folder"
        faults.append(
            Fault(what=f"{len(names):,} members; at most {MOST_MEMBERS:,} are taken", where=MANIFEST, remedy=remedy)
        )
    return faults


def _faults_of_tables(manifest: Manifest) -> list[Fault]:
    held = {member.digest for member in manifest.members if member.name.startswith("tables/")}
    faults = []
    for table, files in manifest.tables.items():
        if not _TABLE.fullmatch(table) or table.partition("/")[0] not in manifest.products:
            faults.append(
                Fault(what=f"{table[:200]!r} is no table of its products", where=MANIFEST, remedy="export it anew")
            )
        faults += [
            Fault(
                what=f"{name[:200]!r} is no file of a table, or not in the bundle",
                where=table[:200],
                remedy="export it anew",
            )
            for name, digest in files.items()
            if not _FILE.fullmatch(name) or digest not in held
        ]
    return faults
