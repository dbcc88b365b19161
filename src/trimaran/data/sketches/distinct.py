"""How many different values there are: exact sets of hashes while they are small, HyperLogLog beyond."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, log, sqrt

import numpy as np
import numpy.typing as npt
import polars as pl

from trimaran.core.canon import fingerprint

Hashes = npt.NDArray[np.uint64]
Registers = npt.NDArray[np.uint8]

BITS = 11
CELLS = 1 << BITS
DISTINCT_ERROR = 1.04 / sqrt(CELLS)
"""The standard error of an estimate, relative: 2.3 %."""

_TAIL = 53
_LONG = 256
_WORD = 8
_BLOCK = 1 << 18
_ODD = np.uint64(0x9E3779B97F4A7C15)
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def hash_numbers(values: npt.NDArray[np.int64] | npt.NDArray[np.float64]) -> Hashes:
    """Return 64 bits for each number, by SplitMix64's finaliser; the same for ever, on any machine.

    >>> zero, below, one = hash_numbers(np.array([0.0, -0.0, 1.0])).tolist()
    >>> zero == below, zero == one
    (True, False)
    """
    plain = values + 0.0 if values.dtype == np.float64 else values  # the negative zero is the zero
    return _mixed(plain.view(np.uint64) + _ODD)


def hash_texts(texts: pl.Series) -> Hashes:
    """Return 64 bits for each text (none null): eight bytes at a time for short ones, BLAKE2b for long ones.

    >>> found = hash_texts(pl.Series(["a", "b", "a", "", "x" * 300])).tolist()
    >>> found[0] == found[2], len(set(found))
    (True, 4)
    """
    sizes = texts.str.len_bytes().to_numpy().astype(np.int64)
    found = np.empty(sizes.size, dtype=np.uint64)
    ends = np.cumsum(sizes)
    begin = 0
    while begin < sizes.size:
        # In blocks that a processor's cache holds; and huge texts are not held twice.
        end = max(begin + 1, int(np.searchsorted(ends, (ends[begin - 1] if begin else 0) + _BLOCK, side="right")))
        found[begin:end] = _of_block(texts[begin:end], sizes[begin:end])
        begin = end
    return found


def registers_of(hashes: Hashes, groups: npt.NDArray[np.intp], count: int) -> Registers:
    """Return the HyperLogLog registers (count, cells) of hashes, each of which belongs to a group."""
    made = np.zeros(count * CELLS, dtype=np.uint8)
    cells = (hashes >> np.uint64(64 - BITS)).astype(np.int64)
    tail = (hashes & np.uint64((1 << _TAIL) - 1)).astype(np.float64)
    rank = (_TAIL + 1 - np.frexp(tail)[1]).astype(np.uint8)
    np.maximum.at(made, groups * CELLS + cells, rank)
    return made.reshape(count, CELLS)


def estimate(registers: Registers) -> float:
    """Return how many different hashes went into registers, by Ertl's improved raw estimator (2017, algorithm 6).

    >>> hashes = hash_numbers(np.arange(100_000))
    >>> abs(estimate(registers_of(hashes, np.zeros(hashes.size, dtype=np.intp), 1)[0]) / 100_000 - 1) < 3 * DISTINCT_ERROR
    True
    """
    counts = np.bincount(registers, minlength=_TAIL + 2).astype(np.float64)
    total = CELLS * _tau(1 - counts[_TAIL + 1] / CELLS)
    for rank in range(_TAIL, 0, -1):
        total = 0.5 * (total + counts[rank])
    total += CELLS * _sigma(counts[0] / CELLS)
    return float(CELLS / (2 * log(2)) * CELLS / total)


def union(small: Sequence[Hashes], large: Sequence[Registers]) -> tuple[float, bool]:
    """Return how many different values parts hold together, and whether that is exact: it is where every part is small."""
    hashes = np.unique(np.concatenate([np.empty(0, dtype=np.uint64), *small]))
    if not large:
        return float(hashes.size), True
    registers = np.maximum.reduce([*large, registers_of(hashes, np.zeros(hashes.size, dtype=np.intp), 1)[0]])
    return estimate(registers), False


def _of_block(texts: pl.Series, sizes: npt.NDArray[np.int64]) -> Hashes:
    text = str(texts.str.join("").item()).encode()
    words = np.frombuffer(text + bytes(2 * _WORD - len(text) % _WORD), dtype="<u8").astype(np.uint64, copy=False)
    starts = np.cumsum(sizes) - sizes
    found = sizes.astype(np.uint64) * _ODD
    longest = min(int(sizes.max(initial=0)), _LONG)
    for offset in range(0, longest, _WORD):
        there = np.flatnonzero(sizes > offset)
        at = starts[there] + offset
        place, shift = at // _WORD, (at % _WORD * _WORD).astype(np.uint64)
        # The eight bytes from any place on: of two words that stand side by side; a shift by 64 would be no shift.
        read = (words[place] >> shift) | ((words[place + 1] << np.uint64(1)) << (np.uint64(63) - shift))
        over = (np.maximum(_WORD - (sizes[there] - offset), 0) * _WORD).astype(np.uint64)
        found[there] = _mixed((found[there] ^ (read << over)) * _ODD)
    for number in np.flatnonzero(sizes > _LONG).tolist():
        found[number] = fingerprint(str(texts[number]).encode()) & 0xFFFFFFFFFFFFFFFF
    return _mixed(found)


def _mixed(values: Hashes) -> Hashes:
    made = (values ^ (values >> np.uint64(30))) * _MIX[0]
    made = (made ^ (made >> np.uint64(27))) * _MIX[1]
    return made ^ (made >> np.uint64(31))


def _sigma(share: float) -> float:
    if share >= 1:
        return inf
    total, step = share, 1.0
    while True:
        share *= share
        before = total
        total += share * step
        step += step
        if total == before:
            return total


def _tau(share: float) -> float:
    if share in {0.0, 1.0}:
        return 0.0
    total, step = 1 - share, 1.0
    while True:
        share = sqrt(share)
        before = total
        step *= 0.5
        total -= (1 - share) ** 2 * step
        if total == before:
            return total / 3
