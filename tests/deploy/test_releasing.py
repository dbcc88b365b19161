"""What a version needs to move, and what happens when it lacks it."""

import msgspec
import pytest
import shop

from trimaran.core.errors import Conflict, InputError, NotFound, Refused
from trimaran.core.nouns import Release, Traffic
from trimaran.deploy import History, Releases

OTHER = "cd" * 32


@pytest.fixture
def ledger():
    return shop.new_ledger()


@pytest.fixture
def releases(ledger, definition):
    return Releases(ledger, definition)


def made(ledger, definition, number, model=shop.DIGEST):
    return ledger.append(shop.version(number, definition, model), f"parcels/v{number}")


def staged(ledger, releases, definition, number=2, live=1):
    """Return the approvals of a version in staging, while another is live."""
    if live is not None:
        shop.release(ledger, live)
    releases.stage(made(ledger, definition, number))
    return [shop.approve(ledger, role, number=number) for role in ("domain", "risk")]


def shadowed(ledger, releases, definition, number=2):
    approvals = staged(ledger, releases, definition, number)
    to = Traffic(live=1, shadow=number)
    releases.move(number, "shadow", to, proof=shop.verdict(ledger), approvals=approvals, reason="gate passed")


def on_canary(ledger, releases, definition, number=2):
    shadowed(ledger, releases, definition, number)
    to = Traffic(live=1, canary=number, percent=5.0)
    releases.move(number, "canary", to, proof=shop.verdict(ledger, "shadow"), reason="shadow passed")


def advance(releases, ledger, number, policy, **how):
    step = releases.next_step(number)
    return releases.move(number, step.stage, step.traffic, proof=shop.verdict(ledger, policy), reason="onwards", **how)


def test_a_version_goes_from_staging_to_live_in_steps_of_the_policy(ledger, releases, definition):
    approvals = staged(ledger, releases, definition)
    advance(releases, ledger, 2, "gate", approvals=approvals)
    advance(releases, ledger, 2, "shadow")
    advance(releases, ledger, 2, "canary")
    advance(releases, ledger, 2, "canary")
    moves = [(move.stage, move.traffic.percent) for _, move in ledger.history([Release])]
    assert moves[1:] == [("staging", 0.0), ("shadow", 0.0), ("canary", 5.0), ("canary", 25.0), ("live", 0.0)]
    assert releases.current()[1].traffic == Traffic(live=2)
    assert (releases.stage_of(1), releases.stage_of(2), releases.stage_of(3)) == ("retired", "live", None)
    assert releases.next_step(2) is None


def test_every_move_states_its_proof_and_the_approvals_it_used(ledger, releases, definition):
    approvals = staged(ledger, releases, definition)
    proof = shop.verdict(ledger)
    ref = releases.move(2, "shadow", Traffic(live=1, shadow=2), proof=proof, approvals=approvals, reason="r")
    move = ledger.read(ref, Release)
    assert (move.proof, move.approvals, move.model, move.reason) == (proof, approvals, shop.DIGEST, "r")


def test_the_first_version_goes_live_on_its_gate(ledger, releases, definition):
    approvals = staged(ledger, releases, definition, 1, live=None)
    advance(releases, ledger, 1, "gate", approvals=approvals)
    assert releases.current()[1].traffic == Traffic(live=1)


def test_without_shadow_time_a_version_goes_to_its_canary_at_once(ledger, definition, tmp_path):
    releases = Releases(ledger, shop.define(tmp_path, shadow="0s"))
    approvals = staged(ledger, releases, definition)
    advance(releases, ledger, 2, "gate", approvals=approvals)
    assert releases.stage_of(2) == "canary"


@pytest.mark.parametrize(
    ("proof", "missing"),
    [
        ({"outcome": "fail"}, r"its gate says fail \(auc: as measured\)"),
        ({"outcome": "unknown"}, r"its gate says unknown \(auc: as measured\)"),
        ({"policy": "shadow"}, "a verdict of its gate is needed, this one is of its shadow"),
        ({"about": OTHER}, "the verdict is about model cdcdcdcdcdcd, the version is model abababababab"),
    ],
)
def test_leaving_staging_needs_a_passing_verdict_of_the_gate_about_this_model(ledger, releases, definition, proof, missing):
    approvals = staged(ledger, releases, definition)
    wrong = shop.verdict(ledger, **proof)
    with pytest.raises(Refused, match=missing):
        releases.move(2, "shadow", Traffic(live=1, shadow=2), proof=wrong, approvals=approvals, reason="r")


def test_only_a_verdict_is_proof(ledger, releases, definition):
    approvals = staged(ledger, releases, definition)
    with pytest.raises(Refused, match="the approval given is no proof"):
        releases.move(2, "shadow", Traffic(live=1, shadow=2), proof=approvals[0], approvals=approvals, reason="r")


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        ({"person": "olga"}, "approval of olga as domain is by the product's owner.*nobody approved as domain"),
        ({"decision": "refuse"}, "approval of anna as domain is a refusal"),
        ({"model": OTHER}, "is for parcels v2, model cdcdcdcdcdcd"),
        ({"number": 3}, "is for parcels v3"),
        ({"role": "janitor"}, "nobody approved as domain"),
    ],
)
def test_leaving_staging_needs_an_approval_of_every_role(ledger, releases, definition, fields, missing):
    _, risk = staged(ledger, releases, definition)
    wrong = shop.approve(ledger, **({"role": "domain", "number": 2} | fields))
    with pytest.raises(Refused, match=missing):
        advance(releases, ledger, 2, "gate", approvals=[wrong, risk])


def test_all_that_is_missing_is_told_at_once(ledger, releases, definition):
    staged(ledger, releases, definition)
    wrong = shop.verdict(ledger, "canary", "fail", OTHER)
    with pytest.raises(Refused) as caught:
        releases.move(2, "live", Traffic(live=2), proof=wrong, reason="hurry")
    for part in ("shadow comes next, not live", "gate is needed", "says fail", "is about model", "as domain", "as risk"):
        assert part in str(caught.value)


def test_one_refusal_stops_a_version_until_it_is_taken_back(ledger, releases, definition):
    approvals = staged(ledger, releases, definition)
    shop.approve(ledger, "risk", "rolf", number=2, decision="refuse", note="too bold")
    with pytest.raises(Refused, match="rolf refuses as risk: too bold"):
        advance(releases, ledger, 2, "gate", approvals=approvals)
    shop.approve(ledger, "risk", "rolf", number=2)
    advance(releases, ledger, 2, "gate", approvals=approvals)


def test_an_approval_is_used_once(ledger, releases, definition):
    approvals = staged(ledger, releases, definition)
    advance(releases, ledger, 2, "gate", approvals=approvals)
    releases.roll_back(2, reason="drift")
    releases.stage(made(ledger, definition, 2), reason="again")
    with pytest.raises(Refused, match="approval of anna as domain was used by an earlier move"):
        advance(releases, ledger, 2, "gate", approvals=approvals)


def test_the_verdict_on_a_stage_must_be_younger_than_the_stage(ledger, releases, definition):
    old = shop.verdict(ledger, "canary")
    on_canary(ledger, releases, definition)
    with pytest.raises(Refused, match="older than the stage it must judge"):
        releases.move(2, "canary", Traffic(live=1, canary=2, percent=25.0), proof=old, reason="r")


def test_one_verdict_is_good_for_one_step(ledger, releases, definition):
    on_canary(ledger, releases, definition)
    proof = shop.verdict(ledger, "canary")
    releases.move(2, "canary", Traffic(live=1, canary=2, percent=25.0), proof=proof, reason="r")
    with pytest.raises(Refused, match="older than the stage"):
        releases.move(2, "live", Traffic(live=2), proof=proof, reason="r")


@pytest.mark.parametrize("percent", [5.0, 50.0, 100.0])
def test_no_step_is_skipped(ledger, releases, definition, percent):
    on_canary(ledger, releases, definition)
    to = Traffic(live=1, canary=2, percent=percent)
    with pytest.raises(Refused, match="the move leaves v1 live, v2 on 25%, not v1 live, v2 on"):
        releases.move(2, "canary", to, proof=shop.verdict(ledger, "canary"), reason="r")


def test_two_candidates_do_not_share_a_stage(ledger, releases, definition):
    shadowed(ledger, releases, definition)
    releases.stage(made(ledger, definition, 3))
    approvals = [shop.approve(ledger, role, number=3) for role in ("domain", "risk")]
    with pytest.raises(Refused, match="v2 is in shadow: move it on or roll it back first"):
        advance(releases, ledger, 3, "gate", approvals=approvals)


def test_of_two_movers_one_wins(ledger, releases, definition):
    shadowed(ledger, releases, definition)
    seen = releases._read()
    releases.roll_back(2, reason="mine")
    with pytest.raises(Conflict):
        releases._write(seen, msgspec.structs.replace(releases.current()[1], reason="yours"))
    assert releases.current()[1].reason == "mine"


def test_the_same_move_sent_twice_is_one_move(ledger, releases, definition):
    shadowed(ledger, releases, definition)
    seen = releases._read()
    ref = releases.roll_back(2, reason="mine")
    assert releases._write(seen, releases.current()[1]) == ref


@pytest.mark.parametrize("stage", [shadowed, on_canary])
def test_a_candidate_is_rolled_back_without_proof(ledger, releases, definition, stage):
    stage(ledger, releases, definition)
    releases.roll_back(2, reason="errors")
    assert (releases.current()[1].traffic, releases.stage_of(2)) == (Traffic(live=1), "rolled back")


def test_a_live_version_gives_way_to_the_one_before_it(ledger, releases, definition):
    on_canary(ledger, releases, definition)
    advance(releases, ledger, 2, "canary")
    advance(releases, ledger, 2, "canary")
    releases.roll_back(2, reason="decay")
    assert (releases.current()[1].traffic, releases.stage_of(1)) == (Traffic(live=1), "live")
    with pytest.raises(Refused, match="no earlier version was live"):
        releases.roll_back(1, reason="decay")


def test_what_answers_nothing_cannot_be_rolled_back(ledger, releases, definition):
    staged(ledger, releases, definition)
    with pytest.raises(Refused, match="in staging and answers nothing"):
        releases.roll_back(2, reason="r")


def test_retiring_the_live_version_leaves_nothing_that_answers(ledger, releases, definition):
    staged(ledger, releases, definition)
    releases.retire(1, reason="sold")
    assert (releases.current()[1].traffic, releases.stage_of(1)) == (Traffic(), "retired")


def test_a_refused_version_does_not_move_on(ledger, releases, definition):
    approvals = staged(ledger, releases, definition)
    releases.refuse(2, reason="gate failed")
    proof = shop.verdict(ledger)
    with pytest.raises(Refused, match="no move leads on from refused"):
        releases.move(2, "shadow", Traffic(live=1, shadow=2), proof=proof, approvals=approvals, reason="r")
    with pytest.raises(Refused, match="in live already"):
        releases.refuse(1, reason="r")


def test_a_version_is_staged_once(ledger, releases, definition):
    shadowed(ledger, releases, definition)
    with pytest.raises(Refused, match="in shadow already"):
        releases.stage(made(ledger, definition, 2))


def test_a_version_of_another_product_is_not_staged(ledger, releases, definition):
    other = msgspec.structs.replace(shop.version(1, definition), product="other")
    ref = ledger.append(other, "other/v1")
    with pytest.raises(Refused, match="a version of other"):
        releases.stage(ref)


def test_what_was_never_staged_does_not_move(ledger, releases):
    with pytest.raises(NotFound, match="v7 was never staged"):
        releases.move(7, "live", Traffic(live=7), proof=shop.verdict(ledger), reason="r")


def test_only_a_version_is_staged(ledger, releases):
    with pytest.raises(InputError, match="not a version"):
        releases.stage(shop.verdict(ledger))


def test_the_history_is_what_the_ledger_says(ledger, releases, definition):
    on_canary(ledger, releases, definition)
    history = History.read(ledger, "parcels")
    assert history.traffic == releases.current()[1].traffic
    assert history.live_before(2) == 1
    assert len(history.used) == 2
