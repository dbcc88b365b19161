"""Lags are declared in one line, and one that nobody can know at the horizon is refused with the reason."""

from datetime import UTC, datetime

import polars as pl
import pytest

from trimaran.core.errors import DefinitionError
from trimaran.data.declaration import Declaration

DAY = datetime(2024, 2, 1, tzinfo=UTC)


def sales(folder, lags, *, predict_at="day - 1d", label=("sold",), task="regression", more=None, **said):
    frame = pl.DataFrame({"point": ["a"], "shop": ["north"], "day": [DAY], "sold": [1.0], "paid": [1.0], "closed": [DAY]})
    frame.write_parquet(folder / "sales.parquet")
    frame.select("shop", "day", "sold").write_parquet(folder / "others.parquet")
    product = Declaration("sales", owner="ana", predict_at=predict_at)
    late = {"sold": "closed", "paid": "closed"}
    shops = product.table("sales.parquet", key="point", time="day", known=late)
    others = product.table("others.parquet", key="shop", time="day")
    product.lags({"shops": shops, "others": others}[said.pop("table", "shops")], "sold", by="shop", lags=lags, **said)
    product.label(shops, wait="1h", task=task)(
        (lambda sold: sold) if label == ("sold",) else (lambda sold, paid: sold - paid)
    )
    product.model()(lambda X, y: None)
    product.accept(out_of_time="30d", **(more or {}))
    return product


def faults(product, folder):
    with pytest.raises(DefinitionError) as raised:
        product.freeze(folder)
    return [(fault.what, fault.remedy) for fault in raised.value.faults]


def test_each_lag_is_a_feature_and_one_of_them_is_the_forecast_to_beat(tmp_path):
    definition = sales(tmp_path, ["1d", "1w"], naive="7d", more={"mase": "<= 1"}).freeze(tmp_path)
    assert [feature.name for feature in definition.features] == ["sold_lag_1d", "sold_lag_7d"]
    assert (definition.naive.feature, definition.naive.by) == ("sold_lag_7d", ("shop",))
    assert definition.goal == "mae"


def test_a_lag_shorter_than_the_horizon_is_refused_and_one_as_long_is_not(tmp_path):
    ((what, remedy),) = faults(sales(tmp_path, ["23h", "1d"]), tmp_path)
    assert what == "the lag 23h of 'sold' leaks the future: it is shorter than the horizon, 1d, and not known at day - 1d"
    assert remedy == "give lags of 1d or more"


def test_a_rows_own_value_is_no_lag_where_it_is_predicted_at_its_own_time(tmp_path):
    ((what, _),) = faults(sales(tmp_path, ["0s"], predict_at="day"), tmp_path)
    assert "it is the row's own value" in what


def test_lags_are_of_the_table_that_is_predicted(tmp_path):
    ((what, remedy),) = faults(sales(tmp_path, ["1d"], table="others"), tmp_path)
    assert "counts back from others.day, and sales is predicted at day - 1d" in what
    assert remedy.startswith("take lags of sales")


@pytest.mark.parametrize(
    ("said", "what", "remedy"),
    [
        ({"naive": "14d"}, "naive= is 14d, none of the lags", "choose from: 1d, 7d"),
        ({"naive": "7d", "task": "binary"}, "is a number, and the label '<lambda>' is binary", 'task="regression"'),
        ({"naive": "7d", "label": ("sold", "paid")}, "is of 'sold', and the label", "take lags of what is predicted"),
        ({"more": {"mase": "<= 1"}}, "asks for mase, and there is no naive forecast", "naive='7d'"),
        ({"naive": "7d", "more": {"mase": "<= live"}}, "which is measured once, at the gate", "mase='<= 1'"),
        (
            {"naive": "7d", "more": {"worst_slice": ("shop", "mase <= 1")}},
            "which is measured once, at the gate",
            "of the whole window alone",
        ),
    ],
)
def test_what_cannot_be_held_against_a_naive_forecast_is_refused_with_the_way_out(tmp_path, said, what, remedy):
    ((told, way),) = faults(sales(tmp_path, ["1d", "7d"], **said), tmp_path)
    assert what in told
    assert remedy in way


def test_a_replicated_product_has_no_naive_forecast(tmp_path):
    product = sales(tmp_path, ["1d"], naive="1d")
    product.replicate(by="shop")
    assert "a replicated product is not held against a naive forecast" in [what for what, _ in faults(product, tmp_path)]
