"""Runs every benchmark in a process of its own, one after the other, and prints their figures in one table."""

from __future__ import annotations

import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec
import psutil

from figures import Figure, arguments, report

HERE = Path(__file__).parent
FEATURES = tuple(f"features/{name}" for name in ("engine", "joins", "larger", "online", "contracts"))
BUILD = tuple(f"build/{name}" for name in ("pipelines", "tracking", "segments"))
PARTS = ("start", *FEATURES, "durable", "ledger", "objects", "serving", *BUILD)


def measured(part: str, folder: Path) -> list[Figure]:
    """Return what one benchmark found; raises ``CalledProcessError`` when it ended without figures."""
    target = folder / f"{part.replace('/', '-')}.json"
    print(f"{part} …", file=sys.stderr, flush=True)
    done = subprocess.run([sys.executable, HERE / f"{part}.py", "--json", target], check=False, stdout=subprocess.DEVNULL)
    if not target.exists():
        raise subprocess.CalledProcessError(done.returncode, done.args)
    return msgspec.json.decode(target.read_bytes(), type=list[Figure])


def main() -> int:
    """Run parts, print and keep the figures; return 1 when a promise was not kept."""
    parser = arguments(__doc__ or "")
    parser.add_argument(
        "part", nargs="*", help=f"only these, or those of a folder like features or build: {', '.join(PARTS)}"
    )
    given = parser.parse_args()
    folders = {part.partition("/")[0] for part in PARTS}
    unknown = {*given.part} - {*PARTS} - folders
    if unknown:
        parser.error(f"there is no part {', '.join(sorted(unknown))}; choose from: {', '.join(PARTS)}")
    parts = [part for part in PARTS if not given.part or {part, part.partition("/")[0]} & {*given.part}]
    load, cores = psutil.getloadavg()[0], psutil.cpu_count()
    with tempfile.TemporaryDirectory() as folder:
        figures = [figure for part in parts for figure in measured(part, Path(folder))]
    print(f"Python {platform.python_version()}, {cores} cores, load {load:.1f} before the start")
    return report(figures, given.json or HERE / "results.json")


if __name__ == "__main__":
    sys.exit(main())
