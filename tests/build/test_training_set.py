from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimaran.backends.local_tasks import LocalExecutor
from trimaran.backends.scratch import Scratch
from trimaran.build import Computing, Snapshot, TrainingSets
from trimaran.core.errors import InputError

START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = 60
END = START + timedelta(days=DAYS)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def definition(kit, tmp_path_factory):
    folder = tmp_path_factory.mktemp("product")
    return kit.declare(folder, kit.make_frames(parcels=50)).freeze(folder)


@pytest.fixture(scope="module")
def small(kit):
    return kit.make_frames(seed=3, parcels=600)


def snapshot(frames, until=END, version=0):
    return Snapshot(frames, dict.fromkeys(frames, version), until)


def test_every_row_that_was_due_is_accounted_for(definition, small):
    until = START + timedelta(days=40)
    made = TrainingSets().make(definition, snapshot(small, until))
    due = small["parcels"].filter(pl.col("due") - 2 * HOUR <= until).height
    assert made.balance.missing == 0
    assert made.balance.entered == due
    assert (
        made.balance.left["label never known"]
        == small["parcels"].filter(pl.col("delay").is_null() & (pl.col("due") + timedelta(days=1) <= until)).height
    )
    assert (made.balance.left["trained"], made.balance.left["tested"]) == (len(made.train), len(made.test))


def test_a_training_label_was_final_before_the_window_starts(definition, small):
    made = TrainingSets().make(definition, snapshot(small))
    assert made.train.final_at.max() <= made.tested_from < made.test.predict_at.min()
    assert made.balance.left["between"] > 0
    assert made.tested_to - made.tested_from == timedelta(days=15)
    assert made.tested_to == made.test.predict_at.max()


def test_a_label_known_early_waits_like_those_that_are_not(definition, small):
    until = START + timedelta(days=40)
    made = TrainingSets().make(definition, snapshot(small, until))
    assert made.test.asked["due"].max() <= until - timedelta(days=1)


def test_a_label_that_becomes_known_only_later_is_not_used(definition, small):
    until = START + timedelta(days=40)
    slow = small["parcels"].with_columns(
        arrived=pl.when(pl.col("parcel") == "p00100").then(until + HOUR).otherwise("arrived")
    )
    made = TrainingSets().make(definition, snapshot({**small, "parcels": slow}, until))
    assert "p00100" not in {*made.train.asked["parcel"], *made.test.asked["parcel"]}
    before = TrainingSets().make(definition, snapshot(small, until))
    assert made.balance.left["label never known"] == before.balance.left["label never known"] + 1


def test_what_happens_after_the_moment_changes_nothing(definition, small):
    until = START + timedelta(days=40)
    known = {
        "parcels": small["parcels"]
        .filter(pl.col("due") <= until + 2 * HOUR)
        .with_columns(pl.when(pl.col("arrived") <= until).then(pl.col("delay", "arrived"))),
        "weather": small["weather"].filter(pl.col("hour") <= until),
        "vans": small["vans"],
    }
    full, cut = (TrainingSets().make(definition, snapshot(frames, until)) for frames in (small, known))
    assert cut.train.features.equals(full.train.features)
    assert cut.test.features.equals(full.test.features)
    assert (cut.test.labels == full.test.labels).all()


def test_features_are_float32_with_nan_for_missing(definition, small):
    made = TrainingSets().make(definition, snapshot(small))
    assert set(made.train.features.dtypes) == {pl.Float32}
    assert made.train.features.null_count().sum_horizontal().item() == 0
    assert made.train.features["usual_delay"].is_nan().any()


def test_no_final_label_says_why(definition, small):
    with pytest.raises(InputError, match="label not final yet"):
        TrainingSets().make(definition, snapshot(small, START + 6 * HOUR))


def arrives(frames, until, late=()):
    """The tables as they stand at a moment, when some parcels' rows are delivered a week late."""
    parcels = frames["parcels"].filter(
        pl.when(pl.col("parcel").is_in(list(late))).then(pl.col("due") + timedelta(days=7)).otherwise("due") <= until
    )
    return {**frames, "parcels": parcels, "weather": frames["weather"].filter(pl.col("hour") <= until)}


@settings(max_examples=15, deadline=None)
@given(
    days=st.lists(st.integers(20, DAYS), min_size=2, max_size=4).map(sorted),
    late=st.sets(st.integers(0, 599).map(lambda number: f"p{number:05d}"), max_size=20),
    renewed=st.booleans(),
)
def test_remembered_features_are_those_computed_anew(definition, small, days, late, renewed):
    sets = TrainingSets()
    for version, day in enumerate(days):
        frames = arrives(small, START + timedelta(days=day), late)
        if renewed and version:
            frames["weather"] = frames["weather"].with_columns(
                wind=pl.when(pl.col("hour") == START + timedelta(days=15)).then(99.0).otherwise("wind")
            )
        seen = snapshot(frames, START + timedelta(days=day), version)
        remembered, anew = sets.make(definition, seen), TrainingSets().make(definition, seen)
        assert remembered.train.features.equals(anew.train.features)
        assert remembered.test.features.equals(anew.test.features)
        assert remembered.balance == anew.balance


def test_only_rows_that_a_new_fact_can_change_are_computed_again(small, kit, tmp_path):
    asked: list[list[str]] = []

    def seen(parcels):
        asked.append(parcels.to_list())
        return parcels.str.len_chars().cast(pl.Float64)

    product = kit.declare(tmp_path, small)

    @product.feature(product["parcels"])
    def letters(parcel):
        return parcel.map_batches(seen, return_dtype=pl.Float64)

    definition, sets, computed = product.freeze(tmp_path), TrainingSets(), []
    for day in (40, 47, 47):
        asked.clear()
        sets.make(definition, snapshot(arrives(small, START + timedelta(days=day)), START + timedelta(days=day)))
        computed.append({parcel for parcels in asked for parcel in parcels})
    first, second, third = computed
    assert first
    assert second
    assert not first & second
    assert not third


class Counting(LocalExecutor):
    """Counts the tasks it does."""

    def __init__(self):
        self.done = 0

    def map(self, act, tasks):
        for made in super().map(act, tasks):
            self.done += 1
            yield made


@pytest.fixture
def counting():
    return Counting()


@pytest.fixture
def cramped(tmp_path, counting):
    """Training sets in so little memory that features are computed in parts."""
    return TrainingSets(Computing(lambda: 900_000, counting, Scratch(tmp_path / "scratch").folder))


def test_a_training_set_in_little_memory_is_the_same(definition, small, cramped, counting):
    made, plain = cramped.make(definition, snapshot(small)), TrainingSets().make(definition, snapshot(small))
    assert counting.done > 2
    for ours, theirs in ((made.train, plain.train), (made.test, plain.test)):
        assert ours.features.equals(theirs.features)
        assert (ours.labels == theirs.labels).all()
    assert (made.balance, made.built) == (plain.balance, plain.built)


def test_in_parts_only_other_versions_are_computed_again(definition, small, cramped, counting):
    cramped.make(definition, snapshot(small))
    done = counting.done
    cramped.make(definition, snapshot(small))
    assert counting.done == done
    windy = {**small, "weather": small["weather"].with_columns(wind=pl.col("wind") + 1)}
    made = cramped.make(definition, snapshot(windy, version=1))
    assert counting.done > done
    assert made.train.features.equals(TrainingSets().make(definition, snapshot(windy)).train.features)


def test_what_fits_into_memory_is_computed_at_once(definition, small, tmp_path, counting):
    sets = TrainingSets(Computing(lambda: 10**9, counting, Scratch(tmp_path / "scratch").folder))
    made = sets.make(definition, snapshot(small))
    assert made.train.features.equals(TrainingSets().make(definition, snapshot(small)).train.features)
    assert counting.done == 0


@pytest.mark.parametrize("memory", [(900_000, 10**9, 900_000), (10**9, 900_000, 10**9)], ids=["more", "less"])
def test_that_memory_is_not_always_the_same_changes_nothing(definition, small, tmp_path, counting, memory):
    each = iter(memory)
    sets = TrainingSets(Computing(lambda: next(each), counting, Scratch(tmp_path / "scratch").folder))
    windy = {**small, "weather": small["weather"].with_columns(wind=pl.col("wind") + 1)}
    for version, frames in enumerate((small, windy, small)):
        made = sets.make(definition, snapshot(frames, version=version))
        assert made.train.features.equals(TrainingSets().make(definition, snapshot(frames)).train.features)
    assert counting.done
