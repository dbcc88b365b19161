"""Orders within groups are measured as the field defines them, ties as the mean of their orders, and intervals hold."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from trimaran.core.errors import InputError
from trimaran.core.statistics import averaged, interval, paired, ranked

RUNS = 400
lists = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=6).filter(
    lambda rows: len({grade for grade, _ in rows}) > 1
)


def in_one_order(grades, at=None):
    """NDCG, average precision and reciprocal rank of grades from the first place on, by their definitions."""

    def gained(ordered):
        return sum(grade / np.log2(1 + place) for place, grade in enumerate(ordered[:at], 1))

    hits = [place for place, grade in enumerate(grades, 1) if grade > 0]
    precision = np.mean([count / place for count, place in enumerate(hits, 1)])
    return gained(grades) / gained(sorted(grades, reverse=True)), precision, 1 / hits[0]


def expected(rows, at=None):
    """The mean over every order of the rows that the scores allow."""
    found = [
        in_one_order([grade for grade, _ in order], at)
        for order in permutations(rows)
        if [score for _, score in order] == sorted((score for _, score in rows), reverse=True)
    ]
    return np.mean(found, axis=0)


@given(lists, st.sampled_from([None, 1, 3]))
def test_tied_scores_count_as_the_mean_of_all_their_orders(rows, at):
    grades, scores = zip(*rows, strict=True)
    seen = ranked(grades, ["a"] * len(rows))
    gain, precision, first = expected(rows, at)
    assert seen.ndcg(scores, at)[0] == pytest.approx(gain)
    assert seen.average_precision(scores)[0] == pytest.approx(precision)
    assert seen.reciprocal_rank(scores)[0] == pytest.approx(first)


def searches(generator, number, size=12, shared=0.0):
    """Grades and two scores of searches of ``size`` items, and the search of each row."""
    signal = generator.normal(size=(number, size))
    grades = np.clip(np.round(signal + generator.normal(size=(number, size))), 0, 3)
    quality = np.clip(1 + shared * generator.normal(size=(number, 1)), 0, None)
    first = quality * signal + generator.normal(size=(number, size))
    second = 0.6 * signal + generator.normal(size=(number, size))
    return grades.ravel(), first.ravel(), second.ravel(), np.repeat(np.arange(number), size)


def test_many_groups_at_once_are_what_scikit_learn_says_of_each():
    grades, scores, _, groups = searches(np.random.default_rng(1), 50)
    order = np.random.default_rng(2).permutation(grades.size)
    grades, scores, groups = grades[order], scores[order], groups[order]
    seen = ranked(grades, groups)
    ndcg, precision = seen.ndcg(scores, 5), seen.average_precision(scores)
    for place, last in enumerate(seen.last):
        mine = groups == groups[last]
        assert ndcg[place] == pytest.approx(metrics.ndcg_score([grades[mine]], [scores[mine]], k=5))
        assert precision[place] == pytest.approx(metrics.average_precision_score(grades[mine] > 0, scores[mine]))
    assert (np.diff(seen.last) > 0).all()


def test_a_group_that_can_be_in_no_wrong_order_is_left_out_and_counted():
    seen = ranked([1, 0, 2, 2, 0, 0, 3], ["a", "a", "b", "b", "c", "c", "d"])
    assert (seen.number, seen.left_out) == (1, 3)
    assert ranked([], []).ndcg([]).size == 0


def test_grades_below_zero_and_missing_groups_are_told_together():
    with pytest.raises(InputError) as raised:
        ranked([1.0, -1.0], ["a"])
    assert len(raised.value.faults) == 2


@pytest.mark.parametrize("name", ["ndcg", "average_precision", "reciprocal_rank"])
@pytest.mark.parametrize("shared", [0.0, 0.5])
def test_an_interval_over_groups_holds_the_truth_as_often_as_it_says_alone_and_paired(name, shared):
    days = 25

    def drawn(generator, number):
        """Searches of days, each of which is easier or harder than others as a whole, and the day of each group."""
        day = np.sort(generator.integers(0, days if number < 10_000 else number // 10, number))
        grades, first, second, groups = searches(generator, number)
        worse = shared * generator.normal(size=day.max() + 1)[day]
        noise = np.repeat(np.exp(worse), 12)
        seen = ranked(grades, groups)
        measure = getattr(seen, name)
        values = [averaged(measure(scores * 1.0 + noise * generator.normal(size=grades.size))) for scores in (first, second)]
        return *values, day[groups[seen.last]]

    alone, other, _ = drawn(np.random.default_rng(99), 60_000)
    gap = alone.value - other.value
    generator, held, held_paired = np.random.default_rng(4), 0, 0
    for _ in range(RUNS):
        first, second, day = drawn(generator, 250)
        clusters = day if shared else None
        seen = interval(first, floor=0.0, ceiling=1.0, clusters=clusters)
        held += seen.low <= alone.value <= seen.high
        seen = paired(first, second, clusters=clusters, largest=1.0)
        held_paired += seen.low <= gap <= seen.high
    # 95 % of 400, give or take four standard errors; what is nominal only for many clusters loses two points more.
    assert 0.885 <= held / RUNS <= 0.995
    assert 0.885 <= held_paired / RUNS <= 0.995


def test_two_equal_models_differ_as_rarely_as_stated():
    generator, seen = np.random.default_rng(6), 0
    for _ in range(RUNS):
        grades, first, _, groups = searches(generator, 250)
        found = ranked(grades, groups)
        one, other = (averaged(found.ndcg(first + generator.normal(size=first.size), 10)) for _ in range(2))
        gap = paired(one, other, largest=1.0)
        seen += not gap.low <= 0 <= gap.high
    assert 0.02 <= seen / RUNS <= 0.09


def test_rows_taken_for_independent_give_intervals_that_lie():
    """Twelve rows of a group tell no more than the group: an interval by rows would be too short."""
    grades, first, _, groups = searches(np.random.default_rng(7), 250)
    values = ranked(grades, groups).ndcg(first, 10)
    by_rows = interval(averaged(np.repeat(values, 12)))
    by_groups = interval(averaged(values))
    assert by_groups.high - by_groups.low == pytest.approx(np.sqrt(12) * (by_rows.high - by_rows.low), rel=0.01)
