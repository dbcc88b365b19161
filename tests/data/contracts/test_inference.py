"""A proposal holds for the rows it comes from, and says nothing that they cannot show."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimaran.data.contracts import Finite, Pattern, Range, Required, Unique, Values, infer_contract, judge, parse_contract

N = 400


def proposed(name, values, kind=None, key=()):
    """Return what is proposed of one column beside an ordinary key."""
    rows = pl.DataFrame({"row_id": [f"r{number}" for number in range(len(values))], name: pl.Series(values, dtype=kind)})
    checks = parse_contract(infer_contract(rows, "rows", key)).checks
    return {type(check): check for check in checks if check.columns == (name,)}


def test_identifiers_counters_and_times_get_no_range():
    for name, values in {
        "customer_id": [number * 7 % 1000 for number in range(N)],
        "zip": [number % 97 for number in range(N)],
        "sequence": [10_000 + 3 * number for number in range(N)],
        "orderId": [number % 50 for number in range(N)],
        "seen": [datetime(2013, 1, 1, tzinfo=UTC) + timedelta(hours=number) for number in range(N)],
        "born": [date(1970, 1, 1) + timedelta(days=number % 99) for number in range(N)],
    }.items():
        assert Range not in proposed(name, values), name


def test_a_word_that_ends_like_an_identifier_is_none():
    assert Range in proposed("humid", [number % 50 for number in range(N)])


def test_a_column_of_numbers_but_for_a_word_is_pointed_at():
    rows = pl.DataFrame({"wind": ["NA", *(str(number / 2) for number in range(200))], "city": ["NA", "Ulm"] * 100 + ["1"]})
    text = infer_contract(rows, "t")
    assert (
        "wind  # 201 distinct, numbers but for NA: if that means none, --null NA here, tm.files(…, nulls=['NA']) there"
        in text
    )
    assert "city  # 3 distinct\n" in text


def test_a_column_that_is_nearly_empty_is_not_called_wholly_so():
    rows = pl.DataFrame({"rare": [1, *[None] * 2999], "same": [7] * 3000})
    text = infer_contract(rows, "t")
    assert "rare  # the same in every row, 99.97 % null, 1\n" in text
    assert "same  # the same in every row, 7\n" in text


def test_a_column_without_a_value_gets_nothing():
    assert proposed("empty", [None] * N, pl.Float64) == {}
    assert proposed("empty", [None] * N, pl.Null) == {}


def test_a_constant_column_is_neither_a_set_nor_a_range():
    assert proposed("country", ["US"] * N).keys() == {Required}
    assert proposed("factor", [1.5] * N).keys() == {Required, Finite}


def test_a_set_is_proposed_only_where_every_value_was_seen_often():
    assert proposed("origin", ["EWR", "JFK", "NO", "on"] * (N // 4))[Values].values == ("EWR", "JFK", "NO", "on")
    assert Values not in proposed("origin", ["EWR", "JFK"] * (N // 2 - 1) + ["LGA", "EWR"])
    assert Values not in proposed("city", [f"c{number % 60}" for number in range(N)])


def test_truth_as_numbers_is_a_range_from_0_to_1():
    found = proposed("late", [0, 1, 1, 0] * (N // 4))
    assert (found[Range].low, found[Range].high) == (0, 1)


def test_a_pattern_is_proposed_only_for_texts_of_one_shape():
    assert proposed("tail", [f"N{number:03}-x" for number in range(N)])[Pattern].pattern == r"[A-Z][0-9]{3}\-[a-z]"
    assert Pattern not in proposed("tail", [f"N{number}" for number in range(N)])
    assert Pattern not in proposed("mixed", [f"{number:03}" for number in range(N - 1)] + ["abc "])
    assert Pattern not in proposed("few", ["aa", "ab", "ba"] * (N // 3))


def test_days_written_as_text_keep_their_shape():
    days = [str(date(2013, 1, 1) + timedelta(days=number)) for number in range(N)]
    assert proposed("day", days)[Pattern].pattern == r"[0-9]{4}\-[0-9]{2}\-[0-9]{2}"


def test_some_nulls_are_allowed_with_slack_and_only_warned_of():
    found = proposed("gust", [None if number % 10 == 0 else float(number % 9) for number in range(N)])
    assert (found[Required].policy, found[Required].allowed.limit, found[Required].allowed.percent) == ("warn", 16, True)


def test_numbers_with_nan_get_no_range_that_would_refuse_them():
    assert proposed("ratio", [float("nan") if number % 50 == 0 else number / 7 for number in range(N)]).keys() == {Required}


def test_what_was_never_negative_stays_so_and_bounds_have_slack():
    found = proposed("speed", [float(number % 40) for number in range(N)])[Range]
    assert (found.low, found.high) == (0.0, 59.0)


def test_few_rows_propose_types_alone():
    rows = pl.DataFrame({"a": [1, 2], "b": ["x", "x"]})
    contract = parse_contract(infer_contract(rows, "few"))
    assert (contract.types, contract.checks) == ({"a": "integer", "b": "string"}, ())


def test_the_key_is_found_alone_or_with_a_time():
    hours = [datetime(2013, 1, 1, tzinfo=UTC) + timedelta(hours=number // 2) for number in range(N)]
    rows = pl.DataFrame({"place": ["EWR", "JFK"] * (N // 2), "hour": hours, "speed": [float(number) for number in range(N)]})
    assert Unique(columns=("place", "hour")) in parse_contract(infer_contract(rows, "weather")).checks
    named = rows.with_columns(id=pl.int_range(N))
    assert Unique(columns=("id",)) in parse_contract(infer_contract(named, "weather")).checks
    assert Unique(columns=("id", "hour")) in parse_contract(infer_contract(named, "weather", ("id", "hour"))).checks


NAMES = ["plain", "with space", "ключ", "no", "null", "123", "a.b", 'quo"te', "colon: x", "#hash", "\ttab"]
cells = {
    pl.Int64: st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3),
    pl.UInt8: st.integers(0, 255),
    pl.Float64: st.floats() | st.sampled_from([0.0, 1.5]),
    pl.String: st.text(max_size=4) | st.sampled_from(["a", "b\n", "NO"]),
    pl.Boolean: st.booleans(),
    pl.Date: st.dates(),
    pl.Datetime("us", "UTC"): st.datetimes().map(lambda moment: moment.replace(tzinfo=UTC)),
    pl.List(pl.Int64): st.lists(st.integers(0, 3), max_size=2),
}


@st.composite
def tables(draw):
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    columns = {}
    for name in names:
        kind = draw(st.sampled_from(list(cells)))
        few = draw(st.lists(st.none() | cells[kind], min_size=1, max_size=12))
        columns[name] = pl.Series((few * 130)[:130], dtype=kind)
    return pl.DataFrame(columns)


@settings(max_examples=60, deadline=None)
@given(tables())
def test_the_rows_that_a_proposal_comes_from_keep_it(rows):
    contract = parse_contract(infer_contract(rows, "any table"))
    assert contract.faults(rows.schema) == []
    judged = judge(contract.checks, rows)
    assert not judged.refused.any()
    assert {finding.outcome for finding in judged.findings} <= {"pass"}


@pytest.mark.parametrize("name", NAMES)
def test_column_names_of_any_kind_survive_the_file(name):
    assert list(parse_contract(infer_contract(pl.DataFrame({name: [1]}), "t")).types) == [name]
