"""Profiles of columns: every row is counted once, in cells that the reference fixed."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimaran.core.errors import InputError
from trimaran.core.statistics import Histogram, aligned, count_like, histogram

numbers = st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=60)
texts = st.lists(st.sampled_from(["a", "b", "c", "d", None, float("nan")]), max_size=60)


@given(numbers, numbers)
def test_every_number_is_counted_once_missing_or_not(before, after):
    reference = histogram(np.array(before, dtype=float), cells=5)
    assert reference.n == len(before)
    assert reference.missing == int(np.isnan(before).sum())
    assert count_like(reference, np.array(after, dtype=float)).n == len(after)
    assert count_like(reference, np.array(before, dtype=float)) == reference


@given(texts, texts)
def test_every_text_is_counted_once_missing_or_not(before, after):
    reference = histogram(np.array(before, dtype=object))
    current = count_like(reference, np.array(after, dtype=object))
    assert (reference.n, current.n) == (len(before), len(after))
    assert all(reference.counts)
    both = histogram(np.array(before + after, dtype=object))
    assert reference + current == both


@given(texts)
def test_the_order_of_rows_does_not_matter(values):
    assert histogram(np.array(values, dtype=object)) == histogram(np.array(values[::-1], dtype=object))


def test_more_texts_than_can_be_named_are_counted_by_hash_the_same_everywhere():
    many, few = histogram([f"N{i}" for i in range(1500)] + [None]), histogram(["N7", "N7"])
    assert (many.kind, len(many.counts), many.n, many.missing) == ("hashed", 50, 1501, 1)
    _, hashed = aligned(many, few)
    assert hashed.counts[5] == hashed.n == 2
    assert many + few == histogram([f"N{i}" for i in range(1500)] + [None, "N7", "N7"])


@given(numbers, numbers)
def test_counts_of_two_batches_add_up_to_the_counts_of_both(first, second):
    reference = histogram(np.arange(20.0), cells=4)
    parts = [count_like(reference, np.array(part, dtype=float)) for part in (first, second)]
    assert parts[0] + parts[1] == count_like(reference, np.array(first + second, dtype=float))


@given(numbers)
def test_a_profile_survives_its_stored_form(values):
    reference = histogram(np.array(values, dtype=float))
    assert msgspec.json.decode(msgspec.json.encode(reference), type=Histogram) == reference


def test_cells_hold_equal_shares_of_a_continuous_column():
    reference = histogram(np.random.default_rng(1).normal(size=10_000), cells=20)
    assert set(reference.counts) == {500}


def test_a_constant_column_sees_a_move_to_either_side():
    reference = histogram(np.zeros(100))
    lower, same, higher = (count_like(reference, np.full(10, value)).counts for value in (-1e-9, 0.0, 1e-9))
    assert len({tuple(lower), tuple(same), tuple(higher)}) == 3


def test_a_frequent_value_has_a_cell_of_its_own():
    generator = np.random.default_rng(2)
    reference = histogram(np.where(generator.random(1000) < 0.4, 0.0, generator.normal(size=1000)))
    moved = count_like(reference, np.full(7, -1e-6))
    assert not any(a and b for a, b in zip(count_like(reference, np.zeros(7)).counts, moved.counts, strict=True))


def test_a_list_of_texts_with_a_nan_counts_it_as_missing():
    assert histogram(["EWR", float("nan"), "EWR"]).missing == 1


def test_profiles_whose_union_is_too_large_to_name_are_both_hashed():
    first, second = (histogram([f"{letter}{i}" for i in range(800)]) for letter in "ab")
    assert first.kind == second.kind == "categorical"
    assert {sample.kind for sample in aligned(first, second)} == {"hashed"}


def test_a_column_of_another_kind_is_refused():
    with pytest.raises(InputError, match="a numeric column holds object values"):
        count_like(histogram([1.0, 2.0]), ["EWR"])
    with pytest.raises(InputError, match="a column of float64 has no categories"):
        count_like(histogram(["EWR"]), [1.0])
    with pytest.raises(InputError, match="cast it to text"):
        histogram(np.array(["2013-01-01"], dtype="datetime64[D]"))


def test_profiles_in_different_cells_do_not_add():
    with pytest.raises(InputError, match="different cells"):
        histogram([1.0, 2.0], cells=2) + histogram([1.0, 5.0, 9.0], cells=3)


def test_a_profile_that_cannot_hold_is_refused_with_every_fault():
    with pytest.raises(InputError) as caught:
        Histogram(kind="numeric", edges=[2.0, 1.0], counts=[1, -1])
    assert len(caught.value.faults) == 3
