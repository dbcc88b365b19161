"""A product file with mistakes is refused as a whole: each fault with its line and the valid choices."""

import textwrap
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from trimaran.app.loading import load_file
from trimaran.core.errors import DefinitionError, UserCodeError
from trimaran.data.declaration import Declaration

MOMENT = datetime(2013, 1, 1, tzinfo=UTC)
GOOD = """
import polars as pl
import trimaran as tm

product = tm.Product("delay", owner="ops", predict_at="due - 2h")
trips = product.table("trips.parquet", key="id", time="due", known={"late_by": "done"})
weather = product.table("weather.parquet", key="place", time="seen", max_age="3h")

@product.feature(trips)
def hour(due):
    return due.dt.hour()

@product.feature(weather, on="place")
def wind(speed):
    return speed

@product.feature(trips, by="place", window="3h")
def recent(late_by):
    return late_by.mean()

@product.label(trips, wait="2d")
def is_late(late_by):
    return late_by > 15

@product.model(tune={"rate": tm.log(0.01, 1.0)}, trials=3)
def fit(X, y, rate=0.1):
    return None

product.accept(out_of_time="30d", auc=">= 0.68")
"""


@pytest.fixture
def folder(tmp_path):
    pl.DataFrame(
        {"id": ["a"], "place": ["x"], "note": ["n"], "due": [MOMENT], "done": [MOMENT], "late_by": [3.0]},
        schema_overrides={"due": pl.Datetime("us", "UTC"), "done": pl.Datetime("us", "UTC")},
    ).write_parquet(tmp_path / "trips.parquet")
    pl.DataFrame({"place": ["x"], "seen": [MOMENT], "speed": [1.0]}).write_parquet(tmp_path / "weather.parquet")
    return tmp_path


def load(folder, text):
    path = folder / "delay.py"
    path.write_text(textwrap.dedent(text))
    return load_file(path).definition


def faults_of(folder, text):
    with pytest.raises(DefinitionError) as caught:
        load(folder, text)
    return caught.value.faults


def changed(old, new):
    assert old in GOOD
    return GOOD.replace(old, new)


def line_of(text, part):
    return text[: text.index(part)].count("\n") + 1


def test_a_good_file_gives_a_complete_definition(folder):
    definition = load(folder, GOOD)
    assert [feature.kind for feature in definition.features] == ["row", "newest", "window"]
    assert definition.predict_at.offset == timedelta(hours=-2)
    assert definition.label.known == ("done",)
    assert definition.given.names() == ["id", "due", "place"]


def test_decorated_functions_stay_plain_functions():
    product = Declaration("p", owner="o", predict_at="due")
    trips = product.table("trips.parquet", key="id", time="due")

    @product.feature(trips)
    def half(distance):
        return distance / 2

    assert half(10) == 5


def test_a_feature_that_uses_a_value_of_the_future_is_refused_with_its_line(folder):
    text = changed("def hour(due):\n    return due.dt.hour()", "def hour(late_by):\n    return late_by")
    (fault,) = faults_of(folder, text)
    assert "leaks the future: 'late_by' becomes known at 'done'" in fault.what
    assert "due - 2h" in fault.what
    assert fault.where == f"delay.py:{line_of(text, '@product.feature(trips)')}"


def test_the_moment_at_which_a_late_value_becomes_known_is_late_itself(folder):
    (fault,) = faults_of(folder, changed("def hour(due):\n    return due", "def hour(done):\n    return done"))
    assert "'done' becomes known at 'done'" in fault.what


def test_a_late_label_without_waiting_time_is_refused(folder):
    (fault,) = faults_of(folder, changed('@product.label(trips, wait="2d")', "@product.label(trips)"))
    assert "has no waiting time" in fault.what
    assert "wait=" in fault.remedy


def test_an_unknown_column_is_refused_with_the_nearest_and_all_valid_choices(folder):
    (fault,) = faults_of(folder, changed("def wind(speed):\n    return speed", "def wind(sped):\n    return sped"))
    assert "'sped'" in fault.what
    assert "did you mean 'speed'?" in fault.remedy
    assert "place, seen, speed" in fault.remedy


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('auc=">= 0.68"', 'auc="=> 0.68"', "cannot read a comparison in '=> 0.68' at character 1"),
        ('auc=">= 0.68"', 'auk=">= 0.68"', "cannot read the measure 'auk'"),
        ('out_of_time="30d"', 'out_of_time="a month"', "'a month' is not a duration"),
        ("trials=3", "trials=0", "tune is given but trials is not"),
        ('"rate": tm.log(0.01, 1.0)', '"rate": []', "the space of 'rate' is empty"),
        ('"rate": tm.log(0.01, 1.0)', '"speed": [1]', "tune names 'speed', which fit() does not take"),
        ("def fit(X, y, rate=0.1)", "def fit(X)", "fit() takes 1 arguments"),
        ("late_by.mean()", "late_by", "does not aggregate its window"),
        ("return speed", "return speed.mean()", "aggregates whole columns"),
        ("def hour(due):\n    return due.dt.hour()", "def hour(note):\n    return note", "is String, not a number"),
        ("def hour(due):\n    return due.dt.hour()", "def hour(due):\n    return due.no_such()", "cannot be computed"),
        ('on="place"', 'on="plcae"', "joins on 'plcae', which is not there"),
        ('by="place", window="3h"', 'window="3h"', "has a window but no by="),
        ('(weather, on="place")', "(weather)", "whose rows are not the asked ones"),
        ('predict_at="due - 2h"', 'predict_at="done"', "predict_at uses 'done', which is only known at 'done'"),
        ('predict_at="due - 2h"', 'predict_at="dew - 2h"', "predict_at names 'dew'"),
        ('"weather.parquet"', '"whether.parquet"', "cannot be read from"),
        ('known={"late_by": "done"}', 'known={"late_by": "note"}', "trips.note is String, not a moment"),
    ],
)
def test_each_mistake_is_named(folder, old, new, said):
    assert any(said in fault.what for fault in faults_of(folder, changed(old, new)))


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("product.release(steps=[5, 3])", "do not rise to 100"),
        ('product.release(rollback="errors > lots")', "cannot read the bound 'lots'"),
        ('product.retrain(when=["moon"])', "names 'moon'"),
        ('product.retrain(when=["decay"])', "retrain waits for 'decay', which is not watched"),
        ('product.accept(out_of_time="1d", errors="< 1%")', "asks for errors, which shows only in traffic"),
        ("product.value(true_postive=1)", "does not know 'true_postive'"),
        ('product.replicate(by="region")', "names 'region'"),
        ('product.accept(out_of_time="1d")', "accept() is declared twice"),
    ],
)
def test_each_policy_that_does_not_hold_is_named(folder, policy, said):
    text = f"{GOOD}\n{policy}\n"
    assert any(said in fault.what for fault in faults_of(folder, text))


def test_all_faults_are_reported_at_once_in_order_of_the_file(folder):
    text = (
        GOOD.replace("return speed", "return speed.mean()")
        .replace("late_by.mean()", "late_by")
        .replace('">= 0.68"', '"0.68"')
    )
    faults = faults_of(folder, text)
    lines = [int(fault.where.split(":")[1]) for fault in faults]
    assert len(faults) == 3
    assert lines == sorted(lines)


def test_a_leak_is_told_before_there_is_a_label_a_model_or_a_gate(folder):
    text = GOOD[: GOOD.index("@product.label")].replace(
        "def hour(due):\n    return due.dt", "def hour(done):\n    return done.dt"
    )
    told = [fault.what for fault in faults_of(folder, text)]
    assert [what.split(" ")[0] for what in told] == ["no", "0", "no", "feature"]
    assert "leaks the future" in told[-1]
    other = text.replace('"due - 2h"', '"whenever - 2h"')
    assert not any("leaks" in fault.what for fault in faults_of(folder, other))


def test_a_time_without_a_zone_is_refused(folder):
    naive = pl.read_parquet(folder / "weather.parquet").with_columns(pl.col("seen").dt.replace_time_zone(None))
    naive.write_parquet(folder / "weather.parquet")
    (fault,) = faults_of(folder, GOOD)
    assert "weather.seen is a time without a zone" in fault.what


def test_features_of_features_are_ordered_and_rings_are_refused(folder):
    more = "\n@product.feature(trips)\ndef twice(hour):\n    return hour * 2\n"
    assert [feature.name for feature in load(folder, GOOD + more).features].index("twice") > 0
    ring = "\n@product.feature(trips)\ndef one(two):\n    return two\n\n@product.feature(trips)\ndef two(one):\n    return one\n"
    assert any("in a ring" in fault.what for fault in faults_of(folder, GOOD + ring))


def test_a_file_that_raises_shows_the_authors_lines_only(folder):
    with pytest.raises(UserCodeError) as caught:
        load(folder, GOOD + "\n1 / 0\n")
    assert "1 / 0" in str(caught.value)
    assert "loading.py" not in str(caught.value)


def test_a_file_that_is_not_python_is_refused_with_its_line(folder):
    (fault,) = faults_of(folder, GOOD + "\ndef (:\n")
    assert fault.what.startswith("not Python")


def test_a_file_without_a_product_says_how_to_declare_one(folder):
    (fault,) = faults_of(folder, "x = 1\n")
    assert "0 products are declared" in fault.what


def test_targets_of_notices_are_refused_with_all_other_faults_and_without_their_secrets(folder):
    text = changed("def hour(due):\n    return due.dt.hour()", "def hour(dew):\n    return dew") + (
        '\nproduct.watch(tell=["mailto:ops@example.com", "ops@example.com", "slack://T1/B2/hunter2"])\n'
    )
    faults = faults_of(folder, text)
    told = "\n".join(map(str, faults))
    where = f"delay.py:{line_of(text, 'product.watch')}"
    assert [fault.where for fault in faults].count(where) == 2
    assert "write mailto:ops@example.com" in told
    assert "slack://{OPS_SLACK}" in told
    assert "'dew'" in told
    assert "hunter2" not in told


def test_a_person_is_told_once_however_often_named(folder):
    definition = load(
        folder, GOOD + '\nproduct.watch(tell=["mailto:a@example.com", "mailto:a@example.com", "slack://{OPS}"])'
    )
    assert definition.watch.tell == ("mailto:a@example.com", "slack://{OPS}")
