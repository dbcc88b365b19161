"""The profile of a training: what the features, categories, scores and labels looked like."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from trimaran.core.canon import canonical
from trimaran.core.errors import Corrupt
from trimaran.core.ports import ObjectStore
from trimaran.core.statistics import Calibration, Histogram, calibrate, count_like, histogram

CATEGORY_LIMIT = 1000
"""A text column with more values than this is an identifier: that a value is new in it says nothing."""


class ColumnProfile(msgspec.Struct, frozen=True, kw_only=True):
    """One feature in the training rows: its histogram, the share of rows without a value, its least and greatest value."""

    histogram: Histogram
    missing: float
    low: float | None
    high: float | None


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """The reference of every drift, category and quality check of one model version.

    ``features`` and ``label_rate`` are of the ``rows`` training rows, the features in the model's own order;
    ``categories`` lists the values that were seen of each text column a caller sends. ``scores`` counts the scores of the
    out-of-time window and ``positives`` the true labels among them, cell by cell; ``calibration`` is learnt there too,
    since the model has not seen those rows.
    """

    rows: int
    label_rate: float
    features: dict[str, ColumnProfile]
    categories: dict[str, list[str]]
    scores: Histogram
    positives: list[int]
    calibration: Calibration


def take_profile(
    features: pl.DataFrame,
    labels: npt.ArrayLike,
    asked: pl.DataFrame,
    *,
    scores: npt.ArrayLike,
    outcomes: npt.ArrayLike,
) -> Profile:
    """Return the profile of a training.

    ``features`` (NaN for missing) and ``labels`` are of the training rows; ``asked`` holds the columns a caller sends for
    them; ``scores`` and ``outcomes`` are the model's scores and the true labels of the out-of-time window.

    >>> features = pl.DataFrame({"wind": [1.0, 2.0, float("nan"), 4.0]})
    >>> asked = pl.DataFrame({"origin": ["EWR", "JFK", "EWR", None]})
    >>> profile = take_profile(features, [0, 1, 0, 1], asked, scores=[0.2, 0.7], outcomes=[0, 1])
    >>> profile.features["wind"].missing, profile.categories, profile.label_rate, sum(profile.positives)
    (0.25, {'origin': ['EWR', 'JFK']}, 0.5, 1)
    """
    truth = np.asarray(labels, dtype=np.float64)
    given, reference = np.asarray(outcomes), histogram(scores)
    positives = count_like(reference, np.asarray(scores, dtype=np.float64)[given == 1])
    return Profile(
        rows=features.height,
        label_rate=float(truth.mean()),
        features={column.name: _column(column.to_numpy()) for column in features},
        categories=_categories(asked),
        scores=reference,
        positives=positives.counts,
        calibration=calibrate(outcomes, scores),
    )


def write_profile(objects: ObjectStore, profile: Profile) -> str:
    """Store a profile and return its digest."""
    return objects.put(canonical(profile))


def read_profile(objects: ObjectStore, digest: str) -> Profile:
    """Return a stored profile; raises ``NotFound`` for an unknown digest, ``Corrupt`` for an object that is none."""
    try:
        return msgspec.json.decode(objects.get(digest), type=Profile)
    except msgspec.MsgspecError as error:
        raise Corrupt(f"object {digest} is not a profile: {error}; pass the digest a model version names") from error


def _column(values: npt.NDArray[np.float32]) -> ColumnProfile:
    finite = values[np.isfinite(values)]
    return ColumnProfile(
        histogram=histogram(values),
        missing=float(np.isnan(values).mean()) if values.size else 0.0,
        low=float(finite.min()) if finite.size else None,
        high=float(finite.max()) if finite.size else None,
    )


def _categories(asked: pl.DataFrame) -> dict[str, list[str]]:
    texts: Sequence[str] = [name for name, kind in asked.schema.items() if kind in (pl.String, pl.Categorical, pl.Enum)]
    found = {name: asked[name].drop_nulls().cast(pl.String).unique().sort() for name in texts}
    return {name: values.to_list() for name, values in found.items() if values.len() <= CATEGORY_LIMIT}
