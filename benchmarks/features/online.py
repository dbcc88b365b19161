"""Prints how fast features by key are written, read and served, beside one raw SQLite read, and beside Feast.

Ten features of one key. Feast materialises fewer keys, since it takes so long; its seconds are compared key by key.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # what all benchmarks share

import argparse
import multiprocessing
import os
import selectors
import socket
import sqlite3
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import msgspec
import numpy as np
import polars as pl
import uvloop
from granian.constants import Interfaces
from granian.server.embed import Server

from figures import Figure, arguments, report
from peers import program
from trimaran.app.lifecycle import Lifecycle
from trimaran.app.loading import load_file
from trimaran.app.materialising import Materialising
from trimaran.app.processes import ScoringServer
from trimaran.app.progress import progress
from trimaran.app.workspace import Workspace
from trimaran.core.clock import SystemClock
from trimaran.deploy import Lookups

NOW = SystemClock().now()
COLUMNS = [f"c{number}" for number in range(10)]
FEATURES = [f"f{number}" for number in range(10)]
CLIENTS, ROUNDS, MANY = 8, 3, 100
TIMES, FASTER = 3.0, 20.0
PEER_SCRIPT = Path(__file__).parent / "feast_online.py"
PRODUCT = "\n".join(
    [
        "import trimaran as tm",
        'product = tm.Product("bench", owner="bench", predict_at="due")',
        'asked = product.table("asked.parquet", key="id", time="due")',
        'facts = product.table("facts.parquet", key="key", time="at", max_age="9d")',
        *(f'@product.feature(facts, on="key")\ndef f{n}(c{n}):\n    return c{n}\n' for n in range(10)),
        '@product.label(asked, wait="1d")\ndef late(y):\n    return y > 1\n',
        "@product.model()\ndef fit(X, y):\n    return None\n",
        'product.accept(out_of_time="10d", auc=">= 0.5")',
    ]
)


def facts(keys: int) -> pl.DataFrame:
    """Return a fact of each key, of the last week."""
    random = np.random.default_rng(11)
    moments = pl.Series(random.integers(1, 7 * 86_400, keys)).cast(pl.Int64)
    at = pl.lit(NOW) - pl.duration(seconds=moments)
    columns = {name: random.normal(size=keys) for name in COLUMNS}
    return pl.DataFrame({"key": random.permutation(keys), **columns}).with_columns(at=at.cast(pl.Datetime("us", "UTC")))


def built(folder: Path, keys: int) -> tuple[Workspace, float]:
    """Return a workspace whose features were materialised, and the seconds that took, reading the table included."""
    rows = facts(keys)
    rows.head(1000).write_parquet(folder / "facts.parquet")
    pl.DataFrame({"id": [1], "key": [1], "due": [NOW], "y": [1.0]}).write_parquet(folder / "asked.parquet")
    (folder / "bench.py").write_text(PRODUCT, encoding="utf-8")
    root = folder / "workspace"
    workspace = Workspace(root)
    workspace.data_root = folder
    with progress() as shown:
        life = Lifecycle(workspace, load_file(folder / "bench.py"), shown)
        life.declare()
        workspace.tables.append("bench/facts", rows, key="bench")
        start = time.perf_counter()
        (done,) = Materialising(workspace, life.definition, shown).materialise()
        taken = time.perf_counter() - start
    if done.keys.written != keys:
        message = f"{done.keys} were written of {keys} keys"
        raise RuntimeError(message)
    return workspace, taken


def median(act: Callable[[int], object], keys: Sequence[int]) -> float:
    """Return the median microseconds of an act on some keys."""
    times = []
    for key in keys:
        start = time.perf_counter()
        act(key)
        times.append(time.perf_counter() - start)
    return 1e6 * statistics.median(times)


def reads(workspace: Workspace, keys: int) -> list[Figure]:
    """Return what one read of ten features by key takes, beside the least that SQLite can do: find a row of that size."""
    plain = sqlite3.connect(workspace.root / "plain.db", isolation_level=None)
    plain.execute("PRAGMA journal_mode=WAL")
    plain.execute("CREATE TABLE plain (key INTEGER PRIMARY KEY, body BLOB)")
    stored = [(number, os.urandom(100)) for number in range(keys)]
    plain.execute("BEGIN")
    plain.executemany("INSERT INTO plain VALUES (?, ?)", stored)
    plain.execute("COMMIT")
    plain.execute("PRAGMA mmap_size=268435456")
    lookups = Lookups(workspace.views, SystemClock())
    asked = np.random.default_rng(5).integers(0, keys, 20_000).tolist()
    found = lookups.look("bench", [{"key": asked[0]}])[0]
    if found.missing or None in found.features.values():
        message = f"nothing was found: {found}"
        raise RuntimeError(message)
    turns = [
        (
            median(lambda key: lookups.look("bench", [{"key": key}]), asked),
            median(lambda key: plain.execute("SELECT body FROM plain WHERE key = ?", (key,)).fetchone(), asked),
        )
        for _ in range(ROUNDS)
    ]
    ours, floor = (min(each) for each in zip(*turns, strict=True))
    name = f"read 10 features of 1 key of {keys:,}, median"
    return [
        Figure(name=name, value=ours, unit="µs", floor=floor, floor_name="a raw SQLite read by primary key"),
        Figure(name=f"{name}: ratio", value=ours / floor, unit="", limit=TIMES),
    ]


def request(path: str, body: Any) -> bytes:
    """Return a whole HTTP request."""
    sent = msgspec.json.encode(body)
    head = (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {len(sent)}\r\n\r\n"
    )
    return head.encode() + sent


def drive(url: str, sent: Sequence[bytes], results: Any) -> None:
    """Send requests on kept connections, one under way on each, and put the seconds in all."""
    host, port = urlsplit(url).hostname, urlsplit(url).port
    waiting = iter(sent)
    said: dict[socket.socket, bytes] = {}
    with selectors.DefaultSelector() as selector:
        for _ in range(CLIENTS):
            line = socket.create_connection((host, port))
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(line, selectors.EVENT_READ, line)
            said[line] = b""
        began, done = time.perf_counter(), 0
        for line in said:
            line.sendall(next(waiting))
        while done < len(sent):
            for key, _ in selector.select():
                line = key.data
                said[line] += line.recv(65536)
                if not whole(said[line]):
                    continue
                if not said[line].startswith(b"HTTP/1.1 200"):
                    raise RuntimeError(said[line].decode(errors="replace"))
                said[line], done = b"", done + 1
                following = next(waiting, None)
                if following is not None:
                    line.sendall(following)
        results.put(time.perf_counter() - began)


def whole(reply: bytes) -> bool:
    """Tell whether a reply has come to its end."""
    head, end, body = reply.partition(b"\r\n\r\n")
    lines = [line.lower() for line in head.split(b"\r\n")]
    length = next((int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")), None)
    return bool(end) and (len(body) >= length if length is not None else body.endswith(b"0\r\n\r\n"))


def rate(url: str, sent: Sequence[bytes]) -> float:
    """Return requests a second, the best of some rounds after one that warms up, from a client process of its own."""
    context = multiprocessing.get_context("fork")
    found = []
    for _ in range(ROUNDS + 1):
        results = context.SimpleQueue()
        client = context.Process(target=drive, args=(url, sent, results))
        client.start()
        found.append(len(sent) / results.get())
        client.join()
    return max(found[1:])


class Echo:
    """The least a server can do: decode the JSON, encode an answer of the size of ours."""

    async def __rsgi__(self, scope: Any, transport: Any) -> None:
        """Answer one request."""
        asked = msgspec.json.decode(await transport())
        features = dict.fromkeys(FEATURES, 0.12345678901234567)
        row = {"features": features, "missing": [], "stale": [], "age": float(asked["rows"][0]["key"])}
        transport.response_bytes(200, [("content-type", "application/json")], msgspec.json.encode({"rows": [row]}))


def serve_echo(port: int) -> None:
    """Serve the echo until the process is ended."""
    server = Server(Echo(), port=port, interface=Interfaces.RSGI, websockets=False, log_enabled=False)
    uvloop.run(server.serve())


@contextmanager
def running(command: Callable[[int], Sequence[Any]], log: Path) -> Iterator[str]:
    """Run a server on a free port until it is not needed any more, and give its URL."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with log.open("wb") as said:
        process = subprocess.Popen(command(port), stdout=said, stderr=said)
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                if process.poll() is not None:
                    raise RuntimeError(log.read_text(encoding="utf-8")[-2000:]) from None
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def served(workspace: Workspace, keys: int, count: int) -> tuple[float, float, float]:
    """Return how many requests a second a bare server and ours answer, and ours of many keys each."""
    draw = np.random.default_rng(6)
    sent = [request("/features/bench", {"rows": [{"key": key}]}) for key in draw.integers(0, keys, count).tolist()]
    rows = [[{"key": key} for key in draw.integers(0, keys, MANY).tolist()] for _ in range(max(count // 20, CLIENTS))]
    many = [request("/features/bench", {"rows": each}) for each in rows]
    with running(lambda port: [sys.executable, __file__, "--echo", str(port)], workspace.root / "echo.log") as url:
        floor = rate(url, sent)
    with ScoringServer(workspace.root) as server:
        return floor, rate(server.url, sent), rate(server.url, many)


def beside_feast(keys: int, count: int) -> tuple[float, float, float] | None:
    """Return Feast's keys a second, and its requests a second of one key and of many; None where Feast cannot be had."""
    python = program("feast", "0.67.0", "python", "feast[duckdb]==0.67.0")
    if python is None:
        return None
    draw = np.random.default_rng(6)
    names = [f"facts:{name}" for name in COLUMNS]

    def asking(keys_each: int, requests: int) -> list[bytes]:
        entities = [{"key": draw.integers(0, keys, keys_each).tolist()} for _ in range(requests)]
        return [request("/get-online-features", {"features": names, "entities": each}) for each in entities]

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        facts(keys).write_parquet(folder / "facts.parquet")
        done = subprocess.run([python, PEER_SCRIPT, folder], check=True, capture_output=True, text=True)
        seconds, rows = map(float, done.stdout.split()[-2:])
        options = ["--no-access-log", "--max-requests", 10_000_000]

        def command(port: int) -> list[Any]:
            return [str(each) for each in (python.with_name("feast"), "-c", folder, "serve", "-p", port, *options)]

        with running(command, folder / "serve.log") as url:
            return rows / seconds, rate(url, asking(1, count)), rate(url, asking(MANY, max(count // 20, CLIENTS)))


def main() -> int:
    """Measure and print; return 1 when a promise was not kept."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--peer-keys", type=int, default=50_000, help="how many keys Feast materialises")
    parser.add_argument("--count", type=int, default=8_000, help="requests a round")
    parser.add_argument("--no-feast", action="store_true", help="leave the peer out")
    parser.add_argument("--echo", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.echo is not None:
        serve_echo(given.echo)
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        workspace, taken = built(Path(temporary), given.keys)
        size = sum(each.stat().st_size for each in workspace.root.glob("views.db*")) / 1e6
        read = reads(workspace, given.keys)
        floor, over, many = served(workspace, given.keys, given.count)
    figures = [
        Figure(name=f"materialise {given.keys:,} keys of 10 features", value=given.keys / taken, unit="keys/s"),
        Figure(name="the files they lie in", value=size, unit="MB"),
        *read,
        Figure(
            name=f"over HTTP, 1 key, {CLIENTS} clients", value=over, unit="req/s", floor=floor, floor_name="a bare server"
        ),
        Figure(name=f"over HTTP, {MANY} keys, {CLIENTS} clients", value=MANY * many, unit="keys/s"),
    ]
    peer = None if given.no_feast else beside_feast(given.peer_keys, max(given.count // 4, 80))
    if peer is not None:
        ratios = {
            f"materialise: times Feast 0.67, which had {given.peer_keys:,} keys": given.keys / taken / peer[0],
            "over HTTP, 1 key: times Feast's server": over / peer[1],
        }
        figures += [Figure(name=name, value=value, unit="x", limit=FASTER, at_least=True) for name, value in ratios.items()]
        figures += [
            Figure(name=f"over HTTP, {MANY} keys: times Feast's server", value=many / peer[2], unit="x"),
            Figure(name="Feast: materialise", value=peer[0], unit="keys/s"),
            Figure(name=f"Feast: over HTTP, 1 key, {CLIENTS} clients", value=peer[1], unit="req/s"),
            Figure(name=f"Feast: over HTTP, {MANY} keys, {CLIENTS} clients", value=MANY * peer[2], unit="keys/s"),
        ]
    return report(figures, given.json)


if __name__ == "__main__":
    sys.exit(main())
