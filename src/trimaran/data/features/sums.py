"""Sums over the rows that were in a window at a moment: exact, rounded once, and as fast for a year as for an hour."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
from numpy.typing import NDArray

from trimaran.data.features.timeline import Positions

Whole = NDArray[np.int64]
Real = NDArray[np.float64]

_BITS = 32
_BASE = 2**_BITS
_DIGITS = 8
"""So many digits of 32 bits hold numbers whose sizes differ by a factor of 10^60; where they differ more, sums are refused."""


class Span:
    """Rows that come into a window one after the other and leave it again, in two orders.

    ``entering`` and ``leaving`` are places of rows in the order in which they do so. A sum over a window is what had entered
    less what had left.
    """

    def __init__(self, entering: Positions, leaving: Positions) -> None:
        self.entering = entering
        self.leaving = leaving

    def totals(self, values: Whole) -> tuple[Whole, Whole]:
        """Return the running totals of whole numbers in both orders, beginning with nothing."""
        entered = _running(values[self.entering])
        return entered, entered if self.leaving is self.entering else _running(values[self.leaving])


class WholeSum:
    """Sums of whole numbers, modulo 2^64 as Polars has them."""

    def __init__(self, span: Span, values: Whole) -> None:
        self._entered, self._left = span.totals(values)

    def between(self, entered: Positions, left: Positions) -> Whole:
        """Return the sum over each window, given how many rows had entered it and how many had left it."""
        return self._entered[entered] - self._left[left]


class RealSum:
    """Sums of numbers with fractions: the exact sum, rounded once.

    So a sum does not depend on the rows before its window, on their order, or on how many windows are asked for. NaN and
    infinities are counted apart. Raises ``OverflowError`` for numbers too far apart in size.

    >>> span = Span(np.arange(3), np.arange(3))
    >>> RealSum(span, np.array([1e17, 0.1, -1e17])).between(np.array([3]), np.array([0])).tolist()
    [0.1]
    """

    def __init__(self, span: Span, values: Whole | Real) -> None:
        digits, self._lowest = _digits(values)
        self._totals = [span.totals(digit) for digit in digits]
        self._special: list[tuple[float, WholeSum]] = []
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            for value, holds in (
                (math.inf, values == math.inf),
                (-math.inf, values == -math.inf),
                (math.nan, np.isnan(values)),
            ):
                self._special.append((value, WholeSum(span, holds.astype(np.int64))))

    def between(self, entered: Positions, left: Positions) -> Real:
        """Return the sum over each window, given how many rows had entered it and how many had left it."""
        sums = [before[entered] - after[left] for before, after in self._totals]
        answer = _rounded(sums, self._lowest)
        for value, count in self._special:
            with np.errstate(invalid="ignore"):  # infinities of both signs make NaN
                answer = np.where(count.between(entered, left) > 0, answer + value, answer)
        return answer


def numbers(column: pl.Series) -> Whole | Real:
    """Return a column as NumPy's numbers, 0 for null."""
    filled = column.fill_null(value=False) if column.dtype == pl.Boolean else column.fill_null(0)
    return filled.cast(pl.Float64 if column.dtype.is_float() else pl.Int64).to_numpy()


def _running(values: Whole) -> Whole:
    totals = np.zeros(len(values) + 1, np.int64)
    np.cumsum(values, out=totals[1:])
    return totals


def _digits(values: Whole | Real) -> tuple[list[Whole], int]:
    """Return numbers as digits to the base 2^32, the lowest first, and the power of the base that the lowest stands for.

    Each digit has its number's sign or none; one digit may be larger than the base where even then no total overflows.
    """
    return _of_whole(values.astype(np.int64)) if values.dtype.kind == "i" else _of_real(values.astype(np.float64))


def _of_whole(values: Whole) -> tuple[list[Whole], int]:
    if max(int(values.max(initial=0)), -int(values.min(initial=0))) * len(values) < 2**62:
        return [values], 0
    return [values & (_BASE - 1), values >> _BITS], 0


def _of_real(values: Real) -> tuple[list[Whole], int]:
    rest = np.where(np.isfinite(values), values, 0.0)
    size = np.abs(rest)
    largest = float(size.max(initial=0.0))
    for lowest in (0, -1):  # whole numbers, and those with short binary fractions
        if math.ldexp(largest, -_BITS * lowest) * max(len(values), 1) >= 2**62:
            break
        scaled = np.ldexp(rest, -_BITS * lowest)
        if (scaled == np.rint(scaled)).all():
            return [scaled.astype(np.int64)], lowest
    smallest = float(size[size > 0].min())
    first, last = (math.frexp(largest)[1] - 1) // _BITS, (math.frexp(smallest)[1] - 53) // _BITS
    if first - last >= _DIGITS or abs(first) > _BITS - _DIGITS or abs(last) > _BITS - _DIGITS:
        message = f"numbers from {smallest} to {largest} have no exact sum in {_DIGITS} digits of {_BITS} bits"
        raise OverflowError(message)
    digits = []
    for power in range(first, last - 1, -1):
        digit = np.trunc(np.ldexp(rest, -_BITS * power))
        rest -= np.ldexp(digit, _BITS * power)
        digits.append(digit.astype(np.int64))
    return digits[::-1], last


def _rounded(sums: list[Whole], lowest: int) -> Real:
    """Return sums given as digits, each of any size and sign, as the nearest floating-point numbers."""
    if len(sums) == 1:
        only: Real = np.ldexp(sums[0].astype(np.float64), _BITS * lowest)
        return only
    digits, carry = _normal(sums)
    negative = carry < 0
    if negative.any():
        sign = np.where(negative, -1, 1)
        digits, carry = _normal([total * sign for total in sums])
    nothing = np.zeros_like(carry)
    table = np.stack([carry & (_BASE - 1), *digits[::-1], nothing, nothing]).astype(np.uint64)
    top = np.argmax(table > 0, axis=0)
    top = np.minimum(top, len(table) - 3)
    each = np.arange(len(carry))
    first, second, third = (table[top + step, each] for step in range(3))
    # The 64 bits from the highest set one on; of what lies below it matters only whether there is anything.
    bits = np.frexp(first.astype(np.float64))[1].astype(np.uint64)
    window = (first << (np.uint64(64) - bits) % np.uint64(64)) | (second << (np.uint64(_BITS) - bits)) | (third >> bits)
    below = (third & ((np.uint64(1) << bits) - np.uint64(1))) > 0
    position = np.arange(len(table))[:, None]
    below |= ((table > 0) & (position > top + 2)).any(axis=0)
    size = np.where(first > 0, (window | below).astype(np.float64), 0.0)
    power = _BITS * (lowest + len(sums) - top) + bits.astype(np.int64) - 64
    answer: Real = np.ldexp(size, power)
    return np.where(negative, -answer, answer)


def _normal(sums: list[Whole]) -> tuple[list[Whole], Whole]:
    """Return digits from 0 to the base, the lowest first, and what is carried out of the highest."""
    digits, carry = [], np.zeros_like(sums[0])
    for total in sums:
        whole = total + carry
        digits.append(whole & (_BASE - 1))
        carry = whole >> _BITS
    return digits, carry
