"""A new candidate is due when the schedule or a finding says so, and never twice for one cause."""

from datetime import timedelta

import pytest

from trimaran.app.workspace import Workspace
from trimaran.control.state import ProductState
from trimaran.control.triggers import due
from trimaran.core.nouns import Finding
from trimaran.data.declaration import Retraining

DRIFTED = Finding(check="drift", outcome="fail", reason="wind moved")
CALM = Finding(check="drift", outcome="pass", reason="nothing moved")
POLICY = Retraining(every=timedelta(days=30), when=("drift",), min_labels=100)


@pytest.fixture
def state(told_workspace):
    found = ProductState.replay(Workspace.existing(told_workspace).ledger, "punctual")
    del found.versions[3]
    return found


def newest(state):
    return max(version.entry.at for version in state.versions.values())


def test_a_finding_that_the_policy_names_is_a_cause(state):
    cause = due(POLICY, state, [DRIFTED], 100, newest(state))
    assert cause is not None
    assert cause.name == "drift"


def test_too_few_new_labels_make_nothing_due(state):
    assert due(POLICY, state, [DRIFTED], 99, newest(state) + timedelta(days=99)) is None


def test_the_schedule_is_a_cause_when_its_time_has_passed(state):
    assert due(POLICY, state, [CALM], 100, newest(state) + timedelta(days=29)) is None
    cause = due(POLICY, state, [CALM], 100, newest(state) + timedelta(days=30))
    assert cause is not None
    assert cause.name == "schedule"


def test_a_finding_that_the_policy_does_not_name_is_no_cause(state):
    other = Finding(check="numerics", outcome="fail", reason="NaN")
    assert due(POLICY, state, [other], 100, newest(state)) is None


def test_nothing_is_due_while_a_candidate_is_on_its_way(told_workspace):
    state = ProductState.replay(Workspace.existing(told_workspace).ledger, "punctual")
    assert due(POLICY, state, [DRIFTED], 10_000, newest(state) + timedelta(days=99)) is None
