"""How good the probabilities of several classes were, each measure with what every row adds to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from trimaran.core.errors import Fault, InputError
from trimaran.core.statistics.auc import placements
from trimaran.core.statistics.errors import averaged
from trimaran.core.statistics.influence import Influence
from trimaran.core.statistics.samples import finite
from trimaran.core.statistics.scores import SMALLEST

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats: TypeAlias = npt.NDArray[np.float64]
    Places: TypeAlias = npt.NDArray[np.int64]


def hits(labels: npt.ArrayLike, scores: npt.ArrayLike) -> Influence:
    """Return the share of rows whose likeliest class is the true one.

    ``labels`` (n,) are the places of the true classes, ``scores`` (n, c) a probability for each, here and below.

    >>> hits([0, 1, 2], [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.5, 0.3, 0.2]]).value
    0.6666666666666666
    """
    truth, given = _classed(labels, scores)
    return averaged((given.argmax(axis=1) == truth).astype(np.float64))


def class_log_loss(labels: npt.ArrayLike, scores: npt.ArrayLike) -> Influence:
    """Return the mean negative log likelihood of the true classes, in nats, clipped as ``scores.log_loss`` is.

    >>> round(class_log_loss([0, 1], [[0.5, 0.5], [0.75, 0.25]]).value, 4)
    1.0397
    """
    truth, given = _classed(labels, scores)
    return averaged(-np.log(np.clip(given[np.arange(truth.size), truth], SMALLEST, 1.0)))


def class_brier(labels: npt.ArrayLike, scores: npt.ArrayLike) -> Influence:
    """Return the mean of the squared distances over all classes, 0 best, 2 worst (Brier, MWR 1950, in its first form).

    >>> class_brier([0, 1], [[1.0, 0.0], [1.0, 0.0]]).value
    1.0
    """
    truth, given = _classed(labels, scores)
    return averaged(((given - np.eye(given.shape[1])[truth]) ** 2).sum(axis=1))


def macro_f1(labels: npt.ArrayLike, scores: npt.ArrayLike) -> Influence:
    """Return the mean over classes of F1, 2 TP / (2 TP + FP + FN), at the likeliest class.

    Its variance is by the delta method (Takahashi et al., Applied Intelligence 52, 2022). A class that is neither true nor
    answered in any row is left out.

    >>> macro_f1([0, 0, 1], [[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]]).value
    0.6666666666666666
    """
    truth, given = _classed(labels, scores)
    called = given.argmax(axis=1)
    found = []
    for place in range(given.shape[1]):
        is_true, is_called = (truth == place).astype(np.float64), (called == place).astype(np.float64)
        both = is_true + is_called
        whole = float(both.mean())
        if whole:
            share = 2 * float((is_true * is_called).mean()) / whole
            found.append(Influence(share, (2 * is_true * is_called - share * both) / whole))
    return _mean(found)


def class_aucs(labels: npt.ArrayLike, scores: npt.ArrayLike) -> dict[int, Influence]:
    """Return, for each class that is true in some rows and not in others, the area under its ROC curve against the rest.

    A row's influence is that of its placement (DeLong et al., Biometrics 1988).

    >>> {place: seen.value for place, seen in class_aucs([0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]]).items()}
    {0: 1.0, 1: 1.0}
    """
    truth, given = _classed(labels, scores)
    found = {}
    for place in range(given.shape[1]):
        mine = truth == place
        share = float(mine.mean())
        if 0 < share < 1:
            above, below = placements(mine, given[:, place])
            area, rows = float(above.mean()), np.empty(truth.size)
            rows[mine], rows[~mine] = (above - area) / share, (below - area) / (1 - share)
            found[place] = Influence(area, rows)
    return found


def macro_auc(labels: npt.ArrayLike, scores: npt.ArrayLike) -> Influence | None:
    """Return the mean of ``class_aucs``, each class against the rest counting alike; None where there is none.

    >>> macro_auc([0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]]).value
    1.0
    """
    found = list(class_aucs(labels, scores).values())
    return _mean(found) if found else None


def _mean(parts: list[Influence]) -> Influence:
    return Influence(
        float(np.mean([part.value for part in parts])), np.asarray(np.mean([part.rows for part in parts], axis=0))
    )


def _classed(labels: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[Places, Floats]:
    truth, given = finite(labels, "labels"), np.asarray(scores, dtype=np.float64)
    finite(given, "probabilities")
    faults = []
    if given.ndim != 2 or given.shape[0] != truth.size:  # noqa: PLR2004  rows and classes
        faults.append(Fault(what=f"{truth.size} labels but scores of shape {given.shape}", remedy="give (rows, classes)"))
    elif truth.size and not (np.equal(np.mod(truth, 1), 0) & (truth >= 0) & (truth < given.shape[1])).all():
        faults.append(Fault(what="a label is the place of no class", remedy=f"give 0 to {given.shape[1] - 1}"))
    if faults:
        raise InputError("sample", faults)
    return truth.astype(np.int64), given
