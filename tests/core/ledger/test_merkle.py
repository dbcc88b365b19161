"""Merkle trees, held to the definitions of RFC 9162 written down as they stand there: slow, recursive and over lists."""

from __future__ import annotations

import hashlib

from hypothesis import assume, given
from hypothesis import strategies as st

from trimaran.core.ledger import merkle

SIZES = st.integers(0, 70)
HASHES = st.binary(min_size=32, max_size=32)


def leaves_of(size: int, salt: int = 0) -> list[bytes]:
    return [f"{salt}:{number}".encode() for number in range(size)]


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def split(size: int) -> int:
    power = 1
    while power * 2 < size:
        power *= 2
    return power


def tree_hash(leaves: list[bytes]) -> bytes:
    """MTH of section 2.1.1."""
    if not leaves:
        return sha(b"")
    if len(leaves) == 1:
        return sha(b"\x00" + leaves[0])
    k = split(len(leaves))
    return sha(b"\x01" + tree_hash(leaves[:k]) + tree_hash(leaves[k:]))


def path(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of section 2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if index < k:
        return [*path(index, leaves[:k]), tree_hash(leaves[k:])]
    return [*path(index - k, leaves[k:]), tree_hash(leaves[:k])]


def subproof(old: int, leaves: list[bytes], *, whole: bool) -> list[bytes]:
    """SUBPROOF of section 2.1.4.1."""
    if old == len(leaves):
        return [] if whole else [tree_hash(leaves)]
    k = split(len(leaves))
    if old <= k:
        return [*subproof(old, leaves[:k], whole=whole), tree_hash(leaves[k:])]
    return [*subproof(old - k, leaves[k:], whole=False), tree_hash(leaves[:k])]


def hashed(leaves: list[bytes]) -> list[bytes]:
    return [merkle.leaf(leaf) for leaf in leaves]


def root_of(leaves: list[bytes]) -> bytes:
    tree = merkle.Range()
    for leaf in hashed(leaves):
        tree.append(leaf)
    return tree.root()


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8 % len(data)] ^= 1 << bit % 8
    return bytes(changed)


def test_the_root_of_nothing_is_the_hash_of_nothing() -> None:
    assert root_of([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@given(size=SIZES)
def test_the_root_in_a_stream_is_the_tree_hash_of_the_standard(size: int) -> None:
    tree = merkle.Range()
    for number, leaf in enumerate(leaves_of(size)):
        assert tree.root() == tree_hash(leaves_of(size)[:number])
        tree.append(merkle.leaf(leaf))
    assert (tree.size, tree.root()) == (size, tree_hash(leaves_of(size)))


@given(data=st.data(), size=st.integers(1, 70))
def test_an_inclusion_proof_is_the_standards_and_verifies(data: st.DataObject, size: int) -> None:
    index = data.draw(st.integers(0, size - 1))
    leaves = leaves_of(size)
    proof = merkle.roots_of(hashed(leaves), merkle.inclusion_path(index, size))
    assert proof == path(index, leaves)
    assert merkle.included(merkle.leaf(leaves[index]), index, size, proof, tree_hash(leaves))


@given(data=st.data(), new=SIZES)
def test_a_consistency_proof_is_the_standards_and_verifies(data: st.DataObject, new: int) -> None:
    old = data.draw(st.integers(0, new))
    leaves = leaves_of(new)
    proof = merkle.roots_of(hashed(leaves), merkle.consistency_path(old, new))
    assert proof == (subproof(old, leaves, whole=True) if old else [])
    assert merkle.consistent(old, tree_hash(leaves[:old]), new, tree_hash(leaves), proof)


@given(data=st.data(), size=st.integers(1, 40), bit=st.integers(0, 255))
def test_any_change_of_an_inclusion_proof_makes_it_fail(data: st.DataObject, size: int, bit: int) -> None:
    index, other = data.draw(st.integers(0, size - 1)), data.draw(st.integers(-1, size))
    leaves = leaves_of(size)
    leaf, root, proof = merkle.leaf(leaves[index]), tree_hash(leaves), path(index, leaves)
    assert not merkle.included(flipped(leaf, bit), index, size, proof, root)
    assert not merkle.included(leaf, index, size, proof, flipped(root, bit))
    assert other == index or not merkle.included(leaf, other, size, proof, root)
    assert not merkle.included(leaf, index, size, [*proof, root], root)
    for place, part in enumerate(proof):
        assert not merkle.included(leaf, index, size, [*proof[:place], *proof[place + 1 :]], root)
        assert not merkle.included(leaf, index, size, [*proof[:place], flipped(part, bit), *proof[place + 1 :]], root)


@given(data=st.data(), new=st.integers(1, 40), bit=st.integers(0, 255))
def test_any_change_of_a_consistency_proof_makes_it_fail(data: st.DataObject, new: int, bit: int) -> None:
    old = data.draw(st.integers(1, new))
    leaves = leaves_of(new)
    old_root, new_root, proof = tree_hash(leaves[:old]), tree_hash(leaves), subproof(old, leaves, whole=True)
    assert not merkle.consistent(old, flipped(old_root, bit), new, new_root, proof)
    assert not merkle.consistent(old, old_root, new, flipped(new_root, bit), proof)
    assert not merkle.consistent(old, old_root, new, new_root, [*proof, new_root])
    assert not merkle.consistent(new + 1, old_root, new, new_root, proof)
    for place, part in enumerate(proof):
        assert not merkle.consistent(old, old_root, new, new_root, [*proof[:place], *proof[place + 1 :]])
        changed = [*proof[:place], flipped(part, bit), *proof[place + 1 :]]
        assert not merkle.consistent(old, old_root, new, new_root, changed)


@given(data=st.data(), new=st.integers(2, 40))
def test_a_tree_whose_beginning_was_rewritten_is_not_consistent(data: st.DataObject, new: int) -> None:
    old = data.draw(st.integers(1, new - 1))
    place = data.draw(st.integers(0, old - 1))
    leaves = leaves_of(new)
    rewritten = [*leaves[:place], b"another", *leaves[place + 1 :]]
    proof = subproof(old, rewritten, whole=True)
    assert not merkle.consistent(old, tree_hash(leaves[:old]), new, tree_hash(rewritten), proof)


@given(made_up=st.lists(HASHES, max_size=8), old=SIZES, new=SIZES)
def test_a_made_up_consistency_proof_does_not_verify(made_up: list[bytes], old: int, new: int) -> None:
    assume(old > 0)
    assert not merkle.consistent(old, tree_hash(leaves_of(old)), new, tree_hash(leaves_of(new, salt=1)), made_up)


def test_a_leaf_is_never_a_node() -> None:
    left, right = hashed(leaves_of(2))
    assert merkle.leaf(left + right) != merkle.node(left, right)
