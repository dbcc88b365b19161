"""How far predicted numbers were from the true ones, each measure with what every row adds to it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from trimaran.core.errors import Fault, InputError
from trimaran.core.statistics.influence import Influence
from trimaran.core.statistics.samples import finite

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats: TypeAlias = npt.NDArray[np.float64]


def absolute_error(labels: npt.ArrayLike, predicted: npt.ArrayLike) -> Influence:
    """Return the mean absolute error, in the label's own unit.

    >>> absolute_error([1.0, 2.0, 4.0], [1.0, 3.0, 2.0]).value
    1.0
    """
    truth, given = _paired(labels, predicted)
    return averaged(np.abs(given - truth))


def squared_error(labels: npt.ArrayLike, predicted: npt.ArrayLike) -> Influence:
    """Return the root of the mean squared error, in the label's own unit; its influence is by the delta method.

    >>> squared_error([0.0, 0.0], [3.0, 4.0]).value == math.sqrt(12.5)
    True
    """
    truth, given = _paired(labels, predicted)
    squares = (given - truth) ** 2
    root = math.sqrt(float(squares.mean()))
    return Influence(root, (squares - root**2) / (2 * root) if root else np.zeros(truth.size))


def explained(labels: npt.ArrayLike, predicted: npt.ArrayLike) -> Influence | None:
    """Return R², the share of the label's variance that is explained; None where the label does not vary.

    One minus a ratio of means: a row's influence is that of a ratio estimator (Cochran, Sampling Techniques, 1977, 6.4).

    >>> explained([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]).value
    1.0
    """
    truth, given = _paired(labels, predicted)
    errors, spread = (given - truth) ** 2, (truth - truth.mean()) ** 2
    whole = float(spread.mean())
    if not whole:
        return None
    ratio = float(errors.mean()) / whole
    return Influence(1 - ratio, (ratio * spread - errors) / whole)


def bias(labels: npt.ArrayLike, predicted: npt.ArrayLike) -> Influence:
    """Return by how much predictions are too high in the mean.

    >>> bias([1.0, 2.0], [2.0, 2.0]).value
    0.5
    """
    truth, given = _paired(labels, predicted)
    return averaged(given - truth)


def pinball(labels: npt.ArrayLike, predicted: npt.ArrayLike, quantile: float = 0.5) -> Influence:
    """Return the mean pinball loss of a predicted quantile, least for the true one (Koenker & Bassett, Econometrica 1978).

    >>> pinball([10.0, 10.0], [8.0, 12.0], 0.9).value
    1.0
    """
    if not 0 < quantile < 1:
        what = f"a quantile of {quantile:g} does not exist"
        raise InputError("quantile", [Fault(what=what, remedy="give one between 0 and 1, like 0.9")])
    truth, given = _paired(labels, predicted)
    below = truth - given
    return averaged(np.maximum(quantile * below, (quantile - 1) * below))


def scaled_error(labels: npt.ArrayLike, predicted: npt.ArrayLike, scales: npt.ArrayLike) -> Influence:
    """Return the mean absolute scaled error, MASE: errors in units of each row's scale, (n,) above zero.

    A row's scale is the mean absolute error of the naive forecast of its series on the rows trained on, so that series of
    any size count alike and less than 1 is better than naive was there (Hyndman & Koehler, International Journal of
    Forecasting 22, 2006). Theirs is the naive forecast of one step; a seasonal one of the same horizon, as here, is the
    harder one to beat. The scales are taken as given: their own error is none of the influence.

    >>> scaled_error([10.0, 100.0], [12.0, 80.0], [4.0, 40.0]).value
    0.5
    """
    truth, given = _paired(labels, predicted)
    units = finite(scales, "scales")
    if units.size != truth.size or not (units > 0).all():
        what = f"{int((units > 0).sum())} scales above zero for {truth.size} rows"
        raise InputError("scales", [Fault(what=what, remedy="give one above zero per row")])
    return averaged(np.abs(given - truth) / units)


def averaged(values: Floats) -> Influence:
    """Return a mean as an estimate with its influences.

    >>> averaged(np.array([1.0, 3.0])).rows.tolist()
    [-1.0, 1.0]
    """
    value = float(values.mean())
    return Influence(value, values - value)


def _paired(labels: npt.ArrayLike, predicted: npt.ArrayLike) -> tuple[Floats, Floats]:
    truth, given = finite(labels, "labels"), finite(predicted, "predictions")
    if truth.size != given.size:
        what = f"{truth.size} labels but {given.size} predictions"
        raise InputError("sample", [Fault(what=what, remedy="give one of each per row")])
    return truth, given
