"""The faults' common ground: the warm process that does works, the size of a run, and the table of what was lost."""

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import msgspec
import pytest

sys.path.append(str(Path(__file__).parent))  # these tests are no package

import tracing
from runs import SEED
from works import WORKS


def pytest_generate_tests(metafunc):
    if "work" in metafunc.fixturenames:
        metafunc.parametrize("work", list(WORKS))


class Zygote:
    """Asks the warm process for one job after the other; raises what went wrong in it."""

    def __init__(self):
        few = {"OPENBLAS_NUM_THREADS": "1", "POLARS_MAX_THREADS": "2"}
        command = [sys.executable, str(Path(__file__).with_name("zygote.py"))]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | few
        )
        self.alive = self.process.stdout.readline() != ""

    def __call__(self, job, *given):
        self.process.stdin.write(msgspec.json.encode([job, *given]).decode() + "\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        assert line, f"the warm process ended with {self.process.wait()}"
        answer = msgspec.json.decode(line)
        assert "error" not in answer, answer["error"]
        return answer["answer"]


@pytest.fixture(scope="session")
def zygote():
    warm = Zygote()
    if warm.alive:
        yield warm
    warm.process.stdin.close()
    warm.process.stdout.close()
    assert warm.process.wait(30) == 0


@pytest.fixture
def watched(zygote):
    """The warm process, where it can watch others at their system calls."""
    if not tracing.HERE:
        pytest.skip("FAULTS NOT INJECTED: a process can be watched at its system calls on Linux on x86-64 only")
    return zygote


@dataclass
class Count:
    """One line of the table: what was injected, how often, and what it cost."""

    fault: str
    seed: int
    injected: int = 0
    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    dangling: int = 0
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)

    def add(self, where, told):
        """Count what one injection cost."""
        self.injected += told.get("kills", 1)
        self.acknowledged += told["acknowledged"]
        for name in ("lost", "doubled", "dangling"):
            setattr(self, name, getattr(self, name) + len(told[name]))
        found = [f"{name}: {what}" for name in ("lost", "doubled", "dangling") for what in told[name]]
        self.faults += [
            f"{where}: {what}" for what in [*found, *(f"no clear error: {told}" for told in told.get("broken", ()))]
        ]


@pytest.fixture
def counting(request):
    """Open a line of the table, and fail at its end when anything was lost, with the first faults and the seed."""

    @contextmanager
    def opened(fault):
        count, start = Count(fault, SEED), time.monotonic()
        try:
            yield count
        finally:
            count.seconds = time.monotonic() - start
            request.node.user_properties.append(("fault", {**asdict(count), "faults": len(count.faults)}))
        told = "\n".join(count.faults[:5])
        assert not count.faults, f"seed {SEED}: {len(count.faults)} faults in {count.injected} injections\n{told}"

    return opened
