"""The trash hides and gives back; holds keep; what something stands on stays."""

import pytest

from trimaran.app.trashing import hold, holds, in_trash, named, release, restore, trash
from trimaran.app.views import Book, product_view, version_rows, version_view
from trimaran.core.errors import InputError, NotFound, Refused
from trimaran.core.nouns import ModelVersion
from trimaran.deploy import Releases


def names(workspace):
    return [row.name for row in version_rows(Book.open(workspace, "rides"))]


def test_a_version_is_hidden_with_its_run_and_comes_back_whole(lived):
    assert names(lived) == ["v3", "v2", "v1"]
    what = named(lived, "v1")
    entry, along = trash(lived, what, "superseded")
    assert [ref.kind for ref in along] == ["version", "run"]
    assert lived.ledger.store.get(entry.seq).actor == "ada"
    assert names(lived) == ["v3", "v2"]
    assert "v1" not in str([row.name for row in product_view(Book.open(lived, "rides")).versions])
    assert version_view(Book.open(lived, "rides"), "v1").row.fate == "in the trash"
    (lying,) = in_trash(lived)
    assert (lying.name, lying.by, lying.reason) == ("rides/v1", "ada", "superseded")
    restore(lived, what)
    assert names(lived) == ["v3", "v2", "v1"]
    assert in_trash(lived) == []
    version = lived.ledger.read(what, ModelVersion)
    assert lived.scorer(version) is not None


def test_it_can_go_in_and_out_again_and_again(lived):
    what = named(lived, "rides/v1")
    for _ in range(2):
        trash(lived, what, "superseded")
        restore(lived, what)
    trash(lived, what, "superseded")
    assert names(lived) == ["v3", "v2"]
    with pytest.raises(Refused, match="in the trash already"):
        trash(lived, what, "superseded")


def test_every_reason_against_it_is_said_at_once(lived):
    hold(lived, "rides", "case 12")
    with pytest.raises(Refused) as refused:
        trash(lived, named(lived, "v3"), "a mistake")
    assert "it is live" in str(refused.value)
    assert "a hold on rides (entry" in str(refused.value)
    assert "case 12" in str(refused.value)
    release(lived, "rides")
    with pytest.raises(Refused, match="a roll-back of v3 would bring it back"):
        trash(lived, named(lived, "v2"), "a mistake")
    run = lived.ledger.read(named(lived, "v1"), ModelVersion).run
    with pytest.raises(Refused, match=r"rides/v1 was made by it"):
        trash(lived, run, "a mistake")
    with pytest.raises(Refused, match=r"run-\w+ was trained on this version of rides"):
        trash(lived, named(lived, "rides@0"), "a mistake")
    with pytest.raises(Refused, match="a declared is part of the record"):
        trash(lived, named(lived, "#1"), "a mistake")
    with pytest.raises(InputError, match="cannot go into the trash"):
        named(lived, f"object:{next(lived.objects.digests())}")


def test_a_roll_back_never_brings_back_what_is_in_the_trash(lived):
    trash(lived, named(lived, "v1"), "superseded")
    releases = Releases(lived.ledger, Book.open(lived, "rides").definition)
    releases.roll_back(3, reason="it errs")
    with pytest.raises(Refused, match="no earlier version was live"):
        releases.roll_back(2, reason="it errs too")
    with pytest.raises(Refused, match="it is in the trash"):
        releases.stage(named(lived, "v1"))
    restore(lived, named(lived, "v1"))
    releases.roll_back(2, reason="it errs too")
    assert releases.stage_of(1) == "live"


def test_a_hold_covers_what_belongs_to_it_and_ends_with_all_its_reasons(lived):
    hold(lived, "rides/v1", "case 12")
    hold(lived, "rides/v1", "case 13")
    assert [one.reason for one in holds(lived)] == ["case 12", "case 13"]
    with pytest.raises(Refused, match="case 13"):
        trash(lived, named(lived, "v1"), "superseded")
    release(lived, "rides/v1", "both closed")
    assert holds(lived) == []
    trash(lived, named(lived, "v1"), "superseded")
    with pytest.raises(NotFound, match="there is no hold on rides/v1"):
        release(lived, "rides/v1")
    with pytest.raises(NotFound, match="nothing on record is called 'rids'"):
        hold(lived, "rids", "a typo")


def test_what_is_not_there_cannot_come_back(lived):
    with pytest.raises(NotFound, match="is not in the trash"):
        restore(lived, named(lived, "v1"))
