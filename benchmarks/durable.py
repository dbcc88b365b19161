"""Prints how many single rows a second captures put on the disk, beside bare SQLite in groups of the same size.

Every row is durable before its writer goes on (WAL, ``synchronous=FULL``): so many writers wait at any time as a group holds
rows. The bare floor writes a row of as many bytes to a table without an index.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import time
from collections import deque
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path

from figures import Figure, arguments, report
from trimaran.backends.sqlite_captures import SqliteCaptures
from trimaran.core.canon import canonical
from trimaran.core.nouns import Prediction

NOON = datetime(2013, 7, 1, 12, tzinfo=UTC)
CAPTURES, WAITING = 50_000, 64
CAPTURES_LIMIT = 12_000.0  # docs/decisions/0004-captures-in-sqlite.md


def prediction(number: int) -> Prediction:
    """Return an answer as the flights' product gives it."""
    return Prediction(
        id=f"2013-07-01-AA-{number}",
        product="flight-delay",
        version=1,
        role="live",
        mode="http",
        event_at=NOON + timedelta(seconds=number),
        asked_at=NOON,
        score=0.25,
        features=[number / 7] * 13,
        seconds=0.001,
        caller="benchmark",
    )


def captured(path: Path) -> float:
    """Return the captures a second, each submitted alone."""
    store = SqliteCaptures(path)
    rows = [[prediction(number)] for number in range(CAPTURES)]
    waiting: deque[Future[int]] = deque()
    began = time.perf_counter()
    for row in rows:
        if len(waiting) == WAITING:
            waiting.popleft().result()
        waiting.append(store.submit(row))
    new = sum(future.result() for future in waiting)
    elapsed = time.perf_counter() - began
    held = store.counts("flight-delay")["predictions"]
    if new != len(waiting) or held != CAPTURES:
        message = f"{held} of {CAPTURES} captures are there"
        raise RuntimeError(message)
    return CAPTURES / elapsed


def bare(path: Path, body: bytes, count: int, group: int) -> float:
    """Return the rows a second that SQLite alone commits in groups."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE rows (body BLOB)")
    began = time.perf_counter()
    for _ in range(count // group):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO rows VALUES (?)", [(body,)] * group)
        connection.execute("COMMIT")
    elapsed = time.perf_counter() - began
    connection.close()
    return count / elapsed


def main() -> int:
    """Measure and print; return 1 when captures are slower than promised."""
    given = arguments(__doc__ or "").parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        figures = [
            Figure(
                name=f"captures, {WAITING} waiting",
                value=captured(root / "captures.db"),
                unit="rows/s",
                floor=bare(root / "one.db", canonical(prediction(0)), CAPTURES, WAITING),
                floor_name=f"bare SQLite, {WAITING} a commit",
                limit=CAPTURES_LIMIT,
                at_least=True,
            ),
        ]
    return report(figures, given.json)


if __name__ == "__main__":
    sys.exit(main())
