"""While the disk fails or is full nothing is acknowledged and the error is clear; when it ends all is well within 5 s."""

import os
import random
import subprocess

import pytest
from runs import LONG, SEED

KINDS = {"fsync fails": ("sync", "EIO"), "writes fail": ("write", "EIO"), "no space": ("write", "ENOSPC")}
KINDS |= {"no new files": ("make", "ENOSPC")}
FIRSTS = (1, 2, 3, 5, 8, 13, 21, 34) if LONG else (1, 4)
SECONDS, HEALTHY = 0.15, 5.0


@pytest.mark.parametrize("kind", KINDS)
def test_a_failing_disk_is_told_and_forgotten(watched, counting, work, kind):
    calls, error = KINDS[kind]
    dice = random.Random(f"{SEED} {work} {kind}")
    hits = 0
    with counting(f"{kind}: {work}") as count:
        for first in FIRSTS:
            told = watched("errors", work, calls, error, first + dice.randint(0, 2), SECONDS)
            count.add(f"from call {first}", told)
            count.faults += [f"acknowledged in spite of an error: {what}" for what in told["despite"]]
            if told["healthy"] > HEALTHY:
                count.faults.append(f"well only {told['healthy']:.1f} s after the fault")
            hits += told["refusals"]
    assert hits or kind == "no new files"


@pytest.fixture
def small_disk(tmp_path):
    """A real disk of 24 MB in memory."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(tmp_path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("FULL DISK NOT TRIED: mounting a small disk needs root")
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


def test_a_full_disk_is_told_and_forgotten(zygote, counting, work, small_disk):
    free = lambda: os.statvfs(small_disk).f_bavail * 4096  # noqa: E731
    with counting(f"disk full: {work}") as count:
        for left in (0, 1, 2, 5, 9, 14, 20, 40, 80, 300) if LONG else (0, 3, 20):
            told = zygote("full", work, str(small_disk / f"{left}"), left * 4096)
            count.add(f"{left} pages left", told)
            if told["healthy"] > HEALTHY:
                count.faults.append(f"well only {told['healthy']:.1f} s after the disk had room again")
            subprocess.run(["rm", "-r", str(small_disk / f"{left}")], check=True)
            assert free() > 20 << 20
