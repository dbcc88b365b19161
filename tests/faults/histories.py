"""Whether a history of concurrent clients could have happened one operation at a time: linearizability, checked.

The object is a subject of the ledger: a register whose value is the newest key, written with or without compare-and-set,
where a key written again changes nothing. The search is Wing and Gong's (1993) with Lowe's memory of what was tried (2017):
an operation may come next when none that is left ended before it began. One without an answer, since its client was
killed, may have happened at any moment until the client was dead, or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

REGARDLESS = "regardless"
"""What an append expects that is not compared with anything."""

State = tuple[str | None, frozenset[str]]


@dataclass(frozen=True)
class Operation:
    """A read, or an append of a key, by one client, between two moments of the clock that all processes share.

    ``expects`` is the newest key an append was based on (None: no entry). ``answer`` of a read is the newest key; of an
    append it is "written" or "conflict"; ``known`` is false when no answer came.
    """

    client: str
    kind: str
    began: float
    ended: float
    key: str | None = None
    expects: str | None = REGARDLESS
    answer: str | None = None
    known: bool = True


def settled(history: Sequence[Operation], keys: Sequence[str]) -> list[Operation]:
    """Return a history without the operations that had no answer and left no key in the ledger: they never happened.

    One that left its key may have happened after its client was dead: a server can be slow to hear of it.
    """
    return [
        each if each.known else replace(each, ended=float("inf"))
        for each in history
        if each.known or (each.kind == "append" and each.key in keys)
    ]


def linearizable(history: Sequence[Operation]) -> bool:
    """Tell whether some order of the operations, one at a time and true to their moments, explains every answer."""
    operations = sorted(history, key=lambda each: each.began)
    everything = (1 << len(operations)) - 1
    start: tuple[int, State] = (0, (None, frozenset()))
    seen, left = {start}, [start]
    while left:
        done, state = left.pop()
        if done == everything:
            return True
        for number in _next(operations, done):
            for after in _outcomes(operations[number], state):
                step = (done | 1 << number, after)
                if step not in seen:
                    seen.add(step)
                    left.append(step)
    return False


def _next(operations: Sequence[Operation], done: int) -> Iterator[int]:
    first = (~done & (done + 1)).bit_length() - 1
    first_end, open_ = float("inf"), []
    for number in range(first, len(operations)):
        if done >> number & 1:
            continue
        if operations[number].began > first_end:
            break
        first_end = min(first_end, operations[number].ended)
        open_.append(number)
    return (number for number in reversed(open_) if operations[number].began <= first_end)


def _outcomes(operation: Operation, state: State) -> Iterator[State]:
    newest, used = state
    if operation.kind == "read":
        if not operation.known or operation.answer == newest:
            yield state
        return
    if not operation.known:
        yield state  # it never happened
    if operation.key in used:
        if operation.known and operation.answer == "written":
            yield state
    elif operation.expects not in (REGARDLESS, newest):
        if operation.known and operation.answer == "conflict":
            yield state
    elif not operation.known or operation.answer == "written":
        yield (operation.key, used | {operation.key})
