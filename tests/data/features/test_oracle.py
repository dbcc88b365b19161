"""The engine against plain loops over plain rows, on tables Hypothesis makes up."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from trimaran.backends.local_tasks import LocalExecutor
from trimaran.data.declaration import Feature, Moment, Table
from trimaran.data.features import FeatureEngine, PartitionedEngine

NOON = datetime(2013, 1, 1, 12, tzinfo=UTC)
HOURS = timedelta(hours=2)
OFFSET = timedelta(minutes=-30)
MAX_AGE = timedelta(minutes=90)

minutes = st.none() | st.integers(-6, 12).map(lambda step: NOON + timedelta(minutes=30 * step))
origins = st.sampled_from(["JFK", "LGA", None])
tails = st.sampled_from(["N1", "N2", None])
numbers = st.none() | st.integers(-5, 5)
precisions = st.sampled_from(["ms", "us", "ns"])
zones = st.sampled_from(["UTC", "America/New_York", "Asia/Kathmandu", None])


def present(values):
    return [value for value in values if value is not None]


AGGREGATES = {
    "mean": (lambda x: x.mean(), lambda xs: statistics.fmean(present(xs)) if present(xs) else None),
    "sum": (lambda x: x.sum(), lambda xs: sum(present(xs))),
    "count": (lambda x: x.count(), lambda xs: len(present(xs))),
    "rows": (lambda x: x.len(), len),
    "smallest": (lambda x: x.min(), lambda xs: min(present(xs), default=None)),
    "spread": (lambda x: x.std(), lambda xs: statistics.stdev(present(xs)) if len(present(xs)) > 1 else None),
    "median": (lambda x: x.quantile(0.5, "linear"), lambda xs: statistics.median(present(xs)) if present(xs) else None),
    "distinct": (lambda x: x.n_unique(), lambda xs: len(set(xs))),
    "encoded": (
        lambda x: (x.sum() + 0.25 * 4) / (x.count() + 4),
        lambda xs: (sum(present(xs)) + 1) / (len(present(xs)) + 4),
    ),
    "largest": (lambda x: x.max(), lambda xs: max(present(xs), default=None)),
    "last": (lambda x: x.last(), lambda xs: xs[-1] if xs else None),
    "share": (
        lambda x: (x > 0).mean(),
        lambda xs: sum(x > 0 for x in present(xs)) / len(present(xs)) if present(xs) else None,
    ),
}
PLAIN = {
    "y": lambda row: None if row["y"] is None else row["y"] + 1,
    "x": lambda row: -9 if row["x"] is None else row["x"],
    "xy": lambda row: None if None in {row["x"], row["y"]} else row["x"] * row["y"],
    "z": lambda row: row["z"],
}
EXPRESSIONS = {
    "y": (lambda y: y + 1, ("y",)),
    "x": (lambda x: x.fill_null(-9), ("x",)),
    "xy": (lambda x, y: x * y, ("x", "y")),
    "z": (lambda z: z, ("z",)),
}


def rows_of(draw, columns, precision):
    schema = {
        name: pl.Datetime(precision, "UTC") if strategy is minutes else pl.Int64 if strategy is numbers else pl.String
        for name, strategy in columns.items()
    }
    rows = draw(st.lists(st.tuples(*columns.values()), max_size=14))
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.with_columns(_zoned(name, draw(zones)) for name, strategy in columns.items() if strategy is minutes)


def _zoned(name, zone):
    """The same moments in another zone, or in UTC without saying so."""
    return pl.col(name).dt.replace_time_zone(None) if zone is None else pl.col(name).dt.convert_time_zone(zone)


def _in_utc(frame, name):
    return _zoned(name, "UTC") if frame.schema[name].time_zone else pl.col(name).dt.replace_time_zone("UTC")


def plain(frame):
    """Rows as dictionaries, their moments in UTC."""
    return frame.with_columns(_in_utc(frame, name) for name, each in frame.schema.items() if each.is_temporal()).to_dicts()


@st.composite
def worlds(draw):
    """Facts with a late x (known at ``kx``), a later z (known at ``kz``) and a y that is never late; and rows that ask."""
    columns = {
        "origin": origins,
        "tail": tails,
        "at": minutes,
        "kx": minutes,
        "kz": minutes,
        "x": numbers,
        "y": numbers,
        "z": numbers,
    }
    facts = rows_of(draw, columns, draw(precisions))
    asked = rows_of(draw, {"origin": origins, "tail": tails, "at": minutes}, draw(precisions))
    return facts, asked


def available(row, columns, timed):
    """When a fact may be seen, None for never."""
    late = {"x": "kx", "z": "kz"}
    moments = [row["at"]] if timed else []
    moments += [row[late[name]] for name in columns if name in late]
    if None in moments:
        return None
    return max(moments, default=NOON - timedelta(days=9999))


def seen(facts, asked, on, columns, timed):
    moment = NOON - timedelta(days=999) if asked["at"] is None else asked["at"] + OFFSET
    for place, row in enumerate(facts):
        known = available(row, columns, timed)
        same = all(row[name] is not None and row[name] == asked[name] for name in on)
        if same and known is not None and known <= moment:
            yield place, row, moment


def newest(facts, asked, on, name, max_age, timed):
    found = None
    for _, row, moment in seen(facts, asked, on, EXPRESSIONS[name][1], timed):
        if found is None or not timed or row["at"] >= found[0]["at"]:
            found = row, moment
    if found is None or (timed and max_age is not None and found[1] - found[0]["at"] > max_age):
        return None
    return PLAIN[name](found[0])


def windowed(facts, asked, on, name, column):
    inside = [
        (row["at"], place, row[column])
        for place, row, moment in seen(facts, asked, on, (column,), timed=True)
        if row["at"] > moment - HOURS
    ]
    return AGGREGATES[name][1]([value for _, _, value in sorted(inside, key=lambda item: item[:2])])


class Declared(NamedTuple):
    """An engine, its features as loops, and the columns by which its facts never tie."""

    engine: FeatureEngine
    loops: dict[str, Callable[..., object]]
    untied: list[str]


def declared(on, max_age, timed):
    """Every feature the oracle knows, with the function that computes it by loops."""
    table = Table("facts", "", on, time="at" if timed else None, known={"x": "kx", "z": "kz"}, max_age=max_age)
    features, loops = [], {}
    for name, (function, inputs) in EXPRESSIONS.items():
        features.append(Feature(f"newest_{name}", "facts", "newest", function, inputs, on=on))
        loops[f"newest_{name}"] = partial(newest, on=on, name=name, max_age=max_age, timed=timed)
    for name, (function, _) in AGGREGATES.items() if timed else ():
        for column in ("x", "y"):
            feature = Feature(f"{name}_{column}", "facts", "window", function, (column,), on=on, window=HOURS)
            features.append(feature)
            loops[feature.name] = partial(windowed, on=on, name=name, column=column)
    asking = Table("asking", "", ("origin",), time="at")
    engine = FeatureEngine(features, {"facts": table, "asking": asking}, "asking", Moment("at", OFFSET))
    return Declared(engine, loops, ["origin", "at"] if timed else ["origin"])


ENGINES = [
    declared(on, max_age, timed)
    for on in (("origin",), ("origin", "tail"))
    for max_age, timed in ((None, True), (MAX_AGE, True), (None, False))
]


def close(left, right):
    return left == right or (left is not None and right is not None and abs(left - right) <= 1e-9 * max(1, abs(right)))


@given(worlds(), st.sampled_from(ENGINES))
@settings(deadline=None, max_examples=150)
def test_every_value_is_what_plain_loops_find(world, declaration):
    (facts, asked), (engine, loops, _) = world, declaration
    answer = engine.compute(asked, {"facts": engine.prepare("facts", facts)})
    assert answer.columns == list(loops)
    assert answer.height == asked.height
    for got, row in zip(answer.to_dicts(), plain(asked), strict=True):
        for name, loop in loops.items():
            assert close(got[name], loop(plain(facts), row)), (name, row)


@given(worlds(), st.sampled_from(ENGINES))
@settings(deadline=None, max_examples=40)
def test_a_row_asked_for_alone_gets_what_it_gets_among_others(world, declaration):
    (facts, asked), engine = world, declaration.engine
    history = {"facts": engine.prepare("facts", facts)}
    together = engine.compute(asked, history)
    for place in range(asked.height):
        assert engine.compute(asked[place : place + 1], history).equals(together[place : place + 1])


@given(worlds(), st.sampled_from(ENGINES), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=40)
def test_the_order_of_a_tables_rows_does_not_matter_without_ties(world, declaration, chance):
    (facts, asked), engine = world, declaration.engine
    facts = facts.unique(declaration.untied, keep="first", maintain_order=True)
    places = list(range(facts.height))
    chance.shuffle(places)
    orders = [engine.compute(asked, {"facts": engine.prepare("facts", rows)}) for rows in (facts, facts[places])]
    assert orders[0].equals(orders[1])


@given(worlds(), st.sampled_from(ENGINES), st.integers(-6, 12))
@settings(deadline=None, max_examples=60)
def test_a_value_that_becomes_known_later_may_be_any_other(world, declaration, step):
    (facts, asked), engine = world, declaration.engine
    cut = NOON + timedelta(minutes=30 * step)
    asked = asked.with_columns(_in_utc(asked, "at")).filter(pl.col("at") + OFFSET <= cut)
    known = {"x": "kx", "z": "kz"} | ({"y": "at"} if "at" in declaration.untied else {})
    other = facts.with_columns(
        pl.when(_in_utc(facts, moment) <= cut).then(name).otherwise(77).alias(name) for name, moment in known.items()
    )
    answers = [engine.compute(asked, {"facts": engine.prepare("facts", rows)}) for rows in (facts, other)]
    assert answers[0].equals(answers[1])


def crowded(facts, crowd):
    """Facts among many others with keys that nobody asks for."""
    others = pl.select(origin=pl.concat_str(pl.lit("K"), pl.int_range(crowd)), tail=pl.lit("N1"), x=1, y=2, z=3)
    half = crowd // 2
    return pl.concat([others.head(half), facts, others.tail(crowd - half)], how="diagonal_relaxed").select(facts.columns)


@given(worlds(), st.sampled_from(ENGINES), st.integers(100_000, 400_000), st.sampled_from([0, 300]))
@settings(deadline=None, max_examples=60)
def test_in_parts_by_key_every_value_is_the_same(world, declaration, memory, crowd):
    (facts, asked), engine = world, declaration.engine
    facts = crowded(facts, crowd)
    once = engine.compute(asked, {"facts": engine.prepare("facts", facts)})
    with tempfile.TemporaryDirectory() as scratch:
        parts = PartitionedEngine(engine, memory, LocalExecutor()).compute(
            asked.lazy(), {"facts": facts.lazy()}, Path(scratch)
        )
        assert_frame_equal(pl.concat(parts), once, check_exact=True)
