"""A writer that is killed before its log is flushed, beside another process that opens the same file or has it open.

What the other one finds, and therefore calls done, must survive a power cut, wherever between its own calls that was.
"""

from __future__ import annotations

import os
import pickle
import random
import signal
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from disks import Disk
from judging import NOON
from tracing import GO, KILL, SYNCS, WRITES, Call, Seen, watch

from trimaran.backends.sqlite_captures import SqliteCaptures
from trimaran.backends.sqlite_ledger import SqliteLedger
from trimaran.core.nouns import Draft, Prediction

HELD_UP = 0.3  # seconds after which a writer that waits for the lock of one who stands still is ended


@dataclass(frozen=True)
class Store:
    """How a file is opened, written to under a key, and asked whether that was written."""

    opened: Callable[[Path], Any]
    write: Callable[[Any, int], object]
    there: Callable[[Any, int], bool]


def _draft(number: int) -> Draft:
    return Draft(at=NOON, actor="olga", kind="notice", subject="p", body=b"{}", key=f"n{number}")


def _prediction(number: int) -> Prediction:
    return Prediction(
        id=f"{number}",
        product="p",
        version=1,
        role="live",
        mode="http",
        event_at=NOON,
        asked_at=NOON,
        score=0.5,
        features=[],
    )


STORES = {
    "ledger, found": Store(
        SqliteLedger,
        lambda store, number: store.find(f"n{number}") or store.append([_draft(number)]),
        lambda store, number: store.find(f"n{number}") is not None,
    ),
    "ledger, sent again": Store(
        SqliteLedger,
        lambda store, number: store.append([_draft(number)]),
        lambda store, number: store.find(f"n{number}") is not None,
    ),
    "captures": Store(
        SqliteCaptures,
        lambda store, number: store.record([_prediction(number)]),
        lambda store, number: (f"{number}", 1) in store.answers("p", [f"{number}"]),
    ),
}


def prepare(name: str, path: Path) -> None:
    """Make the file with one thing in it."""
    store = STORES[name]
    store.write(store.opened(path), 0)


def lost(name: str, path: Path) -> list[str]:
    """Return what is not there of the two things that were called done."""
    store = STORES[name]
    opened = store.opened(path)
    return [f"{number} of {name}" for number in (0, 1) if not store.there(opened, number)]


def beside(name: str, base: Path, image: Path, point: int) -> tuple[int, bool]:
    """Open the file and write, while as its ``point``-th call is entered (0: before all) a stranger writes the same and is killed.

    Writes to ``image`` the folder as it is when the power goes after the answer and nothing survives but what was flushed.
    Returns how many calls there were to choose from, and whether the stranger wrote: it may have had to wait for a lock.
    """
    disk = Disk(base)
    strange: list[tuple[int, Seen]] = []

    def answer(call: Call) -> int:
        if call.number == point:
            strange.append((call.since, _elsewhere(name, base)))
        return GO

    if point == 0:
        strange.append((0, _elsewhere(name, base)))
    seen = watch(lambda tell: _live(name, base, tell), base, answer)
    (place, stranger), *_ = strange or [(0, Seen())]
    before, after = seen.calls[:place], seen.calls[place:]
    shifted = len(stranger.calls)
    calls = [
        *before,
        *(replace(call, since=place + call.since) for call in stranger.calls),
        *(replace(call, since=call.since + shifted * (call.since >= place)) for call in after),
    ]
    disk.replay(calls, 0, len(calls))
    disk.image(image, random.Random(0), chance=0.0)
    wrote = any(call.name in WRITES and call.path.endswith("-wal") for call in stranger.calls)
    return seen.entered, wrote


def _live(name: str, base: Path, tell: Callable[[str], None]) -> None:
    store = STORES[name]
    opened = store.opened(base / "store.db")
    tell("open")
    store.write(opened, 1)
    os._exit(0)  # nothing is tidied up after the answer


def _elsewhere(name: str, base: Path) -> Seen:
    """Let a stranger write in a process tree of its own and kill it as it enters the flush of its log."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        with os.fdopen(writing, "wb") as out:
            out.write(pickle.dumps(watch(lambda tell: _write(name, base, tell), base, _Flush())))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        seen: Seen = pickle.loads(told.read())
    os.waitpid(child, 0)
    return seen


def _write(name: str, base: Path, tell: Callable[[str], None]) -> None:
    signal.setitimer(signal.ITIMER_REAL, HELD_UP)
    store = STORES[name]
    opened = store.opened(base / "store.db")
    tell("opened")
    store.write(opened, 1)


class _Flush:
    """Kills as the log is flushed for the first time after the file was opened."""

    def __init__(self) -> None:
        self.opened = False

    def __call__(self, call: Call) -> int:
        self.opened |= call.name == "sendto"
        return KILL if self.opened and call.name in SYNCS and call.path.endswith("-wal") else GO


def all_points(name: str, apart: Callable[..., Any]) -> tuple[int, Sequence[str]]:
    """Kill a stranger beside every call there is; return how often, and what was lost."""
    point, calls, count, told = 0, 0, 0, []
    while point <= calls:
        with tempfile.TemporaryDirectory() as folder:
            base, image = Path(folder) / "base", Path(folder) / "image"
            base.mkdir()
            apart(prepare, name, base / "store.db")
            calls, wrote = apart(beside, name, base, image, point)
            told += [f"{what}, a stranger killed before call {point}" for what in apart(lost, name, image / "store.db")]
        count += wrote
        point += 1
    return count, told
