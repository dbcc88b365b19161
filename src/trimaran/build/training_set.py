"""What a model is trained and tested on: labelled rows as they could be known, split in time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from trimaran.build.computing import Computing
from trimaran.build.feature_cache import FeatureCache
from trimaran.core.errors import Fault, InputError
from trimaran.core.nouns import Balance
from trimaran.core.tasks import unsplit
from trimaran.data.declaration import Definition
from trimaran.data.tables import Tables

_MOMENT, _FINAL, _KNOWN, _LABEL, _FATE = "__moment", "__final", "__known", "__label", "__fate"


class _Frames(Mapping[str, pl.DataFrame]):
    """Rows of tables, each read when it is first asked for."""

    def __init__(self, names: Collection[str], read: Callable[[str], pl.DataFrame]) -> None:
        self._names = names
        self._read = cache(read)

    def __getitem__(self, name: str) -> pl.DataFrame:
        if name not in self._names:
            raise KeyError(name)
        return self._read(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@dataclass(frozen=True)
class Snapshot:
    """The rows of each declared table at one version each, and the moment up to which they may be used."""

    frames: Mapping[str, pl.DataFrame]
    versions: Mapping[str, int]
    until: datetime
    unread: Mapping[str, pl.LazyFrame] = field(default_factory=dict)

    def rows(self, table: str) -> pl.LazyFrame:
        """Return the rows of a table, not read yet where they are not in memory."""
        return self.unread[table] if table in self.unread else self.frames[table].lazy()

    @classmethod
    def newest(cls, tables: Tables, until: datetime) -> Snapshot:
        """Return the newest rows of a product's tables; each is read when it is first looked at."""
        names, versions = tables.definition.tables, tables.versions()
        return cls(_Frames(names, tables.frame), versions, until, {name: tables.rows(name) for name in names})

    @classmethod
    def at(cls, tables: Tables, versions: Mapping[str, int], until: datetime) -> Snapshot:
        """Return the rows that the tables had at some versions: what an earlier run was trained on."""
        names = tables.definition.tables
        unread = {name: tables.rows(name, versions.get(name, -1)) for name in names}
        return cls(_Frames(names, lambda name: unread[name].collect()), versions, until, unread)


@dataclass(frozen=True)
class Rows:
    """Labelled rows in order of time.

    ``features`` are (n, k) Float32 with NaN for missing, in the model's order; ``labels`` are those of the task; ``asked`` holds every
    column of the asked table; ``predict_at`` is when the answer was due and ``final_at`` when the label could be used.
    """

    features: pl.DataFrame
    labels: npt.NDArray[Any]
    asked: pl.DataFrame
    predict_at: pl.Series
    final_at: pl.Series

    def __len__(self) -> int:
        return self.labels.size

    def filter(self, mask: pl.Series) -> Rows:
        """Return the rows where a mask is true; null counts as false."""
        kept = mask.fill_null(value=False)
        return Rows(
            features=self.features.filter(kept),
            labels=self.labels[kept.to_numpy()],
            asked=self.asked.filter(kept),
            predict_at=self.predict_at.filter(kept),
            final_at=self.final_at.filter(kept),
        )

    def take(self, places: npt.NDArray[np.int64]) -> Rows:
        """Return the rows at some places, in that order."""
        return Rows(
            features=self.features[places],
            labels=self.labels[places],
            asked=self.asked[places],
            predict_at=self.predict_at[places],
            final_at=self.final_at[places],
        )

    def part(self, start: int, stop: int) -> Rows:
        """Return the rows from one place up to another, without copying them."""
        return Rows(
            features=self.features[start:stop],
            labels=self.labels[start:stop],
            asked=self.asked[start:stop],
            predict_at=self.predict_at[start:stop],
            final_at=self.final_at[start:stop],
        )

    def newest(self, share: float) -> tuple[Rows, Rows]:
        """Return (older, newer): the newest share of the rows, and those whose labels were final before these begin.

        A group of which only some rows are among one of them is in neither.
        """
        boundary = self.predict_at.quantile(1 - share, interpolation="nearest")
        older, newer = self.final_at <= boundary, self.predict_at > boundary
        return self._whole(older), self._whole(newer)

    def _whole(self, mask: pl.Series) -> Rows:
        return self.filter(pl.Series(unsplit(self.labels, mask.fill_null(value=False).to_numpy())))

    def with_labels(self, labels: npt.NDArray[Any]) -> Rows:
        """Return the rows with other labels."""
        return replace(self, labels=labels)

    def matrix(self) -> npt.NDArray[np.float32]:
        """Return the features as a C-ordered (n, k) float32 array, as a scorer takes them."""
        return np.ascontiguousarray(self.features.to_numpy(), dtype=np.float32)


@dataclass(frozen=True)
class TrainingSet:
    """Rows to train on, rows to test on out of time, where every other row went, and what the feature build was asked.

    The test rows are due in (``tested_from``, ``tested_to``]; every training label was final at ``tested_from``.
    """

    train: Rows
    test: Rows
    balance: Balance
    built: Balance
    versions: dict[str, int]
    tested_from: datetime
    tested_to: datetime


@dataclass(frozen=True)
class Divided:
    """The rows of the asked table that were due, divided in time, before any feature is computed."""

    train: pl.DataFrame
    test: pl.DataFrame
    balance: Balance
    tested_from: datetime
    tested_to: datetime


class TrainingSets:
    """Makes training sets, and remembers the features it computed: see ``FeatureCache`` for why that is safe.

    ``computing`` says how much memory that may take; tables that need more are looked at in parts. Without it all is
    computed at once.
    """

    def __init__(self, computing: Computing | None = None) -> None:
        self._computing = computing
        self._cache = FeatureCache()

    def apart(self) -> TrainingSets:
        """Return a maker of training sets by the same means that remembers nothing yet."""
        return TrainingSets(self._computing)

    def make(self, definition: Definition, snapshot: Snapshot) -> TrainingSet:
        """Return the training set of a product as of ``snapshot.until``.

        A label is final once its declared waiting time is over, not as soon as it is known: where one outcome is known
        earlier than the other (a flight that was early lands first), the newest rows with known labels are not a fair
        sample. The test window is the last ``acceptance.out_of_time`` up to the newest final row, so that it is full
        however long labels take. A training row's label was final before the window starts; rows between are left out.
        Raises ``InputError`` when no label is final yet.
        """
        divided = divide(definition, snapshot)
        rows = self._rows(definition, snapshot, pl.concat([divided.train, divided.test]))
        is_test = rows.predict_at > divided.tested_from
        return TrainingSet(
            train=rows.filter(~is_test),
            test=rows.filter(is_test),
            balance=divided.balance,
            built=_built(rows, divided),
            versions=dict(snapshot.versions),
            tested_from=divided.tested_from,
            tested_to=divided.tested_to,
        )

    def features(self, definition: Definition, snapshot: Snapshot, asked: pl.DataFrame) -> pl.DataFrame:
        """Return the features of asked rows, each as it was at its own predict_at: Float32, NaN for missing."""
        if self._computing is not None:
            rows = {name: snapshot.rows(name) for name in definition.tables}
            parts = self._computing.in_parts(definition, asked, rows)
            if parts is not None:
                return self._cache.features_in_parts(parts, snapshot.versions, asked)
        return self._cache.features(definition, snapshot.frames, asked)

    def _rows(self, definition: Definition, snapshot: Snapshot, final: pl.DataFrame) -> Rows:
        asked = final.select(definition.table.schema.names())
        return Rows(
            features=self.features(definition, snapshot, asked),
            labels=definition.task.teachable(_labels(definition, final)),
            asked=asked,
            predict_at=final[_MOMENT],
            final_at=final[_FINAL],
        )


def divide(definition: Definition, snapshot: Snapshot) -> Divided:
    """Divide the rows that were due by ``snapshot.until`` as ``TrainingSets.make`` says, and count where each went.

    Where rows are ranked a group is never parted: one that lies on both sides of the boundary is left out, as "between", and
    one of which any label is not final yet waits as a whole. Only the asked table of the snapshot is read. Raises ``InputError`` when no label is final yet.
    """
    judged = _judged(definition, snapshot)
    final = judged.filter(pl.col(_FATE) == "final").sort(_MOMENT, definition.key)
    newest = final[_MOMENT].max()
    if not isinstance(newest, datetime):
        counts = dict(judged[_FATE].value_counts().iter_rows())
        what = f"none of {judged.height} rows of {definition.asked!r} has a final label at {snapshot.until}: {counts}"
        raise InputError("training set", [Fault(what=what, remedy="deliver outcomes, or wait until they are known")])
    boundary = newest - definition.acceptance.out_of_time
    labels = _labels(definition, final)
    tested, trained = (
        unsplit(labels, final.select(mask).to_series().to_numpy())
        for mask in (pl.col(_MOMENT) > boundary, (pl.col(_MOMENT) <= boundary) & (pl.col(_FINAL) <= boundary))
    )
    test, train = final.filter(pl.Series(tested)), final.filter(pl.Series(trained))
    left = {str(fate): int(count) for fate, count in judged[_FATE].value_counts().iter_rows() if fate != "final"}
    balance = Balance(
        handover="training",
        since=None,
        until=snapshot.until,
        entered=judged.height,
        left=dict(sorted(left.items()))
        | {"trained": train.height, "tested": test.height, "between": final.height - train.height - test.height},
    )
    return Divided(train, test, balance, boundary, newest)


def _built(rows: Rows, divided: Divided) -> Balance:
    """Return the control totals of the feature build: every row asked has its features; which of them are missing where."""
    missing = rows.features.select(pl.all().is_nan().sum()).row(0, named=True) if rows.features.width else {}
    return Balance(
        handover="features",
        since=None,
        until=divided.balance.until,
        entered=divided.train.height + divided.test.height,
        left={"with features": len(rows)},
        nulls={name: int(count) for name, count in missing.items() if count},
    )


def _labels(definition: Definition, rows: pl.DataFrame) -> npt.NDArray[Any]:
    named = {"group": definition.group} if definition.group is not None else {}
    return definition.task.truths(rows.select(label=_LABEL, **named))


def _judged(definition: Definition, snapshot: Snapshot) -> pl.DataFrame:
    """Return the rows that were due by then, with what became of their label: final, or why it is not."""
    label, until = definition.label, pl.lit(snapshot.until)
    due = snapshot.frames[definition.asked].with_columns(
        definition.predict_at.expression.alias(_MOMENT),
        label.expression.alias(_LABEL),
        label.known_at.alias(_KNOWN),
        (pl.col(definition.table.time or definition.predict_at.column) + label.wait).alias(_FINAL),
    )
    # A label can be true without its late columns: a flight that never left is late, and no arrival ever says so.
    unseen = pl.col(_KNOWN).fill_null(pl.col(_FINAL)) > until
    young = pl.col(_FINAL).fill_null(until) > until
    if definition.group is not None:
        young = young | (young.any().over(definition.group) & pl.col(definition.group).is_not_null())
    fate = (
        pl.when(young)
        .then(pl.lit("label not final yet"))
        .when(pl.col(_LABEL).is_null() | unseen | pl.col(_FINAL).is_null())
        .then(pl.lit("label never known"))
        .otherwise(pl.lit("final"))
    )
    return due.filter(pl.col(_MOMENT) <= until).with_columns(fate.alias(_FATE))
