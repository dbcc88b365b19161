"""The laws of ``Executor``; each takes one that is ready."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count, islice

import polars as pl

from trimaran.core.errors import Fault, InputError, TrimaranError, UserCodeError
from trimaran.core.ports import Executor
from trimaran.testing.laws import holds


def numbered(tasks: Iterator[int]) -> Iterator[tuple[str, int]]:
    """Return tasks with names."""
    return ((f"task {number}", number) for number in tasks)


def results_come_in_the_order_of_the_tasks(executor: Executor) -> None:
    """However long each of them takes."""
    made = executor.map(lambda number: sum(range((20 - number) * 10_000)) * 0 + number, numbered(iter(range(20))))
    holds(list(made) == list(range(20)), "results are in order")
    holds(list(executor.map(lambda number: number, numbered(iter(())))) == [], "no tasks make no results")


def an_act_may_be_closed_over_anything(executor: Executor) -> None:
    """Frames, expressions, functions made in functions."""
    rows, double = pl.DataFrame({"x": [1, 2, 3]}), pl.col("x") * 2

    def times(factor: int) -> pl.DataFrame:
        return rows.select(double * factor)

    first, second = executor.map(times, numbered(iter([1, 10])))
    holds(first.equals(pl.DataFrame({"x": [2, 4, 6]})), "frames come back")
    holds(second["x"].to_list() == [20, 40, 60], "each is made of its own task")


def tasks_are_drawn_as_there_is_room(executor: Executor) -> None:
    """Without an end of tasks there are still first results, and not all tasks are drawn for them."""
    drawn: list[int] = []

    def endless() -> Iterator[int]:
        for number in count():
            drawn.append(number)
            yield number

    made = executor.map(lambda number: -number, numbered(endless()))
    holds(list(islice(made, 5)) == [0, -1, -2, -3, -4], "the first results come before the last task")
    holds(len(drawn) <= 1_000, f"{len(drawn)} tasks were drawn for 5 results")


def a_task_that_fails_is_named(executor: Executor) -> None:
    """Hand on the error, of the same kind, with all it has to say; what came before it stands."""
    errors: list[TrimaranError] = [
        UserCodeError("feature 'gale' cannot be computed"),
        InputError("rows", [Fault(what="column 'wind' is missing"), Fault(what="column 'at' is missing")]),
    ]
    for error in errors:

        def fails(number: int, error: TrimaranError = error) -> int:
            if number == 2:
                raise error
            return number

        made: list[int] = []
        try:
            made.extend(executor.map(fails, numbered(iter(range(5)))))
        except type(error) as caught:
            holds("task 2: " in str(caught), f"the task is named: {caught}")
            holds(str(error).splitlines()[1:] == str(caught).splitlines()[1:], f"nothing is left out: {caught}")
        else:
            holds(condition=False, law="the error arrives")
    holds(made in ([], [0, 1]), f"no result comes after the one that failed: {made}")


def an_error_that_is_not_ours_names_its_task_too(executor: Executor) -> None:
    """Hand on a fault of a library no less."""

    def divides(number: int) -> float:
        return 1 / (number - 1)

    try:
        list(executor.map(divides, numbered(iter(range(3)))))
    except ZeroDivisionError as caught:
        holds("task 1" in str(caught) + str(getattr(caught, "__notes__", "")), f"the task is named: {caught}")
    else:
        holds(condition=False, law="the error arrives")


LAWS: tuple[Callable[[Executor], None], ...] = (
    results_come_in_the_order_of_the_tasks,
    an_act_may_be_closed_over_anything,
    tasks_are_drawn_as_there_is_room,
    a_task_that_fails_is_named,
    an_error_that_is_not_ours_names_its_task_too,
)
