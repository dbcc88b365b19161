"""A person's decision, whichever door it comes through."""

import pytest

from trimaran.app.signing import decide
from trimaran.app.views import Book, product_view
from trimaran.app.workspace import Workspace
from trimaran.core.errors import InputError, NotFound, Refused
from trimaran.core.nouns import Approval


def test_a_decision_stands_in_the_persons_own_name(own_workspace):
    workspace = Workspace.existing(own_workspace)
    ref = decide(workspace, "punctual", "v3", "approve", role="risk", person=" rosa ", note="small exposure")
    entry = workspace.ledger.store.get(ref.seq)
    record = workspace.ledger.read(ref, Approval)
    assert (entry.actor, record.person, record.role, record.note) == ("rosa", "rosa", "risk", "small exposure")
    assert product_view(Book.open(workspace, "punctual")).approvals == []


def test_a_refusal_ends_the_waiting(own_workspace):
    workspace = Workspace.existing(own_workspace)
    decide(workspace, "punctual", "v3", "refuse", role="risk", person="rosa")
    assert product_view(Book.open(workspace, "punctual")).approvals == []


@pytest.mark.parametrize(
    ("version", "role", "person", "error", "words"),
    [
        ("v3", "risk", "ops-ml", Refused, "owns punctual"),
        ("v3", "legal", "lea", Refused, "domain, risk"),
        ("v1", "risk", "rosa", Refused, "not in staging"),
        ("v7", "risk", "rosa", NotFound, "v1, v2, v3"),
        ("v3", "risk", "  ", InputError, "nobody signs"),
        ("v3", "risk", "x" * 3000, InputError, "longer than 2000"),
    ],
)
def test_a_decision_that_may_not_be_is_refused_in_words_and_not_written(own_workspace, version, role, person, error, words):
    workspace = Workspace.existing(own_workspace)
    before = workspace.ledger.store.head()
    with pytest.raises(error, match=words):
        decide(workspace, "punctual", version, "approve", role=role, person=person)
    assert workspace.ledger.store.head() == before
