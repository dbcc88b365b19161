"""The ports of captures: predictions and their labels, and what an auditor asks of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import polars as pl

    from trimaran.core.nouns import Label, Prediction


class CaptureStore(Protocol):
    """What was answered, and later the truth.

    Law: ``record`` and ``join`` return once every row is durable. A prediction's (product, id, version) and a label's
    (product, id) are written once: a repeat changes nothing and is not counted in the returned number of new rows.
    """

    def record(self, predictions: Sequence[Prediction]) -> int: ...

    def join(self, labels: Sequence[Label]) -> int: ...

    def answers(self, product: str, ids: Sequence[str]) -> dict[tuple[str, int], Prediction]:
        """Return the captured predictions of some ids, by (id, version)."""
        ...

    def waiting(self, product: str, *, since: datetime) -> list[str]:
        """Return the ids, each once, that were predicted with ``since`` <= event_at and have no label."""
        ...

    def frame(
        self,
        product: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        columns: Collection[str] | None = None,
    ) -> pl.DataFrame:
        """Return predictions with since <= event_at < until, joined with their labels.

        Columns: id, version (Int32), role, mode, event_at, asked_at (UTC datetimes), score (Float64, null when the version
        failed to answer), seconds, notes (list of strings), label (Float64, null while waiting or never known), known_at,
        joined_at (null while waiting), probabilities (list of Float64, null where there are not several classes), group (String, null where nothing is ranked) and features (list of Float64 in the version's order): those of ``columns``, in this
        order, all but the features by default. What is not asked for costs nothing.
        """
        ...

    def mark(self, product: str, *, since: datetime, until: datetime) -> tuple[int, int]:
        """Return how many predictions have since <= event_at < until, and a number that is another when these are others.

        It costs a look at an index. Labels do not count: a prediction that gets its label is the same.
        """
        ...

    def counts(self, product: str, *, since: datetime | None = None) -> Mapping[str, int]:
        """Return totals of what holds for ``since`` <= event_at (everything by default).

        predictions; answered (distinct ids that a live or canary version answered) = labelled + waiting + unknowable.
        """
        ...

    def tally(self, product: str) -> Mapping[int, tuple[int, int]]:
        """Return how many predictions each version made, in any role, and how many of these have a known label by now."""
        ...

    def removable(
        self, product: str, *, ids: Sequence[str] | None = None, before: datetime | None = None
    ) -> tuple[Mapping[str, int], datetime | None, datetime | None]:
        """Return totals as ``counts`` does, and ``labels``, of some ids or of event_at < before, and their first and last event_at."""
        ...

    def weight(self, product: str, *, ids: Sequence[str] | None = None, before: datetime | None = None) -> int:
        """Return the bytes of the values of what ``removable`` counts, without indexes."""
        ...

    def erase(self, product: str, ids: Sequence[str]) -> int:
        """Remove every prediction and label of some ids and return how many; no byte of the store holds them afterwards."""
        ...

    def trim(self, product: str, before: datetime, *, limit: int) -> Mapping[str, int]:
        """Remove the oldest predictions with event_at < before, ``limit`` at most, and their labels; return totals of these.

        Totals are those of ``removable``. Nothing is left to do once ``predictions`` is 0.
        """
        ...


class CaptureAudit(Protocol):
    """What an auditor asks of a capture store: counted and compared where the rows lie, in bounded memory.

    ``who`` is ``canon.fingerprint`` of an id, ``what`` that of everything else of the row: equal content, equal
    fingerprint, in any store. Law: it changes nothing, and sees what was durable when it was asked.
    """

    def predictions(self, product: str, *, after: datetime | None = None, until: datetime | None = None) -> pl.DataFrame:
        """Return predictions with after < asked_at <= until.

        Columns: who, what, version, role, scored, width (how many features), event_at, asked_at.
        """
        ...

    def labels(self, product: str, *, after: datetime | None = None, until: datetime | None = None) -> pl.DataFrame:
        """Return labels with after < joined_at <= until: who, what, known (bool) and joined_at."""
        ...

    def named(self, product: str, who: Collection[int]) -> dict[int, str]:
        """Return the ids that predictions or labels still hold, of the fingerprints asked for."""
        ...

    def waiting(self, product: str, until: datetime) -> list[str]:
        """Return the predicted ids, asked at or before ``until``, that have no label."""
        ...

    def unasked(self, product: str) -> list[str]:
        """Return the labelled ids that no version ever predicted."""
        ...
