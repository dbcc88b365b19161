from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from trimaran.app.loading import load_text
from trimaran.build import TrainingSets, suggest
from trimaran.build.ideas import Idea, ideas
from trimaran.core.errors import DefinitionError

SOURCE = """
from trimaran.data.declaration import Declaration

product = Declaration("parcels", owner="ops", predict_at="due - 2h")
boxes = product.table("parcels.parquet", key="parcel", time="due", known={"delay": "arrived"})
product.table("weather.parquet", key="depot", time="hour", max_age="3h")
product.table("vans.parquet", key="van")

@product.label(boxes, wait="1d")
def late(delay):
    return delay > 15

@product.model()
def fit(X, y):
    return None

product.accept(out_of_time="15d", auc=">= 0.7")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("product")


@pytest.fixture(scope="module")
def asking(kit, frames, folder):
    definition = kit.declare(folder, frames, suggest=["parcels", "weather", "vans"]).freeze(folder)
    return kit.new_yard(replace(definition, features=()), frames)


@pytest.fixture(scope="module")
def suggested(asking, kit):
    return suggest(asking.definition, asking.snapshot(), TrainingSets(), seed=0, progress=kit.Quiet())


def test_what_carries_the_signal_is_found_and_noise_is_not(suggested):
    names = [feature.name for feature in suggested.features]
    assert "weather_wind" in names
    assert any(name.startswith("delay_mean_by_van") or name == "vans_built" for name in names)
    assert not {"distance_as_given", "due_hour", "due_weekday"} & set(names)
    assert all(gain.low > 0 for gain in suggested.gains.values())


def test_the_text_declares_the_very_features_that_were_proven(suggested, asking, folder):
    definition = load_text(SOURCE, root=folder, extra=suggested.text)
    snapshot, asked = asking.snapshot(), asking.frames["parcels"].tail(500)
    wide = asking.definition.with_features(suggested.features)
    ours, theirs = (TrainingSets().features(each, snapshot, asked) for each in (wide, definition))
    assert theirs.select(ours.columns).equals(ours)


def test_the_text_is_python_with_the_gain_beside_each_feature(suggested):
    assert suggested.text.count("@product.feature(product[") == len(suggested.features)
    assert suggested.text.count("# AUC +") == len(suggested.gains)
    assert suggested.text.count("# AUC +") + suggested.text.count("# needed by ") == len(suggested.features)
    compile(suggested.text, "suggested.py", "exec")
    assert max(map(len, suggested.text.splitlines())) <= 100


def test_the_same_seed_suggests_the_same_text(asking, suggested, kit):
    again = suggest(asking.definition, asking.snapshot(), TrainingSets(), seed=0, progress=kit.Quiet())
    assert again.text == suggested.text


def test_a_late_column_is_only_looked_at_in_a_window_over_earlier_rows(asking):
    found = ideas(asking.definition, asking.frames, 0.3)
    using = [idea.feature for idea in found if "delay" in idea.feature.inputs]
    assert using
    assert {feature.kind for feature in using} == {"window"}
    assert not any("arrived" in idea.feature.inputs for idea in found)


def test_text_that_uses_a_late_column_is_refused_where_it_is_loaded(suggested, folder):
    leak = '\n\n@product.feature(product["parcels"])\ndef leak(delay):\n    return delay\n'
    with pytest.raises(DefinitionError, match="leaks the future"):
        load_text(SOURCE, root=folder, extra=suggested.text + leak)


def test_columns_that_are_no_python_names_or_already_used_are_passed_over(asking):
    odd = asking.frames["vans"].rename({"built": "year built"})
    tables = {**asking.definition.tables, "vans": replace(asking.definition.tables["vans"], schema=odd.schema)}
    names = {
        idea.feature.name for idea in ideas(replace(asking.definition, tables=tables), {**asking.frames, "vans": odd}, 0.3)
    }
    assert not any(name.startswith("vans_") for name in names)
    assert "weather_wind" in names


def test_nothing_of_the_out_of_time_window_is_looked_at(asking, suggested, kit):
    boundary = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=44)
    blind = {
        **asking.frames,
        "parcels": asking.frames["parcels"].with_columns(
            delay=pl.when((pl.col("due") > boundary) & pl.col("delay").is_not_null()).then(0.0).otherwise("delay")
        ),
    }
    seen = replace(asking, frames=blind)
    again = suggest(asking.definition, seen.snapshot(), TrainingSets(), seed=0, progress=kit.Quiet())
    assert again.text == suggested.text


def test_a_product_that_does_not_ask_gets_nothing(yard, kit):
    assert suggest(yard.definition, yard.snapshot(), TrainingSets(), seed=0, progress=kit.Quiet()).text == ""


def names_of(found):
    return {each.feature.name if isinstance(each, Idea) else each.name for each in found}


def test_every_kind_of_idea_is_there_with_what_it_needs(asking):
    found = {idea.feature.name: idea for idea in ideas(asking.definition, asking.frames, 0.3)}
    assert found.keys() >= {
        "due_hour",
        "distance_as_given",
        "delay_mean_by_van_1d",
        "delay_count_by_depot_7d",
        "delay_change_by_van",
        "late_rate_by_van_30d",
        "weather_wind",
        "distance_per_vans_built",
        "weather_wind_per_vans_built",
    }
    assert found["late_rate_by_van_30d"].body == "(late.sum() + 6.0) / (late.count() + 20)"
    for idea in found.values():
        assert names_of(idea.needs) <= found.keys()
        assert set(idea.feature.inputs) - {"delay", "due", "distance", "wind", "built", "arrived"} <= names_of(idea.needs)


def test_every_idea_is_what_its_text_declares(asking, folder):
    found = ideas(asking.definition, asking.frames, 0.3)
    definition = load_text(SOURCE, root=folder, extra="\n\n".join(idea.text for idea in found))
    snapshot, asked = asking.snapshot(), asking.frames["parcels"].tail(300)
    wide = asking.definition.with_features([idea.feature for idea in found])
    ours, theirs = (TrainingSets().features(each, snapshot, asked) for each in (wide, definition))
    assert theirs.select(ours.columns).equals(ours)
    assert not [name for name in ours.columns if ours[name].is_nan().all()]


def delayed_by(asking, delay):
    """Return the yard with other delays, each known an hour after the parcel was due."""
    parcels = asking.frames["parcels"].with_columns(delay=delay, arrived=pl.col("due") + timedelta(hours=1))
    return replace(asking, frames={**asking.frames, "parcels": parcels})


def kept_of(yard, kit):
    return suggest(yard.definition, yard.snapshot(), TrainingSets(), seed=0, progress=kit.Quiet())


def test_a_signal_that_only_a_ratio_shows_is_found_with_what_it_is_made_of(asking, kit):
    frames = asking.frames
    age = pl.Series("doors", [1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0, 34.0])
    vans = frames["vans"].with_columns(built=age)
    tables = {**asking.definition.tables, "vans": replace(asking.definition.tables["vans"], schema=vans.schema)}
    parcels = frames["parcels"].join(vans, on="van", how="left", maintain_order="left")
    ratio = parcels["distance"] / parcels["built"]
    yard = delayed_by(asking, pl.when(pl.Series(ratio) > ratio.median()).then(30.0).otherwise(0.0))
    yard = replace(yard, frames={**yard.frames, "vans": vans}, definition=replace(yard.definition, tables=tables))
    found = kept_of(yard, kit)
    assert "distance_per_vans_built" in names_of(found.features)
    assert "vans_built" in names_of(found.features)
    assert "# needed by distance_per_vans_built" in found.text or "vans_built" in found.gains


def test_vans_that_are_usually_late_are_found_by_their_history(asking, kit):
    late = pl.col("van").is_in(["van1", "van4", "van6"])
    found = kept_of(delayed_by(asking, pl.when(late).then(16.0).otherwise(15.0)), kit)
    assert names_of(found.features) & {"late_rate_by_van_30d", "delay_mean_by_van_1d", "delay_mean_by_van_7d"}


def test_no_more_are_kept_than_were_asked_for_with_what_they_need(asking, kit):
    yard = replace(asking, definition=replace(asking.definition, suggestion=replace(asking.definition.suggestion, limit=1)))
    assert len(kept_of(yard, kit).features) == 1
