"""One definition, one model a segment: the same trainer and the same policy, failures kept apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import polars as pl

from trimaran.build.evaluation import Rival
from trimaran.build.training import Candidate, Job, Trainer
from trimaran.build.training_set import Snapshot
from trimaran.core.errors import Fault, FaultyError, InputError, Refused, UserCodeError
from trimaran.data.declaration import Definition

MINIMUM_ROWS = 200
"""Rows that a segment needs in the tables before a model of its own is tried."""


@dataclass(frozen=True)
class Segment:
    """What became of one segment: its candidate, or the reason why it has none."""

    value: str
    candidate: Candidate | None
    reason: str = ""


def segment_values(definition: Definition, snapshot: Snapshot) -> list[tuple[str, int]]:
    """Return the segments of a product with their number of rows, the largest first.

    Raises ``InputError`` for a product that declares none.
    """
    if definition.segments is None:
        remedy = "declare them: product.replicate(by='origin')"
        raise InputError("segments", [Fault(what=f"product {definition.name!r} has no segments", remedy=remedy)])
    column = snapshot.frames[definition.asked][definition.segments].drop_nulls().cast(pl.String)
    counts = [(str(value), int(count)) for value, count in column.value_counts().iter_rows()]
    return sorted(counts, key=lambda item: (-item[1], item[0]))


def replicate(
    trainer: Trainer,
    definition: Definition,
    snapshot: Snapshot,
    job: Job,
    *,
    live: Callable[[str], Rival | None] = lambda value: None,  # noqa: ARG005  a product without live segments
    values: Sequence[str] | None = None,
) -> list[Segment]:
    """Train one model a segment, the largest first; a segment that cannot be trained says why and the others go on.

    ``live`` gives a segment's live version; ``values`` are the segments to train, all by default. The job's key serves
    each segment: every one is its own line of runs and versions.
    """
    found = []
    for value, rows in segment_values(definition, snapshot):
        if values is not None and value not in values:
            continue
        if rows < MINIMUM_ROWS:
            found.append(Segment(value, None, f"{value} has {rows} rows, {MINIMUM_ROWS} are needed for a model of its own"))
            continue
        try:
            candidate = trainer.train(definition, snapshot, replace(job, segment=value), live=live(value))
        except (InputError, UserCodeError, Refused) as error:
            reason = "; ".join(map(str, error.faults)) if isinstance(error, FaultyError) else str(error)
            found.append(Segment(value, None, reason))
        else:
            found.append(Segment(value, candidate))
    return found
