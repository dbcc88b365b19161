"""Divides one training set over its segments: which rows are whose, and who has too few for a model of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from trimaran.build.segment_fitting import Share, in_words
from trimaran.build.training_set import Rows, Snapshot, TrainingSet, TrainingSets
from trimaran.core.errors import Fault, FaultyError, InputError, UserCodeError
from trimaran.core.nouns import SegmentModel
from trimaran.core.nouns.segments import Fate
from trimaran.data.declaration import Definition, Replicating

Floats = npt.NDArray[np.float64]
Own = Callable[[Rows], tuple[Definition, str] | None]
"""Suggests the features of one segment from its rows to train on: the definition that has them, and their text."""

_ROW, _SEGMENT = "__row", "__segment"


@dataclass(frozen=True)
class Place:
    """Where the rows of a segment begin and end, among those to train on and those to test on."""

    train: tuple[int, int]
    test: tuple[int, int]

    @property
    def rows(self) -> int:
        """How many rows there are to train on."""
        return self.train[1] - self.train[0]

    @property
    def tested(self) -> int:
        """How many rows there are to test on."""
        return self.test[1] - self.test[0]


@dataclass(frozen=True)
class Divided:
    """A training set in order of its segments, so that each one's rows lie together; ``places``: those with the most rows first."""

    definition: Definition
    snapshot: Snapshot
    train: Rows
    test: Rows
    pooled: Floats | None
    places: Mapping[str, Place]

    def without(self) -> Iterator[SegmentModel]:
        """Yield the segments that cannot have a model of their own, with the reason in words."""
        for segment, place in self.places.items():
            fate, reason = self._lacking(place, policy_of(self.definition))
            if fate != "own":
                reason = f"{segment} {reason}"
                yield SegmentModel(segment=segment, fate=fate, rows=place.rows, tested=place.tested, reason=reason)

    def share(self, segment: str, own: Own | None, sets: TrainingSets) -> Share:
        """Return the rows of a segment, with features of its own where ``own`` suggests any; a suggestion that fails says why."""
        place = self.places[segment]
        train, test = self.train.part(*place.train), self.test.part(*place.test)
        pooled = self.pooled[slice(*place.test)] if self.pooled is not None else None
        # The rows of a segment, and all history: a window by another column reaches beyond the segment.
        try:
            suggested = own(train) if own is not None else None
            if suggested is None:
                return Share(segment, _lean(train, self.definition), _lean(test, self.definition), pooled)
            definition, text = suggested
            train, test = (
                replace(_lean(rows, definition), features=sets.features(definition, self.snapshot, rows.asked))
                for rows in (train, test)
            )
        except (FaultyError, UserCodeError) as error:  # the author's, or the rows'; a store that is away is nobody's fault
            said = f"its own features could not be suggested: {in_words(error)}"
            return Share(segment, train.part(0, 0), test.part(0, 0), error=said)
        return Share(segment, train, test, pooled, text)

    def test_rows(self, segment: str) -> Rows:
        """Return the rows that a segment is tested on."""
        return self.test.part(*self.places[segment].test)

    def _lacking(self, place: Place, policy: Replicating) -> tuple[Fate, str]:
        rows, tested = place.rows, place.tested
        if not rows:
            return "no rows", f"has no row to train on, and {tested} to test on"
        if rows < policy.minimum or tested < policy.tested:
            needed = f"{policy.minimum} and {policy.tested} are needed for a model of its own"
            return "few rows", f"has {rows} rows to train on and {tested} to test on, {needed}"
        labelled = (
            ("to train on", self.train.labels[slice(*place.train)]),
            ("to test on", self.test.labels[slice(*place.test)]),
        )
        for words, labels in labelled:
            lacking = self.definition.task.lacking(labels)
            if lacking:
                return "one class", f"has {len(labels)} rows {words} with {lacking}"
        return "own", ""


def divide_segments(
    definition: Definition, snapshot: Snapshot, training_set: TrainingSet, values: Sequence[str] | None = None
) -> Divided:
    """Divide a training set over the values that the segment column has in the asked table, or those of ``values``.

    Rows without a value are nobody's: they stand last.
    """
    column = policy_of(definition).by
    (train, train_places), (test, test_places) = (_sorted(rows, column) for rows in (training_set.train, training_set.test))
    known = snapshot.frames[definition.asked][column].drop_nulls().cast(pl.String).unique().to_list()
    found = {
        segment: Place(train_places.get(segment, (0, 0)), test_places.get(segment, (0, 0)))
        for segment in known
        if values is None or segment in values
    }
    places = dict(sorted(found.items(), key=lambda item: (-item[1].rows, -item[1].tested, item[0])))
    return Divided(definition, snapshot, train, test, None, places)


def policy_of(definition: Definition) -> Replicating:
    """Return how a product is replicated; raises ``InputError`` for one that is not."""
    if definition.replication is None:
        remedy = "declare them: product.replicate(by='origin')"
        raise InputError("segments", [Fault(what=f"product {definition.name!r} has no segments", remedy=remedy)])
    return definition.replication


def _lean(rows: Rows, definition: Definition) -> Rows:
    """Return rows without the columns that no caller sends: they travel to other processes."""
    return replace(rows, asked=rows.asked.select(definition.given.names()))


def _sorted(rows: Rows, column: str) -> tuple[Rows, dict[str, tuple[int, int]]]:
    """Return rows in order of their segments, otherwise as they stood, and where each segment's begin and end."""
    named = pl.DataFrame({_SEGMENT: rows.asked[column].cast(pl.String)}).with_row_index(_ROW)
    ordered = named.sort(_SEGMENT, _ROW, nulls_last=True)
    lengths = ordered[_SEGMENT].drop_nulls().rle().struct.unnest()
    ends = lengths["len"].cum_sum().to_list()
    starts = [0, *ends[:-1]]
    places = dict(zip(lengths["value"].to_list(), zip(starts, ends, strict=True), strict=True)) if ends else {}
    return rows.take(ordered[_ROW].cast(pl.Int64).to_numpy()), places
