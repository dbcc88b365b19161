"""Prints what pipelines cost over plain calls: 20 trivial steps fresh and cached, and a fan-out of 1,000."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # what all benchmarks share

import json
import os
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType

from figures import Figure, arguments, report
from peers import program
from trimaran.app.pipelines import Pipeline, Ways, load_pipeline
from trimaran.app.workspace import Workspace

STEPS, WIDE, RUNS = 20, 1000, 7
PATIENCE = 300.0
"""Seconds that a peer may take."""
FRESH_LIMIT, CACHED_LIMIT, WIDE_LIMIT = 10.0, 2.0, 10.0

PEERS = (
    ("hamilton", "sf-hamilton", "1.90.0"),
    ("dagster", "dagster", "1.13.29"),
    ("prefect", "prefect", "3.9.1"),
    ("zenml", "zenml[local]", "0.98.0"),
    ("metaflow", "metaflow", "2.19.39"),
)
"""The peers, by name, package and version."""

CHAIN = "import trimaran as tm\n\n@tm.step\ndef s0(start=0):\n    return start\n" + "".join(
    f"\n@tm.step\ndef s{place}(s{place - 1}):\n    return s{place - 1} + 1\n" for place in range(1, STEPS)
)
FAN = """
import trimaran as tm

@tm.step
def items(count=1000, start=0):
    return list(range(start, start + count))

@tm.step(each={"item": items})
def made(item):
    return item * 2

@tm.step
def total(made):
    return sum(made)
"""


class Quiet:
    """Shows nothing: a terminal's own time is not what is measured."""

    def start(self, task: str, total: int) -> None:
        """Show nothing."""

    def advance(self, task: str, done: int = 1, note: str = "") -> None:
        """Show nothing."""

    def finish(self, task: str) -> None:
        """Show nothing."""


def median(act: Callable[[int], object], runs: int = RUNS) -> float:
    """Return the median seconds of an act that is given another number each time, after one that does not count."""
    act(0)
    times = []
    for turn in range(1, runs + 1):
        began = time.perf_counter()
        act(turn)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def loaded(folder: Path, name: str, text: str) -> Pipeline:
    """Return the pipeline of a text."""
    path = folder / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    return load_pipeline(path)


def plainly(module: ModuleType, start: int) -> int:
    """Call the functions of the chain one after the other."""
    value: int = module.s0(start)
    for place in range(1, STEPS):
        value = getattr(module, f"s{place}")(value)
    return value


def durably(folder: Path, turn: int) -> None:
    """Write one small file so that it is on the disk: what a run costs at the least that survives a crash."""
    with (folder / f"{turn}.floor").open("wb") as file:
        file.write(b"x" * 4096)
        file.flush()
        os.fsync(file.fileno())


def chain(folder: Path, engine: str) -> list[Figure]:
    """Return what 20 trivial steps cost, each over plain calls, in milliseconds."""
    flow, workspace = loaded(folder, f"chain_{engine}", CHAIN), Workspace(folder / engine)
    plain = median(lambda turn: plainly(sys.modules[f"chain_{engine}"], turn))
    flush = median(lambda turn: durably(folder, turn))
    fresh = median(lambda turn: flow.go({"start": 1000 * turn}, Ways(workspace, engine), Quiet()))
    cached = median(lambda _: flow.go({"start": 0}, Ways(workspace, engine), Quiet()))
    where = "" if engine == "local" else f", {engine}"
    floor = f"one flush of the disk for {STEPS} steps"
    return [
        Figure(
            name=f"a trivial step, first time{where}",
            value=1000 * (fresh - plain) / STEPS,
            unit="ms",
            floor=1000 * flush / STEPS,
            floor_name=floor,
            limit=FRESH_LIMIT if engine == "local" else None,
        ),
        Figure(
            name=f"a trivial step, cached{where}",
            value=1000 * (cached - plain) / STEPS,
            unit="ms",
            floor=1000 * flush / STEPS,
            floor_name=floor,
            limit=CACHED_LIMIT if engine == "local" else None,
        ),
    ]


def fan(folder: Path, engine: str) -> list[Figure]:
    """Return what a fan-out of 1,000 costs in seconds, first time and cached."""
    flow, workspace = loaded(folder, f"fan_{engine}", FAN), Workspace(folder / f"fan-{engine}")
    fresh = median(lambda turn: flow.go({"start": 10_000 * turn}, Ways(workspace, engine), Quiet()), 3)
    cached = median(lambda _: flow.go({"start": 0}, Ways(workspace, engine), Quiet()), 3)
    where = "" if engine == "local" else f", {engine}"
    return [
        Figure(name=f"fan-out of {WIDE}, first time{where}", value=fresh, unit="s", limit=WIDE_LIMIT),
        Figure(name=f"fan-out of {WIDE}, cached{where}", value=cached, unit="s"),
    ]


def beside_peers(folder: Path) -> list[Figure]:
    """Return what peers take in all for the same steps, and for a fan-out of 100, each beside ours."""
    flow, workspace = loaded(folder, "chain_peers", CHAIN), Workspace(folder / "peers")
    wide = loaded(folder, "fan_peers", FAN)
    ours = {
        "fresh": median(lambda turn: flow.go({"start": 1000 * turn}, Ways(workspace), Quiet())),
        "cached": median(lambda _: flow.go({"start": 0}, Ways(workspace), Quiet())),
        "fan": median(lambda turn: wide.go({"count": 100, "start": 10_000 * turn}, Ways(workspace), Quiet()), 3),
    }
    words = {"fresh": f"{STEPS} trivial steps", "cached": f"{STEPS} trivial steps, cached", "fan": "fan-out of 100"}
    figures: list[Figure] = []
    for name, package, version in PEERS:
        python = program(package, version, "python")
        said = asked(python, name, folder) if python is not None else None
        if said is None:
            print(f"{name} did not run: its figures are left out", file=sys.stderr)
            continue
        for what, seconds in said.items():
            figures.append(
                Figure(name=f"{name}: {words[what]}", value=seconds, unit="s", floor=ours[what], floor_name="ours")
            )
    return figures


def asked(python: Path, name: str, folder: Path) -> dict[str, float] | None:
    """Return a peer's seconds, None where it failed; what it leaves running is ended."""
    answer = folder / f"{name}.json"
    with answer.open("wb") as out:
        command = [python, Path(__file__).parent / "peer_pipelines.py", name]
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    lines = answer.read_text().splitlines()
    found: dict[str, float] | None = json.loads(lines[-1]) if process.returncode == 0 and lines else None
    return found


def main() -> int:
    """Measure and print; return 1 when a promise was not kept."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--no-peers", action="store_true", help="leave the peers out")
    given = parser.parse_args()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        for engine in ("local", "processes"):
            figures += chain(Path(folder), engine) + fan(Path(folder), engine)
        figures += [] if given.no_peers else beside_peers(Path(folder))
    return report(figures, given.json)


if __name__ == "__main__":
    sys.exit(main())
