"""Tasks done on a Ray cluster, several at once, on whatever node has room."""

from __future__ import annotations

import logging
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import ray
from ray.exceptions import RayError, RayTaskError

from trimaran.backends.local_tasks import attempted
from trimaran.core.config import silence_ray
from trimaran.core.errors import Lost, TrimaranError, Unavailable

Task = TypeVar("Task")
Made = TypeVar("Made")

_AGAIN = 3
"""A task whose worker or node was lost is run again so many times: one that kills every worker must end."""

_PATIENCE = 10.0
"""Seconds that a cluster may take to answer."""

_EACH = {"env_vars": {"POLARS_MAX_THREADS": "1"}}
"""Ray runs a task on each core of a node."""


class RayExecutor:
    """An ``Executor`` on a Ray cluster, which is joined when the first tasks come.

    ``address`` is ``host:port``, ``auto`` for the cluster this machine belongs to, or ``local`` for one of its own. A program
    that has joined a cluster already stays there. Tasks and what is made of them travel through Ray's object store, so that
    nodes need no file system in common; they need the same versions of Python and trimaran. Twice as many tasks as the
    cluster has cores are under way at once.
    """

    def __init__(self, address: str = "auto") -> None:
        self.address = address

    def map(self, act: Callable[[Task], Made], tasks: Iterable[tuple[str, Task]]) -> Iterator[Made]:
        """Yield what an act makes of named tasks, in their order; raises ``Unavailable`` without a cluster, ``Lost`` for one that its workers do not survive."""
        join(self.address)
        run: Any = ray.remote(max_retries=_AGAIN)(_run)
        shared = ray.put(act)
        waiting: deque[tuple[str, Any]] = deque()
        for name, task in tasks:
            waiting.append((name, run.remote(shared, name, ray.put(task))))
            if len(waiting) >= 2 * cores():
                yield _made(*waiting.popleft())
        while waiting:
            yield _made(*waiting.popleft())


def join(address: str) -> None:
    """Join a cluster, where this program is in none yet; raises ``Unavailable`` when it does not answer."""
    if ray.is_initialized():
        return
    silence_ray()
    try:
        _knock(address)
        ray.init(address=address, runtime_env=_EACH, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, RayError, ValueError) as error:
        message = (
            f"the Ray cluster at {address!r} does not answer ({error}): start it with `ray start --head`, or correct the "
            "address (computing.address in trimaran.toml, --engine ray://host:port)"
        )
        raise Unavailable(message) from error


def _knock(address: str) -> None:
    """Raise ``OSError`` where nobody listens at host:port: Ray itself would wait for minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=_PATIENCE).close()


def cores() -> int:
    """Return how many cores the cluster has, 1 at least."""
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return max(int(resources.get("CPU", 1)), 1)


def _run(act: Callable[[Task], Made], name: str, task: Task) -> Made | TrimaranError:
    # An error of ours comes back as a value: Ray would put its own traceback in place of the text.
    try:
        return attempted(act, name, task)
    except TrimaranError as error:
        return error


def _made(name: str, promised: Any) -> Any:
    try:
        made = ray.get(promised)
    except RayTaskError:
        raise
    except RayError as error:
        message = f"{name}: its workers were lost {_AGAIN + 1} times ({type(error).__name__}): give them more memory"
        raise Lost(message) from error
    if isinstance(made, TrimaranError):
        raise made
    return made
