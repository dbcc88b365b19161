"""Many callers, one transaction: work that arrives while a commit is under way shares the next one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Generic, TypeVar

from trimaran.core.errors import Unavailable

Item = TypeVar("Item")
Result = TypeVar("Result")

GROUP_LIMIT = 512


class GroupCommit(Generic[Item, Result]):
    """Collects the items of any number of threads and commits them together, in order of arrival, on one thread.

    ``commit`` is called with a function that takes the waiting items, so that it can take them as late as possible (once
    it holds the write lock) and thereby the most of them; it returns, in order, a result or an error for each. When it
    raises, nothing of the group stands, and the items are tried again one by one, so that only the faulty one fails.
    The thread ends with the last reference to this object; what is submitted while the interpreter ends is committed by the
    caller's own thread.

    >>> def commit(take):
    ...     return [len(item) for item in take()]
    >>> GroupCommit(commit).submit("four").result()
    4
    """

    def __init__(self, commit: Callable[[Callable[[], Sequence[Item]]], Sequence[Result | Exception]]) -> None:
        self._commit = commit
        self._waiting: deque[tuple[Item, Future[Result]]] = deque()
        self._running = False
        self._lock = Lock()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="group-commit")

    def submit(self, item: Item) -> Future[Result]:
        """Return the future of one item; it is done once the group that holds the item is durable."""
        future: Future[Result] = Future()
        future.set_running_or_notify_cancel()  # a waiter that gives up must not undo a commit under way
        with self._lock:
            self._waiting.append((item, future))
            if self._running:
                return future
            self._running = True
        try:
            self._thread.submit(self._drain)
        except RuntimeError:  # the interpreter is ending and starts no more work on threads: it is done here
            self._drain()
        return future

    def close(self) -> None:
        """Return once all that was submitted is committed; the thread ends, and later items are their callers' own work."""
        self._thread.shutdown()

    def _drain(self) -> None:
        while self._more():
            taken: list[tuple[Item, Future[Result]]] = []
            try:
                results = self._commit(lambda taken=taken: self._take(taken))  # type: ignore[misc]  # default binds the loop's list
            except Unavailable as error:
                self._take(taken)
                for _, future in taken:
                    future.set_exception(error)
            except Exception as error:  # noqa: BLE001 - a worker loop: the error belongs to the callers
                self._take(taken)
                self._one_by_one(taken, error)
            else:
                for (_, future), result in zip(taken, results, strict=True):
                    _settle(future, result)

    def _more(self) -> bool:
        with self._lock:
            self._running = bool(self._waiting)
            return self._running

    def _take(self, taken: list[tuple[Item, Future[Result]]]) -> Sequence[Item]:
        while self._waiting and len(taken) < GROUP_LIMIT:
            taken.append(self._waiting.popleft())
        return [item for item, _ in taken]

    def _one_by_one(self, taken: list[tuple[Item, Future[Result]]], error: Exception) -> None:
        if len(taken) == 1:
            taken[0][1].set_exception(error)
            return
        for item, future in taken:
            try:
                (result,) = self._commit(lambda item=item: [item])  # type: ignore[misc]  # default binds the loop's item
            except Exception as fault:  # noqa: BLE001 - a worker loop: the error belongs to the caller
                future.set_exception(fault)
            else:
                _settle(future, result)


def _settle(future: Future[Result], result: Result | Exception) -> None:
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
