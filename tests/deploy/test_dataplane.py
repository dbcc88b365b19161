"""What is answered, by whom, and what is kept of it."""

import threading
from concurrent.futures import Future
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
import shop

from trimaran.backends.sqlite_captures import SqliteCaptures
from trimaran.backends.sqlite_online import SqliteOnline
from trimaran.core.clock import ManualClock
from trimaran.core.errors import Unavailable
from trimaran.core.nouns import CAPTURED
from trimaran.deploy import Dataplane, Stores

ROW = {"parcel": "p1", "sent": "2013-07-01T12:30:00Z", "depot": "EWR", "weight": 6.0, "pieces": 2, "express": True}


class World:
    """A dataplane with real stores, and models that are plain functions."""

    def __init__(self, folder, definition, captures=None):
        self.ledger = shop.new_ledger()
        self.captures = captures or SqliteCaptures(folder / "captures.db")
        self.online = SqliteOnline(folder / "online.db")
        self.shelf = shop.Shelf(definition, {"depot": ["EWR", "JFK"]})
        self.shelf.scorers = {1: shop.constant(0.1), 2: shop.constant(0.9)}
        self.stores = Stores(self.ledger, self.captures, self.online, ManualClock(shop.NOON))
        self.plane = Dataplane("parcels", self.stores, self.shelf)

    def ask(self, *rows, **how):
        return self.plane.score(self.plane.reader.check(rows or [ROW]), **how)

    def captured(self):
        frame = self.captures.frame("parcels", columns=CAPTURED).sort("id", "version")
        return {(row["id"], row["version"]): row for row in frame.iter_rows(named=True)}


@pytest.fixture
def world(tmp_path, definition):
    world = World(tmp_path, definition)
    shop.release(world.ledger, 1)
    return world


def rows(*ids):
    return [ROW | {"parcel": each} for each in ids]


def test_features_of_all_kinds_reach_the_model_in_its_own_order(world):
    world.online.push("parcels", "parcels", shop.parcels(120), key="1")
    world.online.push("parcels", "weather", shop.weather(("EWR", shop.NOON - 3 * shop.HOUR, 7.0)), key="1")
    world.online.push("parcels", "depots", shop.depots(("EWR", 8)), key="1")
    seen = []
    world.shelf.scorers[1] = lambda features: seen.append(features.copy()) or np.full(len(features), 0.5)
    world.ask()
    (matrix,) = seen
    assert matrix.dtype == np.float32
    # predict_at is 11:30: of EWR's parcels those sent up to 10:30 had arrived by then, numbers 1, 3, … 29.
    assert matrix.tolist() == [[15.0, 8.0, 14.0, 1.0, 3.0]]
    assert world.captured()["p1", 1]["features"] == [15.0, 8.0, 14.0, 1.0, 3.0]


def test_what_was_pushed_after_the_last_request_is_seen_by_the_next(world):
    world.ask()
    world.online.push("parcels", "depots", shop.depots(("EWR", 9)), key="1")
    world.ask(*rows("p2"))
    assert [row["features"][1] for row in world.captured().values()] == [None, 9.0]


def test_the_answer_is_a_score_a_decision_and_notes(world):
    answers = world.ask(ROW | {"depot": "LGA"}, {"parcel": "p2", "sent": ROW["sent"]})
    assert [(each.id, each.version, each.role, each.score, each.decision) for each in answers] == [
        ("p1", 1, "live", 0.1, False),
        ("p2", 1, "live", 0.1, False),
    ]
    assert answers[0].notes == ["depot 'LGA' was not seen in training"]
    assert len(answers[1].notes) == 4


def test_the_decision_is_at_the_threshold_that_the_value_implies(world):
    world.shelf.scorers[1] = lambda features: np.linspace(0.2, 0.3, len(features))
    answers = world.ask(*rows("a", "b", "c"))
    assert [each.decision for each in answers] == [False, True, True]  # 1 / (3 + 1) = 0.25


def test_every_answer_is_captured_with_what_it_stands_on(world):
    world.ask(caller="me")
    (row,) = world.captured().values()
    assert (row["role"], row["mode"], row["event_at"]) == ("live", "http", shop.NOON + timedelta(minutes=-30))
    assert (row["asked_at"], row["score"]) == (shop.NOON, 0.1)
    assert 0 < row["seconds"] < 60


def test_nothing_is_answered_before_it_is_durable(tmp_path, definition):
    class Slow(SqliteCaptures):
        def submit(self, predictions):
            self.durable = Future()
            return self.durable

    world = World(tmp_path, definition, Slow(tmp_path / "captures.db"))
    shop.release(world.ledger, 1)
    asked = threading.Thread(target=world.ask)
    asked.start()
    asked.join(0.2)
    assert asked.is_alive()
    world.captures.durable.set_result(1)
    asked.join()


def test_what_cannot_be_captured_is_not_answered(tmp_path, definition):
    class Full(SqliteCaptures):
        def submit(self, predictions):
            failed = Future()
            failed.set_exception(Unavailable("the disk is full"))
            return failed

    world = World(tmp_path, definition, Full(tmp_path / "captures.db"))
    shop.release(world.ledger, 1)
    with pytest.raises(Unavailable, match="the disk is full"):
        world.ask()


def test_an_id_answered_before_gets_the_same_answer(world):
    (first,) = world.ask()
    world.shelf.scorers[1] = world.plane.refresh().ready[1].scorer
    world.online.push("parcels", "depots", shop.depots(("EWR", 9)), key="1")
    (second,) = world.ask(ROW | {"weight": 99.0})
    assert (second.score, len(world.captured())) == (first.score, 1)


def test_a_stored_answer_is_given_even_if_the_model_would_answer_differently(world):
    scores = iter([0.2, 0.7])
    world.shelf.scorers[1] = lambda features: np.full(len(features), next(scores))
    assert [world.ask()[0].score for _ in range(2)] == [0.2, 0.2]


def test_the_same_id_twice_in_a_batch_is_one_prediction(world):
    answers = world.ask(*rows("a", "b", "a"))
    assert [each.id for each in answers] == ["a", "b", "a"]
    assert len(world.captured()) == 2


def test_an_id_on_its_way_to_the_disk_is_not_scored_again(tmp_path, definition):
    class Slow(SqliteCaptures):
        waiting = []

        def submit(self, predictions):
            self.waiting.append((Future(), predictions))
            return self.waiting[-1][0]

    world = World(tmp_path, definition, Slow(tmp_path / "captures.db"))
    shop.release(world.ledger, 1)
    scores = iter([0.2, 0.7])
    world.shelf.scorers[1] = lambda features: np.full(len(features), next(scores))
    asked = world.plane.reader.check([ROW]) if world.plane.refresh() else []
    first, second = world.plane.begin(asked), world.plane.begin(asked)
    # The second batch hands the first one's prediction in again: it must not be answered if the first never lands.
    assert [[each.score for each in submitted] for _, submitted in world.captures.waiting] == [[0.2], [0.2]]
    world.captures.waiting[0][0].set_result(1)
    world.captures.waiting[1][0].set_result(0)
    SqliteCaptures(tmp_path / "captures.db").record(first.fresh)
    assert world.plane.finish(second)[0].score == 0.2


def test_the_answer_of_another_process_that_came_first_is_the_answer(tmp_path, definition):
    mine, other = (World(tmp_path, definition) for _ in range(2))
    for world in (mine, other):
        shop.release(world.ledger, 1)
    other.shelf.scorers[1] = shop.constant(0.7)

    class Overtaken(SqliteCaptures):
        def submit(self, predictions):
            other.ask()
            return super().submit(predictions)

    overtaken = Overtaken(tmp_path / "captures.db")
    mine.plane = Dataplane("parcels", Stores(mine.ledger, overtaken, mine.online, ManualClock(shop.NOON)), mine.shelf)
    mine.plane.refresh()
    assert mine.ask()[0].score == 0.7


def test_a_shadow_scores_and_is_not_heard(world):
    shop.release(world.ledger, 1, shadow=2)
    (answer,) = world.ask()
    assert (answer.score, answer.version) == (0.1, 1)
    assert {key: (row["role"], row["score"]) for key, row in world.captured().items()} == {
        ("p1", 1): ("live", 0.1),
        ("p1", 2): ("shadow", 0.9),
    }


def test_a_canary_answers_its_share_and_both_score_everything(world):
    shop.release(world.ledger, 1, canary=2, percent=50.0)
    answers = world.ask(*rows(*map(str, range(100))))
    heard = {each.id: each.version for each in answers}
    assert 30 < sum(version == 2 for version in heard.values()) < 70
    captured = world.captured()
    assert len(captured) == 200
    for (each, number), row in captured.items():
        assert row["role"] == ({1: "live", 2: "canary"}[number] if heard[each] == number else "shadow")


def test_features_are_computed_once_for_versions_that_share_them(world):
    shop.release(world.ledger, 1, canary=2, percent=50.0)
    facts = world.plane.refresh().facts
    assert facts[1] is facts[2]


def test_a_release_is_followed_at_the_next_request(world):
    assert world.ask(*rows("a"))[0].version == 1
    shop.release(world.ledger, 2)
    (answer,) = world.ask(*rows("b"))
    assert (answer.version, answer.score) == (2, 0.9)


@pytest.mark.parametrize("after", [{"number": 2}, {"canary": 2, "percent": 100.0}])
def test_an_answer_stands_when_the_traffic_moves_on(world, after):
    (first,) = world.ask(*rows("a"))
    shop.release(world.ledger, **after)
    (again,) = world.ask(*rows("a"))
    assert (again.version, again.role, again.score, again.decision) == (1, "live", first.score, first.decision)
    assert list(world.captured()) == [("a", 1)]


def test_other_entries_of_the_ledger_change_nothing(world):
    lineup = world.plane.refresh()
    shop.verdict(world.ledger)
    assert world.plane.refresh() is lineup


@pytest.mark.parametrize("broken", [lambda features: 1 / 0, shop.constant(np.nan), lambda features: np.ones((2, 7))])
def test_a_canary_that_fails_is_replaced_by_the_live_version_and_counted(world, broken):
    world.shelf.scorers[2] = broken
    shop.release(world.ledger, 1, canary=2, percent=100.0)
    answers = world.ask(*rows("a", "b"))
    assert [(each.version, each.role, each.score, each.error) for each in answers] == [(1, "live", 0.1, "")] * 2
    captured = world.captured()
    assert (captured["a", 2]["role"], captured["a", 2]["score"]) == ("canary", None)
    assert (captured["a", 1]["role"], captured["a", 1]["score"]) == ("live", 0.1)
    assert world.captures.counts("parcels")["answered"] == 2


def test_a_row_that_breaks_the_live_model_costs_one_answer(world):
    def moody(features):
        if (features[:, -1] == 13).any():
            raise ValueError("unlucky")
        return np.full(len(features), 0.5)

    world.shelf.scorers[1] = moody
    weights = [1.0, 2.0, 13.0, 4.0]
    answers = world.ask(*(ROW | {"parcel": str(weight), "weight": weight, "pieces": 1} for weight in weights))
    assert [each.score for each in answers] == [0.5, 0.5, None, 0.5]
    assert "v1 failed on this row" in answers[2].error
    assert world.captured()["13.0", 1]["score"] is None


def test_infinite_features_are_counted(world):
    rows = world.plane.reader.check([ROW | {"pieces": 0}])
    batch = world.plane.begin(rows)
    batch.durable.result()
    assert batch.non_finite == 1
    assert world.plane.finish(batch)[0].score == 0.1


def test_a_candidate_that_cannot_be_loaded_does_not_stop_the_live_version(world):
    shop.release(world.ledger, 1, canary=7, percent=100.0, shadow=8)
    assert world.ask()[0].version == 1


def test_a_live_version_that_cannot_be_loaded_answers_nothing(world):
    shop.release(world.ledger, 7)
    with pytest.raises(Unavailable, match="v7 is live but cannot be loaded: no v7"):
        world.plane.refresh()


def test_before_the_first_release_nothing_answers(tmp_path, definition):
    world = World(tmp_path, definition)
    with pytest.raises(Unavailable, match="no live version; release one"):
        world.ask()


def test_a_product_whose_live_version_was_retired_answers_nothing(world):
    world.ask()
    shop.release(world.ledger, 1, live=None)
    with pytest.raises(Unavailable, match="no live version"):
        world.ask(*rows("p2"))


def test_a_frame_is_scored_like_its_rows(world):
    world.online.push("parcels", "parcels", shop.parcels(120), key="1")
    world.shelf.scorers[1] = lambda features: np.nan_to_num(features[:, -1]).astype(float) / 1000
    frame = shop.parcels(300).with_columns(parcel=pl.concat_str(pl.lit("f"), "parcel"))
    found = world.plane.score_frame(frame, caller="batch")
    assert found["id"].to_list() == frame["parcel"].to_list()
    assert found["score"].to_list() == pytest.approx([float(np.float32(weight)) / 1000 for weight in frame["weight"]])
    one = world.plane.reader.rows_of(frame[7:8])
    assert world.plane.score(one)[0].score == found["score"][7]
    assert world.captured()["fold-7", 1]["mode"] == "batch"


def test_a_row_gets_the_same_score_alone_and_among_others(world):
    world.online.push("parcels", "parcels", shop.parcels(120), key="1")
    world.shelf.scorers[1] = lambda features: np.nan_to_num(features).sum(axis=1).astype(float)
    many = [ROW | {"depot": depot, "weight": float(i)} for i, depot in enumerate(["EWR", "JFK", "LGA"] * 5)]
    together = world.ask(*(row | {"parcel": f"t{i}"} for i, row in enumerate(many)))
    alone = [world.ask(row | {"parcel": f"a{i}"})[0] for i, row in enumerate(many)]
    assert [each.score for each in together] == [each.score for each in alone]
