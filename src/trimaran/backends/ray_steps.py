"""Steps on a Ray cluster, each in a process of its own on whatever node has room."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import msgspec
import ray
from ray.exceptions import GetTimeoutError, RayError, TaskCancelledError

from trimaran.backends.packing_steps import packed
from trimaran.backends.process_steps import ProcessEngine
from trimaran.backends.ray_tasks import cores, join
from trimaran.core.engines import Attempt, Made
from trimaran.core.steps import told

_AHEAD = 2
"""Attempts under way for each core: one runs, one waits there."""


class RayEngine:
    """An ``Engine`` on a Ray cluster, which is joined when the first step comes.

    ``address`` is as for ``RayExecutor``. Values travel through Ray's object store, each once, and the project's code with the
    step, so that nodes need no file system in common; they need the same Python, trimaran and packages. On its node a step runs
    in a process of its own (see ``ProcessEngine``): what takes that down, or goes beyond its limits, is an error of the step,
    while a lost node is none, and the step is run elsewhere.
    """

    name = "ray"

    def __init__(self, address: str = "auto") -> None:
        self.address = address
        self._under_way: dict[Any, int] = {}
        self._kept: dict[str, Any] = {}
        self._ended: list[tuple[int, Made]] = []
        self._cores: int | None = None

    def room(self) -> int:
        """Return how many more attempts may be started now."""
        if self._cores is None:
            join(self.address)
            self._cores = cores()
        return _AHEAD * self._cores - len(self._under_way)

    def start(self, attempt: Attempt) -> None:
        """Send an attempt to the cluster."""
        join(self.address)
        try:
            sent = packed(_without_data(attempt), attempt.modules)
        except Exception as error:  # noqa: BLE001  whatever the project's objects do when they are packed
            self._ended.append((attempt.number, Made(error=f"{attempt.name}: it cannot be sent to a cluster: {error}")))
            return
        data = {digest: self._put(digest, one) for digest, one in attempt.data.items()}
        run: Any = ray.remote(max_retries=0)(_run)
        self._under_way[run.remote(sent, data)] = attempt.number

    def wait(self, patience: float | None = None) -> list[tuple[int, Made]]:
        """Return what came of attempts that ended, at least one of those under way; none after ``patience`` seconds."""
        if not self._ended and self._under_way:
            ready, _ = ray.wait(list(self._under_way), num_returns=1, timeout=patience)
            if ready:
                more, _ = ray.wait(list(self._under_way), num_returns=len(self._under_way), timeout=0)
                self._ended += [(self._under_way.pop(one), _made(one)) for one in {*ready, *more}]
        self._cores = None if self._ended else self._cores
        ended, self._ended = self._ended, []
        return ended

    def stop(self, numbers: Sequence[int]) -> None:
        """Cancel some attempts, and kill their processes."""
        for promised in [one for one, number in self._under_way.items() if number in numbers]:
            ray.cancel(promised, force=True)
            del self._under_way[promised]

    def close(self) -> None:
        """Cancel what is under way and let go of the values; the cluster stays as it was."""
        self.stop(list(self._under_way.values()))
        self._kept.clear()

    def _put(self, digest: str, data: bytes) -> Any:
        if digest not in self._kept:
            self._kept[digest] = ray.put(data)
        return self._kept[digest]


def _without_data(attempt: Attempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "name": attempt.name,
        "act": attempt.act,
        "call": attempt.call,
        "timeout": attempt.timeout,
        "memory": attempt.memory,
    }


@cache
def _inside() -> ProcessEngine:
    """Return the process beside this worker of Ray that its steps run in."""
    return ProcessEngine(1)


def _run(sent: bytes, data: Mapping[str, Any]) -> bytes:
    node = ray.get_runtime_context().get_node_id()[:8]
    try:
        said = pickle.loads(sent)  # noqa: S301  from the program that joined the cluster
    except Exception as error:  # noqa: BLE001  whatever importing does here
        return msgspec.msgpack.encode(Made(error=told("the step", error)))
    whole = Attempt(**said, data=dict(zip(data, ray.get(list(data.values())), strict=True)))
    engine = _inside()
    engine.start(whole)
    ((_, made),) = engine.wait()
    return msgspec.msgpack.encode(msgspec.structs.replace(made, place=f"{made.place or os.uname().nodename}, node {node}"))


def _made(promised: Any) -> Made:
    try:
        return msgspec.msgpack.decode(ray.get(promised), type=Made)
    except TaskCancelledError:
        return Made(error="it was cancelled")
    except (RayError, GetTimeoutError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        return Made(error=f"its node or worker was lost ({type(error).__name__}: {first})", lost=True)
