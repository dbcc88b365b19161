"""Prints how fast files become objects, durable and verified, beside hashing and copying them, and beside DVC."""

from __future__ import annotations

import hashlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from figures import Figure, arguments, report
from peers import program
from trimaran.backends.file_objects import FileObjects
from trimaran.core.objects import fetch_tree, put_tree

GIGABYTE = 2**30
SMALL, COUNT = 4_096, 10_000
ROUNDS = 3
SHARE, TIMES = 0.7, 5.0
"""What was promised: the part of hashing and copying that storing reaches, and how often DVC's time holds ours."""

_BLOCK = 2**20
_DVC = "3.67.1"


def large(path: Path) -> None:
    """Write a gigabyte that nothing can compress."""
    with path.open("wb") as file:
        for _ in range(GIGABYTE // _BLOCK):
            file.write(os.urandom(_BLOCK))


def small(folder: Path) -> None:
    """Write many small files, a thousand in a folder."""
    for number in range(COUNT):
        place = folder / f"{number // 1000}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.bin").write_bytes(os.urandom(SMALL))


def hashed_and_copied(source: Path, target: Path) -> None:
    """Hash a file, copy it, and have the copy on the disk."""
    with source.open("rb") as file:
        hashlib.file_digest(file, "sha256")
    shutil.copyfile(source, target)
    with target.open("rb") as file:
        os.fsync(file.fileno())


def hashed_and_copied_all(source: Path, target: Path) -> None:
    """Hash and copy every file below a folder, none of them on the disk for sure."""
    for path in sorted(source.rglob("*.bin")):
        data = path.read_bytes()
        (target / hashlib.sha256(data).hexdigest()).write_bytes(data)


def seconds(root: Path, source: Path, act: Callable[[Path], object]) -> float:
    """Return the seconds of an act that is given an empty folder: its source is in memory, nothing is left to be written."""
    folder = Path(tempfile.mkdtemp(dir=root))
    for path in [source, *source.rglob("*.bin")]:
        if path.is_file():
            with path.open("rb") as file:
                while file.read(_BLOCK):
                    pass
    os.sync()
    began = time.perf_counter()
    act(folder)
    elapsed = time.perf_counter() - began
    shutil.rmtree(folder)
    return elapsed


def warmed(root: Path, source: Path, act: Callable[[Path], object]) -> float:
    """Return the seconds of an act the second time: a virtual machine is slow to give out memory that it did not use before."""
    seconds(root, source, act)
    return seconds(root, source, act)


def added(dvc: Path, source: Path) -> Callable[[Path], object]:
    """Return the act of giving a folder to DVC: the copy that it needs is not timed."""
    repository = Path(tempfile.mkdtemp(dir=source.parent))
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1"}

    def run(*words: str) -> None:
        subprocess.run([dvc, *words], cwd=repository, check=True, stdout=subprocess.DEVNULL, env=environment)

    run("init", "--no-scm", "--quiet")
    shutil.copytree(source, repository / "data")
    return lambda _: run("add", "data", "--quiet")


def main() -> int:
    """Measure and print; return 1 when a promise was not kept."""
    given = arguments(__doc__ or "").parse_args()
    dvc = program("dvc", _DVC, "dvc")
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent) as place:
        root = Path(place)
        one, many = root / "large.bin", root / "many"
        large(one)
        small(many)
        # They take turns, so that whatever else the machine does weighs on all of them.
        turns = [
            (
                warmed(root, one, lambda folder: FileObjects(folder).put_files([one])),
                warmed(root, one, lambda folder: hashed_and_copied(one, folder / "copy")),
                seconds(root, many, lambda folder: put_tree(FileObjects(folder), many)),
                seconds(root, many, lambda folder: hashed_and_copied_all(many, folder)),
                seconds(root, many, added(dvc, many)) if dvc is not None else 0.0,
            )
            for _ in range(ROUNDS + 1)
        ][1:]  # the first round warms up
        stored, copied, tree, loose, theirs = (statistics.median(column) for column in zip(*turns, strict=True))
        objects = FileObjects(root / "objects")
        digest = put_tree(objects, many)
        back = seconds(root, many, lambda folder: fetch_tree(objects, digest, folder / "back"))
    floor = "hashing and copying"
    figures = [
        Figure(name="storing 1 GB", value=stored, unit="s", floor=copied, floor_name=floor),
        Figure(name="of the speed of hashing and copying", value=copied / stored, unit="", limit=SHARE, at_least=True),
        Figure(
            name=f"storing {COUNT:,} files of 4 KB", value=tree, unit="s", floor=loose, floor_name=f"{floor}, not synced"
        ),
        Figure(
            name=f"fetching {COUNT:,} files of 4 KB", value=back, unit="s", floor=loose, floor_name=f"{floor}, not synced"
        ),
    ]
    if dvc is not None:
        figures.append(Figure(name="DVC's add of them", value=theirs, unit="s", floor=tree, floor_name="trimaran"))
        figures.append(Figure(name="times DVC's speed", value=theirs / tree, unit="", limit=TIMES, at_least=True))
    return report(figures, given.json)


if __name__ == "__main__":
    sys.exit(main())
