"""The independent verifier, alone in its own process, on a real export and on every way to tamper with one."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from trimaran.app.auditing import Auditor
from trimaran.backends.checkpoint_files import CheckpointFiles
from trimaran.core.clock import ManualClock
from trimaran.core.ledger import Ledger, SigningKey
from trimaran.core.nouns import Notice
from trimaran.testing import MemoryLedger, MemoryObjects
from trimaran.testing.ledger_kit import draft

TOOL = Path(__file__).parents[2] / "tools" / "verify_ledger.py"
TEXTS = ["plain", "Zürich ✈ \u2028", 'quote " and \\ back', "\x01\x1f\x7f control", "/slash/", "😀"]


def verify(*arguments):
    """Run the tool isolated: without the environment, the user's packages and the folder it is started in."""
    command = [sys.executable, "-I", str(TOOL), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """An export with three checkpoints, the key, two of the checkpoints by themselves, and a proof of each entry."""
    folder = tmp_path_factory.mktemp("export")
    store, clock = MemoryLedger(), ManualClock(datetime(2013, 7, 1, tzinfo=UTC))
    ledger = Ledger(store, clock, "ada ✈")
    auditor = Auditor(ledger, MemoryObjects(), CheckpointFiles(folder), clock)
    for number, text in enumerate(TEXTS):
        ledger.append(Notice(product="p", to="me", subject=text, text=text), text, key=f"{number}{text}")
    store.append([draft("bytes", body=bytes(range(256)))])
    (folder / "early.txt").write_text(auditor.checkpoint().note)
    for number in range(4):
        ledger.append(Notice(product="p", to="me", subject="s", text=str(number)), "p")
    auditor.checkpoint()
    ledger.append(Notice(product="p", to="me", subject="last", text="of all"), "p")
    auditor.export(folder / "export.jsonl")
    (folder / "key").write_text(f"{auditor.key()}\n")
    for seq in range(1, 13):
        (folder / f"proof-{seq}.json").write_bytes(json_line(auditor.proof(seq)))
    (folder / "proof-early.json").write_bytes(json_line(auditor.proof(3, (folder / "early.txt").read_text())))
    return folder


@pytest.fixture
def place(given, tmp_path):
    return Path(shutil.copytree(given, tmp_path / "given"))


def json_line(value):
    return (json.dumps(value, default=iso, sort_keys=True, ensure_ascii=False, separators=(",", ":")) + "\n").encode()


def iso(moment):
    return moment.isoformat().replace("+00:00", "Z")


def edit(path, change):
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(change(lines)))


def test_the_tool_is_short_and_shares_no_code_with_us():
    text = TOOL.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 200
    imported = {match.split(".")[0] for match in re.findall(r"^(?:from|import) ([\w.]+)", text, re.MULTILINE)}
    assert imported - set(sys.stdlib_module_names) == {"cryptography"}


def test_a_whole_export_is_verified(given):
    arguments = ["--key", given / "key", given / "export.jsonl", "--checkpoint", given / "early.txt"]
    assert verify(*arguments) == (0, "verified: all as it was signed\n")


def test_every_proof_is_verified(given):
    for seq in (1, 2, 7, 8, 11, 12, "early"):
        assert verify("--key", given / "key", "--proof", given / f"proof-{seq}.json")[0] == 0
    early = ["--proof", given / "proof-early.json", "--checkpoint", given / "early.txt"]
    assert verify("--key", given / "key", *early)[0] == 0


def sealed_anew(fields, previous):
    """An entry as somebody would seal it who knows how."""
    fields = {**fields, "previous": previous}
    body = fields["body"].encode() if "body" in fields else base64.b64decode(fields["bytes"])
    said = [fields[name] for name in ("seq", "at", "actor", "kind", "subject")]
    said += [hashlib.sha256(body).hexdigest(), fields["key"], previous]
    return {**fields, "digest": hashlib.sha256(json_line(said)[:-1]).hexdigest()}


def resealed(lines):
    """An entry changed, and sealed by somebody who leaves those after it as they are."""
    fields = json.loads(lines[6])
    return [*lines[:6], json_line(sealed_anew({**fields, "actor": "mallory"}, fields["previous"])), *lines[7:]]


def rewritten(lines):
    """An entry changed, and every one after it sealed anew: the chain is whole, and another."""
    entries = [json.loads(line) for line in lines[3:]]
    entries[3]["actor"] = "mallory"
    previous = "0" * 64
    for place, fields in enumerate(entries):
        entries[place] = sealed_anew(fields, previous)
        previous = entries[place]["digest"]
    return [*lines[:3], *map(json_line, entries)]


TAMPERINGS = {
    "a word changed": (lambda lines: [line.replace(b"of all", b"of alt") for line in lines], "line 15 was changed"),
    "an actor changed": (lambda lines: [*lines[:6], lines[6].replace(b"ada", b"eve"), *lines[7:]], "line 7 was changed"),
    "an entry sealed anew": (resealed, "line 8 is entry 5 and does not follow"),
    "all sealed anew": (rewritten, "its root is that of other entries"),
    "an entry removed": (lambda lines: [*lines[:6], *lines[7:]], "line 7 is entry 5 and does not follow entry 3"),
    "two entries swapped": (lambda lines: [*lines[:6], lines[7], lines[6], *lines[8:]], "does not follow"),
    "an entry doubled": (lambda lines: [*lines[:7], lines[6], *lines[7:]], "does not follow"),
    "the end cut off": (lambda lines: lines[:-1], "has 11 entries: it was cut short"),
    "cut within a line": (lambda lines: [*lines[:-1], lines[-1][:-9]], "line 15 was changed"),
    "all entries removed": (lambda lines: lines[:3], "has 0 entries: it was cut short"),
    "the newest checkpoints removed": (lambda lines: [lines[0], *lines[3:]], "named by no checkpoint"),
    "all checkpoints removed": (lambda lines: lines[3:], "named by no checkpoint"),
    "a checkpoint changed": (lambda lines: [lines[0].replace(b"\\n7\\n", b"\\n6\\n"), *lines[1:]], "was changed"),
    "a field too many": (lambda lines: [*lines[:6], b'{"a":1,' + lines[6][1:], *lines[7:]], "line 7 was changed"),
    "a field said twice": (
        lambda lines: [*lines[:6], b'{"actor":"eve",' + lines[6][1:], *lines[7:]],
        "line 7 was changed",
    ),
    "a space": (lambda lines: [*lines[:6], b" " + lines[6], *lines[7:]], "line 7 was changed"),
    "nothing left": (lambda _: [], "named by no checkpoint"),
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_every_tampering_is_found_and_named(place, tampering):
    change, words = TAMPERINGS[tampering]
    edit(place / "export.jsonl", change)
    code, said = verify("--key", place / "key", place / "export.jsonl")
    assert (code, words in said) == (1, True), said
    assert said.endswith("do not trust it\n")


def test_a_ledger_cut_short_with_its_own_checkpoints_shows_against_one_kept_elsewhere(place):
    edit(place / "export.jsonl", lambda lines: [lines[0], *lines[3:10]])
    assert verify("--key", place / "key", place / "export.jsonl")[0] == 0
    kept = place / "checkpoints" / "000000000011.txt"
    code, said = verify("--key", place / "key", place / "export.jsonl", "--checkpoint", kept)
    assert (code, "it was cut short" in said) == (1, True)


def test_a_ledger_rewritten_and_signed_by_another_is_found(place):
    (place / "key").write_text(f"{SigningKey.generate().verifier}\n")
    code, said = verify("--key", place / "key", place / "export.jsonl")
    assert (code, said.count("is not signed by a key that was given")) == (1, 3)


def test_a_bad_signature_is_found(place):
    edit(place / "early.txt", lambda lines: [lines[0], b"8\n", *lines[2:]])
    code, said = verify("--key", place / "key", place / "export.jsonl", "--checkpoint", place / "early.txt")
    assert (code, "its signature is of another text" in said) == (1, True)


@pytest.mark.parametrize("text", ["", "nonsense", "a+00000000+AQ=="])
def test_what_is_no_key_verifies_nothing(place, text):
    (place / "key").write_text(text)
    assert verify("--key", place / "key", place / "export.jsonl")[0] == 1


def test_every_change_of_a_proof_is_found(place):
    path = place / "proof-7.json"
    whole = path.read_bytes()
    proof = json.loads(whole)
    other = json.loads((place / "proof-8.json").read_bytes())
    wrong = [
        {**proof, "hashes": proof["hashes"][:-1]},
        {**proof, "hashes": [*proof["hashes"], "00" * 32]},
        {**proof, "hashes": proof["hashes"][::-1]},
        {**proof, "hashes": [*proof["hashes"][:-1], "00" * 32]},
        {**proof, "entry": other["entry"]},
        {**proof, "entry": {**proof["entry"], "actor": "eve"}},
        {**proof, "entry": {**proof["entry"], "seq": 8}},
        {**proof, "checkpoint": (place / "early.txt").read_text()},
        {**proof, "checkpoint": proof["checkpoint"].replace("\n12\n", "\n13\n")},
        {"entry": proof["entry"]},
        [],
    ]
    for number, changed in enumerate(wrong):
        path.write_bytes(json_line(changed))
        assert verify("--key", place / "key", "--proof", path)[0] == 1, number
    path.write_bytes(whole)
    assert verify("--key", place / "key", "--proof", path)[0] == 0
    code, said = verify("--key", place / "key", "--proof", path, "--checkpoint", place / "early.txt")
    assert (code, "by another checkpoint" in said) == (1, True)
