"""Who may sign, and for what."""

import pytest

from trimaran.app.workspace import Workspace
from trimaran.control.approvals import outstanding, refusal, sign, signatures
from trimaran.control.state import ProductState
from trimaran.core.errors import Conflict, NotFound, Refused

PRODUCT = "punctual"


@pytest.fixture
def world(own_workspace):
    workspace = Workspace.existing(own_workspace)
    state = ProductState.replay(workspace.ledger, PRODUCT)
    return workspace.ledger, state, workspace.definition(state.versions[3].version).release


def test_the_last_missing_approval_leaves_nothing_outstanding(world):
    ledger, state, policy = world
    sign(ledger.as_actor("rita"), state, policy, 3, "risk")
    version = state.catch_up(ledger).versions[3]
    assert outstanding(policy, version) == []
    assert [ref.kind for ref in signatures(policy, version)] == ["approval", "approval"]


def test_a_refusal_stands(world):
    ledger, state, policy = world
    sign(ledger.as_actor("rita"), state, policy, 3, "risk", decision="refuse", note="too soon")
    found = refusal(state.catch_up(ledger).versions[3])
    assert found is not None
    assert (found.person, found.note) == ("rita", "too soon")


def test_the_owner_cannot_approve_the_own_work(world):
    ledger, state, policy = world
    with pytest.raises(Refused, match="owns punctual"):
        sign(ledger.as_actor("ops-ml"), state, policy, 3, "risk")


def test_a_role_the_policy_does_not_name_cannot_approve(world):
    ledger, state, policy = world
    with pytest.raises(Refused, match="asks for: domain, risk"):
        sign(ledger.as_actor("rita"), state, policy, 3, "intern")


def test_only_what_stands_in_staging_can_be_approved(world):
    ledger, state, policy = world
    with pytest.raises(Refused, match="is live, not in staging"):
        sign(ledger.as_actor("rita"), state, policy, 1, "risk")
    with pytest.raises(NotFound, match="it has v1, v2, v3"):
        sign(ledger.as_actor("rita"), state, policy, 9, "risk")


def test_the_same_decision_sent_twice_is_one_and_a_changed_mind_is_written_each_time(world):
    ledger, state, policy = world
    rita = ledger.as_actor("rita")
    first = sign(rita, state, policy, 3, "risk")
    assert sign(rita, state, policy, 3, "risk") == first  # as another process would, which has not read it yet
    assert sign(rita, state.catch_up(ledger), policy, 3, "risk") == first
    refused = sign(rita, state.catch_up(ledger), policy, 3, "risk", decision="refuse")
    again = sign(rita, state.catch_up(ledger), policy, 3, "risk")
    assert first.seq < refused.seq < again.seq
    assert [approval.decision for _, approval in state.catch_up(ledger).versions[3].approvals][-3:] == [
        "approve",
        "refuse",
        "approve",
    ]


def test_two_different_decisions_of_one_person_at_once_conflict(world):
    ledger, state, policy = world
    sign(ledger.as_actor("rita"), state, policy, 3, "risk")
    with pytest.raises(Conflict, match="was used before"):
        sign(ledger.as_actor("rita"), state, policy, 3, "risk", decision="refuse")
