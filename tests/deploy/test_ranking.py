"""Rows that are ranked: a group is answered by one version, ranked in what was asked together, and compared as one loss."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
import shop
from test_dataplane import ROW, World

from trimaran.core.errors import InputError
from trimaran.core.tasks import Ranking
from trimaran.deploy import Comparison, Evidence

DEPOTS = [f"D{number}" for number in range(40)]


@pytest.fixture
def ranking(definition):
    return replace(definition, label=replace(definition.label, kind="ranking", group="depot"))


@pytest.fixture
def world(tmp_path, ranking):
    world = World(tmp_path, ranking)
    shop.release(world.ledger, 1)
    return world


def weighed(features):
    return features[:, 4].astype(float)  # the heaviness: the shop's models take their features in reverse


def asked(*weights, depot="EWR"):
    return [ROW | {"parcel": f"{depot}-{place}", "depot": depot, "weight": each} for place, each in enumerate(weights)]


def test_rows_of_a_group_that_are_asked_together_are_ranked_and_the_first_of_a_tie_stands_first(world):
    world.shelf.scorers[1] = weighed
    answers = world.ask(*asked(2.0, 6.0, 2.0, 4.0), *asked(8.0, 1.0, depot="JFK"))
    assert [each.rank for each in answers] == [3, 1, 4, 2, 1, 2]
    assert [each.score for each in answers[:2]] == [1.0, 3.0]
    assert answers[0].decision is None


def test_a_row_that_has_no_answer_has_no_rank(world):
    world.shelf.scorers[1] = lambda features: np.where(weighed(features) > 2, np.nan, weighed(features))
    assert [each.rank for each in world.ask(*asked(2.0, 6.0, 3.0))] == [2, None, 1]


def test_a_batch_is_ranked_as_a_whole_frame(world):
    world.shelf.scorers[1] = weighed
    sent = pl.col("sent").str.to_datetime(time_zone="UTC")
    frame = world.plane.score_frame(pl.DataFrame(asked(2.0, 6.0, 4.0)).with_columns(sent))
    assert frame["rank"].to_list() == [3, 1, 2]


def test_the_group_is_captured_with_every_answer(world):
    world.ask(*asked(1.0), *asked(1.0, depot="JFK"))
    frame = world.captures.frame("parcels").sort("id")
    assert frame["group"].to_list() == ["EWR", "JFK"]


def test_a_row_without_its_group_is_refused_one_by_one_and_in_a_frame(world):
    with pytest.raises(InputError, match="depot"):
        world.ask({name: value for name, value in ROW.items() if name != "depot"})
    frame = pl.DataFrame([ROW]).with_columns(pl.col("sent").str.to_datetime(time_zone="UTC"))
    with pytest.raises(InputError, match="depot"):
        world.plane.score_frame(frame.drop("depot"))
    with pytest.raises(InputError, match="1 rows have no depot"):
        world.plane.score_frame(frame.with_columns(depot=pl.lit(None, pl.String)))


def test_all_rows_of_a_group_are_answered_by_one_version_while_a_canary_runs(world):
    shop.release(world.ledger, 1, canary=2, percent=50.0)
    answers = world.ask(*(row for depot in DEPOTS for row in asked(1.0, 2.0, 3.0, depot=depot)))
    spoken = {}
    for answer in answers:
        spoken.setdefault(answer.id.partition("-")[0], set()).add(answer.version)
    assert all(len(versions) == 1 for versions in spoken.values())
    assert {number for versions in spoken.values() for number in versions} == {1, 2}
    assert world.captures.frame("parcels").height == 2 * len(answers), "the other one scores in the shadow"


SHOWN = 6


def captured(groups, blur, seed=0):
    """What two versions answered to groups of six; the candidate's scores are the live ones with noise besides."""
    rng = np.random.default_rng(seed)
    n = groups * SHOWN
    liking = rng.normal(size=n)
    label = np.clip(np.round(liking + rng.normal(0, 0.7, n)), 0, 3)
    live = liking + rng.normal(0, 0.5, n)
    candidate = liking + rng.normal(0, 0.5, n) if blur == 0 else live + rng.normal(0, blur, n)
    rows = pl.DataFrame(
        {
            "id": [f"i{place}" for place in range(n)],
            "group": [f"g{place // SHOWN}" for place in range(n)],
            "mode": ["http"] * n,
            "asked_at": [shop.NOON] * n,
            "seconds": [0.004] * n,
            "label": label,
            "known_at": [shop.NOON + timedelta(seconds=int(each)) for each in rng.permutation(n)],
            "probabilities": pl.Series([None] * n, dtype=pl.List(pl.Float64)),
        }
    ).with_columns(pl.col("known_at").dt.cast_time_unit("us"))
    sides = [
        rows.with_columns(version=pl.lit(number), score=pl.Series(scores)) for number, scores in ((1, live), (2, candidate))
    ]
    return pl.concat(sides)


def compared(frame, **how):
    return Comparison(frame, candidate=2, live=1, task=Ranking(), **how)


def seen_at(frame, seconds):
    """The rows as a look at that moment finds them: labels that are known later are not there."""
    known = pl.col("known_at") <= shop.NOON + timedelta(seconds=seconds)
    return frame.with_columns(label=pl.when(known).then("label"), known_at=pl.when(known).then("known_at"))


def test_a_candidate_that_orders_worse_fails_and_a_like_one_passes():
    for blur, outcome in ((0.2, "pass"), (3.0, "fail")):
        finding = compared(captured(3000, blur)).no_harm()
        assert finding.outcome == outcome, finding.reason
        assert "1 - NDCG of a group" in finding.reason


def test_rows_are_not_counted_for_groups():
    finding = compared(captured(100, 0)).no_harm()
    assert finding.outcome == "unknown"
    assert "groups have both scores and a label, at least 300 are needed" in finding.reason


def test_each_look_goes_on_where_the_last_one_stopped():
    frame = captured(400, 0)
    looks = [compared(seen_at(frame, seconds)) for seconds in (1200, 1700, 2100, 2400)]
    parts = [[part[0] for part in look._decided().group_by("group", maintain_order=True)] for look in looks]
    assert len(parts[0]) < len(parts[1]) < len(parts[2]) < len(parts[3])
    for earlier, later in pairwise(parts):
        assert later[: len(earlier)] == earlier


def test_looking_often_rarely_calls_a_like_candidate_harmful():
    wrong = 0
    for seed in range(40):
        frame = captured(600, 0, seed=seed)
        looks = (compared(seen_at(frame, seconds), evidence=Evidence(lost=0.0)) for seconds in range(2400, 3601, 300))
        wrong += any(look.no_harm().outcome == "fail" for look in looks)
    assert wrong <= 4  # 40 x 0.025, and room for chance
