"""Retention rules take what they say, spare what is needed, and say why."""

import os
from datetime import timedelta

import polars as pl
import pytest

from trimaran.app.erasing import definition_of
from trimaran.app.reconciling import reconcile
from trimaran.app.retaining import due, foretell, retain
from trimaran.app.settings import RetentionSettings, read_settings
from trimaran.app.steward import Steward
from trimaran.app.trashing import hold, in_trash
from trimaran.app.views import Book
from trimaran.core.errors import InputError
from trimaran.core.nouns import Purged, Trimmed


@pytest.fixture
def definition(lived):
    return definition_of(lived, "rides")


def later(workspace, days):
    workspace.clock.set(workspace.clock.now() + timedelta(days=days))


def test_every_fault_of_the_rules_is_said_at_once(lived):
    (lived.root / "trimaran.toml").write_text(
        '[retention]\nversions = "20"\nruns = "keep 0"\ncaptures = "keep 20"\nonline = "90d unused"\nage = "1d"'
    )
    with pytest.raises(InputError) as raised:
        read_settings(lived.root)
    assert sorted(fault.where for fault in raised.value.faults) == [
        "retention.age",
        "retention.captures",
        "retention.online",
        "retention.runs",
        "retention.versions",
    ]
    assert "write keep 20, 90d or 90d unused" in str(raised.value)


def test_without_rules_nothing_is_due(lived, definition):
    assert due(lived, definition) == []


def test_the_newest_versions_are_kept_and_what_is_needed_is_spared(lived, definition):
    (one,) = due(lived, definition, RetentionSettings(versions="keep 1"))
    assert one.things == ["rides/v1"]
    assert one.spared == {"rides/v2": ["a roll-back of v3 would bring it back"]}
    (one,) = due(lived, definition, RetentionSettings(versions="keep 3"))
    assert (one.things, one.spared) == ([], {})


def test_age_counts_from_birth_or_from_the_last_use(lived, definition):
    later(lived, 1)
    (born,) = due(lived, definition, RetentionSettings(versions="5d"))
    (used,) = due(lived, definition, RetentionSettings(versions="5d unused"))
    assert born.things == ["rides/v1"]
    assert used.things == []
    later(lived, 5)
    (used,) = due(lived, definition, RetentionSettings(versions="5d unused"))
    assert used.things == ["rides/v1"]


def test_captures_go_by_age_and_the_totals_balance(lived, definition, quiet):
    (lived.root / "trimaran.toml").write_text('[retention]\ncaptures = "40d"\n')
    before = lived.captures.frame("rides")
    newest = before["event_at"].max()
    lived.clock.set(newest + timedelta(days=38, hours=1))
    (one,) = due(lived, definition)
    old = before.filter(pl.col("event_at") < one.before)
    assert one.rows["predictions"] == old.height > 0
    assert lived.captures.frame("rides").height == before.height
    retain(lived, definition, quiet)
    assert lived.captures.frame("rides").equals(before.filter(pl.col("event_at") >= one.before))
    ((_, trimmed),) = lived.ledger.history([Trimmed])
    assert (trimmed.store, trimmed.rule, trimmed.rows) == ("captures", "40d", one.rows)
    assert not reconcile(Book.open(lived, "rides")).breaks
    retain(lived, definition, quiet)
    assert len(list(lived.ledger.history([Trimmed]))) == 1


def test_a_time_shorter_than_the_monitors_need_takes_nothing(lived, definition):
    later(lived, 30)
    (one,) = due(lived, definition, RetentionSettings(captures="20d"))
    assert one.rows == {}
    assert "labels and monitors need the captures of 34d2h" in one.spared["captures"][0]


def test_facts_go_by_age_unless_a_feature_needs_them(lived, definition, quiet):
    later(lived, 10)
    found = {one.store: one for one in due(lived, definition, RetentionSettings(online="5d"))}
    assert found.keys() == {"online rides"}, "facts without moments do not age"
    (lived.root / "trimaran.toml").write_text('[retention]\nonline = "5d"\n')
    facts = sum(rows.height for table, rows in lived.online.since("rides", 0)[1] if table == "rides")
    assert found["online rides"].rows["facts"] == facts
    retain(lived, definition, quiet)
    assert [table for table, _ in lived.online.since("rides", 0)[1]] == ["riders"]


def test_nothing_under_a_hold_is_taken(lived, definition, quiet):
    hold(lived, "rides", "case 12")
    later(lived, 100)
    rules = RetentionSettings(versions="keep 1", captures="40d", online="5d")
    for one in due(lived, definition, rules):
        assert (one.things, one.rows) == ([], {})
        assert all("case 12" in words[0] for words in one.spared.values())


def test_the_steward_applies_the_rules_once_a_day_where_that_is_switched_on(lived, quiet):
    steward = Steward(lived, "rides", quiet, pytest.fail)
    (lived.root / "trimaran.toml").write_text('[retention]\nversions = "keep 2"\n')
    steward.round()
    assert in_trash(lived) == []
    (lived.root / "trimaran.toml").write_text('[retention]\nversions = "keep 2"\npurge = "1d"\napply = true\n')
    steward.round()
    (lying,) = in_trash(lived)
    assert (lying.name, lying.reason) == ("rides/v1", "retention: versions = keep 2")
    assert not list(lived.ledger.history([Purged]))
    later(lived, 2)
    steward.round()
    assert in_trash(lived) == []
    assert [ref.subject for _, record in lived.ledger.history([Purged]) for ref in record.what if ref.kind == "version"] == [
        "rides/v1"
    ]


def test_a_dry_run_says_what_ends_and_how_much_space_returns(lived, definition, quiet):
    (lived.root / "trimaran.toml").write_text(
        '[retention]\nversions = "keep 2"\ncaptures = "40d"\nonline = "5d"\npurge = "1h"\n'
    )
    for path in (lived.root / "objects").rglob("*"):
        os.utime(path, (0, 0))
    later(lived, 41)
    head = lived.ledger.store.head()
    told = {one.store: one for one in foretell(lived, definition, quiet)}
    assert told["versions"].breaks[0] == "rides/v1 can be served, restored or compared with no more"
    assert "can be reproduced by running it again" in told["versions"].breaks[1]
    assert "can be explained no more" in told["captures"].breaks[0]
    assert told["captures"].freed > 100 * told["captures"].rows["predictions"]
    assert told["online rides"].freed > 0
    assert (told["trash"].things, told["trash"].freed) == ([], 0)
    assert head == lived.ledger.store.head()
    done = {one.store: one for one in retain(lived, definition, quiet)}
    assert (done["captures"].freed, done["captures"].rows) == (told["captures"].freed, told["captures"].rows)
    later(lived, 1)
    (emptied,) = (one for one in foretell(lived, definition, quiet) if one.freed)
    assert emptied.freed == told["versions"].freed > 10_000
    assert "rides/v1" in emptied.things
    assert emptied in retain(lived, definition, quiet)
    assert not any(one.freed for one in foretell(lived, definition, quiet))
