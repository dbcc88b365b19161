"""Prints how long whole processes take that import trimaran or show its help, beside bare ones."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from figures import AS_INSTALLED, Figure, arguments, report

RUNS = 15
IMPORT_LIMIT, HELP_LIMIT = 100.0, 300.0


def milliseconds(*commands: Sequence[str]) -> list[float]:
    """Return the median milliseconds of processes from start to end, once bytecode and files are in the cache.

    They take turns, so that whatever else the machine does weighs on all of them.
    """
    times: list[list[float]] = [[] for _ in commands]
    for turn in range(RUNS + 1):
        for taken, command in zip(times, commands, strict=True):
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=AS_INSTALLED)
            if turn:
                taken.append(1000 * (time.perf_counter() - start))
    return [statistics.median(taken) for taken in times]


def main() -> int:
    """Measure and print; return 1 when a start takes longer than promised."""
    given = arguments(__doc__ or "").parse_args()
    python, command = sys.executable, str(Path(sys.executable).parent / "trimaran")
    nothing, ours, typer, overview = milliseconds(
        [python, "-c", "pass"], [python, "-c", "import trimaran"], [python, "-c", "import typer"], [command, "--help"]
    )
    figures = [
        Figure(
            name="import trimaran", value=ours, unit="ms", floor=nothing, floor_name="python -c pass", limit=IMPORT_LIMIT
        ),
        Figure(
            name="trimaran --help",
            value=overview,
            unit="ms",
            floor=typer,
            floor_name="python -c 'import typer'",
            limit=HELP_LIMIT,
        ),
    ]
    return report(figures, given.json)


if __name__ == "__main__":
    sys.exit(main())
