"""Features written once and used by several products: what comes along, and what is refused."""

from datetime import UTC, datetime

import polars as pl
import pytest

import trimaran as tm
from trimaran.core.errors import DefinitionError
from trimaran.data.declaration import Declaration, Features

NOW = datetime(2013, 1, 1, tzinfo=UTC)
ASKED = pl.DataFrame({"id": ["a"], "due": [NOW], "done": [NOW], "origin": ["JFK"], "late": [1.0], "miles": [3.0]})
STATIONS = pl.DataFrame({"origin": ["JFK"], "at": [NOW], "wind": [4.0]})


def collection(**changes):
    weather = Features(owner="weather-team")
    stations = weather.table(tm.frame(STATIONS), name="stations", **{"key": "origin", "time": "at"} | changes)

    @weather.feature(stations, on="origin")
    def wind_now(wind):
        """Wind, in knots."""
        return wind

    @weather.feature()
    def far(miles):
        return miles > 1000

    @weather.feature()
    def far_twice(far):
        return far.cast(pl.Int8) * 2

    return weather, stations, {"wind_now": wind_now, "far": far, "far_twice": far_twice}


def product(name="delay", predict_at="due"):
    declared = Declaration(name, owner="ops-ml", predict_at=predict_at)
    flights = declared.table(tm.frame(ASKED), name=f"{name}-flights", key="id", time="due", known={"late": "done"})

    @declared.label(flights, wait="1d")
    def is_late(late):
        return late > 15

    @declared.model()
    def fit(X, y):
        return None

    declared.accept(out_of_time="1d", auc=">= 0.6")
    return declared, flights


def faults(declared):
    with pytest.raises(DefinitionError) as found:
        declared.freeze()
    return found.value.faults


def test_all_of_a_collection_comes_with_its_tables_and_owner():
    weather, _, _ = collection()
    declared, _ = product()
    declared.use(weather)
    definition = declared.freeze()
    assert {feature.name: feature.owner for feature in definition.features} == dict.fromkeys(
        ("wind_now", "far", "far_twice"), "weather-team"
    )
    assert set(definition.tables) == {"delay-flights", "stations"}
    assert {feature.table for feature in definition.features} == {"delay-flights", "stations"}


def test_some_features_come_with_what_they_are_made_of_and_no_table_they_do_not_need():
    weather, _, functions = collection()
    declared, _ = product()
    declared.use(weather, functions["far_twice"])
    definition = declared.freeze()
    assert [feature.name for feature in definition.features] == ["far", "far_twice"]
    assert set(definition.tables) == {"delay-flights"}


def test_two_products_of_one_process_use_one_collection_over_their_own_rows():
    weather, _, functions = collection()
    frozen = []
    for name in ("delay", "cancel"):
        declared, _ = product(name)
        declared.use(weather, functions["far"])
        frozen.append(declared.freeze())
    assert [definition.features[0].table for definition in frozen] == ["delay-flights", "cancel-flights"]
    assert functions["far"](2000)


def test_a_plain_function_becomes_a_feature_over_a_shared_table():
    def gust(wind):
        return wind + 1

    _, stations, _ = collection()
    declared, _ = product()
    assert declared.feature(stations, on="origin", owner="me")(gust) is gust
    (feature,) = declared.freeze().features
    assert (feature.table, feature.owner) == ("stations", "me")


def test_to_use_the_same_twice_changes_nothing():
    weather, stations, functions = collection()
    declared, _ = product()
    declared.use(weather)
    declared.use(weather, functions["wind_now"])

    @declared.feature(stations, on="origin")
    def squall(wind):
        return wind > 30

    assert len(declared.freeze().features) == 4


def test_tables_declared_alike_in_two_places_are_one():
    declared, _ = product()
    declared.use(collection()[0])
    other, _, _ = collection()
    declared.feature(other["stations"], on="origin")(lambda wind: wind * 2)
    assert set(declared.freeze().tables) == {"delay-flights", "stations"}


def far(miles):
    return miles


def use_unknown(declared):
    declared.use(collection()[0], far)


def use_a_name(declared):
    declared.use(collection()[0], "far")


def name_twice(declared):
    declared.feature()(far)
    declared.use(collection()[0])


def other_table(declared):
    declared.table(tm.frame(STATIONS), name="stations", key="origin", time="at", max_age="1h")
    declared.use(collection()[0])


def other_key(declared):
    declared.use(collection()[0])
    declared.feature(collection(key=("origin", "at"))[1], on="origin")(lambda wind: wind)


def no_such_column(declared):
    weather = Features(owner="weather-team")
    weather.feature()(lambda visibility: visibility)
    declared.use(weather)


def no_key_in_the_asked_rows(declared):
    weather, stations, _ = collection()

    @weather.feature(stations, on="station")
    def gust(wind):
        return wind

    declared.use(weather, gust)


def leak(declared):
    weather = Features(owner="weather-team")
    weather.feature()(far_late := lambda late: late)
    declared.use(weather, far_late)


def own_faults(declared):
    weather = Features(owner="weather-team")
    stations = weather.table(tm.frame(STATIONS), name="stations", key="origin", time="at", max_age="soon")
    weather.feature(stations, by="origin", window="often")(lambda wind: wind.mean())
    declared.use(weather)


def no_table(declared):
    weather = Features(owner="weather-team")
    weather.feature(by="origin", window="3h")(far)
    declared.use(weather)


WRONG = {
    use_unknown: ["'far', which is no feature of weather-team's collection", "wind_now, far, far_twice"],
    use_a_name: ["\"'far'\", which is no feature"],
    name_twice: ["'far' is declared twice"],
    other_table: ["two tables are called 'stations'", "max_age"],
    other_key: ["two tables are called 'stations'"],
    no_such_column: ["'visibility', which is not there", "choose from"],
    no_key_in_the_asked_rows: ["joins on 'station', which is not there"],
    leak: ["leaks the future: 'late'"],
    own_faults: ["'soon' is not a duration", "'often' is not a duration"],
    no_table: ["feature 'far' has no table"],
}


@pytest.mark.parametrize("mistake", WRONG, ids=lambda mistake: mistake.__name__)
def test_what_cannot_hold_is_said_with_its_place_and_remedy(mistake):
    declared, _ = product()
    mistake(declared)
    found = faults(declared)
    said = " ".join(f"{fault.what} {fault.remedy}" for fault in found)
    assert [words for words in WRONG[mistake] if words not in said] == []
    assert all(fault.where.startswith("test_sharing.py:") for fault in found)


def test_faults_of_several_uses_come_together_and_each_once():
    declared, _ = product()
    use_unknown(declared)
    other_table(declared)
    weather = Features(owner="weather-team")
    weather.table(tm.frame(STATIONS), name="s", key="origin", max_age="soon")
    declared.use(weather)
    declared.use(weather)
    whats = [fault.what for fault in faults(declared)]
    assert len(whats) == len(set(whats))
    assert len(whats) >= 3
