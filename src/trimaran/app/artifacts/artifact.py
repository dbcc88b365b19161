"""A product as one file: an archive whose bytes follow from what it holds, each of them covered by a digest."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from trimaran.core.canon import canonical, digest
from trimaran.core.errors import Corrupt, Fault, InputError, NotFound

SUFFIX = ".product.tar"
ABOUT, SUMS, LOCK, COLUMNS, DIFF, PROVENANCE = (
    "artifact.json",
    "SHA256SUMS",
    "environment.lock",
    "columns.json",
    "uncommitted.diff",
    "provenance.json",
)
CODE = "product/"
"""Where the product's file, the modules beside it and its contracts are, as they lie in their folder."""

FORM = 1
MOST_BYTES, MOST_MEMBERS = 100_000_000, 10_000
_BLOCK = 512


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What an artifact says of itself: ``form`` numbers this layout, ``contents`` is the digest of what it was made from.

    ``contracts`` are the paths of contracts by table, ``sources`` where each table's rows come from.
    """

    form: int
    product: str
    owner: str
    version: str
    file: str
    python: str
    trimaran: str
    contents: str
    sources: dict[str, str]
    contracts: dict[str, str] = {}


@dataclass(frozen=True)
class Artifact:
    """An artifact that was read: what it says of itself, the bytes of its members by name, and the digest of the whole."""

    about: About
    members: Mapping[str, bytes]
    digest: str

    @property
    def code(self) -> dict[str, str]:
        """The texts of the product's folder by their path in it."""
        found = {name.removeprefix(CODE): data for name, data in self.members.items() if name.startswith(CODE)}
        return {name: data.decode() for name, data in found.items()}

    @property
    def provenance(self) -> dict[str, Any]:
        """The in-toto statement of what it was made from."""
        found: dict[str, Any] = msgspec.json.decode(self.members[PROVENANCE])
        return found


def contents_of(members: Mapping[str, bytes]) -> str:
    """Return the digest of what an artifact is made from: of its members but those that tell of the others."""
    made_from = {name: digest(data) for name, data in members.items() if name not in {ABOUT, SUMS, PROVENANCE}}
    return digest(canonical(made_from))


def packed(members: Mapping[str, bytes]) -> bytes:
    """Return the archive of members: the same bytes for the same members, with the sums that ``sha256sum -c`` reads.

    A tar without compression, since what a library compresses to changes with its version.

    >>> packed({"b": b"2", "a": b"1"}) == packed({"a": b"1", "b": b"2"})
    True
    """
    sums = "".join(f"{digest(data)}  {name}\n" for name, data in sorted(members.items()))
    whole = io.BytesIO()
    for name, data in [*sorted(members.items()), (SUMS, sums.encode())]:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(data), 0o644  # no owner, no time: they are not content
        whole.write(entry.tobuf(tarfile.GNU_FORMAT, "utf-8", "strict"))
        whole.write(data + bytes(-len(data) % _BLOCK))
    whole.write(bytes(2 * _BLOCK))
    return whole.getvalue()


def is_artifact(path: Path) -> bool:
    """Tell whether a path is named like an artifact."""
    return path.name.endswith(".tar")


def read_artifact(path: Path, *, digest_: str | None = None) -> Artifact:
    """Return an artifact, every byte of it verified; nothing of it is written, imported or run.

    ``digest_`` is the SHA-256 that the whole file must have: what is inside cannot vouch for who made it. Raises ``NotFound``,
    ``InputError`` for a file that is none, and ``Corrupt`` with everything that does not match.
    """
    if not path.is_file():
        raise NotFound(f"there is no artifact {path}: make one with `trimaran build PRODUCT.py`")
    if path.stat().st_size > MOST_BYTES:
        what = f"it has {path.stat().st_size:,} bytes, and an artifact has {MOST_BYTES:,} at most"
        raise InputError(path.name, [Fault(what=what, remedy="name an artifact of `trimaran build`")])
    data = path.read_bytes()
    whole = digest(data)
    if digest_ is not None and whole != digest_.removeprefix("sha256:"):
        raise Corrupt(f"{path.name} has the digest {whole}, not {digest_}: it is another artifact, or was changed")
    members = _members(path.name, data)
    faults = _faults(members, data)
    if faults:
        lines = "\n".join(f"  {fault}" for fault in faults)
        raise Corrupt(f"{path.name} was changed since it was made; get it again:\n{lines}")
    about = msgspec.json.decode(members[ABOUT], type=About)
    return Artifact(about, members, whole)


def _members(name: str, data: bytes) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for entry in archive:
                place = PurePosixPath(entry.name)
                odd = not entry.isreg() or place.is_absolute() or ".." in place.parts or entry.name in found
                if odd or len(found) >= MOST_MEMBERS:
                    raise Corrupt(f"{name} was changed since it was made: it holds {entry.name!r}, which no artifact does")
                file = archive.extractfile(entry)
                found[entry.name] = file.read() if file is not None else b""
    except tarfile.TarError as error:
        remedy = "name an artifact of `trimaran build`; if it is one, it was damaged: get it again"
        raise InputError(name, [Fault(what=f"it is no archive that can be read ({error})", remedy=remedy)]) from error
    return found


def _faults(members: Mapping[str, bytes], data: bytes) -> list[str]:
    """Return what does not match: sums, members, what the artifact says of itself and its provenance, the archive's own bytes."""
    lacking = [name for name in (ABOUT, SUMS, LOCK, COLUMNS, PROVENANCE) if name not in members]
    if lacking:
        return [f"{name} is missing" for name in lacking]
    lines = [line.partition("  ") for line in members[SUMS].decode(errors="replace").splitlines()]
    sums = {name: found for found, _, name in lines}
    held = {name: digest(one) for name, one in members.items() if name != SUMS}
    faults = [f"{name} is not what {SUMS} says" for name in held if name in sums and sums[name] != held[name]]
    faults += [f"{name} is not in {SUMS}" for name in held.keys() - sums] + [
        f"{name} is missing" for name in sums.keys() - held
    ]
    if faults:
        return sorted(faults)
    if packed({name: one for name, one in members.items() if name != SUMS}) != data:
        return ["the archive around its members is not as it was written"]
    try:
        about = msgspec.json.decode(members[ABOUT], type=About)
        told = {one["name"]: one["digest"]["sha256"] for one in msgspec.json.decode(members[PROVENANCE])["subject"]}
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        return [f"what it says of itself cannot be read ({error})"]
    wanted = {name: one for name, one in held.items() if name not in {ABOUT, PROVENANCE}}
    if about.form != FORM:
        return [f"it is of form {about.form}, and this trimaran reads form {FORM}: use the trimaran it was made with"]
    return [f"{what} does not fit its members" for what, fits in ((ABOUT, about.contents == contents_of(members)), (PROVENANCE, told == wanted)) if not fits]  # fmt: skip
