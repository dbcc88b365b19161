"""A table of graded rows in groups becomes a product that ranks them: written, gated, released, asked, and measured live."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from begun import begun, clean, run, table

from trimaran.app.lifecycle import Lifecycle
from trimaran.app.loading import load_file
from trimaran.app.progress import progress
from trimaran.app.registry.cards import model_card
from trimaran.app.running import run_once
from trimaran.app.serving import dataplane_of
from trimaran.app.starting import Asked, start
from trimaran.app.views import Book, quality, version_view
from trimaran.app.workspace import Workspace
from trimaran.core.clock import ManualClock
from trimaran.core.errors import InputError
from trimaran.core.tasks import Ranking
from trimaran.doors.dashboard.rendering import version_charts

MORNING = datetime(2024, 1, 1, 6, tzinfo=UTC)
SHOWN = 8


def searches(n=500, seed=0, begins=0):
    """What was shown in each search and clicked: what is good and cheaper than the rest of its search is."""
    generator = np.random.default_rng(seed)
    rows = n * SHOWN
    search = np.repeat(np.arange(begins, begins + n), SHOWN)
    level = np.repeat(generator.normal(0, 3, n), SHOWN)
    quality, price = generator.normal(size=rows), level + generator.normal(size=rows)
    liking = quality - (price - level) + generator.normal(0, 0.7, rows)
    return pl.DataFrame(
        {
            "shown": [f"r{begins * SHOWN + place}" for place in range(rows)],
            "search": [f"s{each}" for each in search],
            "at": [MORNING + timedelta(hours=int(each)) for each in search],
            "quality": quality,
            "price": price,
            "brand": generator.choice(["north", "south"], rows),
            "clicks": np.clip(np.round(liking), 0, 3).astype(np.int64),
        }
    )


def ranking(folder, frame=None, **said):
    asked = {"time": "at", "key": "shown", "rank_by": "search"} | said
    return begun(folder, searches() if frame is None else frame, "clicks", **asked)


@pytest.mark.parametrize("time", ["at", None])
def test_a_table_of_graded_rows_becomes_a_gated_ranking(tmp_path, time):
    started = ranking(tmp_path, time=time)
    assert (started.task, started.group, started.groups) == ("ranking", "search", 500)
    assert started.models == ["linear", "boosted", "lightgbm"]
    path = tmp_path / "rides.py"
    clean(path)
    text = path.read_text()
    assert '"""Ranks the rows of each search of rides.parquet by clicks.' in text
    assert "a fifth of the groups, drawn by a hash" in text if time is None else "newest" in text
    assert "Any order at all gives 0." in text
    assert load_file(path).definition.task == Ranking()
    _, verdict = run(path, tmp_path)
    assert verdict.outcome == "pass", verdict.reasons
    found = {finding.check.split(" ")[0]: finding for finding in verdict.findings}
    assert found["ndcg"].value > 0.8
    assert 60 < found["ndcg"].measurement.n <= 110


@pytest.mark.parametrize("booster", ["lightgbm", "xgboost"])
def test_a_ranker_alone_is_compiled_and_shown_to_answer_the_same(tmp_path, booster):
    frame = searches().with_columns(clicks=pl.col("clicks") * 20)  # LightGBM itself knows no grade above 30
    ranking(tmp_path, frame, booster=booster)
    path = tmp_path / "rides.py"
    clean(path)
    alone = (
        path.read_text().replace(f'["linear", "boosted", "{booster}"]', f'["{booster}"]').replace("trials=12", "trials=2")
    )
    path.write_text(alone)
    state, verdict = run(path, tmp_path)
    assert verdict.outcome == "pass", verdict.reasons
    assert state.version.compiled is not None


def test_without_a_booster_the_models_are_pointwise_and_no_group_is_asked_for(tmp_path):
    ranking(tmp_path, booster="none")
    clean(tmp_path / "rides.py")
    assert 'def fit(X, y, kind="boosted"' in (tmp_path / "rides.py").read_text()
    assert not load_file(tmp_path / "rides.py").definition.model.grouped


def test_rows_of_no_group_are_left_out_by_the_file(tmp_path):
    frame = searches().with_columns(search=pl.when(pl.col("shown") == "r5").then(None).otherwise("search"))
    ranking(tmp_path, frame)
    path = tmp_path / "rides.py"
    clean(path)
    assert "A row of no group is ranked among nothing." in path.read_text()
    (table_,) = load_file(path).definition.tables.values()
    assert table_.schema["search"] == pl.String


@pytest.mark.parametrize(
    ("frame", "said", "told"),
    [
        (lambda: searches().with_columns(clicks=pl.col("clicks") - 1), {}, "are no grade, a whole number from 0, like -1"),
        (
            lambda: searches().with_columns(clicks=pl.col("clicks") / 2),
            {},
            "are no grade, a whole number from 0, like [0-9]*.5",
        ),
        (searches, {"rank_by": "shown", "key": None}, "0 of 4,000 values of 'shown' hold rows with different grades"),
        (searches, {"rank_by": "serach"}, "--rank-by names 'serach', which is no column"),
        (searches, {"task": "binary"}, "--task says binary"),
        (searches, {"forecast": "1d"}, "--forecast tells a number ahead"),
        (searches, {"key": "search"}, "--key and --rank-by both name 'search'"),
        (searches, {"rank_by": None, "task": "ranking"}, "nothing says what is ranked"),
    ],
)
def test_what_cannot_be_ranked_is_refused_with_the_reason(tmp_path, frame, said, told):
    with pytest.raises(InputError, match=told):
        ranking(tmp_path, frame(), **said)
    assert not (tmp_path / "rides.py").exists()


def test_faults_of_name_options_and_table_are_told_together(tmp_path):
    asked = Asked(
        table(tmp_path, searches()), "clicks", "brand", "shwon", booster="catboost", rank_by="search", forecast="1d"
    )
    with pytest.raises(InputError) as raised:
        start("My Ranking", asked, tmp_path, "ana")
    told = str(raised.value)
    for part in ("names no product", "no booster", "--key names 'shwon'", "--time names 'brand'", "--rank-by ranks rows"):
        assert part in told
    assert len(raised.value.faults) == 5


def test_what_is_wrong_with_options_is_told_though_the_file_is_not_there(tmp_path):
    with pytest.raises(InputError) as raised:
        start("rides", Asked(tmp_path / "no.csv", "clicks", rank_by="search", forecast="1d"), tmp_path, "ana")
    assert ["there is no file" in str(raised.value), "--rank-by ranks rows" in str(raised.value)] == [True, True]


def test_a_ranking_is_served_its_late_labels_are_joined_and_its_live_quality_is_measured(tmp_path):
    """From a table to live NDCG: written, trained, released, asked while nobody knows what is clicked, and measured after."""
    frame = searches()
    ranking(tmp_path, frame)
    path, clock = tmp_path / "rides.py", ManualClock(frame["at"].max() + timedelta(days=1))
    workspace = Workspace(tmp_path / "workspace", clock=clock, actor="ana")
    with progress() as shown:
        life = Lifecycle(workspace, load_file(path), shown, path=path)
        state, verdict = run_once(life)
        assert verdict.outcome == "pass", verdict.reasons
        assert life.state.live.version.number == state.version.number

        asked = searches(264, seed=5, begins=24 * 23)
        rows, plane = asked.drop("clicks", "at").with_columns(moment=asked["at"]), dataplane_of(workspace, "rides")
        known = asked.with_columns(moment="at", known_at=pl.col("at") + timedelta(hours=10))
        known = known.select(life.definition.table.schema.names())
        parts, joined = [], 0
        for day in range(12):  # what is asked in a day gets its clicks in the next one
            day_rows, day_before = (slice(place * 24 * SHOWN, (place + 1) * 24 * SHOWN) for place in (day, day - 1))
            clock.set(asked["at"][0] + timedelta(days=day + 1))
            if day < 11:
                parts.append(plane.score_frame(rows[day_rows]))
            if day:
                life.take_in({life.definition.asked: known[day_before]}, source=None, key=f"clicks of {day}")
                joined += life.oversight.join_labels(clock.now())
        answers, captured = pl.concat(parts), workspace.captures.frame("rides")
        assert joined == asked.height == captured["label"].count()
        assert captured["group"].to_list() == asked["search"].to_list()
        best = asked.filter(answers["rank"] == 1)
        assert best["search"].n_unique() == best.height == 264
        assert best["clicks"].mean() > 2 * asked["clicks"].mean()
        again = plane.score(plane.reader.check(rows.head(SHOWN).to_dicts()), caller="shop")
        assert [each.rank for each in again] == answers["rank"].head(SHOWN).to_list()
        found = {finding.check: finding for finding in life.oversight.watch(clock.now())}

    look = Book.open(workspace, "rides").look.quality
    inside = (asked["at"] >= look.since) & (asked["at"] < look.until)
    truth = Ranking().truths(asked.select(label="clicks", group="search").filter(inside))
    mine = Ranking().measure("ndcg", truth, answers["score"].filter(inside).to_numpy())
    assert found["decay"].outcome == "pass", found["decay"].reason
    assert found["decay"].value == pytest.approx(mine.value)
    assert found["decay"].measurement.n == mine.n >= 200
    assert found["estimate"].outcome == "unknown"
    book = Book.open(workspace, "rides")
    charts = version_charts(version_view(book, "v1"))
    assert "importance" in charts
    assert not {"calibration", "roc"} & charts.keys()
    assert "in which order within its search" in model_card(book, "v1").question
    months = quality(book, "month")
    assert [month.realised.n > 0 and month.realised.value > 0.8 for month in months] == [True, True]
    assert all("cannot be estimated without labels" in month.estimated.note for month in months)
