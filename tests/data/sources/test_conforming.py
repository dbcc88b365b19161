"""Whatever comes, rows in = rows read + rows that could not be, and what is read is what was written."""

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimaran.core.errors import InputError
from trimaran.data.sources import Shape, frame, read

KINDS = [pl.Int64(), pl.Int8(), pl.Float64(), pl.Float32(), pl.String(), pl.Boolean(), pl.Datetime("us", "UTC"), pl.Date()]


def shape(schema, needed=()):
    return Shape("rides", pl.Schema(schema), frozenset(), frozenset(needed))


@pytest.mark.parametrize(
    ("came", "kind", "kept"),
    [
        (pl.Series([1, 2**40]), pl.Int32(), [1]),
        (pl.Series([1.0, 2.5, float("nan")]), pl.Int64(), [1]),
        (pl.Series([2**53, 2**53 + 1]), pl.Float64(), [2.0**53]),
        (pl.Series([0.5, 0.1]), pl.Float32(), [0.5]),
        (pl.Series(["7", "7.0", " 7", "seven"]), pl.Int64(), [7, 7]),
        (pl.Series([7, 8]), pl.String(), ["7", "8"]),
        (pl.Series(["true", "1"]), pl.Boolean(), [True]),
        (pl.Series(["2013-01-01T10:00:00+02:00", "2013-01-01T10:00:00"]), pl.Datetime("us", "UTC"), [datetime(2013, 1, 1, 8, tzinfo=UTC)]),
        (pl.Series([datetime(2013, 1, 1, tzinfo=UTC), datetime(1500, 1, 1, tzinfo=UTC)]), pl.Datetime("ns", "UTC"), [datetime(2013, 1, 1, tzinfo=UTC)]),
        (pl.Series(["a", "z"]), pl.Enum(["a", "b"]), ["a"]),
    ],
)  # fmt: skip
def test_a_cell_is_cast_where_nothing_is_lost_and_refused_where_something_is(came, kind, kept):
    found = read(frame(pl.DataFrame({"x": came})), shape({"x": kind}))
    assert found.rows["x"].to_list() == kept
    assert found.unreadable.height == came.len() - len(kept)


@pytest.mark.parametrize(
    ("came", "kind"),
    [
        (pl.Series([datetime(2013, 1, 1)]), pl.Datetime("us", "UTC")),  # noqa: DTZ001  a time without a zone is the point
        (pl.Series([True]), pl.Datetime("us", "UTC")),
        (pl.Series([1.5]), pl.Boolean()),
        (pl.Series([[1]]), pl.String()),
        (pl.Series([1]), pl.List(pl.Int64())),
        (pl.Series(["x"] * 10), pl.Int64()),
    ],
)
def test_a_column_of_which_nothing_is_of_its_type_breaks_the_contract(came, kind):
    with pytest.raises(InputError, match=r"the contract of table 'rides' is broken.*\n.*'x'.*declare the table anew"):
        read(frame(pl.DataFrame({"x": came})), shape({"x": kind}))


def test_a_needed_column_that_is_gone_breaks_the_contract_and_its_new_name_is_guessed():
    came = pl.DataFrame({"id": [1], "arr_delays": [2.0], "other": ["x"]})
    with pytest.raises(
        InputError, match="'arr_delay' is missing, declared as Float64; 'arr_delays' came instead: was it renamed"
    ):
        read(frame(came), shape({"id": pl.Int64(), "arr_delay": pl.Float64()}, {"arr_delay"}))


def test_a_column_that_nothing_uses_is_empty_when_it_is_gone_and_a_new_one_is_left_out_and_both_are_told():
    found = read(frame(pl.DataFrame({"id": [1], "gust": [2.0]})), shape({"id": pl.Int64(), "wind": pl.Float64()}, {"id"}))
    assert found.rows.to_dict(as_series=False) == {"id": [1], "wind": [None]}
    assert [fault.what for fault in found.drift] == [
        "column 'wind' is missing, declared as Float64",
        "column 'gust' (Float64) is new",
    ]


CELLS = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1).map(str),
    st.floats().map(repr),
    st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat),
    st.booleans().map(lambda truth: str(truth).lower()),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(CELLS, max_size=20), st.sampled_from(KINDS))
def test_every_row_that_came_is_read_or_refused_once_and_no_value_is_made_up(cells, kind):
    came = pl.DataFrame({"n": range(len(cells)), "x": pl.Series(cells, dtype=pl.String)})
    try:
        found = read(frame(came), shape({"n": pl.Int64(), "x": kind}))
    except InputError:
        assert len([cell for cell in cells if cell is not None]) >= 10
        return
    assert sorted([*found.rows["n"], *found.unreadable["n"]]) == list(range(len(cells)))
    for number, value in found.rows.iter_rows():
        assert (value is None) == (cells[number] is None)
    again = read(frame(found.rows), shape(found.rows.schema))
    assert again.rows.equals(found.rows)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), min_size=1),
    st.sampled_from([pl.Float64(), pl.Int8(), pl.String()]),
)
def test_a_number_that_was_cast_is_the_number_that_came(numbers, kind):
    try:
        found = read(frame(pl.DataFrame({"x": pl.Series(numbers, dtype=pl.Int64)})), shape({"x": kind}))
    except InputError:
        return
    kept = [int(value) if value is not None else None for value in found.rows["x"]]
    assert kept == [number for number in numbers if number is None or _fits(number, kind)]


def _fits(number, kind):
    return kind == pl.String or (int(float(number)) == number if kind == pl.Float64 else -128 <= number <= 127)
