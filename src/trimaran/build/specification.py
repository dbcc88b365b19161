"""Holds a candidate to the author's tests of its specification, row by row, on real rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from trimaran.build.evidence import TestResult
from trimaran.core.author import user_code_error
from trimaran.core.errors import Fault, InputError
from trimaran.core.ports import Scorer
from trimaran.data.declaration import ModelTest

_SHOWN = 8
"""Features shown of the first row that failed."""


class RowModel:
    """A candidate as its author's tests call it: one row as a dict of features in, one probability or number out.

    Of several ``classes`` the probability of each comes out, by name.

    >>> RowModel(lambda rows: rows[:, 0] / 10, ["wind", "rain"])({"wind": 5.0})
    0.5
    """

    def __init__(self, scorer: Scorer, names: Sequence[str], classes: Sequence[str] = ()) -> None:
        self._scorer = scorer
        self._classes = list(classes)
        self._names = list(names)

    def __call__(self, row: Mapping[str, float | None]) -> Any:
        """Return the answer to one row; a feature that is left out or None is missing."""
        unknown = sorted(set(row) - set(self._names))
        if unknown:
            remedy = f"choose from: {', '.join(self._names)}"
            raise InputError("row", [Fault(what=f"{name!r} is no feature", remedy=remedy) for name in unknown])
        given = [row.get(name) for name in self._names]
        values = [float("nan") if value is None else float(value) for value in given]
        found = self._scorer(np.array([values], dtype=np.float32))[0]
        return dict(zip(self._classes, found.tolist(), strict=True)) if self._classes else float(found)


def run_tests(tests: Sequence[ModelTest], model: RowModel, features: pl.DataFrame, seed: int) -> list[TestResult]:
    """Return how each test went on rows drawn with the seed; a row holds unless the test raises or returns False."""
    return [_run(test, model, features, np.random.default_rng(seed)) for test in tests]


def _run(test: ModelTest, model: RowModel, features: pl.DataFrame, generator: np.random.Generator) -> TestResult:
    places = generator.choice(features.height, size=min(test.rows, features.height), replace=False)
    held, failure = 0, ""
    for row in features[np.sort(places)].iter_rows(named=True):
        said = _says(test, model, row)
        held += not said
        failure = failure or said
    return TestResult(name=test.name, rows=len(places), held=held, share=test.share, failure=failure)


def _says(test: ModelTest, model: RowModel, row: dict[str, Any]) -> str:
    try:
        said = "it returned False" if test.function(model, row) is False else ""
    except Exception as error:  # noqa: BLE001  whatever an author's test raises is its way to say no
        said = str(user_code_error(test.name, error))
    if not said:
        return ""
    shown = ", ".join(f"{name}={value:.4g}" for name, value in list(row.items())[:_SHOWN])
    return f"{said}\nrow: {shown}{', …' if len(row) > _SHOWN else ''}"
