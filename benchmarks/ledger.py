"""Prints what a ledger of a million entries costs to write, open, verify and ask, beside bare SQLite on the same rows.

Single appends come from 16 threads that each wait for the disk (WAL, ``synchronous=FULL``); the floor is the same 16 threads
in front of one SQLite connection that commits in groups a row of as many bytes with the same unique key, and does nothing
else. Questions are asked as a person asks them: a process each, from start to end.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from figures import AS_INSTALLED, Figure, arguments, report
from million import PRODUCTS, workspace_of
from trimaran.app.workspace import Workspace
from trimaran.backends.sqlite_ledger import SqliteLedger
from trimaran.backends.sqlite_metrics import SqliteMetrics
from trimaran.core.canon import canonical
from trimaran.core.clock import ManualClock
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import Notice

NOON = datetime(2013, 7, 1, 12, tzinfo=UTC)
ENTRIES, WRITERS = 8_000, 16
PROCESSES, EACH = 4, 2_000
POINTS, BATCH = 1_000_000, 1_000
ROUNDS = 3
SHARE = 0.5
"""The least part of bare SQLite's appends a second that were promised."""

POINTS_LIMIT, VERIFY_LIMIT, ASK_LIMIT, OPEN_LIMIT = 100_000.0, 30.0, 1.0, 0.3

_APPENDER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from trimaran.backends.sqlite_ledger import SqliteLedger
from trimaran.core.clock import ManualClock
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import Notice
ledger = Ledger(SqliteLedger(Path(sys.argv[1])), ManualClock(datetime(2013, 7, 1, tzinfo=UTC)), "benchmark")
for number in range(int(sys.argv[3])):
    ledger.append(Notice(product="p", to="ops", subject=f"{sys.argv[2]}-{number}", text="moved"), "p")
"""

_OPENER = """
import sys, time
began = time.perf_counter()
from pathlib import Path
from trimaran.app.workspace import Workspace
Workspace.existing(Path(sys.argv[1])).ledger.store.head()
print(time.perf_counter() - began)
"""


def notice(number: int) -> Notice:
    """Return a small record."""
    return Notice(product="flight-delay", to="mailto:ops@example.com", subject=f"{number}", text="recent_origin_delay moved")


def appended(path: Path) -> float:
    """Return the ledger entries a second, each appended alone by one of the writers."""
    ledger = Ledger(SqliteLedger(path), ManualClock(NOON), "benchmark")
    records = [notice(number) for number in range(ENTRIES)]
    with ThreadPoolExecutor(WRITERS) as writers:
        began = time.perf_counter()
        list(writers.map(lambda record: ledger.append(record, "flight-delay"), records))
        elapsed = time.perf_counter() - began
    if ledger.verify().count != ENTRIES:
        message = f"{ledger.verify().count} of {ENTRIES} entries are there"
        raise RuntimeError(message)
    return ENTRIES / elapsed


class Bare:
    """One SQLite connection that commits what 16 threads bring, as many together as wait."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("CREATE TABLE rows (seq INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, body BLOB NOT NULL)")
        self._waiting: list[tuple[str, bytes, Future[None]]] = []
        self._change = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._commit)
        self._thread.start()

    def append(self, body: bytes) -> None:
        """Return once the row is on the disk."""
        future: Future[None] = Future()
        with self._change:
            self._waiting.append((hashlib.sha256(body).hexdigest(), body, future))
            self._change.notify()
        future.result()

    def close(self) -> None:
        """End the thread."""
        with self._change:
            self._ended = True
            self._change.notify()
        self._thread.join()
        self._connection.close()

    def _commit(self) -> None:
        while True:
            with self._change:
                while not self._waiting and not self._ended:
                    self._change.wait()
                taken, self._waiting = self._waiting, []
            if not taken:
                return
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT INTO rows (key, body) VALUES (?, ?)", [row[:2] for row in taken])
            self._connection.execute("COMMIT")
            for *_, future in taken:
                future.set_result(None)


def bare(path: Path) -> float:
    """Return the rows a second of bare SQLite."""
    store = Bare(path)
    bodies = [canonical(notice(number)) for number in range(ENTRIES)]
    with ThreadPoolExecutor(WRITERS) as writers:
        began = time.perf_counter()
        list(writers.map(store.append, bodies))
        elapsed = time.perf_counter() - began
    store.close()
    return ENTRIES / elapsed


def together(path: Path) -> tuple[float, int]:
    """Return the entries a second of several processes that append at once, and how many entries were lost or refused."""
    SqliteLedger(path)
    began = time.perf_counter()
    commands = [[sys.executable, "-c", _APPENDER, str(path), str(each), str(EACH)] for each in range(PROCESSES)]
    processes = [subprocess.Popen(command) for command in commands]
    failed = sum(process.wait() != 0 for process in processes)
    elapsed = time.perf_counter() - began
    there = SqliteLedger(path).head()
    return there / elapsed, PROCESSES * EACH - there + failed


def logged(path: Path) -> float:
    """Return the metric points a second that one writer makes durable in batches."""
    store = SqliteMetrics(path)
    steps = pl.int_range(BATCH, eager=True)
    batches = [
        pl.DataFrame({"name": "loss", "step": steps + BATCH * each, "value": 1 / (steps + 1.0), "at": NOON})
        for each in range(POINTS // BATCH)
    ]
    began = time.perf_counter()
    for each, batch in enumerate(batches):
        store.log("run", batch, key=f"{each}")
    elapsed = time.perf_counter() - began
    if store.points("run").height != POINTS:
        message = f"{store.points('run').height} of {POINTS} points are there"
        raise RuntimeError(message)
    return POINTS / elapsed


def bare_points(path: Path) -> float:
    """Return the points a second that SQLite alone commits, a row a point, in batches of the same size."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE points (name TEXT, step INTEGER, value REAL, at INTEGER)")
    began = time.perf_counter()
    for start in range(0, POINTS, BATCH):
        connection.execute("BEGIN IMMEDIATE")
        rows = [("loss", step, 1 / (step + 1.0), 0) for step in range(start, start + BATCH)]
        connection.executemany("INSERT INTO points VALUES (?, ?, ?, ?)", rows)
        connection.execute("COMMIT")
    elapsed = time.perf_counter() - began
    connection.close()
    return POINTS / elapsed


def hashed(path: Path) -> float:
    """Return the seconds in which bare Python reads every entry's row and hashes it once."""
    connection = sqlite3.connect(path)
    began = time.perf_counter()
    for row in connection.execute("SELECT * FROM entries ORDER BY seq"):
        hashlib.sha256(json.dumps(row, default=bytes.hex).encode())
    elapsed = time.perf_counter() - began
    connection.close()
    return elapsed


def asked(root: Path, *words: str) -> float:
    """Return the median seconds of a command, a process each."""
    command = [str(Path(sys.executable).parent / "trimaran"), *words, "--workspace", str(root)]
    return statistics.median(_timed(command) for _ in range(ROUNDS))


def _timed(command: Sequence[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=AS_INSTALLED)
    return time.perf_counter() - began


def opened(root: Path) -> float:
    """Return the median seconds in which a fresh process imports what it needs and opens a workspace."""
    command = [sys.executable, "-c", _OPENER, str(root)]
    told = [
        subprocess.run(command, check=True, capture_output=True, text=True, env=AS_INSTALLED).stdout
        for _ in range(ROUNDS + 1)
    ]
    return statistics.median(map(float, told[1:]))  # the first one may have had to compile the sources


def of_a_million(root: Path, entries: int) -> list[Figure]:
    """Return what a large ledger costs to verify, to open and to ask."""
    _, last = workspace_of(root, entries)
    moment = NOON.isoformat()
    product = PRODUCTS[2]
    began = time.perf_counter()
    found = Workspace.existing(root).ledger.verify()
    verified = time.perf_counter() - began
    sized = f"{found.count:,} entries"
    nothing = _timed([sys.executable, "-c", "pass"])
    process = "python -c pass"
    questions = {
        f"at, one product, {sized}": ("at", moment, "--product", product),
        f"at the end, {sized}": ("at", last.isoformat(), "--product", product),
        f"why of a version, {sized}": ("why", "v3", "--product", product),
        f"why of a data version, {sized}": ("why", "flights@300", "--product", product),
    }
    return [
        Figure(
            name=f"verify, {sized}",
            value=verified,
            unit="s",
            floor=hashed(root / "ledger.db"),
            floor_name="one hash a row",
            limit=VERIFY_LIMIT,
        ),
        Figure(
            name=f"opening the workspace, {sized}",
            value=opened(root),
            unit="s",
            floor=nothing,
            floor_name=process,
            limit=OPEN_LIMIT,
        ),
        *(
            Figure(name=name, value=asked(root, *words), unit="s", floor=nothing, floor_name=process, limit=ASK_LIMIT)
            for name, words in questions.items()
        ),
    ]


def main() -> int:
    """Measure and print; return 1 when a promise was not kept."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--entries", type=int, default=1_000_000, help="entries of the large ledger")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        # They take turns, so that whatever else the machine does weighs on both.
        turns = [(appended(root / f"ours-{turn}.db"), bare(root / f"bare-{turn}.db")) for turn in range(ROUNDS)]
        ours, floor = (statistics.median(column) for column in zip(*turns, strict=True))
        at_once, lost = together(root / "processes.db")
        threads, batches = f"bare SQLite, {WRITERS} threads, group commit", "bare SQLite, a row a point"
        figures = [
            Figure(name=f"appends, {WRITERS} writers", value=ours, unit="/s", floor=floor, floor_name=threads),
            Figure(name="of what bare SQLite does", value=ours / floor, unit="", limit=SHARE, at_least=True),
            Figure(name=f"appends, {PROCESSES} processes at once", value=at_once, unit="/s"),
            Figure(name="of them lost or locked out", value=lost, unit="", limit=0),
            Figure(
                name=f"metric points, {BATCH:,} a batch",
                value=logged(root / "metrics.db"),
                unit="/s",
                floor=bare_points(root / "points.db"),
                floor_name=batches,
                limit=POINTS_LIMIT,
                at_least=True,
            ),
            *of_a_million(root / "million", given.entries),
        ]
    return report(figures, given.json)


if __name__ == "__main__":
    sys.exit(main())
