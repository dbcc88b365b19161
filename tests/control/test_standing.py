"""What was live at a moment is what the whole fold says of it, and costs no more where the ledger is long."""

from datetime import timedelta

import msgspec

from trimaran.control.authorship import functions
from trimaran.control.standing import standing
from trimaran.control.state import ProductState
from trimaran.core.canon import digest
from trimaran.core.nouns import Traffic

LATER = timedelta(days=900)


def parts(found):
    return {one.version: (one.part, one.percent) for one in found.versions}


def test_at_every_moment_it_says_what_the_fold_says(life):
    for entry in life.ledger.store.scan():
        found = standing(life.ledger, "ferries", entry.at, life.objects)
        state = ProductState.replay(life.ledger, "ferries", until=entry.at)
        assert found.entry == entry.seq
        assert found.traffic == state.traffic
        for one in found.versions:
            told = state.versions[int(one.version[1:])]
            assert one.stage_since == told.since
            assert one.verdicts == {
                verdict.policy: verdict.outcome for _, verdict in told.verdicts if verdict.policy != "watch"
            }
            assert len(one.approvers) == len(told.approvals)


def test_the_end_of_the_life_is_told_whole(life):
    found = standing(life.ledger, "ferries", life.clock.now(), life.objects)
    (served,) = found.versions
    assert (served.version, served.part, served.percent, served.run, served.cause) == (
        "v2",
        "live",
        100.0,
        "run-000000000002",
        "drift",
    )
    assert served.data == {"trips": 1, "weather": 0}
    assert served.parameters == {"depth": 5}
    assert served.verdicts == {"gate": "pass", "shadow": "pass", "canary": "pass"}
    assert [one.person for one in served.approvers] == ["dora", "rosa"]
    assert (served.python, served.platform) == ("3.11.9", "linux x86_64")
    text = life.objects.get(served.code).decode()
    assert served.features["wind_now"] == digest(functions(text)["wind_now"].encode())
    assert served.features["mean_late"] is not None
    assert life.objects.get(served.uncommitted) == b"+ line 2\n"
    assert (found.owner, found.policies) == ("ops", {"accept": "auc >= 0.6"})


def test_policies_are_those_of_the_moment(life):
    before = life.clock.now()
    life.declare(source="# stricter", accept="auc >= 0.9")
    assert standing(life.ledger, "ferries", before).policies == {"accept": "auc >= 0.6"}
    found = standing(life.ledger, "ferries", life.clock.now(), life.objects)
    assert found.policies == {"accept": "auc >= 0.9"}
    assert life.objects.get(found.source) == b"# stricter"


def test_who_signs_later_had_not_signed_then(life):
    now = life.clock.now()
    life.sign(2, "lea", "legal")
    (then,) = standing(life.ledger, "ferries", now).versions
    assert [one.person for one in then.approvers] == ["dora", "rosa"]


def test_a_version_that_came_back_is_live_since_it_came_back(life):
    moved = life.move(2, "rolled back", live=1)
    (served,) = standing(life.ledger, "ferries", life.clock.now()).versions
    assert (served.version, served.stage_since) == ("v1", life.ledger.store.get(moved.seq).at)


def test_before_the_beginning_there_is_nothing_and_the_future_is_as_now(life):
    found = standing(life.ledger, "ferries", life.ledger.store.get(1).at - timedelta(seconds=1))
    assert (found.entry, found.owner, found.versions, found.policies, found.traffic) == (0, None, [], {}, Traffic())
    now, later = (standing(life.ledger, "ferries", life.clock.now() + wait, life.objects) for wait in (timedelta(), LATER))
    assert msgspec.structs.replace(later, at=now.at) == now


def test_two_products_of_one_ledger_do_not_mix(life, chronicles):
    other = chronicles("buses")
    other.live_from_the_start()
    assert parts(standing(life.ledger, "ferries", life.clock.now())) == {"v2": ("live", 100.0)}
    assert parts(standing(life.ledger, "buses", life.clock.now())) == {"v1": ("live", 100.0)}


def test_a_feature_whose_source_is_gone_has_no_digest(life):
    bare = standing(life.ledger, "ferries", life.clock.now())
    assert bare.versions[0].features == {"wind_now": None, "mean_late": None}
    life.objects.remove([bare.versions[0].code])
    found = standing(life.ledger, "ferries", life.clock.now(), life.objects)
    assert found.versions[0].features["wind_now"] is None
    assert found.versions[0].features["mean_late"] is not None


class Counting:
    """A ledger store that counts the entries it hands out."""

    def __init__(self, store):
        self.store = store
        self.read = 0

    def __getattr__(self, name):
        return getattr(self.store, name)

    def scan(self, **options):
        for entry in self.store.scan(**options):
            self.read += 1
            yield entry


def test_what_is_read_does_not_grow_with_the_ledger(life):
    for _ in range(3000):
        life.judge(2, "watch")
    counting = Counting(life.ledger.store)
    life.ledger.store = counting
    assert parts(standing(life.ledger, "ferries", life.clock.now())) == {"v2": ("live", 100.0)}
    assert counting.read < 100


def test_moves_of_long_ago_are_not_read(chronicles):
    life = chronicles("ferries")
    life.live_from_the_start()
    for _ in range(3000):
        life.move(1, "live", live=1)
    life.succeed()
    counting = Counting(life.ledger.store)
    life.ledger.store = counting
    assert parts(standing(life.ledger, "ferries", life.clock.now())) == {"v2": ("live", 100.0)}
    assert counting.read < 700
