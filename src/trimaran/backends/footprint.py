"""How much memory a process and its children take at most, by psutil."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

import psutil


class PeakMemory:
    """Watches the resident memory of this process and all its children while it is open.

    ``peak`` is the greatest sum seen, in bytes. Pages that processes share are counted in each of them, so the true
    figure is a little lower, never higher.
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
            self.peak = max(self.peak, sum(_resident(process) for process in [me, *me.children(recursive=True)]))
            if self._done.wait(self._every):
                return


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
