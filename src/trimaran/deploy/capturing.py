"""Every prediction once and durable: what was captured before, what is on its way, and who came first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, runtime_checkable

from trimaran.core.nouns import Prediction
from trimaran.core.ports import CaptureStore


@runtime_checkable
class Submits(Protocol):
    """A capture store that can be handed predictions without waiting for the disk."""

    def submit(self, predictions: Sequence[Prediction]) -> Future[int]:
        """Return the future of how many predictions were new, done once they are durable."""
        ...


class Capturing:
    """The captures of one product, for batches that are scored while the one before them is still being written."""

    def __init__(self, product: str, captures: CaptureStore) -> None:
        self._product = product
        self._captures = captures
        self._under_way: dict[tuple[str, int], Prediction] = {}
        self._submits: Submits = captures if isinstance(captures, Submits) else _InThread(captures)

    def known(self, ids: Collection[str]) -> tuple[dict[tuple[str, int], Prediction], list[Prediction]]:
        """Return what was predicted of some ids before, by (id, version), and which of it is not durable yet.

        Who answers with one that is not durable must submit it again: its own batch may fail.
        """
        # In this order: what leaves the way in between is found in the store.
        waiting = {key: each for key, each in list(self._under_way.items()) if key[0] in ids}
        found = self._captures.answers(self._product, list(ids))
        return {**waiting, **found}, [each for key, each in waiting.items() if key not in found]

    def submit(self, predictions: Sequence[Prediction]) -> Future[int]:
        """Return the future of how many predictions were new; it is done once they are durable."""
        if not predictions:
            done: Future[int] = Future()
            done.set_result(0)
            return done
        self._under_way.update({(each.id, each.version): each for each in predictions})
        durable = self._submits.submit(predictions)
        durable.add_done_callback(lambda _: self._landed(predictions))
        return durable

    def overtaken(self, predictions: Sequence[Prediction], new: int) -> dict[tuple[str, int], Prediction]:
        """Return the predictions that another process captured first: theirs is the answer."""
        if new == len(predictions):
            return {}
        return self._captures.answers(self._product, list({each.id for each in predictions}))

    def _landed(self, predictions: Sequence[Prediction]) -> None:
        for each in predictions:
            self._under_way.pop((each.id, each.version), None)


class _InThread:
    """Hands predictions to a store that can only wait, in a thread that waits for it."""

    def __init__(self, captures: CaptureStore) -> None:
        self._captures = captures
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="captures")

    def submit(self, predictions: Sequence[Prediction]) -> Future[int]:
        """Return the future of how many predictions were new."""
        return self._thread.submit(self._captures.record, predictions)
