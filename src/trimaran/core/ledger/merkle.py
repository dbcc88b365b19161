"""Merkle trees over a growing list (RFC 9162, section 2.1): roots in a stream, proofs, and what a proof proves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

Span = tuple[int, int]
"""The leaves from the first number on, up to the second and without it; a subtree of a tree."""


def leaf(data: bytes) -> bytes:
    """Return the hash of a leaf."""
    return hashlib.sha256(b"\x00" + data).digest()


def node(left: bytes, right: bytes) -> bytes:
    """Return the hash of the node over two others; never that of a leaf, since it begins with another byte."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Range:
    """The root of all leaves appended so far, from as many hashes as the number of leaves has binary ones.

    >>> tree = Range()
    >>> tree.append(leaf(b"a")); tree.append(leaf(b"b"))
    >>> tree.root() == node(leaf(b"a"), leaf(b"b"))
    True
    """

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def append(self, leaf_hash: bytes) -> None:
        """Take in the hash of the next leaf; about two hashes in time."""
        size, peaks = self.size, self._peaks
        while size & 1:
            leaf_hash = node(peaks.pop(), leaf_hash)
            size >>= 1
        peaks.append(leaf_hash)
        self.size += 1

    def root(self) -> bytes:
        """Return the root of what was appended; of nothing, the hash of no bytes."""
        if not self._peaks:
            return hashlib.sha256().digest()
        *others, root = self._peaks
        for peak in reversed(others):
            root = node(peak, root)
        return root


def inclusion_path(index: int, size: int) -> list[Span]:
    """Return the subtrees whose roots prove that a leaf, counted from 0, is in the tree of a size; from the leaf upwards.

    >>> inclusion_path(2, 5)
    [(3, 4), (0, 2), (4, 5)]
    """
    path: list[Span] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append((middle, high))
            high = middle
        else:
            path.append((low, middle))
            low = middle
    return path[::-1]


def consistency_path(old: int, new: int) -> list[Span]:
    """Return the subtrees whose roots prove that the tree of size ``old`` is the beginning of the tree of size ``new``.

    >>> consistency_path(3, 5)
    [(2, 3), (3, 4), (0, 2), (4, 5)]
    """
    if old in {0, new}:
        return []
    path: list[Span] = []
    low, high = 0, new
    while old < high:
        middle = low + _split(high - low)
        if old <= middle:
            path.append((middle, high))
            high = middle
        else:
            path.append((low, middle))
            low = middle
    return [*([(low, high)] if low else []), *path[::-1]]


def roots_of(leaves: Iterable[bytes], spans: Sequence[Span]) -> list[bytes]:
    """Return the roots of some subtrees, none over another, in one pass over the hashes of all leaves.

    >>> a, b, c = (leaf(letter) for letter in (b"a", b"b", b"c"))
    >>> roots_of([a, b, c], [(2, 3), (0, 2)]) == [c, node(a, b)]
    True
    """
    trees = {span: Range() for span in spans}
    waiting = sorted(spans, reverse=True)
    for index, leaf_hash in enumerate(leaves):
        while waiting and waiting[-1][1] <= index:
            waiting.pop()
        if not waiting:
            break
        if waiting[-1][0] <= index:
            trees[waiting[-1]].append(leaf_hash)
    return [trees[span].root() for span in spans]


def included(leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Tell whether a proof shows that a leaf, counted from 0, is in the tree of this size and root (section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    first, last, found = index, size - 1, leaf_hash
    for sibling in proof:
        if last == 0:
            return False
        if first & 1 or first == last:
            found = node(sibling, found)
            while first and not first & 1:
                first, last = first >> 1, last >> 1
        else:
            found = node(found, sibling)
        first, last = first >> 1, last >> 1
    return last == 0 and found == root


def consistent(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Tell whether a proof shows that one tree is the beginning of another (section 2.1.4.2); the empty tree begins any."""
    if not 0 <= old <= new:
        return False
    if old in {0, new}:
        return not proof and old_root == (new_root if old else Range().root())
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        return False
    first, last = old - 1, new - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    old_found = new_found = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if first & 1 or first == last:
            old_found, new_found = node(sibling, old_found), node(sibling, new_found)
            while first and not first & 1:
                first, last = first >> 1, last >> 1
        else:
            new_found = node(new_found, sibling)
        first, last = first >> 1, last >> 1
    return last == 0 and (old_found, new_found) == (old_root, new_root)


def _split(size: int) -> int:
    """Return the largest power of two below a size of two or more: how many leaves the left half holds."""
    return 1 << (size - 1).bit_length() - 1
