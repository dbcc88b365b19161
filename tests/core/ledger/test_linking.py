"""The law of append at the end of a chain that several batches share."""

from __future__ import annotations

import pytest

from trimaran.core.errors import Conflict
from trimaran.core.ledger import Tip
from trimaran.core.nouns import GENESIS
from trimaran.testing.ledger_kit import draft


def empty_tip() -> Tip:
    return Tip(0, GENESIS, None, first=lambda _: None, newest=lambda _kind, _subject: 0)


def test_a_failed_batch_leaves_no_trace_for_the_next_of_its_group() -> None:
    tip = empty_tip()
    (first,) = tip.link([draft("a")])
    with pytest.raises(Conflict):
        tip.link([draft("b"), draft("c", subject="q"), draft("a", body=b"[]")])
    assert tip.fresh == [first]
    (next_,) = tip.link([draft("b", after=1)])
    assert (next_.seq, next_.previous) == (2, first.digest)
    assert tip.link([draft("d", subject="q", after=0)])[0].seq == 3


def test_batches_of_a_group_see_each_other() -> None:
    tip = empty_tip()
    (first,) = tip.link([draft("a", after=0)])
    assert tip.link([draft("a")]) == [first]
    with pytest.raises(Conflict, match="the newest entry is 1, not 0"):
        tip.link([draft("b", after=0)])
