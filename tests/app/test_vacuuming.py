"""Versions of tables that nobody needs are let go, small files are merged, and what that ends is said."""

import os

import pytest

from trimaran.app.erasing import Erasure, definition_of
from trimaran.app.profiling import profile_table
from trimaran.app.reconciling import reconcile
from trimaran.app.retaining import due, retain
from trimaran.app.settings import RetentionSettings, read_settings
from trimaran.app.steward import Steward
from trimaran.app.trashing import hold
from trimaran.app.vacuuming import SETTLED, merge_small, vacuum
from trimaran.app.views import Book
from trimaran.core.errors import InputError, NotFound
from trimaran.core.nouns import Run, Vacuumed


@pytest.fixture
def definition(lived):
    return definition_of(lived, "rides")


@pytest.fixture
def merged(lived, definition, quiet, live_on):
    """The workspace a day after the small files of its tables were merged, all of it long ago by the machine's clock."""
    merge_small(lived, definition, quiet)
    live_on(lived)
    age(lived)
    return lived


def age(workspace):
    for commit in (workspace.root / "tables").glob("rides/*/_delta_log/*.json"):
        stamp = commit.stat().st_mtime - SETTLED.total_seconds() - 60
        os.utime(commit, (stamp, stamp))


def rules(workspace, text):
    (workspace.root / "trimaran.toml").write_text(f"[retention]\n{text}\n")


def readable(workspace, table="rides"):
    found = []
    for version in range(workspace.tables.version(f"rides/{table}") + 1):
        try:
            workspace.tables.read(f"rides/{table}", version).collect()
        except NotFound:
            continue
        found.append(version)
    return found


def trained_on(workspace, table="rides"):
    return sorted({run.data[table] for _, run in workspace.ledger.history([Run])})


def on_disk(workspace):
    return sum(file.stat().st_size for file in (workspace.root / "tables").rglob("*.parquet"))


def of(found, table):
    (one,) = (one for one in found if one.store == f"table {table}")
    return one


def test_what_no_run_needs_is_let_go_and_its_bytes_return(merged, definition, quiet):
    rows, before, runs = merged.tables.read("rides/rides").collect(), on_disk(merged), trained_on(merged)
    newest = merged.tables.version("rides/rides")
    rules(merged, 'tables = "keep 1"')
    one = of(due(merged, definition), "rides")
    going = {int(thing.partition("@")[2]) for thing in one.things}
    assert going
    assert not going & {*runs, newest}
    assert one.spared.keys() <= {f"rides@{version}" for version in runs}
    assert all("was trained on it" in words[0] for words in one.spared.values())
    assert on_disk(merged) == before, "what is only said takes nothing"
    freed = sum(each.freed for each in retain(merged, definition, quiet))
    assert before - on_disk(merged) == freed > 0
    assert set(readable(merged)) == set(range(newest + 1)) - going
    assert merged.tables.read("rides/rides").collect().equals(rows)
    (record,) = [record for _, record in merged.ledger.history([Vacuumed], "rides/rides")]
    assert (record.rule, record.breaks, record.freed) == ("keep 1", [], one.freed)
    assert not any(each.things for each in retain(merged, definition, quiet))


def test_totals_balance_and_profiles_stay_where_versions_were_let_go(merged, definition, quiet):
    version = merged.tables.version("rides/rides") - 1
    profile = profile_table(merged, "rides", "rides", version=version)
    rules(merged, 'tables = "keep 1"')
    retain(merged, definition, quiet, force=True)
    found = reconcile(Book.open(merged, "rides"))
    assert (found.breaks, found.doubts) == ([], {})
    assert profile_table(merged, "rides", "rides", version=version) == profile


def test_force_says_which_runs_can_be_reproduced_no_more(merged, definition, quiet):
    rules(merged, 'tables = "keep 1"')
    spared = of(due(merged, definition), "rides").spared
    forced = of(due(merged, definition, force=True), "rides")
    assert spared
    assert forced.spared == {}
    for thing in spared:
        assert thing in forced.things
        assert any(f"was trained on {thing}: it can be reproduced" in line for line in forced.breaks)
    retain(merged, definition, quiet, force=True)
    (record,) = [record for _, record in merged.ledger.history([Vacuumed], "rides/rides")]
    assert record.breaks == forced.breaks
    assert not set(readable(merged)) & {int(thing.partition("@")[2]) for thing in spared}


def test_what_was_the_newest_lately_stays(lived, definition, quiet):
    merge_small(lived, definition, quiet)
    assert of(due(lived, definition, RetentionSettings(tables="keep 1")), "rides").things == []


def test_versions_are_kept_by_the_time_since_they_were_the_newest(merged, definition, live_on):
    live_on(merged)
    age(merged)

    def going(rule):
        return of(due(merged, definition, RetentionSettings(tables=rule), force=True), "rides").things

    assert going("30h") == []
    assert going("1h")


def test_nothing_under_a_hold_is_let_go(merged, definition):
    hold(merged, "rides/rides", "case 12")
    found = due(merged, definition, RetentionSettings(tables="keep 1"), force=True)
    one = of(found, "rides")
    assert (one.things, one.freed) == ([], 0)
    assert "case 12" in one.spared["rides"][0]


def test_what_a_plan_names_goes_and_nothing_else(merged, definition):
    rules(merged, 'tables = "keep 1"')
    one = of(due(merged, definition), "rides")
    path = merged.root / "tables" / "rides" / "rides"
    before = {file.name for file in path.glob("*.parquet")}
    vacuum(merged, one.vacuum)
    gone = before - {file.name for file in path.glob("*.parquet")}
    assert len(gone) == one.vacuum.files
    assert of(due(merged, definition), "rides").freed == 0


def test_a_model_that_was_trained_on_what_was_let_go_is_named_at_an_erasure(merged, definition, quiet, their_rides):
    erasure = Erasure(merged, "rides", "ride", their_rides[0], quiet)
    models = erasure.plan().models
    assert "rides/v1" in models
    rules(merged, 'tables = "keep 1"')
    retain(merged, definition, quiet, force=True)
    assert erasure.plan().models == models


def test_a_person_is_erased_where_versions_were_let_go(merged, definition, quiet, person):
    rules(merged, 'tables = "keep 1"')
    retain(merged, definition, quiet, force=True)
    Erasure(merged, "rides", "rider", person, quiet).erase("they asked")
    for version in readable(merged):
        assert person not in merged.tables.read("rides/rides", version).collect()["rider"].to_list()
    word = person.encode()
    assert not [file for file in (merged.root / "tables").rglob("*") if file.is_file() and word in file.read_bytes()]
    assert not reconcile(Book.open(merged, "rides")).breaks


def test_the_steward_merges_small_files_where_they_are_many(lived, quiet):
    small = lived.tables.small("rides/rides")
    steward = Steward(lived, "rides", quiet, pytest.fail)
    steward.round()
    assert lived.tables.small("rides/rides") == small > 2
    rows = lived.tables.read("rides/rides").collect().sort("ride")
    (lived.root / "trimaran.toml").write_text("[tables]\nmerge = 3\n")
    steward.round()
    assert lived.tables.small("rides/rides") == 1
    assert lived.tables.read("rides/rides").collect().sort("ride").equals(rows)
    version = lived.tables.version("rides/rides")
    steward.round()
    assert lived.tables.version("rides/rides") == version


def test_new_rows_come_in_after_a_merge(merged, live_on):
    before = merged.tables.read("rides/rides").collect().height
    live_on(merged)
    after = merged.tables.read("rides/rides").collect()
    assert after.height > before
    assert after["ride"].is_duplicated().sum() == 0
    assert not reconcile(Book.open(merged, "rides")).breaks


def test_rules_that_mean_nothing_are_named(lived):
    (lived.root / "trimaran.toml").write_text('[retention]\ntables = "9d unused"\n[tables]\nmerge = 1\n')
    with pytest.raises(InputError) as raised:
        read_settings(lived.root)
    assert sorted(fault.where for fault in raised.value.faults) == ["retention.tables", "tables.merge"]
