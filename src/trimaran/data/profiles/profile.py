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
from trimaran.core.tasks import NUMBERS, Task, YesOrNo
from trimaran.data.profiles.weeks import Places, full_weeks, week_distances

CATEGORY_LIMIT = 1000
"""A text column with more values than this is an identifier: that a value is new in it says nothing."""


class ColumnProfile(msgspec.Struct, frozen=True, kw_only=True):
    """One feature in the training rows: its histogram, the share of rows without a value, its least and greatest value.

    ``weeks`` says how far each full week was from the rest of the window, oldest first, as a population stability index.
    """

    histogram: Histogram
    missing: float
    low: float | None
    high: float | None
    weeks: list[float] = []


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """The reference of every drift, category and quality check of one model version.

    ``features`` and ``label_rate`` are of the ``rows`` training rows, the features in the model's own order;
    ``categories`` lists the values that were seen of each text column a caller sends. ``scores`` counts the scores of the
    out-of-time window and ``positives`` the true labels among them, cell by cell; ``calibration`` is learnt there too,
    since the model has not seen those rows: of several classes it maps the probability of the likeliest to the chance that it
    is true, of a number there is none. ``labels`` counts the training labels that are not yes or no, and ``spread`` is their
    standard deviation. ``label_weeks`` and ``score_weeks`` are for those what ``ColumnProfile.weeks``
    is for a feature: of the training rows, and of the out-of-time window.
    """

    rows: int
    label_rate: float
    features: dict[str, ColumnProfile]
    categories: dict[str, list[str]]
    scores: Histogram
    positives: list[int]
    calibration: Calibration | None
    label_weeks: list[float] = []
    score_weeks: list[float] = []
    labels: Histogram | None = None
    spread: float = 1.0

    @property
    def label_histogram(self) -> Histogram:
        """The training labels, counted: those that are 0, those that are 1; or in cells, or by the place of their class."""
        if self.labels is not None:
            return self.labels
        positives = round(self.label_rate * self.rows)
        return Histogram(kind="numeric", edges=[0.5], counts=[self.rows - positives, positives])


def take_profile(
    features: pl.DataFrame,
    labels: npt.ArrayLike,
    asked: pl.DataFrame,
    *,
    scores: npt.ArrayLike,
    outcomes: npt.ArrayLike,
    predict_at: pl.Series | None = None,
    scored_at: pl.Series | None = None,
    task: Task | None = None,
) -> Profile:
    """Return the profile of a training.

    ``features`` (NaN for missing) and ``labels`` are of the training rows; ``asked`` holds the columns a caller sends for
    them; ``scores`` and ``outcomes`` are the model's sound scores and the true labels of the out-of-time window, both as
    ``task`` has them: yes or no by default.
    ``predict_at`` says when the training rows were due, ``scored_at`` when those of the out-of-time window were: from them
    the profile learns what a column does from week to week. Without them a drift check cannot tell that from a shift.

    >>> features = pl.DataFrame({"wind": [1.0, 2.0, float("nan"), 4.0]})
    >>> asked = pl.DataFrame({"origin": ["EWR", "JFK", "EWR", None]})
    >>> profile = take_profile(features, [0, 1, 0, 1], asked, scores=[0.2, 0.7], outcomes=[0, 1])
    >>> profile.features["wind"].missing, profile.categories, profile.label_rate, sum(profile.positives)
    (0.25, {'origin': ['EWR', 'JFK']}, 0.5, 1)
    """
    asked_of = task or YesOrNo()
    truth = np.asarray(asked_of.numbers(np.asarray(labels)), dtype=np.float64)
    given, answers = np.asarray(outcomes), np.asarray(scores, dtype=np.float64)
    if asked_of.classes:
        # What is captured as the score is the probability of the likeliest class, and that can be right or wrong.
        given, answers = (answers.argmax(axis=1) == given).astype(np.int64), answers.max(axis=1)
    number = asked_of.kind in NUMBERS
    reference = histogram(answers)
    positives = [] if number else count_like(reference, answers[given == 1]).counts
    weeks, scored = ([] if moments is None else full_weeks(moments) for moments in (predict_at, scored_at))
    profile = Profile(
        rows=features.height,
        label_rate=float(truth.mean()),
        features={column.name: _column(column.to_numpy(), weeks) for column in features},
        categories=_categories(asked),
        scores=reference,
        positives=positives,
        calibration=None if number else calibrate(given, np.clip(answers, 0.0, 1.0)),
        score_weeks=week_distances(reference, answers, scored),
        labels=_counted(asked_of, truth),
        spread=float(truth.std()) or 1.0,
    )
    return msgspec.structs.replace(profile, label_weeks=week_distances(profile.label_histogram, truth, weeks))


def write_profile(objects: ObjectStore, profile: Profile) -> str:
    """Store a profile and return its digest."""
    return objects.put(canonical(profile))


def read_profile(objects: ObjectStore, digest: str) -> Profile:
    """Return a stored profile; raises ``NotFound`` for an unknown digest, ``Corrupt`` for an object that is none."""
    try:
        return msgspec.json.decode(objects.get(digest), type=Profile)
    except msgspec.MsgspecError as error:
        raise Corrupt(f"object {digest} is not a profile: {error}; pass the digest a model version names") from error


def _counted(task: Task, truth: npt.NDArray[np.float64]) -> Histogram | None:
    if task.kind == "binary":
        return None
    if not task.classes:
        return histogram(truth)
    edges = [place + 0.5 for place in range(len(task.classes) - 1)]
    counts = np.bincount(truth.astype(np.int64), minlength=len(task.classes)).tolist()
    return Histogram(kind="numeric", edges=edges, counts=counts)


def _column(values: npt.NDArray[np.float32], weeks: Sequence[Places]) -> ColumnProfile:
    finite, whole = values[np.isfinite(values)], histogram(values)
    return ColumnProfile(
        histogram=whole,
        missing=float(np.isnan(values).mean()) if values.size else 0.0,
        low=float(finite.min()) if finite.size else None,
        high=float(finite.max()) if finite.size else None,
        weeks=week_distances(whole, values, weeks),
    )


def _categories(asked: pl.DataFrame) -> dict[str, list[str]]:
    texts: Sequence[str] = [name for name, kind in asked.schema.items() if kind in (pl.String, pl.Categorical, pl.Enum)]
    found = asked.select(pl.col(name).drop_nulls().cast(pl.String).unique().implode() for name in texts)
    seen = {name: values[0] for name, values in found.to_dict().items()}
    return {name: values.sort().to_list() for name, values in seen.items() if values.len() <= CATEGORY_LIMIT}
