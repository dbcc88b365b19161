"""Every check agrees with plain Python, row by row; null, NaN, infinities, empty tables and newlines have one rule each."""

import math
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimaran.core.errors import InputError, UserCodeError
from trimaran.data.contracts import (
    Allowance,
    Expression,
    Finite,
    Fresh,
    Length,
    Pattern,
    Range,
    Reference,
    Required,
    Rows,
    Surroundings,
    Unique,
    Values,
    judge,
)
from trimaran.data.contracts.expressions import holding

NOW = datetime(2013, 1, 2, tzinfo=UTC)
NAN, INF = math.nan, math.inf


def outcome(check, values, kind, around=None):
    """Return which rows of one column a check refuses."""
    return judge([check], pl.DataFrame({"x": pl.Series(values, dtype=kind)}), around).refused.to_list()


CASES = [
    ("null breaks required", Required(columns=("x",)), [None, 1.0, NAN, INF], pl.Float64, [1, 0, 0, 0]),
    ("empty text is a value", Required(columns=("x",)), ["", " ", None], pl.String, [0, 0, 1]),
    ("NaN and infinities are not finite", Finite(columns=("x",)), [None, 1.0, NAN, INF, -INF], pl.Float64, [0, 0, 1, 1, 1]),
    ("NaN lies in no range", Range(columns=("x",), low=0), [None, NAN, INF, -INF, 0.0], pl.Float64, [0, 1, 0, 1, 0]),
    ("NaN is not below a bound", Range(columns=("x",), high=0), [None, NAN, INF, -INF, -0.0], pl.Float64, [0, 1, 1, 0, 0]),
    ("an open bound is outside", Range(columns=("x",), low=0, open_low=True), [0.0, -0.0, 1e-300], pl.Float64, [1, 1, 0]),
    ("a fraction bounds whole numbers", Range(columns=("x",), low=0.5, high=2.5), [0, 1, 2, 3], pl.Int8, [1, 0, 0, 1]),
    ("whole numbers stay exact", Range(columns=("x",), high=float(2**53)), [2**53, 2**53 + 1], pl.Int64, [0, 1]),
    ("a bound may pass the type", Range(columns=("x",), low=-1000, high=1000), [-128, 127], pl.Int8, [0, 0]),
    ("a bound out of reach breaks all", Range(columns=("x",), low=1000), [1, None], pl.Int8, [1, 0]),
    (
        "null is in every set",
        Values(columns=("x",), values=("a",)),
        ["a", None, "b", "a\n", "A"],
        pl.String,
        [0, 0, 1, 1, 1],
    ),
    ("NaN is in no set", Values(columns=("x",), values=(1,)), [1.0, NAN, None], pl.Float64, [0, 1, 0]),
    ("NaN is in a set that lists it", Values(columns=("x",), values=(1, NAN)), [1.0, NAN, 2.0], pl.Float64, [0, 0, 1]),
    ("coded text is text", Values(columns=("x",), values=("a",)), ["a", "b", None], pl.Categorical, [0, 1, 0]),
    ("true is not 1", Values(columns=("x",), values=(True,)), [True, False, None], pl.Boolean, [0, 1, 0]),
    ("a fraction is in no set of whole numbers", Values(columns=("x",), values=(1, 1.5)), [1, 2], pl.Int64, [0, 1]),
    (
        "a pattern matches the whole text",
        Pattern(columns=("x",), pattern="[a-z]+|B"),
        ["ab", "ab\n", "\nab", "xB", "B", "", None, "a b"],
        pl.String,
        [0, 1, 1, 1, 0, 1, 0, 1],
    ),
    ("a dollar ends the text", Pattern(columns=("x",), pattern="a$"), ["a", "a\n", "ba"], pl.String, [0, 1, 1]),
    ("a dot is no newline", Pattern(columns=("x",), pattern=".*"), ["", "a", "\n", "a\n"], pl.String, [0, 0, 1, 1]),
    (
        "length is of characters",
        Length(columns=("x",), low=2, high=2),
        ["äö", "a", "a\n", "", None],
        pl.String,
        [0, 1, 0, 1, 0],
    ),
    ("length is of items", Length(columns=("x",), high=1), [[1], [1, 2], [], None], pl.List(pl.Int64), [0, 1, 0, 0]),
    (
        "the first of equals is right",
        Unique(columns=("x",)),
        [1.0, 1.0, None, None, NAN, NAN, 0.0, -0.0],
        pl.Float64,
        [0, 1, 0, 0, 0, 1, 0, 1],
    ),
    ("days compare as days", Range(columns=("x",), low="2013-01-02"), [date(2013, 1, 1), date(2013, 1, 2)], pl.Date, [1, 0]),
    (
        "moments without a zone are UTC, and years 1 and 9999 compare with nanoseconds",
        Range(columns=("x",), low="0001-01-01", high="2013-01-02T00:00:00"),
        [NOW, NOW + timedelta(microseconds=1), None],
        pl.Datetime("ns", "Europe/Berlin"),
        [0, 1, 0],
    ),
    ("an expectation must be true", Expression(text="x > 1"), [2.0, 1.0, None, NAN], pl.Float64, [0, 1, 1, 0]),
    ("nothing but nulls has nothing wrong", Range(columns=("x",), low=1), [None, None], pl.Null, [0, 0]),
]


@pytest.mark.parametrize(
    ("check", "values", "kind", "broken"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_one_rule_for_what_is_no_ordinary_value(check, values, kind, broken):
    assert outcome(check, values, kind) == [bool(each) for each in broken]


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_the_rule_is_the_same_for_rows_from_a_file_and_in_pieces(case, tmp_path):
    _, check, values, kind, broken = case
    rows = pl.DataFrame({"x": pl.Series(values, dtype=kind)})
    pieces = pl.concat([rows[:1], rows[1:]], rechunk=False)
    if kind != pl.Null:
        rows.write_parquet(tmp_path / "rows.parquet")
        rows = pl.read_parquet(tmp_path / "rows.parquet")
    for each in (rows, pieces):
        assert judge([check], each).refused.to_list() == [bool(one) for one in broken]


def test_the_page_shows_every_case_of_the_rule():
    page = (Path(__file__).parents[3] / "docs" / "contracts.md").read_text(encoding="utf-8")
    missing = [name for name, *_ in CASES if name not in page]
    assert not missing


@pytest.mark.parametrize("check", [check for _, check, _, _, _ in CASES], ids=[case[0] for case in CASES])
def test_an_empty_table_breaks_no_row_and_passes_nothing(check):
    kind = next(kind for _, one, _, kind, _ in CASES if one is check)
    judged = judge([check], pl.DataFrame(schema={"x": kind}))
    assert judged.refused.len() == judged.reasons.len() == 0
    assert [finding.outcome for finding in judged.findings] == ["unknown"]


def test_an_empty_table_is_counted_and_its_age_is_unknown():
    empty = pl.DataFrame(schema={"at": pl.Datetime("us", "UTC")})
    judged = judge([Rows(low=1), Fresh(columns=("at",), age=timedelta(1))], empty, Surroundings(NOW))
    assert [finding.outcome for finding in judged.findings] == ["fail", "unknown"]


NUMBERS = [None, NAN, INF, -INF, -0.0, 0.0, 1.0, 2.5, 7.0]
TEXTS = [None, "", "a", "a\n", "ab", "B", "ä", " a"]
WHOLE = [None, -(2**63), -1, 0, 1, 2, 2**53, 2**53 + 1, 2**63 - 1]
rows_of = st.lists(st.tuples(st.sampled_from(NUMBERS), st.sampled_from(TEXTS), st.sampled_from(WHOLE)), max_size=12)
bounds = st.one_of(
    st.none(), st.integers(-3, 8), st.floats(-3, 8).map(lambda x: round(x, 1)), st.sampled_from([2**53, -(2**70), 2**70])
)


@st.composite
def checks(draw):
    kind = draw(
        st.sampled_from(["required", "finite", "range", "whole", "values", "pattern", "length", "unique", "pair", "says"])
    )
    policy = draw(st.sampled_from(["refuse", "refuse", "refuse", "warn", "stop"]))
    allowed = draw(st.sampled_from([Allowance(), Allowance(), Allowance(2), Allowance(50, percent=True, strict=True)]))
    common = {"policy": policy, "allowed": allowed, "title": f"{kind} {draw(st.integers(0, 10**6))}"}
    low, high = draw(st.tuples(bounds, bounds).filter(lambda both: both != (None, None)))
    sides = {"low": low, "high": high, "open_low": draw(st.booleans()), "open_high": draw(st.booleans())}
    return {
        "required": lambda: Required(columns=("text",), **common),
        "finite": lambda: Finite(columns=("number",), **common),
        "range": lambda: Range(columns=("number",), **sides, **common),
        "whole": lambda: Range(columns=("whole",), **sides, **common),
        "values": lambda: Values(columns=("text",), values=tuple(draw(st.lists(st.sampled_from(TEXTS[1:])))), **common),
        "pattern": lambda: Pattern(
            columns=("text",), pattern=draw(st.sampled_from(["a", "a|ab", ".+", "[a-z]*", "a$", "\\w"])), **common
        ),
        "length": lambda: Length(columns=("text",), low=draw(st.integers(0, 2)), high=draw(st.integers(0, 3)), **common),
        "unique": lambda: Unique(columns=("whole",), **common),
        "pair": lambda: Unique(columns=("text", "number"), **common),
        "says": lambda: Expression(text="whole > 0 or text = 'a'", **common),
    }[kind]()


def breaks(check, row, earlier):
    """Say in plain Python whether a row breaks a check."""
    values = [row[name] for name in check.columns]
    if isinstance(check, Required):
        return values[0] is None
    if isinstance(check, Expression):
        return not ((row["whole"] is not None and row["whole"] > 0) or row["text"] == "a")
    return None not in values and wrong(check, values, earlier)


def too_many(check, broken, rows):
    limit = check.allowed.limit * rows / 100 if check.allowed.percent else check.allowed.limit
    return broken > 0 and (broken >= limit if check.allowed.strict else broken > limit)


def wrong(check, values, earlier):
    value = values[0]
    by_kind = {
        Finite: lambda: not math.isfinite(value),
        Range: lambda: outside(check, value),
        Values: lambda: value not in check.values,
        Pattern: lambda: re.fullmatch(check.pattern, value) is None,
        Length: lambda: not check.low <= len(value) <= check.high,
        Unique: lambda: any(comparable(values) == comparable(other) for other in earlier),
    }
    return by_kind[type(check)]()


def outside(check, value):
    if math.isnan(value):
        return True
    low = check.low is None or (value > check.low if check.open_low else value >= check.low)
    high = check.high is None or (value < check.high if check.open_high else value <= check.high)
    return not (low and high)


def comparable(values):
    return ["NaN" if isinstance(each, float) and math.isnan(each) else each for each in values]


@given(rows_of, st.lists(checks(), max_size=6, unique_by=lambda check: check.title))
def test_all_checks_in_one_plan_agree_with_plain_python_row_by_row(items, asked):
    names = ("number", "text", "whole")
    table = [dict(zip(names, item, strict=True)) for item in items]
    frame = pl.DataFrame(table, schema={"number": pl.Float64, "text": pl.String, "whole": pl.Int64})
    broken = {}
    for check in asked:
        seen = []
        broken[check.name] = []
        for row in table:
            broken[check.name].append(breaks(check, row, seen))
            seen.append([row[name] for name in check.columns])
    failed = [check for check in asked if too_many(check, sum(broken[check.name]), len(table))]
    stops = [check.name for check in failed if check.policy == "stop"]
    reasons = [
        {check.name for check in failed if check.policy != "warn" and broken[check.name][number]}
        | {f"{name}: the delivery as a whole" for name in stops}
        for number in range(len(table))
    ]
    judged = judge(asked, frame)
    assert judged.broken == {name: sum(marks) for name, marks in broken.items()}
    assert judged.refused.to_list() == [bool(each) for each in reasons]
    assert [set(each) for each in judged.reasons] == [each for each in reasons if each]
    assert judged.stopped == stops
    warned = {check.name for check in failed if check.policy == "warn"}
    assert {finding.check for finding in judged.findings if finding.outcome == "warn"} == warned


def test_references_look_into_the_other_table_in_the_order_of_the_rows():
    flights = pl.DataFrame({"origin": ["EWR", "XXX", None, "JFK"], "gate": [1, 1, 1, 9]})
    airports = pl.DataFrame({"faa": ["JFK", "EWR", "EWR"], "gate": [9, 1, 1]}, schema_overrides={"gate": pl.Int8})
    single = Reference(columns=("origin",), table="airports", others=("faa",))
    pair = Reference(columns=("origin", "gate"), table="airports", others=("faa", "gate"), policy="warn")
    judged = judge([single, pair], flights, Surroundings(others={"airports": airports}))
    assert judged.refused.to_list() == [False, True, False, False]
    assert judged.broken == {single.name: 1, pair.name: 1}


def test_a_reference_to_a_table_without_rows_is_unknown_and_refuses_nothing():
    check = Reference(columns=("origin",), table="airports", others=("faa",))
    judged = judge([check], pl.DataFrame({"origin": ["EWR"]}), Surroundings(others={"airports": pl.DataFrame({"faa": []})}))
    assert ([finding.outcome for finding in judged.findings], judged.refused.to_list()) == (["unknown"], [False])


def test_what_the_table_holds_already_counts_for_uniqueness():
    held = pl.DataFrame({"x": [7]})
    assert outcome(Unique(columns=("x",)), [7, 8, 8, None], pl.Int64, Surroundings(present=held)) == [
        True,
        False,
        True,
        False,
    ]


def test_a_single_moment_yet_to_come_does_not_make_a_delivery_fresh():
    check = Fresh(columns=("x",), age=timedelta(hours=3), policy="stop")
    late = [NOW - timedelta(hours=4), datetime(9999, 1, 1, tzinfo=UTC)]
    assert outcome(check, late, pl.Datetime("us", "UTC"), Surroundings(NOW)) == [True, True]
    assert outcome(check, [NOW - timedelta(hours=3)], pl.Datetime("us", "UTC"), Surroundings(NOW)) == [False]


def test_an_expression_with_an_aggregate_judges_the_whole():
    check = Expression(text="avg(x) > 2", policy="stop")
    judged = judge([check], pl.DataFrame({"x": [1, 2, 3]}))
    assert (judged.stopped, judged.refused.to_list()) == ([check.name], [True] * 3)
    assert judge([check], pl.DataFrame({"x": [2, 3]})).stopped == []


def test_checks_that_do_not_fit_the_columns_are_named_together():
    wrong = [
        Pattern(columns=("x",), pattern="("),
        Range(columns=("x",), low="a"),
        Range(columns=("x",)),
        Required(columns=("y",)),
        Expression(text="x + 1"),
    ]
    with pytest.raises(InputError) as caught:
        judge(wrong, pl.DataFrame({"x": [1]}))
    assert len(caught.value.faults) == 6


def test_an_expression_that_fails_on_these_rows_is_named():
    checks = [Required(columns=("x",)), Expression(text="cast(x as integer) > 1")]
    with pytest.raises(UserCodeError, match=r"cast\(x as integer\) > 1.*cannot be computed"):
        judge(checks, pl.DataFrame({"x": ["1", "a"]}))


def test_what_an_authors_function_raises_within_an_expectation_comes_with_their_lines():
    def picky(values):
        if "a" in values:
            raise KeyError("no such carrier")
        return values.is_not_null()

    known = holding(pl.col("x").map_batches(picky, pl.Boolean), {"x": pl.String()}, title="known")
    checks = [Required(columns=("x",)), known]
    with pytest.raises(UserCodeError, match=r"(?s)'known' cannot be computed.*raised KeyError.*raise KeyError\("):
        judge(checks, pl.DataFrame({"x": ["1", "a"]}))
