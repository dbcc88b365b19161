"""Two runs, versions or moments side by side: what differs is told, and so is what does not."""

from datetime import timedelta

import pytest

from trimaran.control.differences import difference, side
from trimaran.control.naming import Names
from trimaran.core.errors import InputError, NotFound


@pytest.fixture
def compared(life):
    def of(a, b, products=("ferries",)):
        names = Names(life.ledger, list(products), life.objects)
        sides = [side(life.ledger, names.resolve(text), products) for text in (a, b)]
        return difference(life.ledger, life.objects, *sides)

    return of


def changed(changes):
    return {one.name: (one.a, one.b) for one in changes if not one.same}


def test_two_versions_differ_in_what_was_changed_between_them(life, compared):
    found = compared("v1", "v2")
    assert changed(found.parameters) == {"depth": (3, 5)}
    assert [one.name for one in found.parameters if one.same] == ["seed"]
    assert [(one.table, one.a, one.b, one.deliveries, one.rows) for one in found.data] == [
        ("trips", 0, 1, 1, 40),
        ("weather", 0, 0, 0, 0),
    ]
    assert changed(found.packages) == {"numpy": ("2.0", "2.1"), "polars": (None, "1.0")}
    assert changed(found.environment).keys() == {"packages"}
    assert [(one.name, one.a, one.b, pytest.approx(one.difference)) for one in found.metrics] == [("auc", 0.71, 0.72, 0.01)]
    assert changed(found.features).keys() == {"mean_late"}
    assert found.features[1].a is None
    assert "+# changed" in found.code.source
    assert "-+ line 1" in found.code.uncommitted
    assert "++ line 2" in found.code.uncommitted
    assert any(line.startswith("+def mean_late") for line in found.code.suggested)
    assert found.code.commit.same
    assert changed(found.made)["because of"] == ("first training", "drift")


def test_the_other_way_round_the_difference_turns(compared):
    found = compared("v2", "v1")
    assert found.metrics[0].difference == pytest.approx(-0.01)
    assert [(one.a, one.b, one.rows) for one in found.data] == [(1, 0, 40), (0, 0, 0)]


def test_a_run_is_compared_as_the_version_it_made(compared):
    found = compared("run-000000000001", "v1")
    assert found.a.version == found.b.version
    assert all(one.same for one in [*found.made, *found.parameters, *found.features, *found.environment])
    assert (found.packages, found.code.source) == ([], [])
    assert found.packages_same == 1


def test_a_moment_stands_for_what_was_live_then_with_the_policies_of_then(life, compared):
    long_ago = life.ledger.store.get(life.versions[2].seq).at.isoformat()
    life.declare(source="# stricter", accept="auc >= 0.9", retrain="every 7d")
    found = compared(long_ago, life.clock.now().isoformat())
    assert (found.a.version.name, found.b.version.name) == ("v1", "v2")
    assert changed(found.policies) == {"accept": ("auc >= 0.6", "auc >= 0.9"), "retrain": (None, "every 7d")}
    assert compared("v1", "v2").b.policies == {"accept": "auc >= 0.6"}


def test_a_move_stands_for_the_version_it_moved(life, compared):
    move = life.ledger.store.latest("release", "ferries")
    assert compared("v1", f"#{move.seq}").b.version.name == "v2"


def test_text_that_is_not_kept_any_more_is_said_to_be_gone(life, compared):
    life.objects.remove([compared("v1", "v2").a.run.code.source])
    assert any("is not kept any more" in line for line in compared("v1", "v2").code.source)


def test_before_anything_was_live_a_moment_cannot_be_compared(life, compared):
    first = life.ledger.store.get(1).at
    for moment in (first, first - timedelta(days=1)):
        with pytest.raises(NotFound, match="nothing of ferries was live"):
            compared(moment.isoformat(), "v1")


def test_what_is_neither_run_version_nor_moment_is_refused_with_the_way_out(compared):
    for text in ("trips@0", "#1"):
        with pytest.raises(InputError, match="`trimaran why` says which version"):
            compared(text, "v1")


def test_a_moment_of_two_products_is_refused_until_one_is_named(life, chronicles, compared):
    chronicles("buses").live_from_the_start()
    now = life.clock.now().isoformat()
    with pytest.raises(NotFound, match="choose with --product from: buses, ferries"):
        compared(now, "ferries/v1", ("buses", "ferries"))
    found = compared("buses/v1", "ferries/v2", ("buses", "ferries"))
    assert [one.rows for one in found.data] == [None, None]
