"""The ports of work: who does tasks, and who shows how far they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

Task = TypeVar("Task")
Made = TypeVar("Made")


class Executor(Protocol):
    """Where work is done that falls into tasks.

    Law: ``map`` yields what ``act`` makes of each task, in the order of the tasks. Tasks are drawn as there is room for
    them and given up once they are done, so that any number pass in bounded memory. ``act`` is pure: a task whose worker was
    lost is run again on another. A task that fails ends the map with an error of the same kind that names the task.
    """

    def map(self, act: Callable[[Task], Made], tasks: Iterable[tuple[str, Task]]) -> Iterator[Made]:
        """Yield what an act makes of named tasks."""
        ...


class Progress(Protocol):
    """Shows how far a long act is; the numbers it is given are the truth."""

    def start(self, task: str, total: int) -> None: ...

    def advance(self, task: str, done: int = 1, note: str = "") -> None: ...

    def finish(self, task: str) -> None: ...
