"""Features by key, from deliveries to readers: equal to training, brought up to date by what changed, never an outage."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from trimaran.app.erasing import Erasure
from trimaran.app.lifecycle import Lifecycle
from trimaran.app.loading import load_file
from trimaran.app.materialising import Materialising
from trimaran.app.running import take_in
from trimaran.app.steward import Steward
from trimaran.app.workspace import Workspace
from trimaran.core.clock import ManualClock
from trimaran.core.errors import Conflict, InputError, NotFound
from trimaran.core.nouns import Balance
from trimaran.data.features import FeatureEngine
from trimaran.deploy import Lookups

TEXT = """
import trimaran as tm

product = tm.Product("rides", owner="ops-ml", predict_at="planned - 2h")
rides = product.table("rides.parquet", key="ride", time="planned", known={"late": "done"})
weather = product.table("weather.parquet", key="place", time="seen", max_age="3h")
riders = product.table("riders.parquet", key="rider")


@product.feature(rides)
def hour(planned):
    return planned.dt.hour()


@product.feature(weather, on="place")
def wind_now(wind):
    return wind


@product.feature(rides, by="place", window="6h")
def recent(late):
    return late.mean()


@product.feature(rides, by="place", window="6h")
def known_lately(late):
    return late.count()


@product.feature(riders, on="rider")
def trips_before(trips):
    return trips


@product.label(rides, wait="1d")
def is_late(late):
    return late > 15


@product.model()
def fit(X, y):
    raise NotImplementedError("nothing is trained here")


product.accept(out_of_time="10d", auc=">= 0.6")
"""
BEGUN = datetime(2013, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
PLACES = ("north", "south", "mid")


@dataclass
class House:
    """A workspace of rides, whose sources say at each moment what was known by then."""

    folder: Path
    clock: ManualClock
    workspace: Workspace
    quiet: object
    text: str = TEXT

    def report(self, hours):
        """Set the clock and let the sources say what is known by then."""
        now = BEGUN + hours * HOUR
        self.clock.set(now)
        random = np.random.default_rng(13)
        planned = [BEGUN + timedelta(minutes=20 * row) for row in range(300)]
        done = [
            moment + timedelta(minutes=float(wait))
            for moment, wait in zip(planned, random.uniform(30, 300, 300), strict=True)
        ]
        rides = pl.DataFrame(
            {
                "ride": [f"ride-{row}" for row in range(300)],
                "planned": planned,
                "place": random.choice([*PLACES[:2], None], 300),
                "rider": [f"rider-{row % 7}" for row in range(300)],
                "late": random.normal(10, 9, 300),
                "done": done,
            }
        ).filter(pl.col("planned") <= now + 2 * HOUR)
        known = pl.col("done") <= now
        rides.with_columns(pl.when(known).then(pl.col(name)).alias(name) for name in ("late", "done")).write_parquet(
            self.folder / "rides.parquet"
        )
        seen = pl.DataFrame({"seen": [BEGUN + hour * HOUR for hour in range(100)]}).join(
            pl.DataFrame({"place": PLACES[1:]}), how="cross"
        )
        seen.with_columns(wind=pl.Series(random.normal(5, 2, 200))).filter(pl.col("seen") <= now).write_parquet(
            self.folder / "weather.parquet"
        )
        pl.DataFrame({"rider": [f"rider-{n}" for n in range(7)], "trips": range(7)}).write_parquet(
            self.folder / "riders.parquet"
        )
        return now

    def life(self):
        (self.folder / "rides.py").write_text(self.text)
        return Lifecycle(self.workspace, load_file(self.folder / "rides.py"), self.quiet)

    def deliver(self, hours):
        now = self.report(hours)
        life = self.life()
        take_in(life, now)
        return life

    def materialising(self):
        return Materialising(self.workspace, self.life().definition, self.quiet)

    def look(self, **columns):
        rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        return Lookups(self.workspace.views, self.clock).look("rides", rows)


@pytest.fixture
def house(tmp_path, quiet):
    clock = ManualClock(BEGUN)
    workspace = Workspace(tmp_path / "workspace", clock=clock)
    workspace.data_root = tmp_path
    return House(tmp_path, clock, workspace, quiet)


def trained(house, life, moment):
    """What training rows get at the moment, from the whole truth of later."""
    definition = life.definition
    engine = FeatureEngine(definition.features, definition.tables, definition.asked, definition.predict_at)
    asked = pl.DataFrame({"place": PLACES, "rider": ["rider-1", "rider-5", "nobody"]}).with_columns(
        planned=pl.lit(moment + 2 * HOUR, dtype=pl.Datetime("us", "UTC"))
    )
    return engine.compute(asked, {name: engine.prepare(name, life.tables.frame(name)) for name in engine.needs})


def told(house):
    return [record for _, record in house.workspace.ledger.history([Balance], "rides/online")]


def test_views_may_lie_in_redis(redis_server, tmp_path, quiet, monkeypatch):
    root = tmp_path / "workspace"
    root.mkdir()
    (root / "trimaran.toml").write_text(f'[online]\nurl = "{redis_server.url}"\nprefix = "house"\n')
    monkeypatch.setenv("TRIMARAN_ONLINE_PASSWORD", redis_server.password)
    clock = ManualClock(BEGUN)
    workspace = Workspace(root, clock=clock)
    workspace.data_root = tmp_path
    house = House(tmp_path, clock, workspace, quiet)
    for hours, whole in ((30, True), (33, False)):
        house.deliver(hours)
        assert {each.whole for each in house.materialising().materialise()} == {whole}
        read = house.look(place=PLACES, rider=["rider-1", "rider-5", "nobody"])
    moment, later = clock.now(), house.deliver(99)
    assert [each.features for each in read] == trained(house, later, moment).drop("hour").to_dicts()
    assert not (root / "views.db").exists()


@pytest.mark.parametrize("hours", [0, 7, 30])
def test_what_is_read_is_what_training_gets_for_that_moment_once_all_is_known(house, hours):
    house.deliver(hours)
    house.materialising().materialise()
    read = house.look(place=PLACES, rider=["rider-1", "rider-5", "nobody"])
    moment, later = house.clock.now(), house.deliver(99)
    expected = trained(house, later, moment).drop("hour")
    assert [each.features for each in read] == expected.to_dicts()
    assert expected["recent"].null_count() < 3 or hours < 7
    assert read[2].missing == ("rider",)


def test_only_what_changed_is_written_and_the_view_is_what_it_would_be_anew(house):
    house.deliver(30)
    first = {each.view: each for each in house.materialising().materialise()}
    assert first["place"].whole
    assert first["rider"].keys.written == 7
    for hours in (31, 33, 48):
        house.deliver(hours)
        second = {each.view: each for each in house.materialising().materialise()}
        assert not second["place"].whole
        assert second["rider"].keys.written == 0
        assert 0 < second["place"].keys.written <= 3
        kept = sorted(house.workspace.views.scan("rides", "place"))
        house.materialising().materialise(whole=True)
        anew = sorted(house.workspace.views.scan("rides", "place"))
        assert [(each.key, each.event, each.body) for each in kept] == [(each.key, each.event, each.body) for each in anew]


def test_values_grow_stale_and_are_told(house):
    house.deliver(30)
    house.materialising().materialise()
    now, lookups = house.clock.now(), Lookups(house.workspace.views, house.clock)

    def look(hours):
        return lookups.look("rides", [{"place": "south"}], at=now + hours * HOUR)[0]

    fresh = look(3)
    assert fresh.stale == ()
    assert None not in fresh.features.values()
    assert look(3.01).stale == ("wind_now",)  # max_age
    assert look(6).features["recent"] == fresh.features["recent"]
    late = look(6.01)
    assert set(late.stale) == {"wind_now", "recent", "known_lately"}  # of no moment that the window still holds
    assert set(late.features.values()) == {None}
    assert lookups.look("rides", [{"place": "gone"}, {"place": None}])[0].features == {
        "wind_now": None, "recent": None, "known_lately": 0,
    }  # fmt: skip
    counts = lookups.counts["rides", "place"]
    assert (counts["asked"], counts["missing"], counts["stale"]) == (6, 2, 5)


def test_another_definition_makes_a_view_anew_and_drops_what_is_declared_no_more(house):
    house.deliver(30)
    house.materialising().materialise()
    house.text = TEXT.replace("return wind", "return wind * 2").replace('riders, on="rider"', 'riders, on="ride"')
    before = house.look(place=["south"])[0].features["wind_now"]
    made = {each.view: each.whole for each in house.materialising().materialise()}
    assert made == {"place": True, "ride": True}
    assert house.look(place=["south"])[0].features["wind_now"] == 2 * before
    with pytest.raises(InputError, match="'rider'"):
        house.look(rider=["rider-1"])


def test_totals_balance_and_the_same_moment_again_is_told_once(house):
    house.deliver(30)
    moment = house.clock.now()
    house.materialising().materialise(moment)
    house.materialising().materialise(moment)
    records = {record.handover: record for record in told(house)}
    assert set(records) == {"online place", "online rider"}
    assert records["online rider"].left == {"written": 7, "unchanged": 0, "refused": 0}
    assert len(told(house)) == 2
    assert [record.missing for record in told(house)] == [0, 0]


def test_moments_and_views_that_cannot_be_are_refused(house):
    house.deliver(30)
    now = house.clock.now()
    with pytest.raises(InputError, match=r"still to come(.|\n)*no view 'moon'(.|\n)*place, rider"):
        house.materialising().materialise(now + HOUR, views=["moon"])
    with pytest.raises(NotFound, match="nothing of 'rides' was materialised"):
        house.look(place=["south"])
    house.materialising().materialise(now, views=["rider"])
    house.materialising().materialise(now - HOUR, views=["place"])
    with pytest.raises(Conflict, match="does not go back"):
        house.materialising().materialise(now - HOUR)
    assert [each.view.name for each in house.workspace.views.standing("rides")] == ["place", "rider"]


def test_faults_of_a_question_are_told_together(house):
    house.deliver(30)
    house.materialising().materialise()
    lookups = Lookups(house.workspace.views, house.clock)
    with pytest.raises(InputError) as caught:
        lookups.look("rides", [{"place": "south", "moon": 1}], features=["recent", "trips_before"])
    assert [fault.where for fault in caught.value.faults] == ["moon", "trips_before"]
    with pytest.raises(InputError, match="row 1 has other columns"):
        lookups.look("rides", [{"place": "south"}, {"rider": "rider-1"}])
    with pytest.raises(InputError, match="name no key"):
        lookups.look("rides", [{}])
    assert lookups.look("rides", []) == []
    only = lookups.look("rides", [{"place": "south", "rider": "rider-1"}], features=["trips_before"])[0]
    assert only.features == {"trips_before": 1}
    frame = lookups.frame("rides", pl.DataFrame({"rider": ["rider-3", None], "place": ["south", "south"]}))
    assert frame.schema["trips_before"] == pl.Int64
    assert frame["trips_before"].to_list() == [3, None]
    assert frame.columns == ["rider", "place", "wind_now", "recent", "known_lately", "trips_before"]


def test_the_steward_keeps_views_up_to_date_once_they_were_materialised(house):
    house.deliver(30).declare()
    steward = Steward(house.workspace, "rides", house.quiet, pytest.fail)
    house.report(31)
    steward.round()
    assert not house.workspace.has_views
    house.materialising().materialise()
    for hours in (32, 32.5, 33.9):
        now = house.report(hours)
        steward.round()
        assert house.workspace.views.standing("rides")[0].as_of == int(now.timestamp() * 1e6)
    records = len(told(house))
    house.clock.set(now + timedelta(minutes=1))
    steward.round()
    assert len(told(house)) == records
    assert house.workspace.views.standing("rides")[0].as_of == int(now.timestamp() * 1e6)


def test_whom_an_erasure_took_is_in_no_view_and_readers_see_no_gap(house):
    life = house.deliver(30)
    life.declare()
    house.materialising().materialise()
    assert house.look(rider=["rider-3"])[0].missing == ()
    Erasure(house.workspace, "rides", "rider", "rider-3", house.quiet).erase("asked")
    assert house.look(rider=["rider-3"])[0].missing == ("rider",)
    assert house.look(rider=["rider-4"])[0].features == {"trips_before": 4}
    left = b"".join(path.read_bytes() for path in house.workspace.root.glob("views.db*") if path.suffix != ".db-shm")
    assert b"rider-3" not in left
    assert b"rider-4" in left
