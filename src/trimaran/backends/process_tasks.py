"""Tasks done in processes of this machine, several at once: one that dies takes only its own task with it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from typing import Any, TypeVar

import cloudpickle
from joblib.externals.loky import cpu_count, get_reusable_executor

from trimaran.backends.local_tasks import attempted
from trimaran.core.errors import Lost, TrimaranError

Task = TypeVar("Task")
Made = TypeVar("Made")

_AGAIN = 1
"""A task whose process died is run again so many times, alone: its neighbour may have been the cause."""

_IDLE = 60
"""Seconds after which a process that has nothing to do ends."""


class ProcessExecutor:
    """An ``Executor`` with so many processes, started fresh and kept while there is work (joblib's loky).

    Acts and tasks travel pickled by value, functions of a product's own module among them. A process that is killed, by the
    kernel for its memory or by itself, fails its task with ``Lost`` and no other.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def map(self, act: Callable[[Task], Made], tasks: Iterable[tuple[str, Task]]) -> Iterator[Made]:
        """Yield what an act makes of named tasks, in their order; raises ``Lost`` for one that kills its process."""
        shared = cloudpickle.dumps(act)
        waiting: deque[tuple[str, bytes, Future[Any]]] = deque()
        for name, task in tasks:
            given = cloudpickle.dumps(task)
            waiting.append((name, given, self._submit(shared, name, given)))
            if len(waiting) >= 2 * self.workers:
                yield self._made(shared, *waiting.popleft())
        while waiting:
            yield self._made(shared, *waiting.popleft())

    def _submit(self, shared: bytes, name: str, task: bytes) -> Future[Any]:
        pool: Any = get_reusable_executor(max_workers=self.workers, timeout=_IDLE)
        promised: Future[Any] = pool.submit(_run, shared, name, task)
        return promised

    def _made(self, shared: bytes, name: str, task: bytes, promised: Future[Any]) -> Any:
        for again in range(_AGAIN + 1):
            try:
                made = cloudpickle.loads(promised.result())
            except BrokenProcessPool as error:
                if again == _AGAIN:
                    message = f"{name}: its process was killed {_AGAIN + 1} times, by itself or for its memory; give it more, or mend it"
                    raise Lost(message) from error
                promised = self._submit(shared, name, task)
            else:
                if isinstance(made, Exception):
                    raise made
                return made
        raise AssertionError(name)


def end_idle() -> None:
    """End the processes that are kept for further tasks of this one, with the memory they hold; the next task starts others."""
    pool: Any = get_reusable_executor(reuse=True, timeout=_IDLE)
    pool.shutdown(wait=True)


def cores() -> int:
    """Return how many cores this process may use, by affinity and by the limits of its container."""
    return int(cpu_count())


def _run(shared: bytes, name: str, task: bytes) -> bytes:
    # Errors come back as values: loky would put its own traceback in place of their notes.
    try:
        made: Any = attempted(_loaded(shared), name, cloudpickle.loads(task))
    except TrimaranError as error:
        made = error
    except Exception as error:  # noqa: BLE001  whatever a task raises is its caller's
        made = error
    return bytes(cloudpickle.dumps(made))


@lru_cache(maxsize=2)
def _loaded(shared: bytes) -> Callable[[Any], Any]:
    act: Callable[[Any], Any] = cloudpickle.loads(shared)
    return act
