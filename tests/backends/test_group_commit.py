"""Work that shares a commit, and work that must not be harmed by its neighbours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Event

import pytest

from trimaran.backends.group_commit import GroupCommit
from trimaran.core.errors import Unavailable


class Commits:
    """Commits numbers; refuses odd ones politely and raises for negative ones; the first commit waits to be let go."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.go = Event()

    def __call__(self, take: Callable[[], Sequence[int]]) -> list[int | Exception]:
        items = list(take())
        self.groups.append(items)
        self.go.wait(10)
        if min(items) < -100:
            message = "the disk is full"
            raise Unavailable(message)
        if min(items) < 0:
            message = "a bad number"
            raise ArithmeticError(message)
        return [item if item % 2 == 0 else ValueError(str(item)) for item in items]


def submitted(numbers: Sequence[int]) -> tuple[Commits, list[int | str]]:
    commits = Commits()
    group: GroupCommit[int, int] = GroupCommit(commits)
    futures = [group.submit(0)]
    while not commits.groups:
        pass
    futures += [group.submit(number) for number in numbers]
    commits.go.set()
    answers = [str(future.exception(10)) if future.exception(10) else future.result(10) for future in futures]
    return commits, answers[1:]


def test_work_that_waits_shares_the_next_commit_in_order() -> None:
    commits, answers = submitted([2, 4, 6])
    assert commits.groups == [[0], [2, 4, 6]]
    assert answers == [2, 4, 6]


def test_a_refused_item_does_not_fail_the_others() -> None:
    _, answers = submitted([2, 3, 4])
    assert answers == [2, "3", 4]


def test_a_raising_item_is_found_by_trying_one_by_one() -> None:
    commits, answers = submitted([2, -1, 4])
    assert answers == [2, "a bad number", 4]
    assert commits.groups[2:] == [[2], [-1], [4]]


def test_a_store_that_is_unavailable_fails_the_group_at_once() -> None:
    commits, answers = submitted([2, -101, 4])
    assert answers == ["the disk is full"] * 3
    assert len(commits.groups) == 2


def test_a_waiter_cannot_cancel_what_was_submitted() -> None:
    commits = Commits()
    commits.go.set()
    group: GroupCommit[int, int] = GroupCommit(commits)
    future = group.submit(2)
    assert not future.cancel()
    assert future.result(10) == 2


def test_it_works_again_after_an_error() -> None:
    commits = Commits()
    commits.go.set()
    group: GroupCommit[int, int] = GroupCommit(commits)
    with pytest.raises(ArithmeticError):
        group.submit(-1).result(10)
    assert group.submit(2).result(10) == 2
