"""Tasks done one after the other, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from trimaran.core.errors import TrimaranError, within

Task = TypeVar("Task")
Made = TypeVar("Made")


class LocalExecutor:
    """An ``Executor`` that holds one task at a time; what a task does may still use all cores.

    >>> list(LocalExecutor().map(lambda number: number + 1, [("first", 1), ("second", 2)]))
    [2, 3]
    """

    def map(self, act: Callable[[Task], Made], tasks: Iterable[tuple[str, Task]]) -> Iterator[Made]:
        """Yield what an act makes of named tasks, in their order."""
        for name, task in tasks:
            yield attempted(act, name, task)


def attempted(act: Callable[[Task], Made], name: str, task: Task) -> Made:
    """Return what an act makes of a task; raises what it raises, with the task's name in it."""
    try:
        return act(task)
    except TrimaranError as error:
        raise within(name, error) from error
    except Exception as error:
        error.add_note(f"in {name}")
        raise
