"""Closes the windows of what streams through the loop: how many answers and labels, where they went, and which."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import datetime, timedelta

import polars as pl

from trimaran.app.workspace import Workspace
from trimaran.core.nouns import Balance
from trimaran.core.ports import ObjectStore

SCORING, CAPTURE, LABELS, DELIVERY = "scoring", "capture", "labels", "delivery"

HTTP, BATCH = "answered over HTTP", "answered in batch"
"""Where rows went that were scored: ``BATCH`` is the loop's own doing."""

SETTLING = timedelta(minutes=5)
"""How long on the wall's clock an answer may be under way between the moment it was asked and its capture."""

_COUNTED = ("who", "what", "version", "heard", "event_at")


class Closing:
    """The closings of one product's captures and labels: each begins where the one before it ended."""

    def __init__(self, workspace: Workspace, product: str) -> None:
        self._workspace = workspace
        self._product = product
        self._window: tuple[datetime | None, datetime] | None = None
        self._asked = pl.DataFrame()

    def captures(self, until: datetime) -> None:
        """Write how many predictions were captured since the last closing, asked at or before ``until``, in which role.

        Nothing asked by then may still be on its way: on the wall's clock ``until`` lies ``SETTLING`` in the past. Closed
        again up to the same moment, it changes nothing.
        """
        since = self.closed_until(CAPTURE)
        if since is not None and until <= since:
            return
        found = self._heard(since, until)
        left = dict(sorted(found["where"].value_counts().iter_rows()))
        held = keep(self._workspace.objects, found.select(_COUNTED))
        self._write(Balance(handover=CAPTURE, since=since, until=until, entered=found.height, left=left, held=held))

    def scored(self, since: datetime, until: datetime, left: Mapping[str, int]) -> None:
        """Write what became of the rows that were handed over to be scored in (since, until]."""
        self._write(Balance(handover=SCORING, since=since, until=until, entered=sum(left.values()), left=dict(left)))

    def delivered(self, since: datetime, until: datetime, left: Mapping[str, int]) -> None:
        """Write how many answers of (since, until] their receivers counted, by way, beside those that were captured."""
        found = self._heard(since, until)
        entered = int(found["heard"].sum())
        self._write(Balance(handover=DELIVERY, since=since, until=until, entered=entered, left=dict(left)))

    def joined(self, until: datetime) -> str:
        """Keep the fingerprints of the labels joined since the last closing and return their object's name."""
        found = self._workspace.capture_audit.labels(self._product, after=self.closed_until(LABELS), until=until)
        return keep(self._workspace.objects, found.select("who", "what"))

    def closed_until(self, handover: str) -> datetime | None:
        """Return the end of the newest closing of a hand-over, None before the first."""
        newest = self._workspace.ledger.latest(Balance, self._subject(handover))
        return newest[1].until if newest is not None else None

    def _heard(self, since: datetime | None, until: datetime) -> pl.DataFrame:
        """Return the predictions asked in (since, until]; the window looked at last is not read again: it is closed."""
        if self._window != (since, until):
            self._asked = heard(self._workspace.capture_audit.predictions(self._product, after=since, until=until))
            self._window = since, until
        return self._asked

    def _write(self, record: Balance) -> None:
        key = f"balance:{self._product}:{record.handover}:{record.until.isoformat()}"
        self._workspace.ledger.append(record, self._subject(record.handover), key=key)

    def _subject(self, handover: str) -> str:
        return f"{self._product}/{handover}"


def heard(predictions: pl.DataFrame) -> pl.DataFrame:
    """Return predictions with ``heard``, whether a caller got them, and ``where``: their role, or failed.

    >>> heard(pl.DataFrame({"role": ["live", "shadow", "live"], "scored": [True, True, False]}))["where"].to_list()
    ['live', 'shadow', 'failed']
    """
    return predictions.with_columns(
        heard=pl.col("scored") & (pl.col("role") != "shadow"),
        where=pl.when(pl.col("scored")).then("role").otherwise(pl.lit("failed")),
    )


def keep(objects: ObjectStore, rows: pl.DataFrame) -> str:
    """Store fingerprints and return the name of their object."""
    buffer = io.BytesIO()
    rows.sort("who", "what").write_parquet(buffer)
    return objects.put(buffer.getvalue())


def kept(objects: ObjectStore, held: str) -> pl.DataFrame:
    """Return the fingerprints that a closing stored; raises ``NotFound`` or ``Corrupt``."""
    return pl.read_parquet(io.BytesIO(objects.get(held)))
