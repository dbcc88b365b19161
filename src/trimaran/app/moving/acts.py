"""The four acts of moving house, as the commands call them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from trimaran.app.ledger_stores import has_ledger
from trimaran.app.moving.alone import alone
from trimaran.app.moving.bundle import read_manifest
from trimaran.app.moving.importing import bring_products, bring_whole
from trimaran.app.moving.opening import open_bundle
from trimaran.app.moving.packing import write_folder, write_tar
from trimaran.app.moving.taking import take
from trimaran.app.moving.verifying import Trust, verify
from trimaran.app.workspace import CLOCK, Workspace
from trimaran.core.canon import digest
from trimaran.core.clock import SharedClock
from trimaran.core.errors import Conflict, Refused
from trimaran.core.ledger import VerifierKey
from trimaran.core.nouns import Imported

_SPOOL = ".taking"


class Bundled(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle as it was written: where, its manifest's digest, what is in it, and how many bytes and members were new."""

    path: str
    bytes: int
    new: int
    bundle: str
    origin: str
    size: int
    head: str
    products: list[str]
    counts: dict[str, int]


def export(workspace: Workspace, out: Path, *, product: str | None = None, without: Sequence[str] = ()) -> Bundled:
    """Write a product, or the whole workspace, into one signed file; the same content gives the same bytes.

    Raises ``Conflict`` when the file is there and ``NotFound`` for an unknown product or an empty workspace.
    """
    if out.exists():
        raise Conflict(f"{out} is there already and is not replaced; move it away or name another file")
    out.parent.mkdir(parents=True, exist_ok=True)
    with take(workspace, out.with_name(f".{out.name}{_SPOOL}"), product=product, without=without) as taken:
        return _told(out, taken.manifest, len(taken.members), write_tar(taken, out))


def back_up(workspace: Workspace, out: Path, *, check: bool = False) -> Bundled:
    """Write everything of a workspace into a folder, while others write to it; what an older backup has stays as it is.

    Every entry up to this moment is in it, and all that these entries name. ``check`` reads all of it again and verifies
    it. A name that ends in ``.tar`` makes one file of it, as ``export`` does.
    """
    if out.suffix == ".tar":
        written = export(workspace, out)
    else:
        with alone(out), take(workspace, out / _SPOOL) as taken:
            written = _told(out, taken.manifest, *write_folder(taken, out))
    if check:
        opened = open_bundle(out)
        verify(opened, Trust([VerifierKey.parse(opened.manifest.key)]))
    return written


def bring_in(
    bundle: Path,
    into: Path,
    *,
    keys: Sequence[VerifierKey] = (),
    first_use: bool = False,
    name: str | None = None,
    actor: str,
) -> list[Imported] | Workspace:
    """Verify a bundle and bring it into a workspace: as it was into a folder that is not there, else beside its products.

    Returns the workspace, where it was brought in as it was, or the records of what was imported. Raises ``Refused`` when
    no key is trusted, ``Corrupt`` and ``InputError`` for a bundle that is not what was signed, before anything is written.
    """
    opened = open_bundle(bundle)
    workspace = Workspace(into, actor=actor) if has_ledger(into) else None
    manifest = verify(opened, Trust(keys, first_use, _known(workspace) if workspace else {}))
    if workspace is None:
        if manifest.whole and name is None:
            return bring_whole(opened, into)
        into.mkdir(parents=True, exist_ok=True)
        if manifest.clock is not None:
            SharedClock(into / CLOCK, manifest.clock)
        workspace = Workspace(into, actor=actor)
    return bring_products(opened, workspace, name=name)


def restore(backup: Path, into: Path, *, keys: Sequence[VerifierKey] = (), first_use: bool = False) -> Workspace:
    """Make a workspace of a backup in a folder that is not there or empty, verified before and after.

    Raises ``Conflict`` for a folder that holds something, ``Refused`` for a bundle that is not of a whole workspace, and
    as ``bring_in`` does.
    """
    if into.exists() and any(into.iterdir()):
        raise Conflict(f"{into} is not empty, and a restore never mixes; name a folder that is not there yet")
    opened = open_bundle(backup)
    manifest = verify(opened, Trust(keys, first_use))
    if not manifest.whole:
        raise Refused(f"{backup} holds {', '.join(manifest.products)} only; bring it in with `trimaran import`")
    return bring_whole(opened, into)


def _known(workspace: Workspace) -> dict[str, str]:
    return {record.origin: record.key for _, record in workspace.ledger.history([Imported])}


def _told(path: Path, data: bytes, new: int, written: int) -> Bundled:
    manifest = read_manifest(data)
    return Bundled(
        path=str(path),
        bytes=written,
        new=new,
        bundle=digest(data),
        origin=manifest.origin,
        size=manifest.size,
        head=manifest.head,
        products=manifest.products,
        counts=manifest.counts,
    )
