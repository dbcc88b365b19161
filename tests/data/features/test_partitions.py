"""Features in parts by key are those of the engine that has everything at once, bit by bit."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from trimaran.backends.local_tasks import LocalExecutor
from trimaran.core.errors import InputError, UserCodeError
from trimaran.data.declaration import Feature, Moment, Table
from trimaran.data.features import FeatureEngine, PartitionedEngine
from trimaran.data.features.buckets import MARK, mark

HOUR = timedelta(hours=1)
START = np.datetime64("2024-01-01", "us")
ASKED, SALES, SHOPS = (
    Table("asked", "", ("id",), time="at"),
    Table("sales", "", ("customer",), time="at", known={"paid": "posted"}, max_age=9 * HOUR),
    Table("shops", "", ("shop",)),
)
TABLES = {table.name: table for table in (ASKED, SALES, SHOPS)}


def window(name, function, inputs, hours, on=("customer",)):
    return Feature(name, "sales", "window", function, inputs, on=on, window=hours * HOUR)


FEATURES = [
    Feature("last_paid", "sales", "newest", lambda paid: paid * 0.1, ("paid",), on=("customer",)),
    Feature("since", "sales", "newest", lambda at, predict_at: predict_at - at, ("at", "predict_at"), on=("customer",)),
    window("total", lambda paid: paid.sum(), ("paid",), 24),
    window("usual", lambda paid: paid.mean(), ("paid",), 48),
    window("spread", lambda paid: paid.std(), ("paid",), 48),
    window("kinds", lambda kind: kind.n_unique(), ("kind",), 48),
    window("here", lambda paid: paid.len(), ("paid",), 24, on=("customer", "shop")),
    Feature("size", "shops", "newest", lambda size: size, ("size",), on=("shop",)),
    Feature("ratio", "asked", "row", lambda last_paid, usual: last_paid / usual, ("last_paid", "usual")),
    Feature(
        "double",
        "asked",
        "row",
        lambda ratio, age, predict_at: ratio * age + predict_at.dt.hour(),
        ("ratio", "age", "predict_at"),
    ),
]


def times(chance, count):
    return pl.Series(START + chance.integers(0, 10 * 24, count).astype("timedelta64[h]")).cast(pl.Datetime("us", "UTC"))


def floats(chance, count, missing=0.1):
    values = chance.normal(0, 50, count) * 10.0 ** chance.integers(-6, 6, count)
    return pl.Series(values).set(pl.Series(chance.random(count) < missing), None)


def customers(chance, count, kind):
    """Whole numbers, among them null, or numbers with NaN and both zeros, as a float column has them."""
    drawn = pl.Series(chance.integers(0, 40, count)).set(pl.Series(chance.random(count) < 0.1), None)
    if kind == pl.Int32:
        return drawn.cast(kind)
    return drawn.cast(pl.Float64).replace(3.0, float("nan")).replace(0.0, -0.0 if count % 2 else 0.0)


def world(seed, sales=1_500, asked=700, kinds=(pl.Int32, pl.Int32)):
    chance = np.random.default_rng(seed)
    at = times(chance, sales)
    shops = [f"s{number}" for number in range(8)]
    return {
        "sales": pl.DataFrame(
            {
                "customer": customers(chance, sales, kinds[0]),
                "shop": pl.Series(chance.choice(shops, sales), dtype=pl.Enum(shops)),
                "at": at,
                "posted": at.dt.offset_by("90m").set(pl.Series(chance.random(sales) < 0.05), None),
                "paid": floats(chance, sales),
                "kind": chance.choice(["a", "b", None], sales).tolist(),
            }
        ),
        "shops": pl.DataFrame({"shop": [*shops, "s1", None], "size": range(10)}),
        "asked": pl.DataFrame(
            {
                "id": range(asked),
                "customer": customers(chance, asked, kinds[1]),
                "shop": chance.choice([*shops, "elsewhere"], asked).tolist(),
                "at": times(chance, asked),
                "age": chance.normal(size=asked),
            }
        ),
    }


def engine(features=FEATURES):
    return FeatureEngine(features, TABLES, "asked", Moment("at", -HOUR))


def at_once(frames, computed):
    return computed.compute(frames["asked"], {name: computed.prepare(name, frames[name]) for name in computed.needs})


def in_parts(frames, computed, folder, memory):
    history = {name: frames[name].lazy() for name in computed.needs}
    return list(PartitionedEngine(computed, memory, LocalExecutor()).compute(frames["asked"].lazy(), history, folder))


@given(st.integers(0, 2**32), st.sampled_from([400_000, 700_000, 2_000_000]))
@settings(deadline=None, max_examples=12)
def test_whatever_the_memory_the_values_are_the_same(tmp_path_factory, seed, memory):
    frames = world(seed)
    parts = in_parts(frames, engine(), tmp_path_factory.mktemp("scratch"), memory)
    assert_frame_equal(pl.concat(parts), at_once(frames, engine()), check_exact=True)


@pytest.mark.parametrize("kinds", [(pl.Float64, pl.Float64), (pl.Int32, pl.Float64), (pl.Float64, pl.Int32)])
def test_keys_of_other_types_find_each_other_in_parts_too(tmp_path, kinds):
    frames = world(5, kinds=kinds)
    parts = in_parts(frames, engine(), tmp_path, 600_000)
    assert_frame_equal(pl.concat(parts), at_once(frames, engine()), check_exact=True)


def test_less_memory_makes_more_parts_and_more_pieces_of_the_answer(tmp_path):
    frames, counts = world(1), []
    for number, memory in enumerate([400_000, 40_000_000]):
        folder = tmp_path / str(number)
        folder.mkdir()
        pieces = in_parts(frames, engine(), folder, memory)
        counts.append((len(pieces), len(list(folder.glob("0/parts/0/rows/*.ipc")))))
    assert counts[0][0] > 5 < counts[0][1]
    assert counts[1] == (1, 1)


def test_no_rows_asked_for_give_no_rows_with_the_same_columns(tmp_path):
    frames = world(1, asked=0)
    (only,) = in_parts(frames, engine(), tmp_path, 10**6)
    assert_frame_equal(only, at_once(frames, engine()))


def test_a_table_without_rows_gives_what_there_is_of_nothing(tmp_path):
    frames = world(1) | {"sales": world(1)["sales"].clear()}
    parts = in_parts(frames, engine(), tmp_path, 10**6)
    assert_frame_equal(pl.concat(parts), at_once(frames, engine()), check_exact=True)


def test_features_of_the_row_alone_need_no_parts(tmp_path):
    frames, computed = world(1), engine([Feature("older", "asked", "row", lambda age: age + 1, ("age",))])
    parts = in_parts(frames, computed, tmp_path, 100_000)
    assert_frame_equal(pl.concat(parts), at_once(frames, computed), check_exact=True)


def skewed(share):
    """Sales of which one customer has a share."""
    frames = world(1, sales=6_000)
    places = pl.int_range(pl.len()) < pl.lit(share) * pl.len()
    frames["sales"] = frames["sales"].with_columns(customer=pl.when(places).then(7).otherwise("customer").cast(pl.Int32))
    return frames


def test_a_key_with_many_rows_is_computed_apart_while_there_is_memory_for_it(tmp_path):
    frames = skewed(0.3)
    parts = in_parts(frames, engine(), tmp_path, 5_000_000)
    assert_frame_equal(pl.concat(parts), at_once(frames, engine()), check_exact=True)
    assert len(list(tmp_path.glob("0/parts/*"))) > 1  # the bucket of that key was divided again


def test_a_key_with_more_rows_than_memory_can_take_is_named_with_what_to_do(tmp_path):
    with pytest.raises(InputError) as caught:
        in_parts(skewed(0.9), engine(), tmp_path, 1_500_000)
    text = str(caught.value)
    assert "table 'sales': its 5,4" in text
    assert "rows with customer 7 need" in text
    assert "allow" in text
    allowed = int(text.split("allow ")[1].split(" MB", maxsplit=1)[0]) * 1_000_000
    folder = tmp_path / "again"
    folder.mkdir()
    assert in_parts(skewed(0.9), engine(), folder, allowed + 1_000_000)


def test_a_feature_that_fails_is_named_with_its_part(tmp_path):
    broken = window("broken", lambda kind: kind.cast(pl.Int64, strict=True).sum(), ("kind",), 24)
    with pytest.raises(UserCodeError, match=r"part \d+ of sales by customer: .*broken"):
        in_parts(world(1), engine([broken]), tmp_path, 10**6)


def test_what_is_missing_is_told_as_the_engine_tells_it(tmp_path):
    frames = world(1)
    frames["sales"] = frames["sales"].drop("paid", "kind")
    with pytest.raises(InputError, match="2 faults"):
        in_parts(frames, engine(), tmp_path, 10**6)
    del frames["sales"]
    history = {"shops": frames["shops"].lazy()}
    with pytest.raises(InputError, match="table 'sales' is missing"):
        list(PartitionedEngine(engine(), 10**6, LocalExecutor()).compute(frames["asked"].lazy(), history, tmp_path))


def test_a_mark_is_that_of_the_value_whatever_its_type():
    def marks(values, kind):
        rows = pl.DataFrame({"key": pl.Series(values, dtype=kind)})
        return rows.select(mark(["key"], rows.schema))[MARK].to_list()

    assert (
        marks([1, 0], pl.Int8)
        == marks([1.0, -0.0], pl.Float64)
        == marks([1, 0], pl.UInt64)
        == marks([True, False], pl.Boolean)
    )
    assert marks(["a"], pl.String) == marks(["a"], pl.Categorical) == marks(["a"], pl.Enum(["b", "a"]))
    moments = [START.item()]
    assert marks(moments, pl.Datetime("ms")) == marks(moments, pl.Datetime("us")) == marks(moments, pl.Datetime("ns"))
    assert marks([None, float("nan")], pl.Float64) == [None, None]
