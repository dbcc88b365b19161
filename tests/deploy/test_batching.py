"""Requests that wait together are scored together."""

import asyncio
import threading
from concurrent.futures import Future

import pytest
import shop

from trimaran.core.errors import Unavailable
from trimaran.deploy import Answer, Batcher
from trimaran.deploy.dataplane import Batch
from trimaran.deploy.requests import Row


class Plane:
    """A dataplane seen from the batcher: it holds batches back until it is told."""

    product = "parcels"

    def __init__(self):
        self.batches = []
        self.gate = threading.Event()
        self.gate.set()
        self.durable = []
        self.error = None

    def begin(self, rows, *, arrived):
        self.gate.wait(10)
        if self.error is not None:
            raise self.error
        assert len(arrived) == len(rows)
        self.batches.append([row.id for row in rows])
        self.durable.append(Future())
        return Batch(rows, None, {}, {}, [], self.durable[-1])

    def finish(self, batch):
        batch.durable.result()
        return [Answer(row.id, 1, "live", 0.5, True) for row in batch.rows]


def rows(*ids):
    return [Row(each, shop.NOON, (), ()) for each in ids]


async def until(holds):
    while not holds():  # noqa: ASYNC110  what is waited for happens in another thread, unannounced
        await asyncio.sleep(0)


def run(scenario):
    async def bounded():
        plane = Plane()
        batcher = Batcher(plane, most=4)
        try:
            async with asyncio.timeout(10):
                await scenario(plane, batcher)
        finally:
            plane.gate.set()
            batcher.close()

    asyncio.run(bounded())


def test_what_waits_while_a_batch_is_scored_goes_into_the_next():
    async def scenario(plane, batcher):
        plane.gate.clear()
        asked = [asyncio.ensure_future(batcher.ask(rows("a")))]
        await until(lambda: batcher._worker._work_queue.qsize() == 0 and batcher._scoring and not batcher._waiting)
        asked += [asyncio.ensure_future(batcher.ask(rows(each))) for each in "bcd"]
        await asyncio.sleep(0)
        plane.gate.set()
        await until(lambda: len(plane.durable) == 2)
        for durable in plane.durable:
            durable.set_result(1)
        answers = await asyncio.gather(*asked)
        assert plane.batches == [["a"], ["b", "c", "d"]]
        assert [[each.id for each in mine] for mine in answers] == [["a"], ["b"], ["c"], ["d"]]

    run(scenario)


def test_the_next_batch_is_scored_while_the_first_is_being_written():
    async def scenario(plane, batcher):
        first = asyncio.ensure_future(batcher.ask(rows("a")))
        await until(lambda: len(plane.durable) == 1)
        second = asyncio.ensure_future(batcher.ask(rows("b")))
        await until(lambda: len(plane.durable) == 2)
        assert not first.done()
        plane.durable[1].set_result(1)
        assert [each.id for each in await second] == ["b"]
        plane.durable[0].set_result(1)
        await first

    run(scenario)


def test_a_batch_is_no_larger_than_the_most_and_no_request_is_split():
    async def scenario(plane, batcher):
        asked = [asyncio.ensure_future(batcher.ask(rows(*ids))) for ids in ("abc", "de", "f", "ghijkl", "m")]
        await until(lambda: len(plane.durable) == 4)
        for durable in plane.durable:
            durable.set_result(1)
        await asyncio.gather(*asked)
        assert plane.batches == [["a", "b", "c"], ["d", "e", "f"], list("ghijkl"), ["m"]]

    run(scenario)


def test_nothing_is_answered_before_it_is_durable():
    async def scenario(plane, batcher):
        asked = asyncio.ensure_future(batcher.ask(rows("a")))
        await until(lambda: len(plane.durable) == 1)
        for _ in range(20):
            await asyncio.sleep(0)
        assert not asked.done()
        plane.durable[0].set_exception(Unavailable("the disk is full"))
        with pytest.raises(Unavailable, match="the disk is full"):
            await asked

    run(scenario)


def test_an_error_reaches_everybody_in_the_batch_and_the_next_batch_lives():
    async def scenario(plane, batcher):
        plane.error = Unavailable("nothing live")
        asked = [asyncio.ensure_future(batcher.ask(rows(each))) for each in "ab"]
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert [str(each) for each in found] == ["nothing live"] * 2
        plane.error = None
        asked = asyncio.ensure_future(batcher.ask(rows("c")))
        await until(lambda: len(plane.durable) == 1)
        plane.durable[0].set_result(1)
        assert (await asked)[0].id == "c"

    run(scenario)


def test_a_caller_who_left_is_not_scored():
    async def scenario(plane, batcher):
        plane.gate.clear()
        first = asyncio.ensure_future(batcher.ask(rows("a")))
        await until(lambda: batcher._scoring and not batcher._waiting)
        gone = asyncio.ensure_future(batcher.ask(rows("b")))
        await asyncio.sleep(0)
        gone.cancel()
        last = asyncio.ensure_future(batcher.ask(rows("c")))
        await asyncio.sleep(0)
        plane.gate.set()
        await until(lambda: len(plane.durable) == 2)
        for durable in plane.durable:
            durable.set_result(1)
        await asyncio.gather(first, last)
        assert plane.batches == [["a"], ["c"]]

    run(scenario)
