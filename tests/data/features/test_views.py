"""Views by key hold what a training row of that key and moment gets; what did not change is not computed again."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimaran.core.errors import InputError
from trimaran.data.declaration import Declaration
from trimaran.data.features import FeatureEngine, packed, unpack, views_of
from trimaran.data.features.views import EVENT, MOMENT

NOON = datetime(2013, 7, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MOMENTS = pl.Datetime("us", "UTC")
SCHEMAS = {
    "trips": {
        "trip": pl.Int64, "due": MOMENTS, "place": pl.String, "line": pl.Int32, "done": MOMENTS, "delay": pl.Int64
    },
    "weather": {"place": pl.String, "hour": MOMENTS, "posted": MOMENTS, "wind": pl.Float64, "front": MOMENTS},
    "places": {"place": pl.String, "doors": pl.Int16},
}  # fmt: skip


def declare():
    product = Declaration("trips", owner="olga", predict_at="due - 1h")
    trips = product.table("trips.parquet", key="trip", time="due", known={"delay": "done"})
    weather = product.table("weather.parquet", key="place", time="hour", known={"wind": "posted"}, max_age="40m")
    places = product.table("places.parquet", key="place")

    @product.feature(trips)
    def hour(due):
        return due.dt.hour()

    @product.feature(weather, on="place")
    def gale(wind):
        return wind * 2

    @product.feature(weather, on="place")
    def front_at(front):
        return front.dt.epoch("us")

    @product.feature(places, on="place")
    def size(doors):
        return doors

    @product.feature(trips, by="place", window="30m")
    def recent(delay):
        return delay.mean()

    @product.feature(trips, by="place", window="90m")
    def planned(trip):
        return trip.len()

    @product.feature(trips, by=("place", "line"), window="30m")
    def worst(delay):
        return delay.max()

    @product.label(trips, wait="1d")
    def late(delay):
        return delay > 10

    @product.model()
    def fit(X, y):
        return None

    product.accept(out_of_time="10d", auc=">= 0.5")
    return product


@pytest.fixture(scope="session")
def trips(tmp_path_factory):
    root = tmp_path_factory.mktemp("views")
    for name, schema in SCHEMAS.items():
        pl.DataFrame(schema=schema).write_parquet(root / f"{name}.parquet")
    return declare().freeze(root)


minutes = st.integers(-200, 200)
maybe = st.none() | minutes
places = st.sampled_from(["north", "south", "mid", None])


@st.composite
def facts(draw, *, at_most=12):
    def at(minute):
        return None if minute is None else NOON + minute * MINUTE

    trip = st.tuples(minutes, places, st.sampled_from([1, 2, None]), maybe, st.none() | st.integers(-9, 99))
    weather = st.tuples(places, maybe, maybe, st.none() | st.floats(0, 50), maybe)
    rows = {
        "trips": [
            (number, at(due), place, line, at(done), delay)
            for number, (due, place, line, done, delay) in enumerate(draw(st.lists(trip, max_size=at_most)))
        ],
        "weather": [
            (place, at(hour), at(posted), wind, at(front))
            for place, hour, posted, wind, front in draw(st.lists(weather, max_size=at_most))
        ],
        "places": draw(st.lists(st.tuples(places, st.none() | st.integers(0, 99)), max_size=4)),
    }
    return {name: pl.DataFrame(rows[name], schema=schema, orient="row") for name, schema in SCHEMAS.items()}


def trained(definition, rows, keys, moment):
    """What training rows with these keys get whose predict_at is the moment."""
    engine = FeatureEngine(definition.features, definition.tables, definition.asked, definition.predict_at)
    asked = pl.DataFrame(
        {"due": [moment - definition.predict_at.offset] * len(keys), "place": [key[0] for key in keys]},
        schema={"due": MOMENTS, "place": pl.String},
    ).with_columns(line=pl.Series([key[1] for key in keys], dtype=pl.Int32))
    return engine.compute(asked, {name: engine.prepare(name, rows[name]) for name in engine.needs})


def read(view, frame, moment):
    """The values by key that a reader at the moment gets of the records."""
    meta = view.view()
    now = int(pl.Series([moment], dtype=MOMENTS).cast(pl.Int64)[0])
    found = {}
    keys = frame.select(view.on).rows()
    for key, record in zip(keys, [each for batch in packed(meta, frame, now) for each in batch], strict=True):
        body = unpack(record.body)
        moments, values = body[: meta.moments], body[meta.moments :]
        for n, column in enumerate(meta.columns):
            at = now if column.moment < 0 else moments[column.moment]
            if column.max_age is not None and (at is None or now - at > column.max_age):
                values[n] = None
        found[key] = values
    return meta, found


@given(rows=facts(), minute=minutes)
@settings(max_examples=150)
def test_a_view_holds_what_a_training_row_of_that_moment_gets(trips, rows, minute):
    moment = NOON + minute * MINUTE
    for view in views_of(trips).values():
        meta, found = read(view, view.compute(rows, moment), moment)
        keys = [key if len(key) > 1 else (*key, None) for key in found]
        expected = trained(trips, rows, keys, moment)
        for column, values in zip(meta.columns, zip(*found.values(), strict=True) if found else (), strict=False):
            wanted = expected[column.name]
            assert list(values) == wanted.to_list(), column.name


@given(rows=facts(), minute=minutes)
def test_a_key_without_a_record_has_no_facts(trips, rows, minute):
    moment = NOON + minute * MINUTE
    frame = views_of(trips)["place"].compute(rows, moment)
    absent = sorted({"north", "south", "mid"} - set(frame["place"]))
    expected = trained(trips, rows, [(name, None) for name in absent], moment)
    assert expected.select("gale", "front_at", "size", "recent").null_count().sum_horizontal().sum() == 4 * len(absent)
    assert expected["planned"].to_list() == [0] * len(absent)
    assert frame["place"].null_count() == 0


@given(before=facts(), more=facts(at_most=4), first=minutes, later=st.integers(0, 200))
@settings(max_examples=200)
def test_what_is_brought_up_to_date_is_what_would_be_computed_anew(trips, before, more, first, later):
    then, now = NOON + first * MINUTE, NOON + (first + later) * MINUTE
    more = {**more, "trips": more["trips"].with_columns(pl.col("trip") + 1000)}
    rows = {name: pl.concat([before[name], more[name]]) for name in before}
    for view in views_of(trips).values():
        keys = view.changed(rows, more, then, now)
        held = {row[: len(view.on)]: row for row in view.compute(before, then).rows()}
        held |= {row[: len(view.on)]: row for row in view.compute(rows, now, keys).rows()}
        assert held == {row[: len(view.on)]: row for row in view.compute(rows, now).rows()}


def one(**rows):
    return {name: pl.DataFrame(rows.get(name, []), schema=schema, orient="row") for name, schema in SCHEMAS.items()}


def test_only_keys_are_computed_again_of_which_something_may_have_changed(trips):
    rows = one(
        trips=[
            (1, NOON - 29 * MINUTE, "north", 1, NOON - 10 * MINUTE, 5),
            (2, NOON - 9 * MINUTE, "south", 1, NOON - 5 * MINUTE, 6),
            (3, NOON - 9 * MINUTE, "mid", 1, NOON + 5 * MINUTE, 7),
        ]
    )
    view = views_of(trips)["place"]

    def changed(minute, fresh=None):
        return sorted(view.changed(rows, fresh or {}, NOON, NOON + minute * MINUTE)["place"])

    assert changed(0) == []
    assert changed(1) == ["north"]  # leaves the window of 30 minutes
    assert changed(5) == ["mid", "north"]  # becomes known
    assert changed(0, {"trips": rows["trips"][1:2]}) == ["south"]  # came late


def test_records_tell_when_their_newest_facts_happened(trips):
    rows = one(
        trips=[(1, NOON - 29 * MINUTE, "north", 1, NOON - 10 * MINUTE, 5)],
        weather=[("north", NOON - 60 * MINUTE, NOON, 3.0, NOON), ("north", NOON, NOON + MINUTE, 4.0, NOON)],
        places=[("north", 4)],
    )
    row = views_of(trips)["place"].compute(rows, NOON).row(0, named=True)
    moments = {(row[name] - int(NOON.timestamp()) * 10**6) / 60e6 if row[name] is not None else None
               for name in row if name.startswith(MOMENT)}  # fmt: skip
    assert moments == {-60, 0, -29, None}
    assert row[EVENT] == int(NOON.timestamp()) * 10**6


def test_another_definition_has_another_digest_and_the_same_one_has_the_same(trips, tmp_path):
    for name, schema in SCHEMAS.items():
        pl.DataFrame(schema=schema).write_parquet(tmp_path / f"{name}.parquet")
    first = {name: view.view() for name, view in views_of(trips).items()}
    assert {name: view.view() for name, view in views_of(declare().freeze(tmp_path)).items()} == first
    product = declare()

    @product.feature(product.table("more.parquet", key="place"), on="place")
    def more_doors(doors):
        return doors + 1

    pl.DataFrame(schema=SCHEMAS["places"]).write_parquet(tmp_path / "more.parquet")
    other = {name: view.view() for name, view in views_of(product.freeze(tmp_path)).items()}
    assert other["place"].definition != first["place"].definition
    assert other["place,line"] == first["place,line"]


def test_a_value_that_cannot_be_kept_is_named(tmp_path):
    for name, schema in SCHEMAS.items():
        pl.DataFrame(schema=schema).write_parquet(tmp_path / f"{name}.parquet")
    product = declare()

    @product.feature(product.table("more.parquet", key="place"), on="place")
    def exact(doors):
        return doors.cast(pl.Int128)

    pl.DataFrame(schema=SCHEMAS["places"]).write_parquet(tmp_path / "more.parquet")
    with pytest.raises(InputError, match="'exact' is Int128"):
        views_of(product.freeze(tmp_path))["place"].view()
