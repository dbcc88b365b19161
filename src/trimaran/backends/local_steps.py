"""Steps one after the other, in this process."""

from __future__ import annotations

import signal
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import msgspec

from trimaran.core.durations import format_duration
from trimaran.core.engines import Attempt, Made


class _OutOfTimeError(BaseException):
    """Comes up in a step that takes too long; no ``except Exception`` of the author's keeps it."""


class LocalEngine:
    """An ``Engine`` without other processes: the fastest for many short steps.

    A limit of time ends Python code in the main thread; a library that does not come back for a long time is ended late, and
    a limit of memory is not held, nor does anything survive a step that takes this process down: ``processes`` is for these.
    """

    name = "local"

    def __init__(self) -> None:
        self._waiting: deque[Attempt] = deque()

    def room(self) -> int:
        """Return 1 where nothing waits: a step runs when its end is waited for."""
        return 0 if self._waiting else 1

    def start(self, attempt: Attempt) -> None:
        """Take an attempt."""
        self._waiting.append(attempt)

    def wait(self, patience: float | None = None) -> list[tuple[int, Made]]:  # noqa: ARG002  what waits here ends here
        """Run the attempt that waits and return what came of it."""
        if not self._waiting:
            return []
        attempt = self._waiting.popleft()
        seconds = attempt.timeout.total_seconds() if attempt.timeout is not None else None
        try:
            with _limited(seconds):
                made = attempt.act(attempt.call, attempt.data)
        except _OutOfTimeError:
            made = _late(attempt)
        if "_OutOfTimeError" in made.error:
            made = msgspec.structs.replace(_late(attempt), log=made.log, seconds=made.seconds)
        return [(attempt.number, made)]

    def stop(self, numbers: Sequence[int]) -> None:
        """Give up attempts that wait."""
        self._waiting = deque(one for one in self._waiting if one.number not in numbers)

    def close(self) -> None:
        """Give up what waits."""
        self._waiting.clear()


def _late(attempt: Attempt) -> Made:
    limit = format_duration(attempt.timeout) if attempt.timeout is not None else ""
    return Made(error=f"{attempt.name}: it took longer than the {limit} that it may, and was ended")


@contextmanager
def _limited(seconds: float | None) -> Iterator[None]:
    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise _OutOfTimeError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
