"""Profiles of deliveries: exact counts, sketches within their stated errors, and merges that lose nothing."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimaran.core.errors import Corrupt
from trimaran.data.sketches import (
    DISTINCT_ERROR,
    HEAVY_SHARE,
    NO_DAY,
    RANK_ERROR,
    SCHEMA,
    Origin,
    blank,
    by_column,
    by_day,
    days_of,
    read_sketch,
    sketch_bytes,
    sketch_of,
    take,
)

HIGH, LOW = 2**63 - 1, -(2**63)
START = datetime(2013, 3, 31, tzinfo=UTC)


def column(values, dtype=None):
    """Return what is known of some values, taken as one delivery without days."""
    return by_column(take(pl.DataFrame({"x": pl.Series(values, dtype=dtype)}), None))["x"].column()


def rank_interval(values, value):
    return np.mean(values < value), np.mean(values <= value)


SHAPES = {
    "normal": lambda random, n: random.normal(size=n),
    "constant": lambda random, n: np.full(n, 7.0),
    "ties": lambda random, n: random.integers(0, 5, n).astype(float),
    "heavy tail": lambda random, n: random.pareto(0.5, n),
    "sorted": lambda random, n: np.arange(n, dtype=float),
    "two far clusters": lambda random, n: np.where(random.uniform(size=n) < 0.5, -1e300, 1e300),
    "integers": lambda random, n: random.integers(-1000, 1000, n),
    "extreme integers": lambda random, n: random.choice([LOW, LOW + 1, -1, 0, 1, HIGH - 1, HIGH], n),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("parts", [1, 7, 60])
def test_a_merged_quantile_is_within_the_stated_rank_error_of_the_exact_one(shape, parts):
    random = np.random.default_rng(len(shape) * parts)
    values = SHAPES[shape](random, 20_011)
    cuts = np.sort(random.integers(0, values.size, parts - 1))
    frames = [take(pl.DataFrame({"x": part}), None) for part in np.split(values, cuts)]
    sketch = by_column(pl.concat(frames))["x"]
    slack = RANK_ERROR + 1 / values.size
    for share in np.linspace(0, 1, 101):
        below, reached = rank_interval(values, sketch.quantile(share))
        assert below - slack <= share <= reached + slack
    for value in random.choice(values, 100):
        assert abs(sketch.rank(value) - np.mean(values <= value)) <= slack


@given(st.lists(st.lists(st.integers(-50, 50), max_size=400), min_size=1, max_size=6), st.randoms())
def test_profiles_merge_in_any_order_with_the_same_outcome(parts, random):
    frames = [take(pl.DataFrame({"x": pl.Series(part, dtype=pl.Int64)}), None) for part in parts]
    frames = [frame for frame in frames if frame.height]
    if not frames:
        return
    one = by_column(pl.concat(frames))["x"].column()
    random.shuffle(frames)
    other = by_column(pl.concat(frames))["x"].column()
    near = {"mean": pytest.approx(one.mean), "deviation": pytest.approx(one.deviation)}
    assert {name: getattr(other, name) for name in one.__struct_fields__} == {
        **{name: getattr(one, name) for name in one.__struct_fields__},
        **near,
    }
    values = [value for part in parts for value in part]
    assert (one.rows, one.total, one.distinct) == (len(values), sum(values), len(set(values)))
    assert (one.low, one.high) == (min(values), max(values))


def test_counts_are_exact_and_strange_floats_are_counted_apart():
    found = column([1.0, None, float("nan"), float("inf"), float("-inf"), 3.0, -0.0, 0.0], pl.Float64)
    assert (found.rows, found.nulls, found.nans, found.infinite) == (8, 1, 1, 2)
    assert (found.low, found.high, found.mean, found.distinct) == (0.0, 3.0, 1.0, 3)


@pytest.mark.parametrize("values", [[None, None], []], ids=["all null", "no rows"])
@pytest.mark.parametrize(
    "dtype",
    [pl.Float64, pl.Int64, pl.String, pl.Boolean, pl.Date, pl.Datetime("us", "UTC"), pl.List(pl.Int64), pl.Binary, pl.Null],
    ids=str,
)
def test_a_column_without_a_value_has_counts_and_nothing_else(dtype, values):
    profile = take(pl.DataFrame({"x": pl.Series(values, dtype=dtype)}), None)
    assert profile.schema == SCHEMA
    assert profile.height == bool(values)
    if values:
        found = by_column(profile)["x"].column()
        assert (found.rows, found.nulls, found.low, found.quantiles, found.heavy) == (2, 2, None, {}, [])


def test_sums_of_whole_numbers_are_exact_where_64_bits_are_not():
    parts = [take(pl.DataFrame({"x": [HIGH, HIGH, -1]}), None), take(pl.DataFrame({"x": [HIGH, LOW]}), None)]
    found = by_column(pl.concat(parts))["x"].column()
    assert found.total == 3 * HIGH + LOW - 1
    assert (found.low, found.high) == (LOW, HIGH)


def test_a_sum_of_floats_that_overflows_leaves_the_moments_open_and_the_rest_told():
    found = column([1.7e308, 1.7e308, -1.7e308, 1.0])
    assert found.mean == pytest.approx(4.25e307)
    assert found.deviation is None
    assert (found.low, found.high) == (-1.7e308, 1.7e308)


def test_moments_of_parts_are_those_of_the_whole():
    values = np.random.default_rng(3).normal(1e6, 2.0, 5000)
    parts = [take(pl.DataFrame({"x": part}), None) for part in np.array_split(values, 13)]
    found = by_column(pl.concat(parts))["x"].column()
    assert found.mean == pytest.approx(values.mean(), rel=1e-12)
    assert found.deviation == pytest.approx(values.std(), rel=1e-9)


@pytest.mark.parametrize("number", [1, 64, 130, 1000, 50_000])
def test_how_many_are_distinct_is_exact_for_few_and_within_four_standard_errors_for_many(number):
    texts = [f"id-{value}" for value in range(number)]
    halves = [
        take(pl.DataFrame({"x": texts[: number // 2 + 1]}), None),
        take(pl.DataFrame({"x": texts[number // 3 :]}), None),
    ]
    found = by_column(pl.concat(halves))["x"].column()
    assert abs(found.distinct - number) <= (0 if found.exact else 4 * DISTINCT_ERROR * number)
    assert found.exact == (number <= 64)
    assert column(texts).distinct == number


def test_the_error_of_the_estimate_is_the_stated_one():
    random = np.random.default_rng(5)
    errors = []
    for _ in range(60):
        halves = [random.integers(0, 2**60, 3000) for _ in range(2)]
        found = by_column(pl.concat([take(pl.DataFrame({"x": half}), None) for half in halves]))["x"].column()
        errors.append(found.distinct / 6000 - 1)
    assert 0.7 * DISTINCT_ERROR < np.std(errors) < 1.3 * DISTINCT_ERROR
    assert abs(np.mean(errors)) < 3 * DISTINCT_ERROR / np.sqrt(60)


def test_a_frequent_value_is_counted_between_the_stated_bounds():
    random = np.random.default_rng(11)
    texts = [f"v{number}" for number in np.minimum(random.zipf(1.3, 30_000), 5000)]
    parts = [texts[start : start + 700] for start in range(0, len(texts), 700)]
    found = by_column(pl.concat([take(pl.DataFrame({"x": part}), None) for part in parts]))["x"].column()
    assert found.heavy[0].value == "v1"
    for one in found.heavy:
        exact = texts.count(one.value)
        assert one.count <= exact <= one.most <= one.count + HEAVY_SHARE * len(texts)
    listed = {one.value for one in found.heavy}
    assert all(texts.count(value) <= 3 * HEAVY_SHARE * len(texts) for value in {"v2", "v3", "v4"} - listed)


def test_texts_of_any_script_keep_their_frequent_values_and_no_others():
    texts = ["東京"] * 5 + ["Ωmega\n"] * 3 + ["", "", "🛩️", "x" * 5000, "x" * 5000, None]
    found = column(texts)
    assert [(one.value, one.count) for one in found.heavy] == [("東京", 5), ("Ωmega\n", 3), ("", 2)]
    assert (found.low, found.high, found.distinct, found.nulls) == (0, 5000, 5, 1)


def test_a_value_that_came_once_is_no_frequent_one():
    assert column(["a", "b", "c"]).heavy == []


def test_flags_days_and_decimals_are_told_as_people_read_them():
    assert [(one.value, one.count) for one in column([True, True, False, False, False]).heavy] == [("false", 3), ("true", 2)]
    days = column([date(1, 1, 1), date(9999, 12, 31)])
    assert (days.low, days.high) == ("0001-01-01", "9999-12-31")
    moments = column([datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)])
    assert moments.quantiles["0.5"] == "9999-12-31T23:59:59.999999+00:00"
    assert column([Decimal("1.5"), Decimal("2.5")]).mean == 2.0


def test_days_are_those_of_utc_whatever_the_zone_and_the_season():
    paris = [START + timedelta(minutes=30 * step) for step in range(100)]
    rows = pl.DataFrame({"at": paris, "n": range(100)}).with_columns(pl.col("at").dt.convert_time_zone("Europe/Paris"))
    found = by_day(take(rows, "at"), "n")
    assert {day: sketch.column().rows for day, sketch in found.items()} == {
        "2013-03-31": 48,
        "2013-04-01": 48,
        "2013-04-02": 4,
    }
    east = datetime(2013, 4, 1, 1, tzinfo=timezone(timedelta(hours=9)))
    assert list(by_day(take(pl.DataFrame({"at": [east]}), "at"), "at")) == ["2013-03-31"]


def test_rows_without_a_day_are_filed_apart_and_are_in_no_stretch_of_days():
    rows = pl.DataFrame({"at": [date(1, 1, 1), None, date(9999, 12, 31), None], "n": [1, 2, 3, 4]})
    profile = take(rows, "at")
    found = {day: sketch.column().total for day, sketch in by_day(profile, "n").items()}
    assert found == {"0001-01-01": 1, "9999-12-31": 3, NO_DAY: 6}
    assert days_of(profile, date(1, 1, 1), date(9999, 12, 31)).filter(column="n")["rows"].to_list() == [1]
    assert list(by_day(take(rows, None), "n")) == [NO_DAY]


def test_moments_beyond_the_calendar_and_too_many_days_are_profiled_without_days():
    far = pl.DataFrame({"at": pl.Series([2**62], dtype=pl.Int64).cast(pl.Datetime("us", "UTC"))})
    assert list(by_day(take(far, "at"), "at")) == [NO_DAY]
    assert "beyond" in by_column(take(far, "at"))["at"].column().low
    many = pl.DataFrame({"at": [date(1900, 1, 1) + timedelta(days=day) for day in range(5000)]})
    assert list(by_day(take(many, "at"), "at")) == [NO_DAY]


def test_the_same_rows_have_the_same_profile_in_whatever_order_they_come():
    random = np.random.default_rng(2)
    rows = pl.DataFrame(
        {
            "at": [START + timedelta(hours=int(hour)) for hour in random.integers(0, 200, 3000)],
            "n": random.integers(0, 400, 3000),
            "text": [f"t{value}" for value in random.integers(0, 300, 3000)],
        }
    )
    once = take(rows, "at")
    again = take(rows.sample(fraction=1.0, shuffle=True, seed=4), "at")
    rounded = ("mean", "spread")
    assert once.drop(rounded).equals(again.drop(rounded))
    assert np.allclose(once["mean"].drop_nulls(), again["mean"].drop_nulls())
    assert sketch_bytes(once, Origin("p/t", 0)) == sketch_bytes(take(rows, "at"), Origin("p/t", 0))


def test_a_stored_profile_comes_back_and_says_whose_it_is():
    profile = take(pl.DataFrame({"x": [1, 2, None], "y": ["a", "b", "b"]}), None)
    origin = Origin("flight-delay/flights", 3, "sched_dep")
    data = sketch_bytes(profile, origin)
    assert sketch_of(data) == origin
    assert read_sketch(data).equals(profile)
    assert sketch_of(b"PAR1 of somebody else") is None
    with pytest.raises(Corrupt, match="cannot be read"):
        read_sketch(data[:-20])


def test_a_blanked_day_keeps_its_counts_and_no_value():
    rows = pl.DataFrame(
        {"at": [date(2013, 1, 1), date(2013, 1, 1), date(2013, 1, 2), None], "who": ["ann", "ann", "bob", "cy"]}
    )
    profile = blank(take(rows, "at"), [date(2013, 1, 1), None])
    found = {day: sketch.column() for day, sketch in by_day(profile, "who").items()}
    assert [one.rows for one in found.values()] == [2, 1, 1]
    assert [one.distinct for one in found.values()] == [None, 1, None]
    assert b"ann" not in sketch_bytes(profile, Origin("p/t", 0))
    whole = by_column(profile)["who"].column()
    assert (whole.rows, whole.distinct) == (4, None)
