"""The profile of one column: how many values fall in each cell, with cells fixed by the reference sample."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal
from zlib import crc32

import msgspec
import numpy as np

from trimaran.core.errors import Fault, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt


MOST_CATEGORIES = 1000
"""Columns with more different texts than this are counted by hash."""

HASHED_CELLS = 50


class Histogram(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of one column's values in cells.

    ``missing`` counts None and NaN. ``numeric``: inner ``edges``, ascending, and one count more than edges; cell i holds
    edges[i - 1] < value <= edges[i], the first and last cells are open. ``categorical``: one count for each name in
    ``categories``. ``hashed``: a text is counted in the cell CRC-32(text) modulo the number of cells.

    No category is ever gathered as "other" for being rare or new in one sample: the reference would always hold too few
    of those, and calm data would raise alarms.
    """

    kind: Literal["numeric", "categorical", "hashed"]
    counts: list[int]
    missing: int = 0
    edges: list[float] = []
    categories: list[str] = []

    def __post_init__(self) -> None:
        faults = []
        cells = {"numeric": len(self.edges) + 1, "categorical": len(self.categories), "hashed": HASHED_CELLS}[self.kind]
        if len(self.counts) != cells:
            faults.append(Fault(what=f"{len(self.counts)} counts for {cells} cells", remedy="give one count for each cell"))
        if min(self.counts, default=0) < 0 or self.missing < 0:
            faults.append(Fault(what="a count is negative", remedy="count rows"))
        if any(left >= right for left, right in zip(self.edges, self.edges[1:], strict=False)):
            faults.append(Fault(what="the edges do not rise", remedy="sort the edges and name each once"))
        if len(set(self.categories)) < len(self.categories):
            faults.append(Fault(what="a category is named twice", remedy="name each category once"))
        if faults:
            raise InputError("histogram", faults)

    @property
    def n(self) -> int:
        """How many rows were counted, the missing ones too."""
        return sum(self.counts) + self.missing

    def __add__(self, other: Histogram) -> Histogram:
        """Return the counts of both samples together; raises ``InputError`` when the cells differ.

        >>> whole = histogram([1.0, 2.0, 3.0, 4.0], cells=2)
        >>> (whole + count_like(whole, [9.0])).counts
        [2, 3]
        """
        first, second = aligned(self, other)
        counts = [left + right for left, right in zip(first.counts, second.counts, strict=True)]
        return msgspec.structs.replace(first, counts=counts, missing=self.missing + other.missing)


def aligned(first: Histogram, second: Histogram) -> tuple[Histogram, Histogram]:
    """Return both counts in the same cells: of all categories that either names, or hashed if either is or must be.

    Raises ``InputError`` when one counts numbers and the other texts, or both count numbers between other edges.

    >>> left, right = aligned(histogram(["a", "b"]), histogram(["b", "c"]))
    >>> left.categories, left.counts, right.counts
    (['a', 'b', 'c'], [1, 1, 0], [0, 1, 1])
    """
    if "numeric" in (first.kind, second.kind):
        if (first.kind, first.edges) != (second.kind, second.edges):
            remedy = "count the second sample with count_like(first, values)"
            raise InputError("histogram", [Fault(what="the two histograms count in different cells", remedy=remedy)])
        return first, second
    names = sorted({*first.categories, *second.categories})
    if "hashed" in (first.kind, second.kind) or len(names) > MOST_CATEGORIES:
        return _hashed(first), _hashed(second)
    return _named(first, names), _named(second, names)


def histogram(values: npt.ArrayLike, *, cells: int = 20) -> Histogram:
    """Return the profile of a reference sample; of numbers, it fixes the cells that later samples are counted in.

    Numbers and booleans get about ``cells`` cells of equal size; a value frequent enough to fill one gets a cell of its
    own, so that a drift off it, to either side, is seen. Texts are counted by name, or by hash when more than
    ``MOST_CATEGORIES`` differ. Raises ``InputError`` for values of another kind.

    >>> histogram([1.0, 2.0, 3.0, 4.0, float("nan")], cells=2)
    Histogram(kind='numeric', counts=[2, 2], missing=1, edges=[2.0], categories=[])
    >>> histogram(["EWR", "JFK", "EWR", None]).counts
    [2, 1]
    """
    array = _array(values)
    if array.dtype.kind in "fiub":
        numbers, missing = _numbers(array)
        edges = _edges(numbers, cells)
        return Histogram(kind="numeric", edges=edges, counts=_count(numbers, edges), missing=missing)
    return _texts(array)


def count_like(reference: Histogram, values: npt.ArrayLike) -> Histogram:
    """Return the counts of another sample, of numbers in the cells of the reference; raises ``InputError`` for another kind.

    >>> reference = histogram([1.0, 2.0, 3.0, 4.0], cells=2)
    >>> count_like(reference, [0.0, 2.5, 99.0]).counts
    [1, 2]
    """
    array = _array(values)
    if reference.kind == "numeric":
        numbers, missing = _numbers(array)
        return msgspec.structs.replace(reference, counts=_count(numbers, reference.edges), missing=missing)
    return _texts(array)


def _array(values: npt.ArrayLike) -> npt.NDArray[np.generic]:
    array = np.asarray(values)
    # A list of texts with a NaN among them would hold the text "nan".
    return np.asarray(values, dtype=object) if array.dtype.kind == "U" else array


def _numbers(array: npt.NDArray[np.generic]) -> tuple[npt.NDArray[np.float64], int]:
    fault = Fault(what=f"a numeric column holds {array.dtype} values", remedy="give numbers, with NaN where there is none")
    if array.dtype.kind not in "fiubO":
        raise InputError("histogram", [fault])
    try:
        numbers = array.astype(np.float64).ravel()
    except (TypeError, ValueError) as error:
        raise InputError("histogram", [fault]) from error
    present = numbers[~np.isnan(numbers)]
    return present, numbers.size - present.size


def _texts(array: npt.NDArray[np.generic]) -> Histogram:
    if array.size and array.dtype.kind not in "OT":
        remedy = "cast it to text to count it by category, or to numbers (a time to hours or days)"
        raise InputError("histogram", [Fault(what=f"a column of {array.dtype} has no categories", remedy=remedy)])
    missing, counted = 0, Counter[str]()
    for value, count in Counter(array.ravel().tolist()).items():
        if value is None or value != value:  # noqa: PLR0124  NaN is the one value that differs from itself
            missing += count
        else:
            counted[str(value)] += count
    names = sorted(counted)
    sample = Histogram(kind="categorical", categories=names, counts=[counted[name] for name in names], missing=missing)
    return sample if len(names) <= MOST_CATEGORIES else _hashed(sample)


def _named(sample: Histogram, names: Sequence[str]) -> Histogram:
    counted = dict(zip(sample.categories, sample.counts, strict=True))
    return msgspec.structs.replace(sample, categories=list(names), counts=[counted.get(name, 0) for name in names])


def _hashed(sample: Histogram) -> Histogram:
    if sample.kind == "hashed":
        return sample
    counts = [0] * HASHED_CELLS
    for name, count in zip(sample.categories, sample.counts, strict=True):
        counts[crc32(name.encode()) % HASHED_CELLS] += count
    return Histogram(kind="hashed", counts=counts, missing=sample.missing)


def _edges(numbers: npt.NDArray[np.float64], cells: int) -> list[float]:
    if numbers.size == 0:
        return []
    quantiles = np.quantile(numbers, np.arange(1, cells) / cells, method="inverted_cdf")
    edges, repeats = np.unique(quantiles, return_counts=True)
    heavy = edges[repeats > 1]
    with np.errstate(over="ignore"):
        edges = np.unique(np.concatenate([edges, np.nextafter(heavy, -np.inf)]))
    # An infinite value may be a quantile, but an edge there would have no JSON form.
    ordered: list[float] = edges[np.isfinite(edges)].tolist()
    return ordered


def _count(numbers: npt.NDArray[np.float64], edges: Sequence[float]) -> list[int]:
    counts: list[int] = np.bincount(np.searchsorted(edges, numbers, "left"), minlength=len(edges) + 1).tolist()
    return counts
