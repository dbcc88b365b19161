"""Prints how fast the real scoring server answers single rows, beside the floor of a bare server that only echoes.

The product is ``examples/flights/flights.py`` as it stands on 1 March 2013: every feature, the automated ones included, the
version that its gate let through, and every answer on the disk before it is given. A client process of its own asks on
kept connections, one request under way on each; the first round warms up.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import numpy as np
import polars as pl
from granian.constants import Interfaces
from granian.server.embed import Server

from figures import Figure, arguments, report
from flights import DATA, EXAMPLE, prepared
from trimaran.app.feed import Feed
from trimaran.app.gathering import gather
from trimaran.app.lifecycle import Lifecycle
from trimaran.app.loading import load_file
from trimaran.app.processes import ScoringServer
from trimaran.app.progress import progress
from trimaran.app.running import run_once
from trimaran.app.workspace import CLOCK, Workspace
from trimaran.core.clock import SharedClock
from trimaran.data.declaration import Definition

NOW = datetime(2013, 3, 1, tzinfo=UTC)
PRODUCT = EXAMPLE / "flights.py"
CONNECTIONS = 16
LEAST = 1_500.0
"""Rows a second that were promised."""

ROUNDS = 3


def build(root: Path, data: Path) -> tuple[Definition, pl.DataFrame]:
    """Return the definition that is live in a new workspace, automated features included, and the rows to ask for.

    The workspace comes about by the acts of every product: data in through the contracts, features suggested, parameters
    tuned, a version trained, judged at the gate, approved and released. Raises ``RuntimeError`` when the gate refuses it.
    """
    workspace = Workspace(root, clock=SharedClock(root / CLOCK, NOW))
    workspace.data_root = data.parent
    with progress() as shown:
        life = Lifecycle(workspace, load_file(PRODUCT, root=data.parent), shown, path=PRODUCT)
        run_once(life)
    for role in life.definition.release.approve:
        life.sign_if_awaited(role, f"someone for {role}")
    life.promotion.advance(NOW)
    live = life.state.live
    if live is None:
        reasons = [
            reason for one in life.state.versions.values() for _, verdict in one.verdicts for reason in verdict.reasons
        ]
        message = "the gate refused the version to be served: " + "; ".join(reasons)
        raise RuntimeError(message)
    frames = gather(life.definition, life.progress).frames
    definition = workspace.definition(live.version)
    return definition, Feed(definition, frames).asked(NOW - timedelta(hours=12), NOW, life.given)


def requests(path: str, definition: Definition, rows: pl.DataFrame, count: int, start: int) -> list[bytes]:
    """Return whole HTTP requests, each with an id of its own."""
    found = []
    for number, row in zip(range(start, start + count), _endless(rows), strict=False):
        body = msgspec.json.encode(row | {definition.key: f"{row[definition.key]}-{number}"})
        head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        found.append(head.encode() + body)
    return found


def _endless(frame: pl.DataFrame) -> Iterator[dict[str, Any]]:
    while True:
        yield from frame.iter_rows(named=True)


def drive(url: str, sent: Sequence[bytes], results: Any) -> None:
    """Send requests on kept connections, one under way on each, and put the seconds in all and of each request."""
    host, port = urlsplit(url).hostname, urlsplit(url).port
    waiting = iter(sent)
    seconds: list[float] = []
    started: dict[socket.socket, float] = {}
    with selectors.DefaultSelector() as selector:
        for _ in range(CONNECTIONS):
            line = socket.create_connection((host, port))
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(line, selectors.EVENT_READ, line)
            started[line] = time.perf_counter()
            line.sendall(next(waiting))
        began = min(started.values())
        while len(seconds) < len(sent):
            for key, _ in selector.select():
                line = key.data
                reply = line.recv(65536)  # answers are small: one read holds one
                if not reply.startswith(b"HTTP/1.1 200"):
                    raise RuntimeError(reply.decode(errors="replace"))
                now = time.perf_counter()
                seconds.append(now - started[line])
                following = next(waiting, None)
                if following is not None:
                    started[line] = time.perf_counter()
                    line.sendall(following)
        results.put((time.perf_counter() - began, seconds))


def measure(url: str, sent: Sequence[bytes]) -> tuple[float, float, float]:
    """Return requests a second and the 50th and 99th percentile of milliseconds, from a client process of its own."""
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    client = context.Process(target=drive, args=(url, sent, results))
    client.start()
    elapsed, seconds = results.get()
    client.join()
    p50, p99 = (1000 * float(np.quantile(seconds, share)) for share in (0.5, 0.99))
    return len(seconds) / elapsed, p50, p99


def median(url: str, rounds: Sequence[Sequence[bytes]]) -> tuple[float, float, float]:
    """Return the medians of the rounds after the first, which warms up."""
    found = [measure(url, sent) for sent in rounds][1:]
    return tuple(statistics.median(column) for column in zip(*found, strict=True))


class Echo:
    """The least a server can do: decode the JSON, encode an answer."""

    async def __rsgi__(self, scope: Any, transport: Any) -> None:
        """Answer one request."""
        row = msgspec.json.decode(await transport())
        answer = msgspec.json.encode({"id": row["flight_id"], "score": 0.5, "decision": True, "version": "v1", "notes": []})
        transport.response_bytes(200, [("content-type", "application/json")], answer)


def serve_echo(port: int) -> None:
    """Serve the echo until the process is ended."""
    server = Server(Echo(), port=port, interface=Interfaces.RSGI, websockets=False, log_enabled=False)
    asyncio.run(server.serve())


@contextmanager
def echo() -> Iterator[str]:
    """Run the echo in a process of its own and give its URL."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, __file__, "--echo", str(port)])
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def main() -> int:
    """Measure both and print them."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--data", type=Path, default=DATA, help="a folder named data")
    parser.add_argument("--count", type=int, default=8_000, help="requests a round")
    parser.add_argument("--echo", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.echo is not None:
        serve_echo(given.echo)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        definition, rows = build(root, prepared(given.data))
        path = f"/predict/{definition.name}"
        rounds = [requests(path, definition, rows, given.count, given.count * each) for each in range(ROUNDS + 1)]
        with echo() as url:
            floor = median(url, rounds)
        with ScoringServer(root) as server:
            ours = median(server.url, rounds)
        captured = Workspace.existing(root).captures.counts(definition.name)["answered"]
    if captured != len(rounds) * given.count:
        message = f"{len(rounds) * given.count} rows were answered, {captured} are captured"
        raise RuntimeError(message)
    what = f"one row over HTTP, {len(definition.features)} features, captured, {CONNECTIONS} connections"
    bare = "a bare server that echoes"
    figures = [
        Figure(name=what, value=ours[0], unit="rows/s", floor=floor[0], floor_name=bare, limit=LEAST, at_least=True),
        Figure(name="median of them", value=ours[1], unit="ms", floor=floor[1], floor_name=bare),
        Figure(name="99th percentile of them", value=ours[2], unit="ms", floor=floor[2], floor_name=bare),
    ]
    return report(figures, given.json)


if __name__ == "__main__":
    sys.exit(main())
