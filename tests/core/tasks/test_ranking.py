"""The task of an order within groups keeps its law: groups are the unit, nothing splits them, nothing raises for lack of them."""

import numpy as np
import polars as pl
import pytest

from trimaran.core.errors import InputError
from trimaran.core.tasks import GRADED, Ranking, in_groups, unsplit

TASK = Ranking(at=2)


def graded(*pairs):
    return np.array(list(pairs), dtype=GRADED)


LABELS = graded((2, 0), (0, 0), (1, 1), (0, 1), (1, 2))
GOOD = np.array([0.9, 0.1, 0.8, 0.2, 0.5])


def test_rows_know_their_group_by_name_and_a_row_without_one_stands_alone():
    rows = pl.DataFrame({"label": [1.0, 0.0, 2.0, 0.0], "group": ["a", "a", None, None]})
    labels = TASK.truths(rows)
    assert TASK.numbers(labels).tolist() == [1.0, 0.0, 2.0, 0.0]
    assert len(set(labels["group"].tolist())) == 3
    assert TASK.units(labels) == 1


def test_a_grade_is_a_whole_number_from_zero():
    assert TASK.teachable(LABELS) is LABELS
    for strange in (0.5, -1, float("nan"), float("inf")):
        with pytest.raises(InputError, match="whole number from 0"):
            TASK.teachable(graded((strange, 0)))


def test_measures_and_differences_count_groups_and_say_how_many_are_left_out():
    seen = TASK.measure("mrr", LABELS, GOOD)
    assert (seen.value, seen.n) == (1.0, 2)
    assert "1 group of one row or one grade left out" in seen.note
    gap = TASK.difference("ndcg", LABELS, GOOD, -GOOD)
    assert gap.n == 2
    assert gap.value > 0


def test_the_cutoff_is_that_of_ndcg_alone():
    labels, scores = graded((1, 0), (0, 0), (0, 0)), np.array([0.1, 0.9, 0.8])
    assert TASK.measure("ndcg", labels, scores).value == 0
    assert TASK.measure("mrr", labels, scores).value == pytest.approx(1 / 3)


@pytest.mark.parametrize("labels", [graded(), graded((1, 0), (1, 0)), graded((1, 0), (0, 1))])
def test_without_a_group_of_two_grades_there_is_no_value_and_a_note(labels):
    scores = np.zeros(labels.size)
    for seen in (TASK.measure("ndcg", labels, scores), TASK.difference("ndcg", labels, scores, scores)):
        assert seen.value is None
        assert "nothing to put in order" in seen.note
    assert TASK.lacking(labels)
    assert TASK.losses(labels, scores, 1.0).size == 0


def test_losses_are_of_groups_in_the_order_of_their_last_rows():
    labels = graded((1, 0), (0, 1), (1, 1), (0, 0))
    assert TASK.losses(labels, np.array([0.0, 0.0, 1.0, 1.0]), 1.0) == pytest.approx([0.0, 1 - 1 / np.log2(3)])


def test_a_group_is_in_the_cluster_of_its_last_row():
    labels = graded((1, 0), (0, 0), (1, 1), (0, 1))
    scores = np.array([0.9, 0.1, 0.1, 0.9])
    same = TASK.measure("ndcg", labels, scores, clusters=np.array([5, 5, 5, 5]))
    assert "single cluster" in same.note
    apart = TASK.measure("ndcg", labels, scores, clusters=np.array([1, 2, 1, 3]))
    assert "only 2 clusters" in apart.note


def test_no_mask_splits_a_group_and_the_rows_of_one_are_brought_together():
    assert unsplit(LABELS, np.array([True, False, True, True, True])).tolist() == [False, False, True, True, True]
    assert unsplit(np.array([1.0, 0.0]), np.array([True, False])).tolist() == [True, False]
    order, sizes = in_groups(graded((1, 5), (0, 2), (2, 5), (0, 2), (1, 9)))
    assert order.tolist() == [0, 2, 1, 3, 4]
    assert sizes.tolist() == [2, 2, 1]
