"""Features of features, the label as an input, and the moment of the prediction."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from trimaran.core.errors import DefinitionError, InputError
from trimaran.data.declaration import Declaration, target_encoding
from trimaran.data.features import FeatureEngine

NOON = datetime(2013, 1, 1, 12, tzinfo=UTC)
MOMENTS = pl.Datetime("us", "UTC")
SCHEMAS = {
    "trips": pl.Schema({"id": pl.String, "place": pl.String, "due": MOMENTS, "done": MOMENTS, "late_by": pl.Float64}),
    "weather": pl.Schema({"place": pl.String, "seen": MOMENTS, "speed": pl.Float64, "angle": pl.Float64}),
}


@pytest.fixture
def product():
    product = Declaration("delay", owner="ops", predict_at="due - 1h")
    trips = product.table("trips.parquet", key="id", time="due", known={"late_by": "done"})
    product.table("weather.parquet", key="place", time="seen")

    @product.label(trips, wait="2d")
    def is_late(late_by):
        return late_by > 15

    @product.model()
    def fit(X, y):
        return None

    product.accept(out_of_time="30d", auc=">= 0.6")
    return product


def faults_of(product):
    with pytest.raises(DefinitionError) as caught:
        product.freeze(schemas=SCHEMAS)
    return str(caught.value)


def computed(product, asked, **frames):
    definition = product.freeze(schemas=SCHEMAS)
    engine = FeatureEngine(definition.features, definition.tables, definition.asked, definition.predict_at)
    return engine.compute(asked, {name: engine.prepare(name, frames[name]) for name in engine.needs})


def trips(*rows):
    """Trips of (place, hour due, hour done, minutes late)."""
    timed = [
        (str(n), place, NOON + timedelta(hours=due), None if done is None else NOON + timedelta(hours=done), late)
        for n, (place, due, done, late) in enumerate(rows)
    ]
    return pl.DataFrame(timed, schema=SCHEMAS["trips"], orient="row")


def weather(*rows):
    return pl.DataFrame(
        [(place, NOON + timedelta(hours=hour), speed, 0.0) for place, hour, speed in rows],
        schema=SCHEMAS["weather"],
        orient="row",
    )


def test_windows_and_newest_rows_may_use_row_features_of_their_table(product):
    @product.feature(product["weather"])
    def gale(strong):
        return strong > 1

    @product.feature(product["weather"])
    def strong(speed):
        return speed / 30

    @product.feature(product["weather"], on="place")
    def gale_now(gale, angle):
        return gale & (angle >= 0)

    @product.feature(product["weather"], by="place", window="6h")
    def gales(gale):
        return gale.sum()

    rows = weather(("x", -3, 40.0), ("x", -2, 50.0), ("x", -1, 3.0), ("x", 0, 99.0))
    answer = computed(product, trips(("x", -1, None, None), ("x", 0, None, None)), weather=rows)
    assert answer.to_dict(as_series=False) == {"gale_now": [True, False], "gales": [2, 2]}


def test_a_row_feature_of_another_table_is_no_feature_of_the_model(product):
    @product.feature(product["weather"])
    def gale(speed):
        return speed > 30

    @product.feature(product["weather"], on="place")
    def gale_now(gale):
        return gale

    definition = product.freeze(schemas=SCHEMAS)
    assert [(each.name, each.inputs) for each in definition.features] == [("gale_now", ("speed",))]


def test_what_cannot_be_made_of_features_is_refused_by_name(product):
    @product.feature(product["weather"])
    def unused(speed):
        return speed

    @product.feature(product["weather"], on="place")
    def wind(speed):
        return speed

    @product.feature(product["trips"], by="place", window="3h")
    def winds(wind):
        return wind.max()

    @product.feature(product["trips"])
    def ahead(predict_at, due):
        return (due - predict_at).dt.total_hours()

    @product.feature(product["trips"], by="place", window="3h")
    def aheads(ahead):
        return ahead.max()

    text = faults_of(product)
    assert "'unused' is over 'weather', whose rows are not the asked ones" in text
    assert "'winds' uses 'wind', which is itself looked up" in text
    assert "'aheads' uses 'ahead', which depends on when its own row is predicted" in text


def test_rings_across_kinds_are_refused(product):
    @product.feature(product["trips"])
    def double(recent):
        return recent * 2

    @product.feature(product["trips"], by="place", window="3h")
    def recent(double):
        return double.max()

    assert "features use each other in a ring: recent → double → recent" in faults_of(product)


def test_a_part_that_looks_beyond_its_own_row_is_refused(product):
    @product.feature(product["weather"])
    def above(speed):
        return speed - speed.shift()

    @product.feature(product["weather"], by="place", window="3h")
    def rising(above):
        return above.max()

    definition = product.freeze(schemas=SCHEMAS)
    with pytest.raises(DefinitionError, match="feature 'above' looks beyond its own row"):
        FeatureEngine(definition.features, definition.tables, definition.asked, definition.predict_at)


def test_the_label_may_be_encoded_and_only_labels_known_by_then_count(product):
    @product.feature(product["trips"], by="place", window="7d")
    def place_is_late(is_late):
        return target_encoding(is_late, prior=0.25, weight=4)

    rows = trips(("x", -9, -8, 20.0), ("x", -8, -1, 99.0), ("x", -7, None, 99.0), ("y", -9, -8, 99.0), ("x", 1, 2, 99.0))
    asked = trips(
        ("x", -8, None, None), ("x", -1, None, None), ("x", 0, None, None), ("x", 1, None, None), ("z", 1, None, None)
    )
    values = computed(product, asked, trips=rows)["place_is_late"].to_list()
    assert values == [0.25, pytest.approx(2 / 5), pytest.approx(3 / 6), pytest.approx(3 / 6), 0.25]


def test_a_rows_own_label_never_encodes_it(product):
    @product.feature(product["trips"], by="place", window="7d")
    def place_is_late(is_late):
        return is_late.mean()

    for late in (0.0, 99.0):
        rows = trips(("x", 0, 1, late))
        assert computed(product, rows, trips=rows)["place_is_late"].to_list() == [None]


def test_a_label_known_from_the_start_and_one_outside_a_window_are_refused():
    product = Declaration("delay", owner="ops", predict_at="due - 1h")
    trips = product.table("trips.parquet", key="id", time="due")

    @product.label(trips, wait="2d")
    def is_late(late_by):
        return late_by > 15

    @product.feature(trips, by="place", window="7d")
    def encoded(is_late):
        return is_late.mean()

    @product.feature(trips, on="id")
    def itself(is_late):
        return is_late

    @product.model()
    def fit(X, y):
        return None

    product.accept(out_of_time="30d", auc=">= 0.6")
    text = faults_of(product)
    assert "'encoded' uses the label 'is_late', which is known from the start" in text
    assert "'itself' uses the label 'is_late'; use it in a window" in text


def test_a_weight_of_nothing_is_refused():
    with pytest.raises(InputError, match="weight 0 is not above zero"):
        target_encoding(pl.col("x"), prior=0.5, weight=0)


def test_predict_at_tells_features_of_every_kind_the_time_since(product):
    @product.feature(product["trips"])
    def ahead(predict_at, due):
        return (due - predict_at).dt.total_minutes()

    @product.feature(product["weather"], on="place")
    def weather_age(predict_at, seen):
        return (predict_at - seen).dt.total_minutes()

    @product.feature(product["weather"], by="place", window="6h")
    def since_last(predict_at, seen):
        return (predict_at - seen.max()).dt.total_minutes()

    @product.feature(product["weather"], by="place", window="6h")
    def since_last_gale(predict_at, seen, speed):
        return (predict_at - seen.filter(speed > 30).max()).dt.total_minutes()

    rows = weather(("x", -9, 40.0), ("x", -3, 40.0), ("x", -1.5, 3.0))
    asked = trips(("x", 0, None, None), ("x", 30, None, None), ("z", 0, None, None))
    assert computed(product, asked, weather=rows).to_dict(as_series=False) == {
        "ahead": [60, 60, 60],
        "weather_age": [30, 29 * 60 + 90, None],
        "since_last": [30, None, None],
        "since_last_gale": [120, None, None],
    }


def test_a_column_named_predict_at_leaves_no_doubt_what_is_meant(product):
    @product.feature(product["weather"], on="place")
    def weather_age(predict_at, seen):
        return (predict_at - seen).dt.total_minutes()

    schemas = SCHEMAS | {"weather": pl.Schema({**SCHEMAS["weather"], "predict_at": MOMENTS})}
    with pytest.raises(DefinitionError, match="the moment of the prediction or the column of weather"):
        product.freeze(schemas=schemas)
