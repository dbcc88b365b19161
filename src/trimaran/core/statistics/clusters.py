"""Rows that come in clusters, like the flights of a day, and how much less they tell than as many rows apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import msgspec
import numpy as np
from scipy import special

from trimaran.core.errors import Fault, InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats: TypeAlias = npt.NDArray[np.float64]

FEW = 8
"""With fewer clusters than this the interval leans on Student's t more than on what was seen, and its note says so."""


class Clusters(msgspec.Struct, frozen=True):
    """Which cluster each row is of: ``codes`` (n,) count from 0, ``number`` is how many clusters there are."""

    codes: npt.NDArray[np.intp]
    number: int

    def sums(self, values: Floats) -> Floats:
        """Return the sum of the rows' values in each cluster, (number,)."""
        return np.bincount(self.codes, weights=values, minlength=self.number).astype(np.float64)

    def at(self, rows: npt.NDArray[np.bool_]) -> Clusters:
        """Return the same clusters over some of the rows; a cluster may then be empty."""
        return Clusters(self.codes[rows], self.number)

    @property
    def filled(self) -> int:
        """How many clusters hold a row."""
        return int(np.count_nonzero(np.bincount(self.codes, minlength=self.number)))

    @property
    def equivalent(self) -> float:
        """How many clusters of equal size would say as much, at most (Kish, JASA 1965): (sum of sizes)^2 / sum of squares."""
        sizes = np.bincount(self.codes, minlength=self.number).astype(np.float64)
        return float(sizes.sum() ** 2 / (sizes**2).sum())

    @property
    def note(self) -> str:
        """What a reader of an interval must know of it: that it rests on few clusters, or nothing."""
        return f"only {self.number} clusters: a wide interval by Student's t" if self.number < FEW else ""

    def quantile(self, level: float) -> float:
        """Return the two-sided quantile of Student's t with one degree of freedom less than there are clusters."""
        return float(special.stdtrit(self.number - 1, (1 + level) / 2))


def clustered(labels: npt.ArrayLike, rows: int) -> Clusters:
    """Return which cluster each row is of; ``labels`` (n,) may be of any kind that sorts: days, names, numbers.

    Raises ``InputError`` unless there is one for each row.

    >>> clustered(["mon", "tue", "mon"], 3).sums(np.array([1.0, 2.0, 3.0]))
    array([4., 2.])
    """
    array = np.asarray(labels).ravel()
    if array.size != rows:
        what = f"{rows} rows but {array.size} clusters"
        raise InputError("sample", [Fault(what=what, remedy="give each row the cluster it is of, like its day")])
    names, codes = np.unique(array, return_inverse=True)
    return Clusters(codes.astype(np.intp), names.size)
