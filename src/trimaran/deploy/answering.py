"""What one row is answered, and the places of the rows that one request asked to be ranked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from trimaran.core.nouns import Role
from trimaran.core.tasks import Kind
from trimaran.deploy.requests import Row


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What one row is answered, or the error that stands in its place.

    It is a probability and the decision on it, a number, the likeliest class with the ``probabilities`` of all, or a number
    to rank by, with the ``rank`` among the rows of its group that were asked together.
    """

    id: str
    version: int
    role: Role
    score: float | None
    decision: bool | None
    notes: Sequence[str] = ()
    error: str = ""
    kind: Kind = "binary"
    choice: str | None = None
    probabilities: Mapping[str, float] | None = None
    rank: int | None = None


def placed(rows: Sequence[Row], answers: list[Answer]) -> list[Answer]:
    """Return the answers to rows that were asked together with their ranks, where they are of a ranking.

    The best of a group is 1; of equal scores the one that was asked first stands first. What has no score has no rank.
    """
    if not any(answer.kind == "ranking" for answer in answers):
        return answers
    best = sorted(range(len(answers)), key=lambda place: -(answers[place].score or 0.0))
    found, seen = list(answers), dict[str, int]()
    for place in best:
        answer, group = answers[place], rows[place].group
        if answer.kind == "ranking" and answer.score is not None:
            seen[group] = seen.get(group, 0) + 1
            found[place] = msgspec.structs.replace(answer, rank=seen[group])
    return found
