"""How good an order within groups was, like that of the results of a search: one value a group, tied scores in any order."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import msgspec
import numpy as np
from scipy import special

from trimaran.core.errors import Fault, InputError
from trimaran.core.statistics.samples import finite

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats: TypeAlias = npt.NDArray[np.float64]
    Places: TypeAlias = npt.NDArray[np.intp]


class Ranked(msgspec.Struct, frozen=True):
    """The groups in which an order can be good or bad: those whose rows have two grades or more.

    There are m of them, in the order of their last rows: ``rows`` (r,) are the places of their rows among all, ``grades`` and
    ``codes`` (r,) the grade and the group of each, ``last`` (m,) the place of each group's last row. Of a group of one row,
    or of one grade, every order is as good as any other: ``left_out`` is how many those are.
    """

    rows: Places
    grades: Floats
    codes: Places
    last: Places
    left_out: int

    @property
    def number(self) -> int:
        """How many groups count."""
        return self.last.size

    def ndcg(self, scores: npt.ArrayLike, at: int | None = None) -> Floats:
        """Return the normalised discounted cumulative gain of each group, (m,) in [0, 1], over its first ``at`` places.

        The gain is the grade itself (Järvelin & Kekäläinen, ACM TOIS 20, 2002, theirs is linear too), the discount
        1 / log2(1 + place), and 1 is the best order there is. Rows with one score share the mean discount of the places
        that they take (McSherry & Najork, ECIR 2008): an order that the scores do not give is neither praised nor blamed.

        >>> ranked([3, 0, 0, 1], ["a", "a", "b", "b"]).ndcg([0.9, 0.1, 0.5, 0.5]).round(4).tolist()
        [1.0, 0.8155]
        """
        order = self._order(scores)
        shared = order.shared(_discounts(order.places, at))
        best = self._sorted(self.grades)
        ideal = self._sums(self.grades[best.rows] * _discounts(best.places, at), best)
        return self._sums(self.grades[order.rows] * shared, order) / ideal

    def average_precision(self, scores: npt.ArrayLike) -> Floats:
        """Return the average precision of each group, (m,): the mean, over relevant rows, of the share of relevant down to each.

        A row is relevant whose grade is above zero (Buckley & Voorhees, SIGIR 2000). Of tied rows it is the expectation over
        their orders (McSherry & Najork, 2008).

        >>> ranked([1, 0, 1], ["a", "a", "a"]).average_precision([0.9, 0.5, 0.1]).round(4).tolist()
        [0.8333]
        """
        order = self._order(scores)
        relevant = (self.grades[order.rows] > 0).astype(np.float64)
        hits, size = order.summed(relevant), order.summed(np.ones(relevant.size))
        before = np.cumsum(relevant) - relevant
        # What came before a block of ties: of the whole array at its first row, less that of the groups above.
        above = before[order.first_of_block] - before[order.first_of_group]
        inside = order.places - order.places[order.first_of_block]
        among = inside * np.divide(hits - 1, size - 1, out=np.zeros(size.size), where=size > 1)
        found = hits / size * (above + among + 1) / order.places
        return self._sums(found, order) / self._sums(relevant, order)

    def reciprocal_rank(self, scores: npt.ArrayLike) -> Floats:
        """Return one over the place of the first relevant row of each group, (m,); of tied rows the expectation.

        A row is relevant whose grade is above zero (Voorhees, TREC-8, 1999; McSherry & Najork, 2008, for ties).

        >>> ranked([0, 1, 1], ["a", "a", "a"]).reciprocal_rank([0.9, 0.5, 0.1]).tolist()
        [0.5]
        """
        order = self._order(scores)
        relevant = (self.grades[order.rows] > 0).astype(np.float64)
        hits, size = order.summed(relevant), order.summed(np.ones(relevant.size))
        before = np.cumsum(relevant) - relevant
        above = before[order.first_of_block] - before[order.first_of_group]
        inside = order.places - order.places[order.first_of_block]
        decides = (above == 0) & (hits > 0) & (inside <= size - hits)
        # That the first of `hits` relevant rows among `size` comes at a place: C(size - 1 - inside, hits - 1) / C(size, hits).
        n, k, j = size[decides], hits[decides], inside[decides]
        chance = np.exp(_log_choose(n - 1 - j, k - 1) - _log_choose(n, k))
        found = np.zeros(relevant.size)
        found[decides] = chance / order.places[decides]
        return self._sums(found, order)

    def _order(self, scores: npt.ArrayLike) -> _Order:
        given = finite(scores, "scores")
        if self.rows.size and given.size <= int(self.rows.max()):
            what = f"{given.size} scores for rows up to number {int(self.rows.max()) + 1}"
            raise InputError("sample", [Fault(what=what, remedy="give one score for each row")])
        return self._sorted(given[self.rows])

    def _sorted(self, values: Floats) -> _Order:
        rows = np.lexsort((-values, self.codes))
        codes, ordered = self.codes[rows], values[rows]
        new_group = np.append([True], np.diff(codes) != 0) if rows.size else np.zeros(0, dtype=np.bool_)
        new_block = new_group | np.append([True], np.diff(ordered) != 0) if rows.size else new_group
        return _Order(rows, codes, _first(new_group), _first(new_block))

    def _sums(self, values: Floats, order: _Order) -> Floats:
        return np.bincount(order.codes, weights=values, minlength=self.number).astype(np.float64)


class _Order(msgspec.Struct, frozen=True):
    """Rows from the best score of the first group to the worst of the last; rows of one score are a block."""

    rows: Places
    codes: Places
    first_of_group: Places
    first_of_block: Places

    @property
    def places(self) -> Floats:
        """The place of each row in its group, from 1 on."""
        return (np.arange(self.rows.size) - self.first_of_group + 1).astype(np.float64)

    def summed(self, values: Floats) -> Floats:
        """Return, at each row, the sum over its block."""
        found = np.bincount(self.first_of_block, weights=values, minlength=values.size).astype(np.float64)
        return found[self.first_of_block]

    def shared(self, values: Floats) -> Floats:
        """Return, at each row, the mean over its block."""
        return self.summed(values) / self.summed(np.ones(values.size))


def ranked(grades: npt.ArrayLike, groups: npt.ArrayLike) -> Ranked:
    """Return rows put together by group: ``grades`` (n,) of 0 or more, ``groups`` (n,) of any kind that sorts.

    Raises ``InputError`` for a grade below zero or that is no number, and where there is not one group a grade.

    >>> seen = ranked([2, 0, 1, 1, 3], ["a", "a", "b", "b", "c"])
    >>> seen.number, seen.left_out
    (1, 2)
    """
    given, names = finite(grades, "grades"), np.asarray(groups).ravel()
    faults = []
    if names.size != given.size:
        faults.append(Fault(what=f"{given.size} grades but {names.size} groups", remedy="give one group for each row"))
    if (given < 0).any():
        what = f"{int((given < 0).sum())} of {given.size} grades are below zero"
        faults.append(Fault(what=what, remedy="give grades from 0, the worst, upward"))
    if faults:
        raise InputError("sample", faults)
    codes = np.unique(names, return_inverse=True)[1].astype(np.intp).ravel()
    number = int(codes.max()) + 1 if codes.size else 0
    worst, best, last = np.full(number, np.inf), np.full(number, -np.inf), np.zeros(number, dtype=np.intp)
    np.minimum.at(worst, codes, given)
    np.maximum.at(best, codes, given)
    np.maximum.at(last, codes, np.arange(codes.size))
    counted = np.flatnonzero(worst < best)
    counted = counted[np.argsort(last[counted], kind="stable")]
    place = np.full(number, -1, dtype=np.intp)
    place[counted] = np.arange(counted.size)
    rows = np.flatnonzero(place[codes] >= 0) if codes.size else np.zeros(0, dtype=np.intp)
    return Ranked(rows, given[rows], place[codes[rows]], last[counted], number - counted.size)


def _discounts(places: Floats, at: int | None) -> Floats:
    found = 1 / np.log2(1 + places)
    return found if at is None else np.where(places <= at, found, 0.0)


def _first(begins: npt.NDArray[np.bool_]) -> Places:
    """Return, at each row, where the run that it is in begins."""
    starts = np.where(begins, np.arange(begins.size), 0)
    return np.maximum.accumulate(starts) if starts.size else starts


def _log_choose(n: Floats, k: Floats) -> Floats:
    found: Floats = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
    return found
