"""The card of a version says what it is, how good, for whom, where it ends and who signed, from the record alone."""

import msgspec
import pytest

from trimaran.app.registry.cards import ModelCard, model_card
from trimaran.app.registry.registry import Registry
from trimaran.app.views import Book
from trimaran.build.evidence import Slice
from trimaran.core.errors import NotFound
from trimaran.core.nouns import Measurement


@pytest.fixture
def card(lived):
    return model_card(Book.open(lived, "rides"), "v1")


def test_a_card_holds_what_the_record_says(card):
    titles = [title for title, _ in card.sections()]
    assert titles[0] == "What it is"
    assert {"Data", "Inputs, and what they were in training", "Limits", "Approvals"} <= set(titles)
    assert card.question == "is_late of each row of rides, asked at planned - 2h"
    assert card.owner == "ops-ml"
    assert card.measures["auc"].value > 0.6
    assert [one.name for one in card.signature.inputs] == ["wind_now", "trips_before"]
    assert card.example.inputs["wind_now"] == pytest.approx(10, abs=1)
    assert any("no slices were declared" in words for words in card.limits)
    assert msgspec.convert(msgspec.to_builtins(card), ModelCard) == card


def test_a_slice_is_told_by_the_measure_that_models_are_compared_on(card):
    held = {"accuracy": Measurement(value=0.4, n=50), "auc": Measurement(value=0.71, n=50)}
    told = msgspec.structs.replace(card, slices=[Slice(column="carrier", value="UA", rows=50, measures=held)])
    assert dict(told.sections())["Quality by slice"] == [("carrier UA", "auc 0.7100, 50 rows")]


def test_no_persons_value_stands_in_an_example(card, person):
    assert person not in msgspec.json.encode(card).decode()
    assert card.example.given["rider"] == card.example.given["ride"] == "example"


def test_a_card_is_text_and_a_page_in_which_nothing_is_markup(card):
    told = msgspec.structs.replace(card, limits=["<script>alert(1)</script>"])
    assert "Model card: rides v1" in repr(told)
    assert "<script>" not in told.page()
    assert "&lt;script&gt;" in told.page()
    assert "http" not in told.page()


def test_the_registry_gives_names_and_cards_by_name(lived):
    registry = Registry(lived, "rides")
    registry.alias("champion", "v1", reason="a test")
    assert registry.card("champion").aliases == ["champion"]
    assert [(one.name, one.version, one.by) for one in registry.aliases()] == [("champion", "v1", "ada")]
    registry.unalias("champion")
    with pytest.raises(NotFound, match="has no version 'champion'; it has v1"):
        registry.card("champion")
