"""A backup is whole whoever writes meanwhile, and comes back as it was."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from house import contents, same

from trimaran.app.moving import back_up, bring_in, export, restore
from trimaran.app.moving.opening import open_bundle
from trimaran.app.workspace import Workspace
from trimaran.core.errors import Conflict, Corrupt, InputError, NotFound, Refused
from trimaran.core.nouns import Ingest
from trimaran.doors.cli.main import run

WRITER = Path(__file__).parent / "writer.py"


def written(journal, at_least=0):
    deadline = time.monotonic() + 60
    while (lines := journal.read_bytes().decode().splitlines(keepends=True)) is not None:
        whole = [line.split() for line in lines if line.endswith("\n")]
        if len(whole) >= at_least:
            return whole
        assert time.monotonic() < deadline, "the writers do not write"
        time.sleep(0.01)
    raise AssertionError


@pytest.fixture
def writers(house, tmp_path):
    """Processes that deliver, capture and push as fast as they can; killed at the end, as they stand."""
    processes, journals = [], []
    for act, name in (("deliver", "dora"), ("deliver", "dave"), ("capture", "cleo"), ("capture", "carl")):
        journal = tmp_path / f"{name}.log"
        with journal.open("wb") as out:
            processes.append(subprocess.Popen([sys.executable, str(WRITER), str(house.root), act, name], stdout=out))
        journals.append(journal)
    yield journals
    failed = [process.poll() for process in processes]
    for process in processes:
        process.kill()
        process.wait()
    assert failed == [None] * 4, "a writer failed while the backup was taken"


def test_a_backup_taken_while_others_write_has_everything_acknowledged_before_it(house, writers, tmp_path):
    out = tmp_path / "backup"
    for journal in writers:
        written(journal, 10)
    rounds = []
    for _ in range(3):
        before = [written(journal) for journal in writers]
        told = back_up(house, out, check=True)
        rounds.append(told)
        progress = [len(written(journal)) - len(lines) for journal, lines in zip(writers, before, strict=True)]
        assert all(progress), f"the backup held the writers up: {progress}"
    assert rounds[2].size > rounds[1].size > rounds[0].size
    there = restore(out, tmp_path / "restored", keys=[house.auditor.key()])
    audit = there.auditor.verify(objects=True)
    assert audit.faults == []
    assert audit.count == rounds[2].size
    for line in [line for lines in before for line in lines]:
        if line[0] == "entry":
            entry = there.ledger.store.get(int(line[1]))
            assert entry.digest == line[2]
            assert there.objects.get(line[5])
        else:
            assert len(there.captures.answers("punctual", line[1:])) == 20
            assert there.captures.answers("punctual", line[1:])[line[1], 1].score == 0.5
    for _, record in there.ledger.history([Ingest]):
        if record.table.startswith("punctual/of-"):
            name = record.table.rpartition("-")[2]
            rows = there.tables.read(record.table, record.version).collect()
            assert rows.height == record.version + 1
            assert f"{name}-{record.version}" in rows["trip"].to_list()


def test_a_bundle_of_a_workspace_that_is_written_to_verifies(house, writers, tmp_path):
    for journal in writers:
        written(journal, 5)
    told = export(house, tmp_path / "all.tar")
    there = bring_in(tmp_path / "all.tar", tmp_path / "new", keys=[house.auditor.key()], actor="mia")
    audit = there.auditor.verify(objects=True)
    assert (audit.faults, audit.count) == ([], told.size)


def test_what_a_backup_has_is_not_copied_again(house, tmp_path):
    first = back_up(house, tmp_path / "backup")
    again = back_up(house, tmp_path / "backup")
    assert first.new > 30
    assert (again.new, again.bytes, again.bundle) == (0, 0, first.bundle)
    digest = house.objects.put(b"more")
    house.ledger.append(Ingest(table="t", version=0, source=digest, rows_in=0, kept=0, refused=0), "punctual/t")
    third = back_up(house, tmp_path / "backup", check=True)
    assert third.new == 2  # the ledger and the object
    there = restore(tmp_path / "backup", tmp_path / "restored", keys=[house.auditor.key()])
    assert there.objects.get(digest) == b"more"
    same(contents(there), contents(house))
    members = sum(1 for path in (tmp_path / "backup" / "members").rglob("*") if len(path.name) == 62)
    assert (
        members == len(open_bundle(tmp_path / "backup").manifest.members) + 1
    )  # and the manifest: nothing of the older ones


def test_a_backup_that_was_damaged_is_found_and_not_restored(house, tmp_path):
    back_up(house, tmp_path / "backup")
    member = max(
        (path for path in (tmp_path / "backup/members").rglob("*") if path.is_file()), key=lambda p: p.stat().st_size
    )
    data = bytearray(member.read_bytes())
    data[len(data) // 2] ^= 1
    member.write_bytes(data)
    keys = [house.auditor.key()]
    with pytest.raises(Corrupt, match="does not have its digest any more"):
        back_up(house, tmp_path / "backup", check=True)
    with pytest.raises(Corrupt, match="does not have its digest any more"):
        restore(tmp_path / "backup", tmp_path / "restored", keys=keys)
    member.unlink()
    with pytest.raises(InputError, match="is missing"):
        restore(tmp_path / "backup", tmp_path / "restored", keys=keys)
    assert not (tmp_path / "restored").exists()
    back_up(house, tmp_path / "backup", check=True)
    restore(tmp_path / "backup", tmp_path / "restored", keys=keys)


def test_a_backup_goes_into_no_folder_of_something_else(house, furnished, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"cat")
    with pytest.raises(Conflict, match=r"holds cat\.jpg, which is of no backup"):
        back_up(house, tmp_path / "photos")
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["cat.jpg"]
    other = Workspace(Path(shutil.copytree(furnished, tmp_path / "other")))
    shutil.rmtree(other.root / "keys", ignore_errors=True)
    back_up(other, tmp_path / "backup")
    with pytest.raises(Conflict, match="of another workspace"):
        back_up(house, tmp_path / "backup")


def test_a_restore_goes_into_an_empty_folder_only(house, tmp_path):
    back_up(house, tmp_path / "backup")
    export(house, tmp_path / "one.tar", product="punctual")
    keys = [house.auditor.key()]
    with pytest.raises(Conflict, match="is not empty"):
        restore(tmp_path / "backup", house.root, keys=keys)
    with pytest.raises(Refused, match="trimaran import"):
        restore(tmp_path / "one.tar", tmp_path / "restored", keys=keys)
    with pytest.raises(NotFound, match="no finished backup"):
        restore(tmp_path, tmp_path / "restored", keys=keys)
    (tmp_path / "restored").mkdir()
    assert restore(tmp_path / "backup", tmp_path / "restored", keys=keys).ledger.verify() == house.ledger.verify()


def test_a_backup_by_the_commands(house, tmp_path, capsys):
    for out in (tmp_path / "folder", tmp_path / "file.tar"):
        assert run(["backup", "--out", str(out), "--verify", "-w", str(house.root)]) == 0
        assert "the chain is whole" in capsys.readouterr().out
        into = tmp_path / f"of-{out.name}"
        assert run(["restore", str(out), "--into", str(into), "--trust-on-first-use"]) == 0
        assert f"head {house.ledger.verify().head}" in " ".join(capsys.readouterr().out.split())
