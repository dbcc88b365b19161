"""The order of features that use each other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trimaran.data.declaration import Feature, order


def row(name, *inputs):
    return Feature(name, "flights", "row", lambda *columns: columns[0], inputs)


@given(st.permutations(range(8)), st.data())
def test_each_feature_comes_after_those_it_uses(shuffled, data):
    uses = {n: data.draw(st.sets(st.integers(0, n - 1))) if n else set() for n in range(8)}
    ordered, faults = order([row(f"f{n}", "distance", *[f"f{m}" for m in uses[n]]) for n in shuffled])
    places = {feature.name: place for place, feature in enumerate(ordered)}
    assert not faults
    assert len(places) == 8
    assert all(places[f"f{m}"] < places[f"f{n}"] for n in uses for m in uses[n])


def test_a_feature_may_have_the_name_of_its_own_column():
    assert order([row("distance", "distance")])[1] == []


def test_a_newest_feature_uses_the_tables_columns_and_no_feature():
    ring = [row("wind", "gust"), Feature("gust", "weather", "newest", lambda wind: wind, ("wind",), on=("origin",))]
    ordered, faults = order(ring)
    assert [feature.name for feature in ordered] == ["gust", "wind"]
    assert faults == []


def test_every_ring_is_reported_at_once():
    features = [row("a", "b"), row("b", "a"), row("c", "d"), row("d", "e"), row("e", "c"), row("f", "a")]
    ordered, faults = order(features)
    assert {feature.name for feature in ordered} == set("abcdef")
    assert len(faults) == 2
    assert {frozenset(fault.what.split(": ")[1].split(" → ")) for fault in faults} == {frozenset("ab"), frozenset("cde")}
