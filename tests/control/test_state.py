"""The state of a product is a fold over its entries, and stops where it is told to."""

from datetime import timedelta

import msgspec

from trimaran.app.workspace import Workspace
from trimaran.control.approvals import outstanding
from trimaran.control.standing import standing
from trimaran.control.state import ProductState
from trimaran.control.story import story

PRODUCT = "punctual"


def told(state):
    """Everything a state says, as plain values."""
    return {
        "seq": state.seq,
        "stages": {number: version.stage for number, version in state.versions.items()},
        "since": {number: version.since for number, version in state.versions.items()},
        "verdicts": {number: len(version.verdicts) for number, version in state.versions.items()},
        "approvals": {number: len(version.approvals) for number, version in state.versions.items()},
        "traffic": msgspec.to_builtins(state.traffic),
        "labels": state.new_labels,
        "notices": len(state.notices),
        "data": {table: record.version for table, record in state.data.items()},
    }


def test_a_replay_at_any_cut_gives_the_state_of_one_that_never_stopped(told_workspace):
    ledger = Workspace.existing(told_workspace).ledger
    whole = told(ProductState.replay(ledger, PRODUCT))
    for entry in ledger.store.scan():
        piecewise = ProductState.replay(ledger, PRODUCT, until=entry.at)
        assert told(piecewise.catch_up(ledger)) == whole


def test_the_index_built_again_gives_the_same_state(own_workspace):
    ledger = Workspace.existing(own_workspace).ledger
    before = told(ProductState.replay(ledger, PRODUCT))
    ledger.store.rebuild()
    assert told(ProductState.replay(ledger, PRODUCT)) == before


def test_stages_follow_the_moves(told_workspace):
    state = ProductState.replay(Workspace.existing(told_workspace).ledger, PRODUCT)
    assert {number: version.stage for number, version in state.versions.items()} == {1: "live", 2: "refused", 3: "staging"}
    assert state.live is state.versions[1]
    assert state.candidate is state.versions[3]


def test_what_was_live_at_a_moment_names_its_proof_and_its_people(told_workspace):
    ledger = Workspace.existing(told_workspace).ledger
    state = ProductState.replay(ledger, PRODUCT)
    released = state.versions[1].moves[-1][0].at
    (served,) = standing(ledger, PRODUCT, released).versions
    assert (served.version, served.part, served.percent) == ("v1", "live", 100.0)
    assert {signature.role for signature in served.approvers} == {"domain", "risk"}
    assert served.verdicts["gate"] == "pass"
    assert standing(ledger, PRODUCT, released - timedelta(seconds=1)).versions == []


def test_the_story_tells_refusals_with_their_reasons_and_leaves_out_what_is_usual(told_workspace):
    ledger = Workspace.existing(told_workspace).ledger
    events = story(ledger, PRODUCT)
    refused = next(event for event in events if event.sort == "gate" and event.good is False)
    assert "auc" in refused.text
    watches = [event for event in events if event.sort == "watch"]
    everything = [event for event in story(ledger, PRODUCT, quiet=False) if event.sort == "watch"]
    assert len(watches) < len(everything)
    assert [event.seq for event in events] == sorted(event.seq for event in events)


def test_an_approval_given_is_no_longer_outstanding(told_workspace):
    workspace = Workspace.existing(told_workspace)
    state = ProductState.replay(workspace.ledger, PRODUCT)
    policy = workspace.definition(state.versions[3].version).release
    assert outstanding(policy, state.versions[3]) == ["risk"]
