"""A warm process that does one work after the other, each in fresh children: nothing is imported twice.

Lines of JSON come in, each naming a job, and one goes out for each. It starts no thread, so that it may be forked.
"""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import clients
import deltalake  # noqa: F401 - warm
import jumping
import msgspec
import strangers
from disks import Disk
from judging import Toll, judge, picture, play, play_again, prepare
from tracing import GO, KILL, OPENS, SYNCS, WRITES, Call, Seen, watch
from works import WORKS

import trimaran.backends.delta_tables
import trimaran.backends.migrations.upgrading
import trimaran.backends.sqlite_captures
import trimaran.backends.sqlite_metrics
import trimaran.backends.sqlite_online
import trimaran.backends.sqlite_steps
import trimaran.backends.sqlite_views  # noqa: F401 - warm
from trimaran.backends.postgres_ledger import PostgresLedger
from trimaran.backends.sqlite_ledger import SqliteLedger
from trimaran.core.ledger import Ledger
from trimaran.core.ports import LedgerStore

LIMIT = 120  # seconds after which a job has hung
FULL_FOR = 0.2
PATIENCE = 1.0  # seconds a client of a server that is away waits
_befores: dict[str, Path] = {}
_wholes: dict[str, dict[str, object]] = {}


def apart(act: Callable[..., Any], *args: Any) -> Any:
    """Return what an act returns in a child; raises what it printed when it died."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        signal.alarm(LIMIT)  # ends the child, and with it whatever it watches
        try:
            os.close(reading)
            answer = {"answer": act(*args)}
        except BaseException:  # noqa: BLE001 - told to the parent
            answer = {"error": traceback.format_exc()}
        with os.fdopen(writing, "wb") as out:
            out.write(msgspec.json.encode(answer))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        answer = msgspec.json.decode(told.read() or b'{"error": "the child died or took too long"}')
    os.waitpid(child, 0)
    if "error" in answer:
        raise RuntimeError(answer["error"])
    return answer["answer"]


def count(work: str) -> int:
    """Return how many calls the undisturbed work makes."""
    return apart(_counted, work)


def kill(work: str, points: list[int]) -> dict[str, Any]:
    """Do a work as often as there are points, each time on what the last one left, killed as it enters a call; judge."""
    return apart(_killed, work, points)


def power(work: str, seed: int, images: int, failing: int, point: int) -> dict[str, Any]:
    """Record a work, cut the power at random moments, and judge the disks that are left.

    With ``failing``, as many of its fsyncs fail, from a random one on; with ``point``, it was killed there before, and the
    disk had nothing but its caches when it was sent again.
    """
    return apart(_powered, work, seed, images, failing, point)


def errors(work: str, calls: str, error: str, first: int, seconds: float) -> dict[str, Any]:
    """Do a work while, from its ``first`` call of a kind on and for some seconds, each such call fails."""
    return apart(_failing, work, lambda base: _Failing(base / "w", calls, error, first, seconds))


def history(url: str, seed: int, processes: int, seconds: float, killing: bool) -> tuple[list[Any], list[str]]:  # noqa: FBT001 - JSON
    """Let clients work on one subject of a ledger, killed if so wanted; return what they saw, and the keys it holds.

    The ledger is a PostgreSQL's where there is a URL, else a new file's.
    """
    return apart(_history, url, seed, processes, seconds, killing)


def _history(url: str, seed: int, processes: int, seconds: float, killing: bool) -> tuple[list[Any], list[str]]:  # noqa: FBT001 - JSON
    with tempfile.TemporaryDirectory() as base:
        opening = (lambda: _postgres(url)) if url else (lambda: SqliteLedger(Path(base) / "ledger.db"))
        keys = lambda: [entry.key for entry in opening().scan()]  # noqa: E731
        apart(keys)
        seen = clients.history(opening, Path(base), seed, processes, seconds, killing=killing)
        return seen, apart(keys)


def _postgres(url: str) -> LedgerStore:
    return PostgresLedger(url, patience=PATIENCE)


def clocks(seed: int, processes: int, writes: int) -> dict[str, list[str]]:
    """Let processes whose clocks jump back and forth write to one ledger, and say what is wrong with its times."""
    return apart(_clocks, seed, processes, writes)


def stranger(name: str) -> tuple[int, list[str]]:
    """Kill a writer at its flush beside each call of another that opens the file and writes the same."""
    return strangers.all_points(name, apart)


def _clocks(seed: int, processes: int, writes: int) -> dict[str, list[str]]:
    with tempfile.TemporaryDirectory() as base:
        opening = lambda clock: Ledger(SqliteLedger(Path(base) / "ledger.db"), clock, "olga")  # noqa: E731
        jumping.write(opening, seed, processes, writes)
        return jumping.judge(opening, seed, processes * writes)


def _counted(work: str) -> int:
    with tempfile.TemporaryDirectory() as base:
        return _watched(work, Path(base), lambda _: GO).entered


class _Failing:
    """Lets the calls of a kind fail for some seconds, from the ``first`` of them on."""

    def __init__(self, root: Path, calls: str, error: str, first: int, seconds: float) -> None:
        self.root = str(root)
        self.names = {"sync": SYNCS, "write": WRITES, "make": (*OPENS, "mkdir", "mkdirat")}[calls]
        self.error, self.first, self.seconds = getattr(errno, error), first, seconds
        self.seen, self.until = 0, float("inf")

    def __call__(self, call: Call) -> int:
        if call.name not in self.names or call.path.endswith("-shm") or not call.path.startswith(self.root):
            return GO
        self.seen += 1
        if self.seen == self.first:
            self.until = time.monotonic() + self.seconds
        return self.error if self.seen >= self.first and time.monotonic() < self.until else GO


def _ready(work: str, base: Path) -> Path:
    shutil.copytree(_befores[work], base, dirs_exist_ok=True)
    return base / "w"


def _watched(work: str, base: Path, answer: Callable[[Call], int]) -> Seen:
    return watch(_player(work, _ready(work, base)), base, answer)


def _whole(work: str, base: Path) -> dict[str, object]:
    apart(play_again, WORKS[work], _ready(work, base))
    return apart(picture, base / "w", WORKS[work])


def _toll(work: str, root: Path, claims: list[list[object]]) -> dict[str, Any]:
    toll: Toll = judge(WORKS[work], root, claims, _wholes[work])
    return msgspec.to_builtins(toll)


def _killed(work: str, points: list[int]) -> dict[str, Any]:
    lines: list[list[Any]] = []
    kills = 0
    with tempfile.TemporaryDirectory() as base:
        root = _ready(work, Path(base))
        for point in points:
            seen = watch(_player(work, root), Path(base), lambda call, point=point: KILL if call.number == point else GO)
            lines += [line for _, line in _lines(seen)]
            kills += seen.status == -signal.SIGKILL
        return _judged(work, root, lines) | {"kills": kills}


def _failing(work: str, answering: Callable[[Path], Callable[[Call], int]]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as base:
        seen = _watched(work, Path(base), answering(Path(base)))
        lines = _lines(seen)
        return _judged(work, Path(base) / "w", [line for _, line in lines]) | _conduct(seen, lines)


def _player(work: str, root: Path) -> Callable[[Callable[[str], None]], None]:
    return lambda tell: play(WORKS[work], root, tell)


def _lines(seen: Seen) -> list[tuple[int, list[Any]]]:
    return [(place, msgspec.json.decode(text)) for place, text in seen.told()]


def _judged(work: str, root: Path, lines: list[list[Any]]) -> dict[str, Any]:
    done = [line for line in lines if line[0] == "done"]
    told = apart(_toll, work, root, [claim for line in done for claim in line[2]])
    return told | {"acknowledged": len(done), "broken": [line[1:] for line in lines if line[0] == "broken"]}


def _conduct(seen: Seen, lines: list[tuple[int, list[Any]]]) -> dict[str, Any]:
    """Say how the work bore its errors: how many hit, what was acknowledged in spite of one, how soon all was well."""
    hits = [place for place, call in enumerate(seen.calls) if call.error]
    begun, despite = 0, []
    for place, line in lines:
        if line[0] == "try":
            begun = place
        elif line[0] == "done":
            # A Delta checkpoint only spares its readers time: the rows are safe before it begins, and it may fail.
            vital = next((each for each in range(begun, place) if "/.checkpoint" in seen.calls[each].path), place)
            struck = [seen.calls[hit] for hit in hits if begun < hit < vital]
            # SQLite does not look at the answer to its own fdatasync of a folder (os_unix.c, unixSync): ours use fsync.
            struck = [call for call in struck if call.name != "fdatasync" or Path(call.path).suffix]
            despite += [f"step {line[1]}: {call.name} of {Path(call.path).name}" for call in struck]
    refusals = [line[2] for _, line in lines if line[0] == "refused"]
    end = max((seen.calls[hit].moment for hit in hits), default=0.0)
    moments = [seen.calls[place].moment for place, line in lines if line[0] == "done"]
    healthy = next((moment - end for moment in moments if hits and moment > end), 0.0)
    return {"hits": len(hits), "despite": despite, "refusals": len(refusals), "healthy": healthy, "says": refusals[:1]}


def full(work: str, base: str, left: int) -> dict[str, Any]:
    """Do a work on a disk with so many bytes left, which after a while has room again, and judge."""
    return apart(_full, work, Path(base), left)


def _full(work: str, base: Path, left: int) -> dict[str, Any]:
    root, ballast = _ready(work, base), base / "ballast"
    room = os.statvfs(base)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, room.f_bavail * room.f_bsize - left))
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        play(WORKS[work], root, lambda text: os.write(writing, f"{time.monotonic()} {text}\n".encode()) and None)
        os._exit(0)
    os.close(writing)
    time.sleep(FULL_FOR)
    end = time.monotonic()
    ballast.unlink()
    with os.fdopen(reading) as told:
        moments, texts = zip(*(line.split(" ", 1) for line in told), strict=True)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    lines = [msgspec.json.decode(text) for text in texts]
    done = [float(moment) - end for moment, line in zip(moments, lines, strict=True) if line[0] == "done"]
    refusals = [line[2] for line in lines if line[0] == "refused"]
    healthy = next((moment for moment in done if moment > 0), 0.0 if len(done) == len(WORKS[work].steps) else LIMIT)
    return _judged(work, root, lines) | {
        "status": status,
        "refusals": len(refusals),
        "healthy": healthy,
        "says": refusals[:1],
    }


def _powered(work: str, seed: int, images: int, failing: int, point: int) -> list[dict[str, Any]]:
    dice, results, calls = random.Random(seed), [], []
    with tempfile.TemporaryDirectory() as base:
        root = _ready(work, Path(base))
        disk = Disk(Path(base))
        if point:
            calls = watch(_player(work, root), Path(base), lambda call: KILL if call.number == point else GO).calls
        before = len(calls)
        seen = watch(_player(work, root), Path(base), _Fsyncs(dice.randint(1, 12), failing))
    calls += [replace(call, since=before + call.since) for call in seen.calls]
    acknowledged = [(before + place, line[2]) for place, line in _lines(seen) if line[0] == "done"]
    ends = [place + 1 for place, _ in acknowledged]
    cuts = sorted(dice.choice(ends) if number % 2 else dice.randint(before + 1, len(calls)) for number in range(images))
    done = 0
    for cut in cuts:
        disk.replay(calls, done, cut)
        done = cut
        with tempfile.TemporaryDirectory() as base:
            chance = disk.image(Path(base) / "image", dice)
            claims = [claim for place, claimed in acknowledged if place < cut for claim in claimed]
            toll = apart(_toll, work, Path(base) / "image" / "w", claims)
        results.append({**toll, "acknowledged": sum(place < cut for place, _ in acknowledged), "cut": cut, "chance": chance})
    return results


class _Fsyncs:
    """Lets some fsyncs fail, from the ``first`` on."""

    def __init__(self, first: int, failing: int) -> None:
        self.wanted, self.seen = range(first, first + failing), 0

    def __call__(self, call: Call) -> int:
        self.seen += call.name in SYNCS
        return errno.EIO if call.name in SYNCS and self.seen in self.wanted else GO


JOBS: dict[str, Callable[..., Any]] = {
    act.__name__: act for act in (count, kill, power, errors, full, history, clocks, stranger)
}


def main() -> None:
    """Answer jobs until there are no more."""
    with tempfile.TemporaryDirectory() as befores:
        _answer_all(Path(befores))


def _prepare(name: str, before: Path) -> None:
    """Make what was there before a work, and what it amounts to when nothing disturbs it: once."""
    shutil.rmtree(before, ignore_errors=True)
    before.mkdir()
    apart(prepare, WORKS[name], before / "w")
    _befores[name] = before
    with tempfile.TemporaryDirectory() as base:
        _wholes[name] = _whole(name, Path(base))


def _answer_all(befores: Path) -> None:
    print(msgspec.json.encode({"answer": "ready"}).decode(), flush=True)
    for line in sys.stdin:
        job, *given = msgspec.json.decode(line)
        try:
            if given[0] in WORKS and given[0] not in _befores:
                _prepare(given[0], befores / given[0])
            answer = {"answer": JOBS[job](*given)}
        except Exception:  # noqa: BLE001 - told to the test
            answer = {"error": traceback.format_exc()}
        print(msgspec.json.encode(answer).decode(), flush=True)


if __name__ == "__main__":
    main()
