"""Runs the product's own code on rows, features and models, so that one bad row costs one answer and no more."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from trimaran.core.ports import Scorer
from trimaran.data.features import FeatureEngine, Prepared

log = logging.getLogger(__name__)

Matrix = npt.NDArray[np.float32]
Scores = npt.NDArray[np.float64]
Number = TypeVar("Number", np.float32, np.float64)


def feature_matrix(
    engine: FeatureEngine, names: Sequence[str], asked: pl.DataFrame, history: Mapping[str, Prepared]
) -> tuple[Matrix, list[int]]:
    """Return named features of rows as float32 (n, k), NaN for missing, and the rows they could not be computed for."""

    def compute(rows: slice) -> Matrix:
        features = engine.compute(asked[rows], history)
        return features.select(pl.col(names).cast(pl.Float32)).to_numpy()

    return _by_halves(compute, asked.height, len(names), np.float32, "features")


def scores_of(scorer: Scorer, matrix: Matrix, name: str, width: int = 1) -> tuple[Scores, list[int]]:
    """Return scores as float64 (n, width), and the rows that have none: the model raised, or gave no finite number."""

    def compute(rows: slice) -> Scores:
        found = np.asarray(scorer(matrix[rows]), dtype=np.float64)
        return found.reshape(-1, width)

    scores, failed = _by_halves(compute, len(matrix), width, np.float64, name)
    endless = np.flatnonzero(~np.isfinite(scores).all(axis=1))
    return scores, sorted({*failed, *endless.tolist()})


def _by_halves(
    compute: Callable[[slice], npt.NDArray[Number]], n: int, width: int, dtype: type[Number], name: str
) -> tuple[npt.NDArray[Number], list[int]]:
    """Compute all rows at once; where that raises, halve until the rows at fault are alone."""
    found = np.full((n, width), np.nan, dtype=dtype)
    failed: list[int] = []
    waiting = [slice(0, n)] if n else []
    while waiting:
        rows = waiting.pop()
        try:
            found[rows] = compute(rows)
        except Exception as error:  # noqa: BLE001  the boundary to the product's own code: any error of it is a failed row
            middle = (rows.start + rows.stop) // 2
            if middle > rows.start:
                waiting += [slice(rows.start, middle), slice(middle, rows.stop)]
            else:
                failed.append(rows.start)
                # The message may quote the payload; the kind of error may not.
                log.warning("%s failed on a row: %s", name, type(error).__name__)
    return found, failed
