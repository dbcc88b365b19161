"""Names that people give to versions: what may be one, where it points, and that it is good wherever a version is named."""

import pytest

from trimaran.control.aliases import meant, point, pointers, unpoint
from trimaran.control.custody import Custody
from trimaran.control.naming import Names
from trimaran.control.retention import objections
from trimaran.control.state import ProductState
from trimaran.core.errors import InputError, NotFound


@pytest.fixture
def versions(life):
    return {number: life.ledger.store.latest("version", f"ferries/v{number}") for number in life.versions}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("v3", "how versions are called"),
        ("V12", "how versions are called"),
        ("live", "means something already"),
        ("Latest", "means something already"),
        ("staging", "means something already"),
        ("run-1", "how runs are called"),
        ("deadbeef", "beginning of a digest"),
        ("", "is no name"),
        ("a b", "is no name"),
        ("../x", "is no name"),
        ("1st", "is no name"),
        ("x" * 65, "is no name"),
    ],
)
def test_a_name_that_could_be_something_else_is_refused(life, versions, name, why):
    before = life.ledger.store.head()
    with pytest.raises(InputError, match=why):
        point(life.ledger, versions[1], name)
    assert life.ledger.store.head() == before


def test_an_alias_is_set_moved_and_taken_away_by_entries(life, versions):
    first = point(life.ledger, versions[1], "champion", "the best we have")
    assert point(life.ledger, versions[1], "champion") == first
    moved = point(life.ledger, versions[2], "champion")
    assert moved.seq > first.seq
    assert [(one.name, one.version, one.line) for one in pointers(life.ledger, "ferries")] == [("champion", "v2", "ferries")]
    assert meant(life.ledger, "ferries", "champion") == versions[2]
    unpoint(life.ledger, "ferries", "champion")
    assert pointers(life.ledger, "ferries") == []
    assert meant(life.ledger, "ferries", "champion") is None
    with pytest.raises(NotFound, match="has no alias 'champion'; it has none"):
        unpoint(life.ledger, "ferries", "champion")
    assert point(life.ledger, versions[2], "champion").seq > moved.seq


@pytest.mark.parametrize("text", ["champion", "ferries/champion", "version:champion"])
def test_an_alias_names_its_version_wherever_one_is_named(life, versions, text):
    point(life.ledger, versions[1], "champion")
    assert Names(life.ledger, ["ferries"], life.objects).resolve(text).entry == versions[1]


def test_the_words_of_the_traffic_name_what_has_that_part_now(life):
    live = ProductState.replay(life.ledger, "ferries").traffic.live
    assert meant(life.ledger, "ferries", "live").subject == f"ferries/v{live}"
    assert meant(life.ledger, "ferries", "canary") is None


def test_the_state_knows_the_aliases_of_a_version(life, versions):
    for name in ("champion", "audited"):
        point(life.ledger, versions[1], name)
    state = ProductState.replay(life.ledger, "ferries")
    assert state.names_of(state.versions[1].version) == ["audited", "champion"]
    assert state.names_of(state.versions[2].version) == []


def test_a_version_with_an_alias_does_not_go_into_the_trash(life, versions):
    point(life.ledger, versions[2], "champion")
    against = objections(
        life.ledger, Custody.read(life.ledger), ProductState.replay(life.ledger, "ferries"), life.versions[2]
    )
    assert "the alias champion points to it: move or remove it first" in against
