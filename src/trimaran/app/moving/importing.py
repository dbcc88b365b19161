"""Brings a verified bundle into a workspace: whole into an empty folder, or its products beside those that are there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TypeVar

from trimaran.app.moving.alone import workroom
from trimaran.app.moving.bundle import Member
from trimaran.app.moving.lines import entry_line, read_rows
from trimaran.app.moving.opening import Bundle
from trimaran.app.moving.rewriting import Rewriting, renamed, texts_of
from trimaran.app.moving.taking import belongs
from trimaran.app.moving.verifying import entries
from trimaran.app.workspace import CLOCK, Workspace
from trimaran.backends.delta_files import files_of, place
from trimaran.backends.flushing import flush
from trimaran.backends.sqlite_streams import FactsLine, LabelLine, PointsLine, PredictionLine, place_facts, place_points
from trimaran.core.canon import canonical, digest
from trimaran.core.clock import SharedClock
from trimaran.core.errors import Conflict, Corrupt, Refused, Unavailable
from trimaran.core.ledger import Codec, Tip, kind_of
from trimaran.core.nouns import GENESIS, Draft, Entry, Imported

T = TypeVar("T")

_BLOCK = 4 << 20
_ROWS = 2000
_ENTRIES = 2000
_SMALL = 16 << 20
_TRIES = 50
_WORKROOM = ".importing"
_WRITERS = 8


def bring_whole(bundle: Bundle, root: Path) -> Workspace:
    """Make a workspace of a verified bundle of a whole one, its chain entry for entry, in a folder that is not there or empty.

    Everything is written beside the folder, which appears under its name at the end, whole; after a kill, again does all
    of it. Raises ``Conflict`` for a folder that holds something and while another import into it is under way.
    """
    if root.exists() and any(root.iterdir()):
        raise Conflict(f"{root} is not empty; name a folder that is not there yet")
    root = root.resolve()
    aside = root.parent / f".{root.name}{_WORKROOM}"
    with workroom(aside):
        _fill(bundle, aside)
        aside.rename(root)
        flush(root.parent)
    return Workspace(root)


def bring_products(bundle: Bundle, workspace: Workspace, *, name: str | None = None) -> list[Imported]:
    """Write the products of a verified bundle into a workspace and return what was written of each, again if it stands.

    Objects, tables and rows come first, under names that nothing in the workspace knows yet; then all entries, in one
    batch with the record of the import, so that a product is there whole or not at all. After a kill, again completes it.
    Raises ``Conflict`` for a product that is there already from elsewhere.
    """
    manifest = bundle.manifest
    if name is not None and len(manifest.products) != 1:
        raise Refused(f"one name cannot be given to {', '.join(manifest.products)}; export one of them with --product")
    names = {product: name or product for product in manifest.products}
    with workroom(workspace.root / _WORKROOM):
        done = [_found(workspace, _key(bundle, here)) for here in names.values()]
        if all(done):
            return [record for record in done if record is not None]
        _refuse_known(workspace, names)  # before anything is written, and again before each try to link the entries
        _bring_objects(bundle, workspace)
        _bring_tables(bundle, workspace, names)
        _bring_rows(bundle, workspace, names)
        return _append_all(bundle, workspace, names)


def _append_all(bundle: Bundle, workspace: Workspace, names: Mapping[str, str]) -> list[Imported]:
    for _ in range(_TRIES):
        _refuse_known(workspace, names)
        try:
            return _append(bundle, workspace, names)
        except _Moved:
            continue
    raise Unavailable(f"others wrote to the ledger {_TRIES} times in a row; nothing was imported yet: import it again")


class _Moved(Exception):
    """The ledger's end is another than the entries were linked to."""


def _append(bundle: Bundle, workspace: Workspace, names: Mapping[str, str]) -> list[Imported]:
    store = workspace.ledger.store
    head = store.head()
    end = store.get(head) if head else None
    newest, at = (end.digest, end.at) if end is not None else (GENESIS, None)
    tip = Tip(head, newest, at, first=store.find, newest=lambda kind, subject: _latest(workspace, kind, subject))
    drafts: list[Draft] = []
    records = []
    for named, name in names.items():
        prefix = f"import:{digest(bundle.data)[:16]}:{name}"
        own = [entry for entry in entries(bundle) if belongs(entry.subject, named)]
        rewriting = Rewriting(tip, prefix, named=named, name=name, texts=_texts(workspace, own, named, name))
        rewriting.move(own, onto=None if drafts else newest)
        record = _record(bundle, workspace, rewriting, own, (named, name))
        body, now, actor = Codec().encode(record), workspace.clock.now(), workspace.ledger.actor
        rewriting.add(Draft(at=now, actor=actor, kind=kind_of(record), subject=name, body=body, key=_key(bundle, name)))
        drafts += rewriting.drafts
        records.append(record)
    try:
        written = store.append(drafts)
    except Conflict as error:
        if store.head() != head:
            raise _Moved from error
        raise
    if [entry.digest for entry in written] != [entry.digest for entry in tip.fresh]:
        raise Corrupt("the imported entries do not stand as they were linked: restore the ledger from a copy")
    return records


def _record(
    bundle: Bundle, workspace: Workspace, rewriting: Rewriting, own: Sequence[Entry], names: tuple[str, str]
) -> Imported:
    manifest, objects = bundle.manifest, workspace.objects
    named, name = names
    return Imported(
        product=name,
        named=named,
        origin=manifest.origin,
        key=manifest.key,
        size=manifest.size,
        head=manifest.head,
        root=manifest.root,
        manifest=objects.put(bundle.data),
        note=objects.put(bundle.note.encode()),
        entries=objects.put(b"".join(map(entry_line, own))),
        places=objects.put(canonical(rewriting.places)),
        count=len(own),
    )


def _texts(workspace: Workspace, own: Sequence[Entry], named: str, name: str) -> dict[str, str]:
    """Return, for each product file that entries name, the digest of the one with the new name; none for the same name."""
    if named == name:
        return {}
    objects = workspace.objects
    return {text: objects.put(renamed(objects.get(text).decode(), named, name).encode()) for text in sorted(texts_of(own))}


def _refuse_known(workspace: Workspace, names: Mapping[str, str]) -> None:
    known = sorted(set(names.values()) & set(workspace.products()))
    if known:
        raise Conflict(
            f"{', '.join(known)} is in {workspace.root} already, and an import never changes a product; "
            "bring it in under another name with --as NAME, or into another workspace"
        )


def _found(workspace: Workspace, key: str) -> Imported | None:
    entry = workspace.ledger.store.find(key)
    return None if entry is None else workspace.ledger.read(entry, Imported)


def _key(bundle: Bundle, name: str) -> str:
    return f"import:{digest(bundle.data)}:{name}"


def _latest(workspace: Workspace, kind: str, subject: str) -> int:
    found = workspace.ledger.store.latest(kind, subject)
    return found.seq if found is not None else 0


def _fill(bundle: Bundle, folder: Path) -> None:
    manifest = bundle.manifest
    if manifest.clock is not None:
        SharedClock(folder / CLOCK, manifest.clock)
        flush(folder / CLOCK)
    workspace = Workspace(folder)
    names = {product: product for product in manifest.products}
    with workroom(folder / _WORKROOM):
        _bring_objects(bundle, workspace)
        _bring_tables(bundle, workspace, names)
        _bring_rows(bundle, workspace, names)
    _carry_entries(bundle, workspace)
    flush(folder)


def _carry_entries(bundle: Bundle, workspace: Workspace) -> None:
    waiting = entries(bundle)
    while page := list(islice(waiting, _ENTRIES)):
        drafts = [
            Draft(at=each.at, actor=each.actor, kind=each.kind, subject=each.subject, body=each.body, key=each.key)
            for each in page
        ]
        if workspace.ledger.store.append(drafts) != page:
            raise Corrupt(f"entries {page[0].seq} to {page[-1].seq} do not stand as they were; nothing was kept")


def _bring_objects(bundle: Bundle, workspace: Workspace) -> None:
    objects, store = bundle.manifest.objects(), workspace.objects

    def bring(member: Member) -> None:
        with bundle.open(member) as file:
            _expect(member, store.put(file.read()))

    with ThreadPoolExecutor(_WRITERS) as pool:
        list(pool.map(bring, [member for member in objects if member.size <= _SMALL]))
    for member in objects:
        if member.size > _SMALL and not store.has(member.digest):
            aside = workspace.root / _WORKROOM / member.digest
            _write(bundle, member, aside)
            store.put_files([aside])
            aside.unlink()


def _bring_tables(bundle: Bundle, workspace: Workspace, names: Mapping[str, str]) -> None:
    root, members = workspace.root / "tables", {member.name: member for member in bundle.manifest.members}
    for table, files in bundle.manifest.tables.items():
        named, _, rest = table.partition("/")
        path = root / names[named] / rest
        if path.exists():
            _expect_same(path, files)
            continue
        staged = workspace.root / _WORKROOM / "table"
        (staged / "_delta_log").mkdir(parents=True)
        with ThreadPoolExecutor(_WRITERS) as pool:
            written = [pool.submit(_write, bundle, members[f"tables/{each}"], staged / name) for name, each in files.items()]
            for each in written:
                each.result()
        place(staged, path)


def _expect_same(path: Path, files: Mapping[str, str]) -> None:
    """Raise ``Conflict`` unless a table that is there is the one to bring, left by an import that was killed."""
    if {name: _digest_of(path / name) for name in files_of(path)} != dict(files):
        raise Conflict(f"{path} holds a table of no product of this workspace; move it away, then import again")


def _bring_rows(bundle: Bundle, workspace: Workspace, names: Mapping[str, str]) -> None:
    captures = workspace.captures
    with _rows(bundle, "predictions", PredictionLine) as predictions:
        while page := list(islice(predictions, _ROWS)):
            captures.record([each.prediction(_here(names, each.product)) for each in page])
    with _rows(bundle, "labels", LabelLine) as labels:
        while page_ := list(islice(labels, _ROWS)):
            captures.join([each.label(_here(names, each.product)) for each in page_])
    with _rows(bundle, "facts", FactsLine) as facts:
        for each in facts:
            place_facts(workspace.online, each, _here(names, each.product))
    if bundle.manifest.stream("points") is not None:
        with _rows(bundle, "points", PointsLine) as points:
            place_points(workspace.metrics, points, lambda run: _run_here(names, run))
    expected = bundle.manifest.counts.get("predictions")
    found = sum(captures.counts(name)["predictions"] for name in names.values())
    if expected is not None and found != expected:
        raise Conflict(
            f"{captures.path} holds {found:,} predictions of {', '.join(names.values())}, the bundle {expected:,}: some were "
            "there before; import under another name with --as NAME, or into another workspace"
        )


@contextmanager
def _rows(bundle: Bundle, name: str, kind: type[T]) -> Iterator[Iterator[T]]:
    member = bundle.manifest.stream(name)
    if member is None:
        yield iter(())
        return
    with bundle.open(member) as file:
        yield read_rows(file, kind)


def _here(names: Mapping[str, str], named: str) -> str:
    if named not in names:
        raise Corrupt(f"the bundle has rows of {named}, which is not one of its products")
    return names[named]


def _run_here(names: Mapping[str, str], run: str) -> str:
    """Return the name that a run has here: where it begins with its product's, with the one that has here."""
    named = next((each for each in names if belongs(run, each)), "")
    return names.get(named, "") + run.removeprefix(named)


def _write(bundle: Bundle, member: Member, path: Path) -> None:
    seen = hashlib.sha256()
    with bundle.open(member) as file, path.open("xb") as copy:
        while block := file.read(_BLOCK):
            seen.update(block)
            copy.write(block)
        copy.flush()
        os.fsync(copy.fileno())
    _expect(member, seen.hexdigest())


def _expect(member: Member, found: str) -> None:
    if found != member.digest:
        raise Corrupt(f"{member.name} changed while the bundle was read; nothing was finished: import it again")


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
