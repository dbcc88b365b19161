"""A lag is the value of its series so long before, where it is known when the prediction is made, and nothing else."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from trimaran.data.declaration import Declaration
from trimaran.data.features import FeatureEngine

BEGIN = datetime(2024, 2, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
AHEAD = 6 * HOUR


def series(seed):
    """Points of two shops at irregular hours, some without a value, each known up to nine hours later."""
    chance = np.random.default_rng(seed)
    hours = [sorted(chance.choice(200, 120, replace=False).tolist()) for _ in range(2)]
    rows = [
        {
            "point": f"{shop} {hour}",
            "shop": shop,
            "at": BEGIN + hour * HOUR,
            "sold": None if chance.random() < 0.1 else float(chance.normal()),
            "closed": BEGIN + (hour + int(chance.integers(0, 10))) * HOUR,
        }
        for shop, those in zip(("north", "south"), hours, strict=True)
        for hour in those
    ]
    return pl.DataFrame(rows)


def declared(folder, rows, lags, within):
    rows.write_parquet(folder / "sales.parquet")
    product = Declaration("sales", owner="ana", predict_at="at - 6h")
    table = product.table("sales.parquet", key="point", time="at", known={"sold": "closed"})
    product.lags(table, "sold", by="shop", lags=lags, within=within)
    product.label(table, wait="9h", task="regression")(lambda sold: sold)
    product.model()(lambda X, y: None)
    product.accept(out_of_time="1d")
    definition = product.freeze(folder)
    return definition.features, definition.tables, definition.asked, definition.predict_at


def by_hand(rows, asked, lag, within):
    """Return the lag of a row as plain loops find it: of the values known six hours before it, the newest so long before."""
    moment = asked["at"] - lag
    seen = [
        row
        for row in rows
        if row["shop"] == asked["shop"] and moment - within <= row["at"] <= moment and row["closed"] <= asked["at"] - AHEAD
    ]
    return max(seen, key=lambda row: row["at"])["sold"] if seen else None


@pytest.mark.parametrize("within", [timedelta(), 2 * HOUR], ids=["that very moment", "or two hours older"])
@pytest.mark.parametrize("seed", range(3))
def test_every_lag_is_what_plain_loops_find_for_many_rows_and_for_each_alone(tmp_path, seed, within):
    rows = series(seed)
    lags = [6 * HOUR, 8 * HOUR, timedelta(days=1)]
    features, *where = declared(tmp_path, rows, lags, within)
    engine = FeatureEngine(features, *where)
    history = {"sales": engine.prepare("sales", rows)}
    asked = rows.select("point", "shop", "at")
    found = engine.compute(asked, history)
    plain = rows.to_dicts()
    known = 0
    for lag, name in zip(lags, ("sold_lag_6h", "sold_lag_8h", "sold_lag_1d"), strict=True):
        expected = [by_hand(plain, row, lag, within) for row in plain]
        known += sum(value is not None for value in expected)
        assert found[name].fill_nan(None).to_list() == pytest.approx(expected, nan_ok=True), name
    assert known > 50, "the example has values to find"
    slowly = FeatureEngine([replace(each, back=None) for each in features], *where)
    assert slowly.compute(asked, {"sales": slowly.prepare("sales", rows)}).equals(found), "as its own expression says"
    alone = pl.concat([engine.compute(asked[place : place + 1], history) for place in range(0, asked.height, 17)])
    assert alone.equals(found[range(0, asked.height, 17)])
