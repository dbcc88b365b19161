"""What a model was served is what training would have made of the same rows, or the watch says where it is not."""

from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import polars as pl
import pytest

from trimaran.core.nouns import ModelVersion, Ref
from trimaran.core.statistics import proportion
from trimaran.data.declaration import Declaration
from trimaran.data.features import FeatureEngine
from trimaran.monitor.skew import STANDARD_RULE, Difference, Skew, compare, judge

NOW = datetime(2013, 7, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
NAMES = ["gale", "size", "recent", "weight"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """The definition of a product with features of every kind, and ten days of its tables."""
    random, root = np.random.default_rng(3), tmp_path_factory.mktemp("shop")
    moments = [NOW - timedelta(minutes=10 * step) for step in range(10 * 24 * 6)]
    n = len(moments)
    places = random.choice(["JFK", "EWR"], n)
    tables = {
        "parcels": pl.DataFrame(
            {
                "parcel": range(n),
                "sent": moments,
                "place": places,
                "kilos": random.normal(5, 1, n),
                "delay": random.normal(20, 9, n),
                "arrived": [moment + HOUR * float(random.uniform(0.1, 5)) for moment in moments],
            }
        ),
        "weather": pl.DataFrame(
            {
                "place": [place for _ in range(10 * 24) for place in ("JFK", "EWR")],
                "hour": [NOW - hour * HOUR for hour in range(10 * 24) for _ in range(2)],
                "wind": random.normal(10, 3, 10 * 48),
            }
        ),
        "depots": pl.DataFrame({"place": ["JFK", "EWR"], "doors": [8, 9]}),
    }
    for name, rows in tables.items():
        rows.write_parquet(root / f"{name}.parquet")
    product = Declaration("parcels", owner="ops", predict_at="sent - 1h")
    parcels = product.table("parcels.parquet", key="parcel", time="sent", known={"delay": "arrived"})
    weather = product.table("weather.parquet", key="place", time="hour", max_age="3h")
    depots = product.table("depots.parquet", key="place")

    @product.feature(parcels)
    def weight(kilos):
        return kilos * 2

    @product.feature(weather, on="place")
    def gale(wind):
        return wind * 3

    @product.feature(depots, on="place")
    def size(doors):
        return doors

    @product.feature(parcels, by="place", window="6h")
    def recent(delay):
        return delay.mean()

    @product.label(parcels, wait="1d")
    def late(delay):
        return delay > 20

    @product.model()
    def fit(X, y):
        return None

    product.accept(out_of_time="2d", auc=">= 0.5")
    product.value(true_positive=1, false_positive=-1)
    return product.freeze(root), tables


@pytest.fixture
def version():
    return ModelVersion(
        product="parcels",
        number=1,
        run=Ref("run", "parcels/r1", 1, "0" * 64),
        native="0" * 64,
        compiled=None,
        features=NAMES,
        profile="0" * 64,
        code="",
        suggested=None,
        trained_from=NOW,
        trained_to=NOW,
        tested_from=NOW,
        tested_to=NOW,
        rows=1,
    )


def served(shop, **otherwise):
    """Return the captured answers to every parcel, whose features saw other tables where some are given."""
    definition, tables = shop
    engine = FeatureEngine(definition.features, definition.tables, definition.asked, definition.predict_at)
    history = {name: engine.prepare(name, otherwise.get(name, tables[name])) for name in engine.needs}
    asked = otherwise.get("asked", tables["parcels"])
    features = engine.compute(asked, history).select(pl.col(NAMES).cast(pl.Float32).cast(pl.Float64))
    return pl.DataFrame(
        {
            "id": asked["parcel"].cast(pl.String),
            "version": pl.Series([1] * asked.height, dtype=pl.Int32),
            "role": ["live"] * asked.height,
            "event_at": asked["sent"] - HOUR,
            "features": [list(row) for row in features.iter_rows()],
        }
    )


def differing(skew):
    return {each.feature: each.share.value for each in skew.features if each.share.value}


def test_what_was_served_from_the_same_facts_is_the_same_to_the_last_bit(shop, version):
    definition, tables = shop
    skew = compare(definition, version, served(shop), tables, NOW)
    assert (skew.n, skew.unmatched, differing(skew)) == (144, 0, {})
    finding = judge(skew)
    assert (finding.outcome, finding.reason) == (
        "pass",
        "144 answers had the very features that training makes of the same rows",
    )


def test_looked_at_is_the_newest_day_that_is_final(shop, version):
    definition, tables = shop
    skew = compare(definition, version, served(shop), tables, NOW)
    assert (skew.since, skew.until) == (NOW - timedelta(days=2) - HOUR, NOW - timedelta(days=1) - HOUR)


def test_facts_that_came_too_late_to_be_served_are_found_with_an_example(shop, version):
    definition, tables = shop
    stuck = tables["weather"].filter(pl.col("hour") < NOW - timedelta(days=1, hours=15))
    skew = compare(definition, version, served(shop, weather=stuck), tables, NOW)
    assert differing(skew).keys() == {"gale"}
    finding = judge(skew)
    assert finding.outcome == "fail"
    assert finding.reason.startswith("gale was served otherwise than it is trained on in ")
    (gale,) = [each for each in skew.features if each.feature == "gale"]
    assert gale.served != gale.trained
    assert f"such as {gale.id}" in finding.reason


def test_each_kind_of_feature_is_compared(shop, version):
    definition, tables = shop
    parcels, other = tables["parcels"], {}
    other["depots"] = tables["depots"].with_columns(doors=pl.col("doors") + 1)
    other["parcels"] = parcels.with_columns(delay=pl.col("delay") + 1)
    other["asked"] = parcels.with_columns(kilos=pl.col("kilos") + 1)
    skew = compare(definition, version, served(shop, **other), tables, NOW)
    assert differing(skew) == {"size": 1.0, "recent": 1.0, "weight": 1.0}


def test_no_value_where_training_has_one_is_a_difference_and_none_in_both_is_not(shop, version):
    definition, tables = shop
    nobody = tables["weather"].clear()
    skew = compare(definition, version, served(shop, weather=nobody), tables, NOW)
    assert differing(skew) == {"gale": 1.0}
    assert "no value instead of " in judge(skew).reason
    assert differing(compare(definition, version, served(shop, weather=nobody), tables | {"weather": nobody}, NOW)) == {}


def test_a_look_takes_the_same_sample_each_time_and_only_so_many(shop, version):
    definition, tables = shop
    rule, frame = msgspec.structs.replace(STANDARD_RULE, sample=60), served(shop)
    first = compare(definition, version, frame, tables, NOW, rule)
    assert first.n == 60
    assert compare(definition, version, frame.sample(fraction=1.0, shuffle=True, seed=5), tables, NOW, rule).n == 60


def test_answers_whose_rows_are_not_in_the_table_are_counted_apart(shop, version):
    definition, tables = shop
    half = tables["parcels"].filter(pl.col("parcel") % 2 == 0)
    skew = compare(definition, version, served(shop), tables | {"parcels": half}, NOW)
    assert (skew.n, skew.unmatched) == (72, 72)


def test_a_shadow_was_no_answer_and_too_few_rows_say_nothing(shop, version):
    definition, tables = shop
    frame = served(shop).with_columns(role=pl.lit("shadow"))
    skew = compare(definition, version, frame, tables, NOW)
    assert skew.n == 0
    assert judge(skew).outcome == "unknown"


def looked(counts, n=200):
    features = [Difference(feature=f"f{k}", share=proportion(count, n)) for k, count in enumerate(counts)]
    return Skew(since=NOW, until=NOW, n=n, unmatched=0, features=features)


def test_features_at_the_bound_ring_no_more_often_than_the_level_says():
    random = np.random.default_rng(11)
    rings = [judge(looked(random.binomial(200, 0.01, 20))).outcome == "fail" for _ in range(2000)]
    assert np.mean(rings) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 2000)


def test_six_differing_rows_in_a_hundred_of_one_feature_are_found():
    random = np.random.default_rng(12)
    found = [judge(looked([random.binomial(200, 0.06), *[0] * 19])).outcome == "fail" for _ in range(500)]
    assert np.mean(found) >= 0.9
