"""Prints how fast the real scoring server answers single rows, beside the floor of a bare server that only echoes.

Run ``python benchmarks/serving.py`` where ``demo/data`` holds the flights of 2013. The model is gradient boosting on the
features of ``examples/flights/flights.py`` (asked row, newest row, windows); every answer is on the disk before it is given.
"""

from __future__ import annotations

import argparse
import asyncio
import json
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
from sklearn.ensemble import HistGradientBoostingClassifier

from trimaran.app.loading import load_file
from trimaran.app.workspace import CLOCK, Workspace
from trimaran.core.clock import SharedClock
from trimaran.core.nouns import Declared, ModelVersion, Ref, Release, Traffic
from trimaran.data.declaration import Definition
from trimaran.data.features import FeatureEngine
from trimaran.data.profiles import take_profile, write_profile
from trimaran.doors.http.server import ScoringServer

NOW = datetime(2013, 7, 1, 16, tzinfo=UTC)
PRODUCT = Path(__file__).parent.parent / "examples" / "flights" / "flights.py"
CONNECTIONS = 16
ROUNDS = 3


def build(root: Path, data: Path) -> tuple[Workspace, Definition, pl.DataFrame]:
    """Return a workspace with a trained model live and the facts of July 1st, its definition, and rows to ask for."""
    loaded = load_file(PRODUCT, root=data.parent)
    definition = loaded.definition
    workspace = Workspace(root, clock=SharedClock(root / CLOCK, NOW))
    workspace.data_root = data.parent
    frames = {name: pl.read_parquet(definition.source(name)) for name in definition.tables}
    engine = FeatureEngine(definition.features, definition.tables, definition.asked, definition.predict_at)
    past = frames["flights"].filter(pl.col("sched_dep").is_between(NOW - timedelta(days=60), NOW - timedelta(days=3)))
    rows = past.filter(pl.col("arr_delay").is_not_null()).sample(30_000, seed=13)
    history = {name: engine.prepare(name, frames[name]) for name in engine.needs}
    X = engine.compute(rows, history).select(pl.all().cast(pl.Float32))  # noqa: N806  a matrix
    y = (rows["arr_delay"] > 15).to_numpy().astype(int)
    model = HistGradientBoostingClassifier(random_state=13).fit(X.to_numpy(), y)
    version = _version(
        workspace,
        loaded.text,
        definition,
        model,
        take_profile(X, y, rows, scores=model.predict_proba(X.to_numpy())[:, 1], outcomes=y),
    )
    release = Release(
        product=definition.name, number=1, model=version.native, stage="live", traffic=Traffic(live=1), reason="benchmark"
    )
    workspace.ledger.append(release, definition.name)
    for name, frame in frames.items():
        workspace.online.push(definition.name, name, _known(definition, name, frame), key="benchmark")
    ahead = pl.col("sched_dep").is_between(NOW + timedelta(hours=2), NOW + timedelta(hours=8))
    return workspace, definition, frames["flights"].filter(ahead)


def _known(definition: Definition, name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Return what of a table was known: rows of the last five days, values that came true by then."""
    table = definition.tables[name]
    if table.time is None:
        return frame
    rows = frame.filter(pl.col(table.time).is_between(NOW - timedelta(days=5), NOW + timedelta(hours=8)))
    late = [pl.when(pl.col(moment) <= NOW).then(pl.col(column)).alias(column) for column, moment in table.late.items()]
    return rows.with_columns(late)


def _version(workspace: Workspace, text: str, definition: Definition, model: Any, profile: Any) -> ModelVersion:
    names = [feature.name for feature in definition.features]
    source = workspace.objects.put(text.encode())
    version = ModelVersion(
        product=definition.name,
        number=1,
        run=Ref("run", definition.name, 1, source),
        native=workspace.objects.put(workspace.native.dump(model, names)),
        compiled=workspace.objects.put(workspace.compiled.dump(model, names)),
        features=names,
        profile=write_profile(workspace.objects, profile),
        code=source,
        suggested=None,
        trained_from=NOW,
        trained_to=NOW,
        tested_from=NOW,
        tested_to=NOW,
        rows=30_000,
    )
    declared = Declared(product=definition.name, owner=definition.owner, source=source, policies={})
    workspace.ledger.append(declared, definition.name)
    workspace.ledger.append(version, f"{definition.name}/v1")
    return version


def requests(path: str, definition: Definition, rows: pl.DataFrame, count: int, start: int) -> list[bytes]:
    """Return whole HTTP requests, each with an id of its own."""
    given = rows.select(definition.given.names())
    found = []
    for number, row in zip(range(start, start + count), _endless(given), strict=False):
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
            selector.register(line, selectors.EVENT_READ)
            started[line] = time.perf_counter()
            line.sendall(next(waiting))
        began = min(started.values())
        while len(seconds) < len(sent):
            for key, _ in selector.select():
                line = key.fileobj
                reply = line.recv(65536)  # type: ignore[union-attr]  # answers are small: one read holds one
                if not reply.startswith(b"HTTP/1.1 200"):
                    raise RuntimeError(reply.decode(errors="replace"))
                now = time.perf_counter()
                seconds.append(now - started[line])  # type: ignore[index]
                following = next(waiting, None)
                if following is not None:
                    started[line] = time.perf_counter()  # type: ignore[index]
                    line.sendall(following)  # type: ignore[union-attr]
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
    return tuple(statistics.median(column) for column in zip(*found, strict=True))  # type: ignore[return-value]


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
    """Measure both and print them; return 1 when the server is slower than asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("demo/data"))
    parser.add_argument("--count", type=int, default=8_000, help="requests a round")
    parser.add_argument("--at-least", type=float, default=0.0, help="requests a second to be reached")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--echo", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.echo is not None:
        serve_echo(given.echo)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _, definition, rows = build(root, given.data)
        count = given.count
        path = f"/predict/{definition.name}"
        rounds = [requests(path, definition, rows, count, count * each) for each in range(ROUNDS + 1)]
        with echo() as url:
            floor = median(url, rounds)
        with ScoringServer(root) as server:
            ours = median(server.url, rounds)
    print(f"{'single rows, ' + str(CONNECTIONS) + ' connections':34} {'req/s':>8} {'p50 ms':>8} {'p99 ms':>8}")
    print(f"{'scored, features, durable capture':34} {ours[0]:8.0f} {ours[1]:8.2f} {ours[2]:8.2f}")
    print(f"{'floor: bare server that echoes':34} {floor[0]:8.0f} {floor[1]:8.2f} {floor[2]:8.2f}")
    print(f"the server gives {ours[0] / floor[0]:.0%} of the floor")
    if given.json is not None:
        figures = {"requests_per_second": ours[0], "p50_ms": ours[1], "p99_ms": ours[2], "floor_per_second": floor[0]}
        given.json.write_text(json.dumps(figures), encoding="utf-8")
    return int(ours[0] < given.at_least)


if __name__ == "__main__":
    sys.exit(main())
