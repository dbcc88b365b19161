"""A row whose segment has a model in service is answered by it, every other row by the pooled model."""

from datetime import date

import numpy as np
import pytest
import shop
from test_dataplane import World, rows

from trimaran.core.errors import NotFound
from trimaran.core.nouns import SEGMENTED, Wave
from trimaran.deploy.seating import Seats, segment_of

JFK, EWR = SEGMENTED + 1, SEGMENTED + 2


@pytest.fixture
def world(tmp_path, definition):
    world = World(tmp_path, definition)
    world.shelf.scorers |= {JFK: shop.constant(0.7), EWR: shop.constant(0.3)}
    shop.release(world.ledger, 1)
    return world


def seat(ledger, **seats):
    wave = Wave(
        product="parcels",
        replication=1,
        sheet=shop.DIGEST,
        column="depot",
        number=1,
        of=1,
        percent=100.0,
        stage="live",
        moves=[],
        seats=seats,
        reason="test",
    )
    return ledger.append(wave, "parcels", key=f"wave/{ledger.store.head()}")


def at(depot, *ids):
    return [row | {"depot": depot} for row in rows(*ids)]


def test_the_model_of_a_segment_answers_its_rows_and_the_capture_says_which(world):
    seat(world.ledger, JFK=JFK)
    own, pooled = world.ask(*at("JFK", "a"), *at("EWR", "b"))
    assert (own.version, own.score, own.role) == (JFK, 0.7, "live")
    assert (pooled.version, pooled.score) == (1, 0.1)
    assert "answered by the model of JFK" in own.notes
    held = world.captured()
    assert {key: row["role"] for key, row in held.items()} == {("a", 1): "shadow", ("a", JFK): "live", ("b", 1): "live"}
    assert held["a", JFK]["notes"] == ["answered by the model of JFK"]


def test_a_segment_that_is_missing_or_unknown_is_answered_by_the_pooled_model(world):
    seat(world.ledger, JFK=JFK)
    missing, unknown = world.ask(*at(None, "a"), *at("nowhere", "b"))
    assert (missing.version, unknown.version) == (1, 1)
    assert "depot missing: features that use it are empty" in missing.notes


def test_the_pooled_model_stands_in_where_the_model_of_a_segment_fails(world):
    world.shelf.scorers[JFK] = lambda features: np.full(len(features), np.nan)
    seat(world.ledger, JFK=JFK)
    (answer,) = world.ask(*at("JFK", "a"))
    assert (answer.version, answer.score, answer.role) == (1, 0.1, "live")
    held = world.captured()
    assert (held["a", JFK]["score"], held["a", 1]["role"]) == (None, "live")


def test_a_model_that_cannot_be_loaded_leaves_its_segment_to_the_pooled_model(world, caplog):
    del world.shelf.scorers[JFK]
    seat(world.ledger, JFK=JFK)
    (answer,) = world.ask(*at("JFK", "a"))
    assert answer.version == 1
    assert "the model of segment JFK cannot be loaded" in caplog.text


def test_a_wave_taken_back_is_seen_at_once_and_answers_stay_what_they_were(world):
    seat(world.ledger, JFK=JFK, EWR=EWR)
    (first,) = world.ask(*at("JFK", "a"))
    seat(world.ledger, EWR=EWR)
    again, fresh, other = world.ask(*at("JFK", "a", "b"), *at("EWR", "c"))
    assert (first.version, again.version, fresh.version, other.version) == (JFK, JFK, 1, EWR)


def test_a_canary_of_the_pooled_model_scores_in_the_shadow_of_a_segments_model(world):
    shop.release(world.ledger, 2, live=1, canary=2, percent=100.0)
    seat(world.ledger, JFK=JFK)
    own, other = world.ask(*at("JFK", "a"), *at("EWR", "b"))
    assert (own.version, other.version) == (JFK, 2)
    roles = {key: row["role"] for key, row in world.captured().items() if key[0] == "a"}
    assert roles == {("a", 1): "shadow", ("a", 2): "shadow", ("a", JFK): "live"}


def test_models_are_loaded_when_first_asked_for_and_the_least_used_give_way(world):
    loaded = []

    def load(number, segment):
        loaded.append(segment)
        if number == SEGMENTED + 9:
            raise NotFound("gone")
        return world.shelf("parcels", JFK, segment), None

    wave = world.ledger.read(seat(world.ledger, **{f"d{n}": SEGMENTED + n for n in range(10)}), Wave)
    seats = Seats(wave, load, most=2)
    for name in ("d1", "d1", "d2", "d1", "d3", "d1", "d2", "d9", "d9"):
        seats.seat(name)
    assert loaded == ["d1", "d2", "d3", "d2", "d9"]
    assert seats.seat("d9") is None
    assert seats.seat(None) is None


@pytest.mark.parametrize(
    ("value", "segment"), [("a", "a"), (3, "3"), (True, "true"), (date(2024, 1, 2), "2024-01-02")], ids=str
)
def test_a_value_names_the_segment_that_polars_writes_it_as(value, segment):
    import polars as pl

    assert segment_of(value) == segment == pl.Series([value]).cast(pl.String)[0]
