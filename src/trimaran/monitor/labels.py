"""Late labels: joined to captured predictions by id, as soon as they are known and never before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import polars as pl

from trimaran.core.nouns import Balance, Label
from trimaran.data.declaration import Definition


def due(
    definition: Definition,
    rows: pl.DataFrame | pl.LazyFrame,
    waiting: Sequence[str],
    now: datetime,
) -> list[Label]:
    """Return the label of every waiting id that is decided at ``now``, in the order they became known.

    ``rows`` are those of the predicted table; of several rows with one id the last counts. A label is decided once it is
    known (known_at <= now), or once its row's time + wait has passed without that: then its ``value`` is None for ever
    (a cancelled flight). A known moment that still lies ahead is treated like none, so that a replay of a year decides as
    the year itself did. Ids without a row, or with time left, keep waiting.
    """
    if not waiting:
        return []
    label, table = definition.label, definition.table
    name = pl.col(definition.key).cast(pl.String)
    known_at = label.known_at.dt.convert_time_zone("UTC")
    deadline = (pl.col(str(table.time)) + label.wait).dt.convert_time_zone("UTC")
    ids = pl.LazyFrame({"id": pl.Series(waiting, dtype=pl.String)})
    seen = pl.col("value").is_not_null() & (pl.col("known_at") <= now)
    decided = (
        rows.lazy()
        .filter((known_at <= now) | (deadline <= now))
        .select(
            id=name,
            value=label.expression.fill_nan(None),
            known_at=known_at,
            deadline=deadline,
        )
        .join(ids, on="id", how="semi", maintain_order="left")
        .unique("id", keep="last", maintain_order=True)
        .filter(seen.fill_null(value=False) | (pl.col("deadline") <= now))
        .select(
            "id",
            value=pl.when(seen).then("value"),
            known_at=pl.when(seen).then("known_at").otherwise("deadline"),
        )
        .sort("known_at", "id")
        .collect()
    )
    return [
        Label(id=name, product=definition.name, value=value, known_at=known_at, joined_at=now)
        for name, value, known_at in decided.iter_rows()
    ]


def balance(
    counts: Mapping[str, int], until: datetime, since: datetime | None = None, *, held: str | None = None
) -> Balance:
    """Return the control totals of labels: every answered id is labelled, waiting or unknowable.

    ``counts`` are those of ``CaptureStore.counts``; ``held`` is the object with the fingerprints of the labels that were
    joined since the last closing.

    >>> from datetime import UTC
    >>> counts = {"answered": 10, "labelled": 6, "waiting": 3, "unknowable": 1}
    >>> balance(counts, datetime(2013, 7, 1, tzinfo=UTC)).missing
    0
    """
    left = {name: counts[name] for name in ("labelled", "waiting", "unknowable")}
    return Balance(handover="labels", since=since, until=until, entered=counts["answered"], left=left, held=held)
