"""Rows that are ranked within groups: no group is ever parted, whoever fits is told of them, and the gate counts groups."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import lightgbm
import numpy as np
import polars as pl
import pytest
import xgboost
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline

from trimaran.build import Rival, TrainingSets, read_evidence, suggest
from trimaran.control.gates import judge_candidate
from trimaran.core.errors import InputError
from trimaran.data.declaration import Declaration
from trimaran.data.profiles import read_profile

START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS, SEARCHES, SHOWN = 60, 900, 8


def make_searches(seed: int = 0) -> dict[str, pl.DataFrame]:
    """What was shown to whom and clicked: a better and cheaper thing is, and each search is of its own price level."""
    generator = np.random.default_rng(seed)
    n = SEARCHES * SHOWN
    search = np.repeat(np.arange(SEARCHES), SHOWN)
    minute = np.repeat(np.sort(generator.integers(0, DAYS * 24 * 60, SEARCHES)), SHOWN)
    level = np.repeat(generator.normal(0, 3, SEARCHES), SHOWN)
    quality, price = generator.normal(size=n), level + generator.normal(size=n)
    liking = quality - (price - level) + generator.normal(0, 0.7, n)
    at = pl.Series([START + timedelta(minutes=int(each)) for each in minute], dtype=pl.Datetime("us", "UTC"))
    frame = pl.DataFrame(
        {
            "shown": [f"r{number}" for number in range(n)],
            "search": [f"s{each}" for each in search],
            "place": np.tile(np.arange(SHOWN), SEARCHES) % 2,
            "at": at,
            "quality": quality,
            "price": price,
            "clicks": np.clip(np.round(liking), 0, 3).astype(np.int64),
        }
    )
    return {"shown": frame.with_columns(seen=pl.col("at") + timedelta(hours=6))}


def ridge(X, y, strength=1.0):
    return make_pipeline(SimpleImputer(), Ridge(alpha=strength)).fit(X.to_numpy(), y)


def booster(X, y, group, learning_rate=0.1):
    model = lightgbm.LGBMRanker(n_estimators=20, learning_rate=learning_rate, verbose=-1, num_threads=1)
    return model.fit(X.to_numpy(), y, group=group)


def other_booster(X, y, group):
    return xgboost.XGBRanker(n_estimators=20, n_jobs=1).fit(X.to_numpy(), y, group=group)


@pytest.fixture(scope="module")
def frames():
    return make_searches()


@pytest.fixture
def make(tmp_path, frames, kit):
    def yard_of(fit=ridge, frames=frames, **policies):
        frames["shown"].head(5).write_parquet(tmp_path / "shown.parquet")
        product = Declaration("search", owner="shop", predict_at="at")
        shown = product.table("shown.parquet", key="shown", time="at", known={"clicks": "seen"})

        @product.feature(shown)
        def good(quality):
            return quality

        @product.feature(shown)
        def dear(price):
            return price

        @product.label(shown, wait="1d", group="search", at=5)
        def relevance(clicks):
            return clicks

        if "suggest" in policies:
            product.suggest(shown, limit=policies.pop("suggest"))
        product.model(**{name: policies.pop(name) for name in ("tune", "trials") if name in policies})(fit)
        product.accept(**{"out_of_time": "15d", "ndcg": ">= 0.6", "minimum": 100} | policies)
        return kit.new_yard(product.freeze(tmp_path), frames)

    return yard_of


def train(yard, live=None, **changes):
    return yard.trainer.train(yard.definition, yard.snapshot(), yard.job(**changes), live=live)


@pytest.mark.parametrize("fit", [ridge, booster, other_booster])
def test_a_ranking_is_trained_measured_and_judged_end_to_end(make, fit):
    yard = make(fit)
    found = train(yard)
    evidence = read_evidence(yard.objects, found.run.artifacts["evidence"])
    assert (evidence.task, evidence.goal, evidence.roc, evidence.calibration) == ("ranking", "ndcg", [], [])
    seen = evidence.measures["ndcg"]
    assert seen.n < evidence.rows / (SHOWN - 1)
    assert seen.low < seen.value < seen.high < 1
    assert {"map", "mrr"} <= evidence.measures.keys()
    assert set(evidence.importance) == {"good", "dear"}
    assert min(evidence.importance.values()) > 0
    verdict = judge_candidate(yard.definition, evidence, found.version.native)
    assert verdict.outcome in {"pass", "warn"}, verdict.reasons
    assert "ndcg >= 0.6" in {finding.check for finding in verdict.findings if finding.outcome == "pass"}
    profile = read_profile(yard.objects, found.version.profile)
    assert profile.calibration is None
    assert profile.label_histogram.n == found.version.rows
    assert "search" not in profile.categories, "a search is always a new one, and no caller is told so"


def test_too_few_groups_are_unknown_however_many_rows_they_have(make):
    yard = make(minimum=2000)
    found = train(yard)
    assert found.evidence.rows < 2000
    yard = make(minimum=400)
    found = train(yard)
    assert found.evidence.rows > 1000
    assert judge_candidate(yard.definition, found.evidence, found.version.native).outcome == "unknown"


def test_a_fit_that_takes_group_gets_sizes_and_rows_that_stand_together(make, frames):
    told = {}

    def fit(X, y, group):
        told.update(rows=X.height, sizes=group, grades=y, good=X["good"].to_numpy())
        return ridge(X, y)

    hour = pl.col("at").dt.truncate("1d")
    scattered = frames["shown"].with_columns(
        at=hour + pl.duration(hours=pl.int_range(pl.len()) % SHOWN), quality=pl.int_range(pl.len()).cast(pl.Float64)
    )
    train(make(fit, {"shown": scattered}))
    assert told["sizes"].sum() == told["rows"]
    assert set(told["sizes"].tolist()) == {SHOWN}
    known = scattered.with_columns(good=pl.col("quality").cast(pl.Float32))
    names = pl.DataFrame({"good": told["good"]}).join(known, on="good", how="left", maintain_order="left")
    assert names["search"].rle_id().max() + 1 == told["sizes"].size
    assert names["clicks"].to_list() == told["grades"].tolist()


def test_a_group_is_never_parted_between_training_and_test(make, frames):
    moved = frames["shown"].with_columns(
        search=pl.concat_str(pl.lit("t"), pl.col("search").str.slice(1).cast(pl.Int32) // 3),
    )
    yard = make(frames={"shown": moved})
    made = TrainingSets().make(yard.definition, yard.snapshot())
    train_groups, test_groups = (set(rows.asked["search"]) for rows in (made.train, made.test))
    assert not train_groups & test_groups
    counts = moved.group_by("search").len()
    whole = pl.concat([made.train.asked, made.test.asked]).group_by("search").len()
    assert whole.join(counts, on=["search", "len"]).height == whole.height
    assert made.balance.missing == 0
    assert made.balance.left["between"] > 0


@pytest.mark.parametrize("share", [0.1, 0.2, 0.35, 0.5])
def test_the_newest_rows_that_trials_are_compared_on_are_whole_groups(make, frames, share):
    moved = frames["shown"].with_columns(search=pl.concat_str(pl.lit("t"), pl.int_range(pl.len()) // (7 * SHOWN)))
    yard = make(frames={"shown": moved})
    train = TrainingSets().make(yard.definition, yard.snapshot()).train
    counts = train.asked.group_by("search").len()
    parts = train.newest(share)
    for part in parts:
        assert len(part)
        assert part.asked.group_by("search").len().join(counts, on=["search", "len"], how="anti").is_empty()
    assert sum(map(len, parts)) < len(train), "the groups that the boundary would part are in neither"


def test_a_group_waits_until_the_last_of_its_labels_is_final(make, frames):
    yard = make()
    late = frames["shown"].with_columns(
        at=pl.when(pl.col("shown") == "r80").then(START + timedelta(days=DAYS, hours=-1)).otherwise("at")
    )
    snapshot = replace(yard.snapshot(), frames={"shown": late})
    made = TrainingSets().make(yard.definition, snapshot)
    assert "s10" not in {*made.train.asked["search"], *made.test.asked["search"]}
    assert "s11" in set(made.train.asked["search"])


def test_trials_are_compared_on_ndcg_and_more_is_better(make):
    yard = make(tune={"strength": [1e9, 1.0]}, trials=4)
    found = train(yard)
    assert yard.definition.goal == "ndcg"
    assert found.run.metrics["ndcg"] > 0.6


def test_against_live_tells_the_paired_difference_over_groups(make):
    yard = make(booster, against_live="-0.01", worst_slice=("place", "ndcg >= 0.3"))
    first = train(yard)
    scorer = yard.trainer._native.load(yard.objects.get(first.version.native))
    second = train(yard, live=Rival(1, yard.definition, scorer), key="second", seed=3)
    seen = second.evidence.live.differences["ndcg"]
    assert seen.low <= 0 <= seen.high
    verdict = judge_candidate(yard.definition, second.evidence, second.version.native)
    told = {finding.check: finding.outcome for finding in verdict.findings}
    assert told["against live: ndcg >= live - 0.01"] == "pass"
    assert told["worst place: ndcg >= 0.3"] == "pass"


def test_shuffled_grades_do_not_pass_the_gate(make):
    yard = make(booster)
    found = train(yard, shuffled=True)
    assert judge_candidate(yard.definition, found.evidence, found.version.native).outcome == "fail"


def test_automated_features_are_proposed_for_a_ranking_too(make, kit):
    yard = make(suggest=4)
    found = suggest(yard.definition, yard.snapshot(), TrainingSets(), seed=0, progress=kit.Quiet())
    assert found.tried
    assert all(gain.low > 0 for gain in found.gains.values())


def test_a_grade_that_is_none_and_a_classifier_are_refused(make, frames):
    halves = frames["shown"].with_columns(clicks=pl.col("clicks") / 2)
    with pytest.raises(InputError, match="whole number from 0"):
        train(make(frames={"shown": halves}))
    with pytest.raises(InputError, match="answers classes where a number is asked for"):
        train(make(lambda X, y: LogisticRegression().fit(X.to_numpy(), y > 0)))


def test_groups_that_hold_one_grade_teach_nothing_and_are_named(make, frames):
    with pytest.raises(InputError, match="no group holds two grades") as raised:
        train(make(frames={"shown": frames["shown"].with_columns(clicks=pl.lit(1))}))
    assert "whole groups with several grades" in str(raised.value)
