"""Point-in-time values in a person's hands: what a model is trained on, of the table's rows or of rows one brings."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

import trimaran as tm
from trimaran.core.errors import InputError, NotFound

NOON = datetime(2013, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
LARGE = 2**53 + 1


def declared():
    product = tm.Product("rides", owner="ops-ml", predict_at="planned - 1h")
    rides = product.table("rides.parquet", key="ride", time="planned", known={"late": "done"})
    weather = product.table("weather.parquet", key="place", time="seen", max_age="3h")

    @product.feature(weather, on="place")
    def wind_now(wind):
        return wind

    @product.feature(rides, by="place", window="6h")
    def recent(late):
        return late.sum()

    @product.label(rides, wait="1d")
    def is_late(late):
        return late > 15

    @product.model()
    def fit(X, y):
        return None

    product.accept(out_of_time="10d", auc=">= 0.6")
    return product


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("rides")
    planned = [NOON + hour * HOUR for hour in (0, 2, 3)]
    rides = {"ride": [1, 2, 3], "place": "north", "planned": planned, "late": [LARGE, 20, 30]}
    # The second is known only at the very moment at which the third is asked about; the third never within its window.
    done = [NOON + HOUR, NOON + 2 * HOUR, NOON + 9 * HOUR]
    pl.DataFrame(rides).with_columns(done=pl.Series(done)).write_parquet(root / "rides.parquet")
    seen = {"place": ["north", "north"], "seen": [NOON - HOUR, NOON + HOUR], "wind": [5.0, 9.0]}
    pl.DataFrame(seen).write_parquet(root / "weather.parquet")
    declared().take_in(root / "workspace", root)
    return root / "workspace"


def test_without_rows_all_of_the_asked_table_come_with_what_was_known_of_each(place):
    found = declared().values(workspace=place)
    assert found.columns == ["ride", "predict_at", "wind_now", "recent"]
    assert found.drop("predict_at").rows() == [(1, 5.0, 0), (2, 9.0, LARGE), (3, 9.0, LARGE + 20)]
    assert found["predict_at"].to_list() == [NOON + hour * HOUR for hour in (-1, 1, 2)]


def test_rows_one_brings_come_back_once_each_in_order_with_their_columns(place):
    asked = pl.DataFrame(
        {"who": ["a", "b", "a", "c", "d"], "place": ["north", "north", "north", "south", None]}
    ).with_columns(planned=pl.Series([NOON + 3 * HOUR, NOON - 9 * HOUR, NOON + 3 * HOUR, NOON, NOON]))
    found = declared().values(asked, place)
    assert found.drop("wind_now", "recent").equals(asked)
    assert found["wind_now"].to_list() == [9.0, None, 9.0, None, None]
    assert found["recent"].to_list() == [LARGE + 20, 0, LARGE + 20, 0, 0]


def test_a_feature_may_be_tried_before_it_is_kept(place):
    product = declared()

    @product.feature(product["rides"])
    def hour(planned):
        return planned.dt.hour()

    assert product.values(workspace=place)["hour"].to_list() == [12, 14, 15]


def test_what_rows_lack_is_told_together(place):
    with pytest.raises(InputError, match="planned") as caught:
        declared().values(pl.DataFrame({"spot": ["north"]}), place)
    assert "place" in str(caught.value)


def test_tables_that_hold_nothing_are_named_with_what_to_do(place, tmp_path):
    with pytest.raises(NotFound):
        declared().values(workspace=tmp_path / "nowhere")
    product = declared()
    pl.DataFrame({"ride": [1], "trips": [2]}).write_parquet(place.parent / "riders.parquet")
    riders = product.table("riders.parquet", key="ride", name="riders")

    @product.feature(riders, on="ride")
    def trips_before(trips):
        return trips

    with pytest.raises(InputError, match="table 'riders' holds no rows yet") as caught:
        product.values(workspace=place)
    assert "product.take_in()" in str(caught.value)
