"""The catalogue over a small workspace: what each feature is, who uses it, how it looks and how fresh it is."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from trimaran.app.catalogue import SORTS, Catalogue
from trimaran.app.workspace import Workspace
from trimaran.control.graph import tree
from trimaran.core.errors import InputError, NotFound
from trimaran.core.nouns import Declared, Prediction

END = datetime(2013, 5, 14, tzinfo=UTC)

MORE = '''
import polars as pl
from trimaran.data.declaration import Declaration

product = Declaration("{name}", owner="{owner}", predict_at="planned - 2h")
trips = product.table("trips.parquet", key="trip", time="planned", known={{"late": "done"}})


@product.feature(trips, owner="weather-team")
def wind_now(wind):
    """Wind at the station, in knots."""
    return {wind}


@product.feature(trips)
def gale(wind_now):
    return wind_now > 34


@product.feature(trips, by="carrier", window="{window}")
def recent_late(late):
    return late.mean()


@product.label(trips, wait="2d")
def is_late(late):
    return late > 15


@product.model()
def fit(X, y):
    return None


product.accept(out_of_time="30d", auc=">= 0.68")
'''


def declare(workspace, name, *, wind="wind", window="24h", owner="crm"):
    text = MORE.format(name=name, wind=wind, window=window, owner=owner)
    source = workspace.objects.put(text.encode())
    workspace.ledger.append(Declared(product=name, owner=owner, source=source, policies={}), name)


@pytest.fixture(scope="module")
def catalogue(told_workspace):
    return Catalogue.open(Workspace.existing(told_workspace))


@pytest.fixture
def workspace(own_workspace, told_workspace):
    opened = Workspace.existing(own_workspace)
    opened.data_root = told_workspace.parent / "data"
    return opened


def row(workspace, name, **asked):
    return next(row for row in Catalogue.open(workspace).rows(**asked) if row.name == name)


def test_a_line_says_what_a_feature_is_and_where_it_serves(catalogue):
    load, wind = catalogue.rows()
    assert (load.name, wind.name) == ("load_now", "wind_now")
    assert (wind.kind, wind.table, wind.inputs, wind.owner) == ("row", "trips", ["wind"], "ops-ml")
    assert (wind.products, wind.serving, wind.versions) == (["punctual"], ["punctual v1 live"], 3)
    assert wind.importance == pytest.approx(0.16)
    assert (wind.unused, wind.namesakes, wind.automated) == (False, [], False)


def test_values_of_training_and_lately_stand_side_by_side(catalogue):
    (use,) = catalogue.views("wind_now")[0].uses
    assert use.training.of == "training of v1"
    assert use.training.quantiles[0.5] == pytest.approx(10, abs=0.2)
    # The wind rose by 5 from day 50 on, with a standard deviation of 3.
    assert use.lately.of == "answers of v1"
    assert use.lately.quantiles[0.5] == pytest.approx(15, abs=0.4)
    assert use.lately.quantiles[0.95] == pytest.approx(15 + 1.645 * 3, abs=0.7)
    assert use.lately.since >= END - timedelta(days=7)
    assert sum(use.lately.counts) == use.lately.rows == 700
    assert use.lately.edges[-1] > use.training.edges[-1]


def test_drift_importance_and_the_looks_of_the_watch_are_told(catalogue):
    (use,) = catalogue.views("wind_now")[0].uses
    assert use.drift.psi > 1
    assert (use.rank, use.of, use.measured) == (1, 2, "v1")
    assert [look.at for look in use.looks] == sorted(look.at for look in use.looks)
    assert use.looks[-1].psi == pytest.approx(use.drift.psi)
    assert use.looks[0].psi < 0.5
    assert {look.missing for look in use.looks} == {0.0}


def test_consumers_name_each_version_with_its_part(catalogue):
    (use,) = catalogue.views("load_now")[0].uses
    assert [(one.version, one.part, one.same) for one in use.versions] == [
        ("v1", "live", True),
        ("v2", None, True),
        ("v3", None, True),
    ]


def test_the_text_of_a_feature_is_the_authors(catalogue):
    assert catalogue.views("wind_now")[0].source == "@product.feature(trips)\ndef wind_now(wind):\n    return wind"


def test_the_same_feature_in_two_products_is_one_line_with_both(workspace):
    declare(workspace, "gentle")
    both = row(workspace, "wind_now")
    assert both.products == ["gentle", "punctual"]
    assert both.serving == ["punctual v1 live"]
    assert both.owner == "weather-team, ops-ml"
    assert both.namesakes == []


def test_another_feature_of_the_same_name_is_told_apart(workspace):
    declare(workspace, "stormy", wind="wind * 2")
    here, there = Catalogue.open(workspace).views("wind_now")
    assert (here.row.products, there.row.products) == (["punctual"], ["stormy"])
    assert (here.row.namesakes, there.row.namesakes) == (["stormy"], ["punctual"])
    assert here.row.digest != there.row.digest
    assert there.row.description == "Wind at the station, in knots."
    assert there.row.owner == "weather-team"


def test_a_feature_of_another_feature_differs_when_that_one_does(workspace):
    declare(workspace, "gentle")
    declare(workspace, "stormy", wind="wind * 2")
    first, second = Catalogue.open(workspace).views("gale")
    assert first.row.digest != second.row.digest
    assert (first.made_of, first.built_upon) == (["wind_now"], [])
    assert Catalogue.open(workspace, "gentle").views("wind_now")[0].built_upon == ["gale"]


def test_a_changed_feature_is_not_what_the_live_version_uses(workspace):
    declare(workspace, "punctual", wind="wind + 1")
    live, declared = sorted(Catalogue.open(workspace, "punctual").views("wind_now"), key=lambda view: -view.row.versions)
    assert (live.row.serving, live.row.unused) == (["punctual v1 live"], False)
    assert (declared.row.serving, declared.row.unused, declared.row.versions) == ([], True, 0)
    assert [one.same for one in declared.uses[0].versions] == [False, False, False]


def test_unused_features_are_found(workspace):
    declare(workspace, "gentle")
    assert {row.name for row in Catalogue.open(workspace).rows(unused=True)} == {"gale", "recent_late"}


def test_freshness_counts_only_what_is_known_by_now(workspace):
    declare(workspace, "gentle")
    planned = [END - timedelta(hours=hours) for hours in (30, 20, 10, 4)]
    done = [when + timedelta(hours=6) for when in planned]
    rows = pl.DataFrame({"trip": list("abcd"), "planned": planned, "done": done, "carrier": ["AA"] * 4, "late": [1.0] * 4})
    workspace.tables.append("gentle/trips", rows, key="one")
    fresh = Catalogue.open(workspace, "gentle").views("recent_late")[0].uses[0].freshness
    # The newest trip is not done yet: its lateness is not known.
    assert (fresh.newest, fresh.age, fresh.rows) == (END - timedelta(hours=10), 36_000, 4)
    assert (fresh.usual_lag, fresh.late_lag, fresh.too_old) == (21_600, 21_600, False)
    assert Catalogue.open(workspace, "gentle").views("wind_now")[0].uses[0].freshness is None


def test_lineage_leads_from_columns_to_products(workspace):
    declare(workspace, "gentle")
    lineage = Catalogue.open(workspace).views("gale")[0].lineage
    up, down = tree(lineage, upstream=True), tree(lineage, upstream=False)
    (part,) = up.branches
    assert (part.word, part.node.title) == ("made of", "wind_now")
    (column,) = part.branches
    assert (column.word, column.node.title, column.branches[0].node.title) == ("reads", "trips.wind", "trips")
    assert [branch.node.title for branch in down.branches] == ["gentle"]
    window = Catalogue.open(workspace).views("recent_late")[0].lineage
    assert {(branch.word, branch.node.title) for branch in tree(window, upstream=True).branches} == {
        ("reads", "trips.late"),
        ("keyed by", "trips.carrier"),
    }


def test_callers_are_counted_where_they_say_who_they_are(workspace):
    moment = END - timedelta(minutes=5)
    asked = [
        Prediction(
            id=f"new-{number}",
            product="punctual",
            version=1,
            role="live",
            mode="http",
            event_at=moment,
            asked_at=moment,
            score=0.5,
            features=[None, 0.5],
            caller="tower" if number else "",
        )
        for number in range(3)
    ]
    workspace.captures.record(asked)
    (use,) = Catalogue.open(workspace).views("wind_now")[0].uses
    assert use.callers == {"tower": 2}
    assert use.lately.missing == pytest.approx(3 / 703)


def test_a_search_wants_all_its_words_and_an_order_must_be_known(workspace):
    declare(workspace, "gentle", owner="crm")
    catalogue = Catalogue.open(workspace)
    assert [row.name for row in catalogue.rows(search="KNOTS weather")] == ["wind_now"]
    assert [row.name for row in catalogue.rows(search="window carrier")] == ["recent_late"]
    assert catalogue.rows(search="knots nowhere") == []
    assert [row.name for row in catalogue.rows(sort="importance")][:2] == ["wind_now", "load_now"]
    assert all(len(catalogue.rows(sort=sort)) == 4 for sort in SORTS)
    with pytest.raises(InputError, match="choose one of: name"):
        catalogue.rows(sort="colour")


@pytest.mark.parametrize(
    ("name", "words"),
    [("wind_nwo", "did you mean wind_now"), ("zzz", "there is load_now, wind_now"), ("", "there is no feature ''")],
)
def test_a_name_that_nothing_has_is_answered_with_the_nearest(catalogue, name, words):
    with pytest.raises(NotFound, match=words):
        catalogue.views(name)


def test_a_definition_that_cannot_be_loaded_is_a_fault_in_words_and_no_crash(workspace):
    source = workspace.objects.put(b"import nowhere_to_be_found\n")
    workspace.ledger.append(Declared(product="broken", owner="x", source=source, policies={}), "broken")
    catalogue = Catalogue.open(workspace)
    assert {row.name for row in catalogue.rows()} == {"wind_now", "load_now"}
    assert "nowhere_to_be_found" in catalogue.faults[0]
