"""Works that a fault may cut short: how they are done, and what must be there whatever the fault did.

A work is a list of steps. Each step may be done again after it was done, with the same key, and claims what it was
acknowledged: the entries, objects and rows that must be there from then on.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import piped
import polars as pl
import tracked

from trimaran.app.workspace import Workspace
from trimaran.backends.checkpoint_files import CheckpointFiles
from trimaran.core.clock import ManualClock
from trimaran.core.errors import NotFound, Unavailable
from trimaran.core.ledger import read_note
from trimaran.core.nouns import CAPTURED, Ingest, Ref

NOON = datetime(2013, 7, 1, 12, tzinfo=UTC)
PAUSE = 0.02
_HEXADECIMAL = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")

Claim = list[object]
Step = Callable[[Workspace], list[Claim]]
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Work:
    """A name, what was there before, the steps, and what two workspaces are compared by (everything, if not said)."""

    name: str
    prepare: Callable[[Workspace], object] | None
    steps: dict[str, Step]
    look: Callable[[Workspace], dict[str, object]] | None = None


@dataclass
class Toll:
    """What a fault cost: nothing, or what was lost, doubled or left dangling, in words."""

    lost: list[str]
    doubled: list[str]
    dangling: list[str]


def opened(root: Path) -> Workspace:
    """Return the workspace on a clock that stands, so that the same work writes the same bytes."""
    return Workspace(root, clock=ManualClock(NOON), actor="olga")


def prepare(work: Work, root: Path) -> None:
    """Make what was there before."""
    if work.prepare is not None:
        work.prepare(opened(root))


def play(work: Work, root: Path, tell: Tell) -> None:
    """Do every step and tell of it; a step that the store refuses is sent again until it is taken, as a good client does."""
    workspace = None
    for name, act in work.steps.items():
        while True:
            tell(say("try", name))
            try:
                workspace = workspace or opened(root)
                claims = act(workspace)
            except Unavailable as error:
                tell(say("refused", name, str(error)))
            except Exception as error:  # noqa: BLE001 - told, and judged by the test
                tell(say("broken", name, f"{type(error).__module__}.{type(error).__name__}: {error}"))
            else:
                tell(say("done", name, claims))
                break
            time.sleep(PAUSE)


def say(*words: object) -> str:
    """Return what is told, as one line."""
    return msgspec.json.encode(words).decode()


def judge(work: Work, root: Path, acknowledged: Sequence[Claim], whole: dict[str, object]) -> Toll:
    """Open what a fault left, look for what was acknowledged, send everything again, and compare with the whole work."""
    toll = Toll([], [], [])
    try:
        workspace = opened(root)
        toll.lost += [f"{claim}" for claim in acknowledged if not _there(workspace, claim)]
        toll.dangling += list(_dangling(workspace))
        del workspace
        play_again(work, root)
        found = picture(root, work)
        toll.dangling += [f"after sending again: {fault}" for fault in _dangling(opened(root))]
        toll.doubled += [
            f"{name}: {found.get(name)} instead of {whole.get(name)}"
            for name in {*found, *whole}
            if found.get(name) != whole.get(name)
        ]
    except Exception as error:  # noqa: BLE001 - a workspace that cannot be opened or read is what is looked for
        toll.dangling.append(f"{type(error).__module__}.{type(error).__name__}: {error}")
    return toll


def play_again(work: Work, root: Path) -> None:
    """Do every step, once, undisturbed."""
    workspace = opened(root)
    for act in work.steps.values():
        act(workspace)


def picture(root: Path, work: Work) -> dict[str, object]:
    """Return everything a workspace holds, or what the work says is the same each time, so that two of them can be compared."""
    workspace = opened(root)
    if work.look is not None:
        return work.look(workspace)
    store = workspace.ledger.store
    verified = workspace.ledger.verify()
    seen: dict[str, object] = {
        "entries": verified.count,
        "head": verified.head,
        "objects": sorted(workspace.objects.digests()),
    }
    newest = {(entry.kind, entry.subject): entry.seq for entry in store.scan()}
    seen["index"] = all(store.latest(*place).seq == seq for place, seq in newest.items())
    if (root / "captures.db").exists():
        frame = workspace.captures.frame("p", columns=CAPTURED)
        seen["captures"] = frame.sort("id", "version").write_json()
    if (root / "online.db").exists():
        seen["online"] = [[table, rows.write_json()] for table, rows in workspace.online.since("p", 0)[1]]
    seen["checkpoints"] = [path.name for path in CheckpointFiles(root).kept()]
    for log in sorted(root.glob("tables/[!.]*/**/_delta_log")):
        table = log.parent.relative_to(root / "tables").as_posix()
        newest_version = workspace.tables.version(table) or 0
        for version in range(max(0, newest_version - 5), newest_version + 1):
            try:
                rows = workspace.tables.read(table, version).collect()
            except NotFound:
                seen[f"{table}@{version}"] = "let go"
            else:
                seen[f"{table}@{version}"] = rows.sort(rows.columns).write_json()
    if (root / "metrics.db").exists():
        seen["points"] = [workspace.metrics.points(f"p/run-{run}").write_json() for run in range(3)]
    if workspace.has_views:
        seen["views"] = [[each.view.name, each.as_of, each.sources.decode()] for each in workspace.views.standing("p")]
        seen["kept"] = [
            [kept.key.decode(), kept.event, kept.computed, kept.body.decode()]
            for kept in workspace.views.scan("p", "origin")
        ]
    return seen


def _there(workspace: Workspace, claim: Claim) -> bool:
    kind, *rest = claim
    return bool(_ANSWERS[str(kind)](workspace, *rest))


def _entry(workspace: Workspace, text: str) -> bool:
    ref = Ref.parse(text)
    return ref.seq <= workspace.ledger.store.head() and workspace.ledger.store.get(ref.seq).ref == ref


def _label(workspace: Workspace, product: str, id_: str, value: float) -> bool:
    frame = workspace.captures.frame(product)
    return set(frame.filter(pl.col("id") == id_)["label"]) == {value}


def _checkpoint(workspace: Workspace, note: str) -> bool:
    kept = CheckpointFiles(workspace.root)
    read_note(note, [kept.verifier_key()])
    return note in {path.read_text(encoding="utf-8") for path in kept.kept()}


def _erased(workspace: Workspace, id_: str, table: str, person: str) -> bool:
    criteria = {"who": [person]}
    left = [workspace.tables.matching(table, criteria).height, len(workspace.captures.answers("p", [id_]))]
    return not any([*left, *(rows.height for _, rows in workspace.online.matching("p", criteria))])


def _kept(workspace: Workspace, product: str, view: str, key: str, event: int) -> bool:
    _, (found,) = workspace.views.read(product, view, [key.encode()])
    return found is not None and found.event >= event and found.body == b"%d" % found.event * 50


def _rows(workspace: Workspace, table: str, version: int, height: int) -> bool:
    newest = workspace.tables.version(table)
    return newest is not None and newest >= version and workspace.tables.read(table, version).collect().height == height


def _trimmed(workspace: Workspace, product: str, hours: int) -> bool:
    before = NOON + timedelta(hours=hours)
    early = workspace.captures.frame(product, until=before).height
    return not early and not workspace.online.removable(product, "weather", before)


_ANSWERS: dict[str, Callable[..., bool]] = {
    "entry": _entry,
    "object": lambda w, digest, size: w.objects.has(digest) and len(w.objects.get(digest)) == size,
    "prediction": lambda w, product, id_, version: (id_, version) in w.captures.answers(product, [id_]),
    "label": _label,
    "pushed": lambda w, p, table, n: any(n in rows["n"] for name, rows in w.online.since(p, 0)[1] if name == table),
    "checkpoint": _checkpoint,
    "points": lambda w, run, step: step in w.metrics.points(run)["step"],
    "kept": _kept,
    "removed": lambda w, digest: not w.objects.has(digest),
    "erased": _erased,
    "rows": _rows,
    "newest": lambda w, table, least: w.tables.read(table).collect().height >= least,
    "trimmed": _trimmed,
    "tracked": tracked.there,
    "pipeline": piped.there,
}
"""What is asked for each kind of claim."""


def _dangling(workspace: Workspace) -> Iterator[str]:
    workspace.ledger.verify()
    entries = list(workspace.ledger.store.scan())
    named = {entry.digest for entry in entries}
    for digest in workspace.objects.digests():
        workspace.objects.get(digest)  # raises Corrupt where half an object can be read
    kept: dict[str, int] = {}
    for entry in entries:
        for digest in {found.decode() for found in _HEXADECIMAL.findall(entry.body)} - named:
            if not workspace.objects.has(digest):
                yield f"{entry.ref} names {digest}, which is not there"
        if entry.kind == "ingest":
            record = workspace.ledger.read(entry, Ingest)
            kept[entry.subject] = kept.get(entry.subject, 0) + record.kept
            held = workspace.tables.read(entry.subject, record.version).collect().height
            if held != kept[entry.subject]:
                yield f"{entry.ref} counts {kept[entry.subject]} rows kept, version {record.version} holds {held}"
    for database in sorted(workspace.root.glob("*.db")):
        with closing(sqlite3.connect(database)) as connection:
            if (state := connection.execute("PRAGMA integrity_check").fetchall()) != [("ok",)]:
                yield f"{database.name}: {state}"
