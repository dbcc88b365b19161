"""Records of many models: one model a segment, made together, released in waves, the pooled model for all others."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from trimaran.core.nouns.record import Record, Ref

Fate = Literal["own", "no rows", "few rows", "one class", "failed", "refused"]
"""What became of a segment: it has a model of its own, or the reason why the pooled model answers for it."""


class SegmentModel(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One segment in a replication.

    ``rows`` it had to train on and ``tested`` out of time; ``reason`` says in words why it has no model of its own, an error
    of the author's code with the author's own lines. ``measures`` are those of its model, ``pooled`` those of the pooled
    model on the same rows. ``proof`` is the verdict of its gate, ``seconds`` what its training took.
    """

    segment: str
    fate: Fate
    rows: int
    tested: int
    reason: str = ""
    run: str = ""
    version: int | None = None
    model: str | None = None
    proof: Ref | None = None
    measures: dict[str, float] = {}
    pooled: dict[str, float] = {}
    seconds: float = 0.0


class Replication(Record, frozen=True, kw_only=True, tag="replication"):
    """One training of all segments. Subject: product.

    ``column`` says what a segment is, ``fates`` how many segments came to what; ``sheet`` is the object with every
    ``SegmentModel``: its digest stands for all the models at once, in approvals and verdicts. ``together`` is the object with
    how good all answers are, own and pooled, and ``pooled`` the version that
    each model was held against, None where there was none yet; ``data`` the versions of the tables, ``until`` the moment up
    to which rows were used.
    """

    product: str
    number: int
    column: str
    cause: str
    fates: dict[str, int]
    sheet: str
    together: str | None
    pooled: Ref | None
    goal: str
    data: dict[str, int]
    until: datetime
    started: datetime
    ended: datetime
    seconds: float
    workers: int

    @property
    def name(self) -> str:
        """The replication as people write it, like ``r3``."""
        return f"r{self.number}"


class SegmentMove(msgspec.Struct, frozen=True, kw_only=True):
    """One segment's model put into service, on the proof of its own gate."""

    segment: str
    version: int
    model: str
    proof: Ref


class Wave(Record, frozen=True, kw_only=True, tag="wave"):
    """One step of the release of a replication's models, or one taken back. Subject: product.

    Wave ``number`` of ``of`` brings the share of segments with a model of their own that are served by it to ``percent``;
    ``column`` says what a segment is. ``moves`` are the models that it puts into service; ``seats`` is the whole state
    that it leaves behind: which version answers for which segment, the pooled model for all that are not named. ``proof``
    is a passing verdict about the replication (first wave) or about the wave before, none for what is taken back;
    ``approvals`` are used up by the wave that names them.
    """

    product: str
    replication: int
    sheet: str
    column: str
    number: int
    of: int
    percent: float
    stage: Literal["live", "rolled back", "retired"]
    moves: list[SegmentMove]
    seats: dict[str, int]
    reason: str
    proof: Ref | None = None
    approvals: list[Ref] = []
