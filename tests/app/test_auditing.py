"""The audit of a workspace: what is signed and when, what is refused, and every fault told."""

import shutil
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from trimaran.app.auditing import Auditor
from trimaran.app.workspace import Workspace
from trimaran.backends.checkpoint_files import CheckpointFiles
from trimaran.core.clock import ManualClock
from trimaran.core.errors import Corrupt, NotFound
from trimaran.core.ledger import SigningKey, read_note
from trimaran.core.nouns import GENESIS, Notice, Purged, Run, Verdict

NOON = datetime(2013, 7, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def workspace(tmp_path):
    found = Workspace(tmp_path / "workspace", clock=ManualClock(NOON))
    write(found, 5)
    return found


def write(workspace, count):
    start = workspace.ledger.store.head()
    for number in range(start, start + count):
        workspace.ledger.append(Notice(product="p", to="me", subject="s", text=str(number)), "p")


def tamper(workspace, *statements):
    connection = sqlite3.connect(workspace.root / "ledger.db")
    connection.execute("DROP TRIGGER entries_stay_as_written")
    connection.execute("DROP TRIGGER entries_stay")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def faults(workspace, *given, **asked):
    return [f"{fault.where}: {fault.what}" for fault in Workspace(workspace.root).auditor.verify(*given, **asked).faults]


def test_a_checkpoint_is_kept_and_the_same_one_is_given_again(workspace):
    signed = workspace.auditor.checkpoint()
    workspace.clock.set(NOON + DAY)
    again = workspace.auditor.checkpoint()
    assert again == Workspace(workspace.root).auditor.checkpoint() == signed
    assert (signed.checkpoint.size, signed.checkpoint.at) == (5, NOON)
    assert signed.checkpoint.head == workspace.ledger.store.get(5).digest
    assert (workspace.root / "checkpoints" / "000000000005.txt").read_text() == signed.note
    assert read_note(signed.note, [workspace.auditor.key()]) == signed.checkpoint


def test_an_empty_ledger_can_be_signed(tmp_path):
    signed = Workspace(tmp_path, clock=ManualClock(NOON)).auditor.checkpoint()
    assert (signed.checkpoint.size, signed.checkpoint.head) == (0, GENESIS)
    assert Workspace(tmp_path).auditor.verify().faults == []


def test_only_the_owner_may_read_the_key(workspace):
    workspace.auditor.key()
    assert stat.S_IMODE((workspace.root / "keys").stat().st_mode) == 0o700
    (file,) = (workspace.root / "keys").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_many_at_once_make_one_key_and_one_checkpoint(workspace):
    with ThreadPoolExecutor(8) as pool:
        auditors = [Auditor(workspace.ledger, workspace.objects, CheckpointFiles(workspace.root), workspace.clock)] * 8
        signed = list(pool.map(lambda auditor: auditor.checkpoint(), auditors))
    assert len({one.note for one in signed}) == 1
    assert [len(list((workspace.root / name).iterdir())) for name in ("keys", "checkpoints")] == [1, 1]


def test_a_day_is_signed_once_and_an_idle_one_not_at_all(workspace):
    kept = []
    for hours in (0, 12, 24, 25, 47, 48, 96):
        workspace.clock.set(NOON + timedelta(hours=hours))
        workspace.auditor.daily()
        kept.append(len(workspace.auditor._files.kept()))
        if hours < 48:
            write(workspace, 1)
    assert kept == [1, 1, 2, 2, 2, 3, 3]


def test_nothing_is_signed_before_the_first_entry(tmp_path):
    Workspace(tmp_path, clock=ManualClock(NOON)).auditor.daily()
    assert not (tmp_path / "keys").exists()


def test_a_later_checkpoint_looks_at_new_entries_only(workspace):
    workspace.auditor.checkpoint()
    write(workspace, 2)
    scanned = []
    scan = workspace.ledger.store.scan
    workspace.ledger.store.scan = lambda **given: scanned.append(given) or scan(**given)
    assert workspace.auditor.checkpoint().checkpoint.size == 7
    assert scanned == [{"after": 5}]


def test_every_checkpoint_is_the_one_a_fresh_walk_gives(workspace):
    for _ in range(6):
        write(workspace, 3)
        signed = workspace.auditor.checkpoint().checkpoint
        assert Workspace(workspace.root).auditor.verify().root == signed.root
    assert len(Workspace(workspace.root).auditor.verify().checkpoints) == 6
    assert faults(workspace) == []


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE entries SET actor = 'mallory' WHERE seq = 2", "entry 2"),
        ("DELETE FROM entries WHERE seq > 3", "were cut off"),
        ("DELETE FROM entries", "were cut off"),
        ("DELETE FROM entries WHERE seq = 5", "were cut off"),
    ],
)
def test_what_does_not_continue_the_newest_checkpoint_is_not_signed(workspace, statement, words):
    workspace.auditor.checkpoint()
    tamper(workspace, "PRAGMA foreign_keys=OFF", statement)
    fresh = Workspace(workspace.root, clock=workspace.clock)
    with pytest.raises(Corrupt, match=words):
        fresh.auditor.checkpoint()
    assert any(words in fault for fault in faults(workspace))


def test_a_ledger_written_anew_is_found_by_its_checkpoint(workspace):
    workspace.auditor.checkpoint()
    for name in ("", "-wal", "-shm"):
        (workspace.root / f"ledger.db{name}").unlink(missing_ok=True)
    other = Workspace(workspace.root, clock=workspace.clock)
    write(other, 3)
    other.ledger.append(Notice(product="p", to="me", subject="s", text="another story"), "p")
    write(other, 4)
    assert [fault.split(": ", 1)[1] for fault in faults(workspace)] == [
        "the first 5 entries are not those that were signed on 2013-07-01 12:00 UTC"
    ]
    with pytest.raises(Corrupt, match="nothing was signed"):
        Workspace(workspace.root, clock=workspace.clock).auditor.checkpoint()


def test_a_missing_entry_at_the_very_size_of_a_checkpoint_is_told(workspace):
    workspace.auditor.checkpoint()
    write(workspace, 3)
    tamper(workspace, "PRAGMA foreign_keys=OFF", "DELETE FROM entries WHERE seq = 5")
    said = faults(workspace)
    assert any("entry 5 is missing" in fault for fault in said)
    assert any("not those that were signed" in fault for fault in said)


def test_the_faults_of_chain_index_checkpoints_and_objects_are_told_together(workspace):
    digest = workspace.objects.put(b"a model")
    workspace.ledger.append(Notice(product="p", to="me", subject=digest, text="names an object"), "p")
    workspace.auditor.checkpoint()
    (workspace.root / "checkpoints" / "000000000004.txt").write_text("nonsense")
    workspace.objects.remove([digest])
    tamper(workspace, "UPDATE entries SET actor = 'x' WHERE seq = 2", "UPDATE latest SET seq = 3")
    said = "\n".join(faults(workspace, objects=True))
    for word in ("entry 2: ", "index: ", "000000000004.txt: this is no checkpoint", f"object {digest} is missing"):
        assert word in said


def test_a_large_object_is_verified_without_holding_it_in_memory(workspace):
    zeros = bytes(65 << 20)
    digest = workspace.objects.put(zeros)
    asked = []
    get = workspace.objects.get
    workspace.objects.get = lambda name: asked.append(name) or get(name)
    assert workspace.auditor.verify(objects=True).faults == []
    assert asked == []
    file = workspace.root / "objects" / digest[:2] / digest[2:]
    file.chmod(0o600)
    with file.open("r+b") as opened:
        opened.seek(64 << 20)
        opened.write(b"1")
    assert [digest[:12] in fault for fault in faults(workspace, objects=True)] == [True]


def test_what_was_purged_on_record_or_is_excused_may_be_missing(workspace):
    purged, excused, lost = (workspace.objects.put(text) for text in (b"1", b"2", b"3"))
    for digest in (purged, excused, lost):
        workspace.ledger.append(Notice(product="p", to="me", subject="s", text=digest), "p")
    workspace.ledger.append(Purged(what=[], objects=[purged], freed=1), "purge")
    workspace.objects.remove([purged, excused, lost])
    assert [fault.split(": ", 1)[1] for fault in faults(workspace, objects=True, excused={excused})] == [
        f"object {lost} is missing"
    ]


def test_a_life_that_nobody_disturbed_has_no_fault(lived):
    audit = lived.auditor.verify(objects=True)
    assert audit.faults == []
    assert audit.objects > 20
    assert any(record.environment.trimaran for _, record in lived.ledger.history([Run]))


def test_a_digest_of_an_entry_or_of_code_is_no_missing_object(workspace):
    entry = workspace.ledger.store.get(1)
    workspace.ledger.append(Verdict(policy="balance", outcome="pass", findings=[], about=entry.digest), "p/balance")
    assert faults(workspace, objects=True) == []
    workspace.ledger.append(Verdict(policy="gate", outcome="pass", findings=[], about="ab" * 32), "p/v1")
    assert [fault.split(": ", 1)[1] for fault in faults(workspace, objects=True)] == [f"object {'ab' * 32} is missing"]


def test_a_workspace_re_signed_by_another_key_shows_against_the_key_kept_elsewhere(workspace):
    signed = workspace.auditor.checkpoint()
    key = workspace.auditor.key()
    for folder in ("keys", "checkpoints"):
        shutil.rmtree(workspace.root / folder)
    Workspace(workspace.root, clock=workspace.clock).auditor.checkpoint()
    assert faults(workspace) == []
    assert ["not signed by a key that was given" in fault for fault in faults(workspace, {}, [key])] == [True]
    assert ["not signed by a key that was given" in fault for fault in faults(workspace, {"mine": signed.note})] == [True]


def test_checkpoints_without_a_key_are_told_to_be_unverifiable(workspace):
    workspace.auditor.checkpoint()
    shutil.rmtree(workspace.root / "keys")
    assert ["there is no key" in fault for fault in faults(workspace)] == [True]


def test_a_proof_needs_a_checkpoint_that_reaches_the_entry(workspace):
    workspace.auditor.key()
    with pytest.raises(NotFound, match="no checkpoint names entry 3"):
        workspace.auditor.proof(3)
    early = workspace.auditor.checkpoint()
    write(workspace, 1)
    with pytest.raises(NotFound, match="no checkpoint names entry 6"):
        workspace.auditor.proof(6)
    workspace.auditor.checkpoint()
    with pytest.raises(NotFound, match="no checkpoint names entry 6"):
        workspace.auditor.proof(6, early.note)
    with pytest.raises(NotFound, match="has no entry 9"):
        workspace.auditor.proof(9)
    stranger = SigningKey.generate()
    with pytest.raises(Corrupt, match="not signed"):
        workspace.auditor.proof(3, stranger.sign(early.checkpoint))
    assert workspace.auditor.proof(6)["entry"]["seq"] == 6
