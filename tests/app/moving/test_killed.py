"""Killed anywhere, a move shows nothing half done; again completes it."""

import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from house import PRODUCT, contents, same

from trimaran.app.moving import back_up, export, restore
from trimaran.app.workspace import Workspace
from trimaran.core.nouns import Imported, Notice

MOVER = Path(__file__).parent / "mover.py"
POINTS = 5
SEED = 20131105

pytestmark = pytest.mark.slow


def move(act, source, into, key, killed=0):
    command = [sys.executable, str(MOVER), act, str(source), str(into), str(key), str(killed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if killed:
        assert done.returncode in (-signal.SIGKILL, 0), done.stderr
    else:
        assert done.returncode == 0, done.stderr
    return done


def spread(total, points=POINTS):
    """Return points in every stretch of a move, and the last acts, where it becomes visible."""
    dice = random.Random(SEED)
    print(f"seed {SEED}, {total} acts")
    return sorted({1 + int((n + dice.random()) * total / points) for n in range(points)} | {total - n for n in range(2)})


def total_of(act, source, into, key):
    return int(move(act, source, into, key).stdout)


def test_an_import_into_a_workspace_with_others(house, key, tmp_path):
    export(house, tmp_path / "one.tar", product=PRODUCT)
    before = Workspace(tmp_path / "before")
    before.ledger.append(Notice(product="x", to="me", subject="s", text="t"), "x")
    shutil.copytree(before.root, tmp_path / "counted")
    total = total_of("import", tmp_path / "one.tar", tmp_path / "counted", key)
    hidden = 0
    for killed in spread(total):
        into = Path(shutil.copytree(before.root, tmp_path / f"killed-{killed}"))
        move("import", tmp_path / "one.tar", into, key, killed)
        workspace = Workspace(into)
        done = list(workspace.ledger.history([Imported]))
        assert (PRODUCT in workspace.products()) == bool(done)
        assert workspace.ledger.store.head() == (1 if not done else 2 + done[0][1].count)
        hidden += not done
        move("import", tmp_path / "one.tar", into, key)
        again = Workspace(into)
        same(contents(again), contents(house))
        assert again.auditor.verify(objects=True).faults == []
        assert len(list(again.ledger.history([Imported]))) == 1
        assert not (into / ".importing").exists()
        shutil.rmtree(into)
    assert hidden >= POINTS - 1


def test_a_restore(house, key, tmp_path):
    back_up(house, tmp_path / "backup")
    total = total_of("restore", tmp_path / "backup", tmp_path / "counted", key)
    hidden = 0
    for killed in spread(total):
        into = tmp_path / f"killed-{killed}"
        move("restore", tmp_path / "backup", into, key, killed)
        hidden += not into.exists()
        if not into.exists():
            move("restore", tmp_path / "backup", into, key)
        there = Workspace(into)
        assert there.ledger.verify() == house.ledger.verify()
        same(contents(there), contents(house))
        shutil.rmtree(into)
    assert hidden >= POINTS - 1
    assert not list(tmp_path.glob(".killed*"))


def test_a_backup_leaves_the_older_one_or_the_newer_one(house, key, tmp_path):
    back_up(house, tmp_path / "backup")
    old = house.ledger.verify()
    for number in range(20):
        digest = house.objects.put(f"object {number}".encode())
        house.ledger.append(Notice(product="x", to="me", subject=digest, text="t"), f"{PRODUCT}/x", key=str(number))
    new = house.ledger.verify()
    shutil.copytree(tmp_path / "backup", tmp_path / "counted")
    total = total_of("backup", house.root, tmp_path / "counted", key)
    found = set()
    for killed in spread(total):
        out = Path(shutil.copytree(tmp_path / "backup", tmp_path / f"killed-{killed}"))
        move("backup", house.root, out, key, killed)
        restored = restore(out, tmp_path / f"restored-{killed}", keys=[key]).ledger.verify()
        assert restored in (old, new)
        found.add(restored.count)
        move("backup", house.root, out, key)
        again = restore(out, tmp_path / f"again-{killed}", keys=[key])
        assert again.ledger.verify() == new
        assert again.auditor.verify(objects=True).faults == []
        assert not (out / ".taking").exists()
    assert found == {old.count, new.count}
