"""How much memory there is, and how much a process and its children take at most."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

_GROUP = Path("/sys/fs/cgroup")


def free_memory(group: Path = _GROUP) -> int:
    """Return how many bytes may still be taken: what the machine has left, or the control group (a container) if that is less."""
    free = int(psutil.virtual_memory().available)
    try:
        most, taken = ((group / name).read_text(encoding="ascii").strip() for name in ("memory.max", "memory.current"))
    except OSError:
        return free  # no control groups here, or none with a limit of memory
    return free if most == "max" else min(free, max(int(most) - int(taken), 0))


class PeakMemory:
    """Watches the memory of this process and all its children while it is open.

    ``peak`` is the greatest sum seen, in bytes of real memory. A page that several processes share, like the code of a
    library, counts once in all (each has its proportional share of it); where the system does not tell that, it counts in
    each of them, and the true figure is lower.
    """

    def __init__(self, every: float = 2.0) -> None:
        self.peak = 0
        self._every = every
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="peak-memory", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        me = psutil.Process()
        while True:
            self.peak = max(self.peak, sum(_taken(process) for process in [me, *me.children(recursive=True)]))
            if self._done.wait(self._every):
                return


def _taken(process: psutil.Process) -> int:
    try:
        full = process.memory_full_info()
    except psutil.NoSuchProcess:
        return 0
    except psutil.AccessDenied:
        return int(process.memory_info().rss)
    return int(getattr(full, "pss", full.rss))
