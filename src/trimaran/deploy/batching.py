"""Many requests, one batch: what waits while a batch is being scored goes into the next one."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from time import perf_counter

from trimaran.core.errors import Unavailable
from trimaran.deploy.answering import Answer, placed
from trimaran.deploy.dataplane import Batch, Dataplane
from trimaran.deploy.requests import Row

MOST = 64
FRESH = 0.02
"""Seconds between two looks for news."""


class Waiting:
    """The rows of one request, and where their answers go."""

    __slots__ = ("arrived", "future", "rows")

    def __init__(self, rows: Sequence[Row], future: asyncio.Future[list[Answer]]) -> None:
        self.rows = rows
        self.future = future
        self.arrived = perf_counter()


class Batcher:
    """Scores the rows of many handlers in batches of up to ``most``, on one worker thread.

    While a batch is being written to the captures, the next one is scored: the disk and the processor work at the same
    time. A request larger than a batch is a batch of its own. ``saw`` is told of every batch. Use it from one event loop.
    """

    def __init__(self, dataplane: Dataplane, *, most: int = MOST, saw: Callable[[Batch], None] | None = None) -> None:
        self._dataplane = dataplane
        self._most = most
        self._saw = saw
        self._waiting: deque[Waiting] = deque()
        self._scoring = False
        self._worker = ThreadPoolExecutor(1, thread_name_prefix=f"score-{dataplane.product}")

    async def ask(self, rows: Sequence[Row]) -> list[Answer]:
        """Return the answers to rows once they are durable; raises what ``Dataplane.score`` raises."""
        loop = asyncio.get_running_loop()
        waiting = Waiting(rows, loop.create_future())
        self._waiting.append(waiting)
        if not self._scoring:
            self._scoring = True
            # A turn of the loop later, so that requests that came in the same turn share the batch.
            loop.call_soon(self._next, loop)
        return await waiting.future

    async def keep_fresh(self, every: float = FRESH) -> None:
        """Take in new releases and facts between batches, for ever, so that no request has to wait for that."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(every)
            if not self._scoring:
                with contextlib.suppress(Unavailable):
                    await loop.run_in_executor(self._worker, self._dataplane.warm_up)

    def close(self) -> None:
        """Let the batch under way end, and take no more."""
        self._worker.shutdown(wait=True)

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        taken = self._take()
        if not taken:
            self._scoring = False
            return
        scored = self._worker.submit(self._begin, taken)
        scored.add_done_callback(lambda future: loop.call_soon_threadsafe(self._scored, loop, taken, future))

    def _take(self) -> list[Waiting]:
        taken: list[Waiting] = []
        count = 0
        while self._waiting and (not taken or count + len(self._waiting[0].rows) <= self._most):
            waiting = self._waiting.popleft()
            if not waiting.future.done():
                taken.append(waiting)
                count += len(waiting.rows)
        return taken

    def _begin(self, taken: Sequence[Waiting]) -> Batch:
        rows = [row for waiting in taken for row in waiting.rows]
        arrived = [waiting.arrived for waiting in taken for _ in waiting.rows]
        return self._dataplane.begin(rows, arrived=arrived)

    def _scored(self, loop: asyncio.AbstractEventLoop, taken: Sequence[Waiting], scored: Future[Batch]) -> None:
        self._next(loop)
        error = scored.exception()
        if error is not None:
            _fail(taken, error)
            return
        batch = scored.result()
        if self._saw is not None:
            self._saw(batch)
        batch.durable.add_done_callback(lambda _: loop.call_soon_threadsafe(self._durable, taken, batch))

    def _durable(self, taken: Sequence[Waiting], batch: Batch) -> None:
        try:
            answers = iter(self._dataplane.finish(batch))
        except Exception as error:  # noqa: BLE001  a worker loop: the error belongs to the waiting requests
            _fail(taken, error)
            return
        for waiting in taken:
            mine = placed(waiting.rows, [next(answers) for _ in waiting.rows])
            if not waiting.future.done():
                waiting.future.set_result(mine)


def _fail(taken: Sequence[Waiting], error: BaseException) -> None:
    for waiting in taken:
        if not waiting.future.done():
            waiting.future.set_exception(error)
