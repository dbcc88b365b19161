"""What nothing needs goes for good, and only that; a purge that is killed is completed by the next."""

import os
import shutil
import time
from datetime import timedelta
from pathlib import Path

import pytest

from trimaran.app.purging import SETTLE, plan_purge, purge
from trimaran.app.reconciling import reconcile
from trimaran.app.trashing import hold, named, release, restore, trash
from trimaran.app.views import Book, product_view, version_view
from trimaran.core.errors import NotFound
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import ModelVersion, Notice, Purged, Started

NONE = timedelta(0)


def aged(workspace, hours=2.0):
    """Let every object have been put some hours ago."""
    then = time.time() - hours * 3600
    for path in (workspace.root / "objects").rglob("*"):
        if path.is_file():
            os.utime(path, (then, then))
    return workspace


def sole_objects(workspace, name):
    """Return the objects that a version's own model is."""
    version = workspace.ledger.read(named(workspace, name), ModelVersion)
    return {version.native, version.compiled} - {None}


def test_nothing_goes_while_all_is_needed(lived, quiet):
    plan = plan_purge(aged(lived), quiet, NONE)
    assert (plan.objects, plan.things, plan.breaks) == ([], [], [])
    assert purge(lived, quiet, NONE).entries == []


def test_a_dry_run_says_what_ends_and_how_much_space_returns(lived, quiet):
    aged(lived)
    models = sole_objects(lived, "v1")
    trash(lived, named(lived, "v1"), "superseded")
    early = plan_purge(lived, quiet, timedelta(days=7))
    assert not early.objects
    assert [(one.ref.split(":")[0], one.due) for one in early.things] == [("run", False), ("version", False)]
    plan = plan_purge(lived, quiet, NONE)
    assert models <= set(plan.objects)
    assert plan.freed == sum((lived.root / "objects" / each[:2] / each[2:]).stat().st_size for each in plan.objects)
    assert "rides/v1 can be served, restored or compared with no more" in plan.breaks
    assert plan.unreferenced == 0
    assert all(lived.objects.has(each) for each in plan.objects)


def test_what_is_purged_is_gone_and_says_so(lived, quiet):
    aged(lived)
    what, models = named(lived, "v1"), sole_objects(lived, "v1")
    trash(lived, what, "superseded")
    before = set(lived.objects.digests())
    report = purge(lived, quiet, NONE)
    after = set(lived.objects.digests())
    assert before - after == set(report.plan.objects) >= models
    assert report.freed == report.plan.freed > 0
    entry = lived.ledger.store.get(report.entries[0])
    for digest in models:
        with pytest.raises(NotFound, match=rf"was purged on .* by ada \(entry {entry.seq}\)"):
            lived.objects.get(digest)
    with pytest.raises(NotFound, match=rf"rides/v1 was purged .*entry {entry.seq}"):
        restore(lived, what)
    assert version_view(Book.open(lived, "rides"), "v1").row.fate == "purged"
    assert [row.name for row in product_view(Book.open(lived, "rides")).versions] == ["v3", "v2"]
    lived.ledger.verify()
    assert not reconcile(Book.open(lived, "rides")).breaks
    for name in ("v2", "v3"):
        version = lived.ledger.read(named(lived, name), ModelVersion)
        assert lived.scorer(version) is not None
        assert lived.definition(version).name == "rides"


def test_objects_shared_with_the_living_stay(lived, quiet):
    aged(lived)
    version = lived.ledger.read(named(lived, "v1"), ModelVersion)
    trash(lived, named(lived, "v1"), "superseded")
    purge(lived, quiet, NONE)
    assert lived.objects.has(version.code)


def test_an_object_that_nothing_names_goes_and_one_that_a_living_object_names_stays(lived, quiet):
    inner = lived.objects.put(b"a file of a folder")
    outer = lived.objects.put(b'{"file":"%s"}' % lived.objects.put(b'{"deeper":"%s"}' % inner.encode()).encode())
    lone = lived.objects.put(b"a put whose entry was never written")
    lived.ledger.append(Notice(product="rides", to="me", subject="a folder", text=outer), "rides")
    aged(lived)
    plan = plan_purge(lived, quiet, NONE)
    assert plan.objects == [lone]
    assert plan.unreferenced == 1


def test_what_was_put_lately_or_again_is_spared(lived, quiet):
    lone = lived.objects.put(b"whose entry is about to be written")
    assert plan_purge(lived, quiet, NONE).objects == []
    aged(lived, hours=SETTLE / timedelta(hours=1) + 0.1)
    assert plan_purge(lived, quiet, NONE).objects == [lone]
    lived.objects.put(b"whose entry is about to be written")
    assert plan_purge(lived, quiet, NONE).objects == []


def test_what_is_held_stays(lived, quiet):
    aged(lived)
    trash(lived, named(lived, "v1"), "superseded")
    hold(lived, "rides", "case 12")
    plan = plan_purge(lived, quiet, NONE)
    assert plan.objects == []
    assert all("case 12" in one.held[0] for one in plan.things)
    release(lived, "rides")
    assert plan_purge(lived, quiet, NONE).objects


def test_a_purge_cut_short_is_completed_by_the_next(lived, quiet):
    aged(lived)
    copy = Path(shutil.copytree(lived.root, lived.root.with_name("before")))
    trash(lived, named(lived, "v1"), "superseded")
    plan = purge(lived, quiet, NONE).plan
    for digest in plan.objects[::2]:  # as if it had been killed half way
        (lived.root / "objects" / digest[:2]).mkdir(exist_ok=True)
        shutil.copy(copy / "objects" / digest[:2] / digest[2:], lived.root / "objects" / digest[:2] / digest[2:])
    assert set(plan_purge(aged(lived), quiet, NONE).objects) == set(plan.objects[::2])
    purge(lived, quiet, NONE)
    assert not set(plan.objects) & set(lived.objects.digests())
    assert purge(lived, quiet, NONE).entries == []
    assert len(list(lived.ledger.history([Purged]))) == 2


def test_what_was_restored_while_a_purge_was_planned_is_spared(lived, quiet):
    aged(lived)
    what, models = named(lived, "v1"), sole_objects(lived, "v1")
    trash(lived, what, "superseded")
    plan = plan_purge(lived, quiet, NONE)
    restore(lived, what)
    late = Purged(what=plan.what, objects=plan.objects, freed=plan.freed)
    Ledger.append(lived.ledger, late, "purge")
    assert not set(purge(lived, quiet, NONE).plan.objects) & models
    assert all(lived.objects.has(digest) for digest in models)
    trash(lived, what, "superseded after all")
    assert models <= set(plan_purge(lived, quiet, NONE).objects)


def test_what_a_run_under_way_has_kept_is_spared_whatever_the_grace(lived, quiet):
    before, kept = lived.objects.put(b"nobody's, and old"), lived.objects.put(b"half a model of a long run")
    aged(lived)
    then = time.time() - 4 * 3600
    os.utime(lived.root / "objects" / before[:2] / before[2:], (then, then))
    begun = Started(
        project="lab",
        name="long",
        started=lived.clock.now(),
        host="another machine",
        process=7,
        born=time.time() - 3 * 3600,
        attempt="1",
    )
    lived.ledger.append(begun, "lab/long", key="started:lab/long:1")
    done = purge(lived, quiet, NONE)
    assert done.plan.under_way == ["lab/long"]
    assert (lived.objects.has(before), lived.objects.has(kept)) == (False, True)

    week = lived.clock.now() + timedelta(days=8)
    lived.clock.set(week)  # nothing was heard of it since: it is taken to have been cut off
    assert purge(lived, quiet, NONE).plan.under_way == []
    assert not lived.objects.has(kept)
