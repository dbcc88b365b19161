"""Single bits flip on the disk: whoever reads gets what was written or a clear refusal, and an audit finds the flip."""

import importlib.util
import random
import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from runs import LONG, SEED

from trimaran.app.auditing import Auditor
from trimaran.backends.checkpoint_files import CheckpointFiles
from trimaran.backends.file_objects import FileObjects
from trimaran.backends.sqlite_ledger import SqliteLedger
from trimaran.core.clock import ManualClock
from trimaran.core.errors import TrimaranError
from trimaran.core.ledger import KINDS, Ledger, read_note
from trimaran.core.nouns import Notice, Quarantine, Record, Ref
from trimaran.core.nouns.data import Ingest

FLIPS = {"database": 1500, "log": 500, "objects": 500, "export": 300, "checkpoints": 200}
CLOCK = ManualClock(datetime(2013, 7, 1, tzinfo=UTC))
TOOL = Path(__file__).parents[2] / "tools" / "verify_ledger.py"
SMALL = 40


class Place:
    """A folder with a ledger, objects and checkpoints, opened anew each time, as the next process would."""

    def __init__(self, root):
        self.root = root
        self.objects = FileObjects(root / "objects")
        self.store = SqliteLedger(root / "ledger.db")
        self.ledger = Ledger(self.store, CLOCK, "kit")
        self.auditor = Auditor(self.ledger, self.objects, CheckpointFiles(root), CLOCK)

    def close(self):
        self.store._writer.close()
        self.store._readers.connection.close()


def fill(place, folder):
    """Write entries of several kinds and subjects, objects alone and in packs, and two checkpoints."""
    texts = [f"object {number} " * number for number in range(60)]
    digests = [place.objects.put(text.encode()) for text in texts[:20]]
    for number, text in enumerate(texts[20:]):
        (folder / f"small{number}").write_text(text)
    digests += place.objects.put_files([folder / f"small{number}" for number in range(SMALL)])
    for number, digest in enumerate(digests):
        CLOCK.set(CLOCK.now() + timedelta(minutes=1))
        notice = Notice(product="p", to="me", subject=f"s{number}", text="words " * (number % 7))
        ref = place.ledger.append(notice, f"p{number % 5}")
        assert isinstance(ref, Ref)
        quarantine = Quarantine(reasons={"none": number}, rows=digest)
        record = Ingest(table="t", version=number, source="s", rows_in=1, kept=1, refused=0, quarantine=quarantine)
        place.ledger.append(record, f"p{number % 5}/t")
        if number == len(digests) // 2:
            place.auditor.checkpoint()
    return place.auditor.checkpoint()


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Two folders of the same content, the database folded into its file in one and in its log in the other, and the truth."""
    folder = tmp_path_factory.mktemp("flips")
    place = Place(folder / "log")
    signed = fill(place, folder)
    shutil.copytree(folder / "log", folder / "logged")
    place.auditor.export(folder / "export.jsonl")
    place.close()
    for name in ("ledger.db-wal", "ledger.db-shm"):
        assert not (folder / "log" / name).exists()
    (folder / "logged" / "ledger.db-shm").unlink()
    assert (folder / "logged" / "ledger.db-wal").stat().st_size > 100_000
    truth = Truth(folder / "log", signed.note)
    return {"database": folder / "log", "log": folder / "logged", "export": folder / "export.jsonl", "truth": truth}


class Truth:
    """What was written: every way to read it gives this, or refuses, or the reader was served a lie."""

    def __init__(self, root, note):
        place = Place(root)
        self.note = note
        self.keys = [place.auditor.key()]
        self.refs = [entry.ref for entry in place.store.scan()]
        self.names = [entry.key for entry in place.store.scan()][::3]
        self.digests = sorted(place.objects.digests())
        self.places = sorted({(ref.kind, ref.subject) for ref in self.refs})
        self.read = dict(self.readings(place))
        place.close()

    def readings(self, place):
        """Yield everything that can be asked, and its answer; a refusal is None."""
        kinds = {str(kind.__struct_config__.tag): kind for kind in KINDS}
        for ref in self.refs:
            yield ref, asked(lambda ref=ref: place.ledger.read(ref))
        for name in self.names:
            yield ("key", name), asked(lambda name=name: place.store.find(name))
        for digest in self.digests:
            yield digest, asked(lambda digest=digest: place.objects.get(digest))
        yield "head", asked(place.store.head)
        yield "there", asked(lambda: sorted(place.objects.digests()))
        yield "whole", asked(lambda: [entry.ref for entry, _ in place.ledger.history([Record, *KINDS][1:])])
        for kind, subject in self.places:
            yield ("latest", kind, subject), asked(lambda k=kind, s=subject: place.ledger.latest(kinds[k], s))
            history = asked(lambda k=kind, s=subject: list(place.ledger.history([kinds[k]], s)))
            yield ("history", kind, subject), history
        for digest in self.digests[:5]:
            yield ("mentions", digest), asked(lambda d=digest: [entry.ref for entry in place.store.mentions(d)])

    def outcome(self, root):
        """Return whether an audit found it, and whatever was read that is neither the truth nor a refusal."""
        try:
            place = Place(root)
        except TrimaranError:
            return "opening is refused", []
        try:
            try:
                faults = place.auditor.verify({"kept": self.note}, self.keys, objects=True).faults
            except TrimaranError:
                faults = ["refused"]
            found = dict(self.readings(place))
        finally:
            place.close()
        wrong = [ask for ask, answer in found.items() if answer is not None and answer != self.read[ask]]
        served = [ask for ask in wrong if isinstance(ask, Ref | str) and ask not in {"head", "there", "whole"}]
        refused = [ask for ask, answer in found.items() if answer is None and self.read[ask] is not None]
        if served:
            return "served", served
        if faults:
            return "found by the audit", []
        return ("served", wrong) if wrong else ("missed", refused) if refused else ("nothing changed", [])


def asked(question):
    try:
        return question()
    except TrimaranError:
        return None


def flipped(path, dice):
    """Flip one bit of a file and return its place."""
    bit = dice.randrange(path.stat().st_size * 8)
    with path.open("r+b") as file:
        file.seek(bit // 8)
        byte = file.read(1)[0]
        file.seek(bit // 8)
        file.write(bytes([byte ^ 1 << bit % 8]))
    return bit


def restore(folder, whole, path):
    """Put a file back, and the database with it: opening it may have written to it."""
    for name in {path.relative_to(folder), *(Path(f"ledger.db{end}") for end in ("", "-wal", "-shm"))}:
        (folder / name).unlink(missing_ok=True)
        if (whole / name).exists():
            (folder / name).write_bytes((whole / name).read_bytes())


def flip_many(counting, what, files, judge, whole, folder):
    """Flip one bit at a time, judge what became of it, put the file back, and count it all."""
    dice = random.Random(f"{SEED} {what}")
    outcomes = Counter()
    with counting(f"bit flips: {what}") as count:
        shutil.copytree(whole, folder)
        choice = files(folder)
        for _ in range(FLIPS[what] if LONG else FLIPS[what] // 5):
            path = dice.choice(choice)
            restore(folder, whole, path)
            bit = flipped(path, dice)
            try:
                outcome, wrong = judge(folder)
            except Exception as error:  # noqa: BLE001  any other error is what is looked for
                outcome, wrong = "no clear error", [repr(error)]
            outcomes[outcome] += 1
            bad = (
                [f"{outcome}: {one}" for one in wrong] or [outcome]
                if outcome in {"served", "missed", "no clear error"}
                else []
            )
            told = {"acknowledged": 1, "lost": bad, "doubled": [], "dangling": []}
            count.add(f"bit {bit} of {path.relative_to(folder)}", told)
            restore(folder, whole, path)
        print(f"{what}, seed {SEED}: {dict(outcomes)}")
    return outcomes


@pytest.fixture
def memory():
    """A folder in memory, where there is one: what is flipped need not be on a disk."""
    with TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        yield Path(folder)


@pytest.mark.parametrize("what", ["database", "log"])
def test_no_bit_of_the_ledger_flips_unnoticed(written, counting, memory, what):
    name = "ledger.db" if what == "database" else "ledger.db-wal"
    outcomes = flip_many(
        counting, what, lambda root: [root / name], written["truth"].outcome, written[what], memory / "flipped"
    )
    assert outcomes["found by the audit"] > outcomes["nothing changed"] / 2


def test_no_bit_of_an_object_flips_unnoticed(written, counting, memory):
    def files(root):
        return sorted(path for path in (root / "objects").rglob("*") if path.is_file() and path.stat().st_size)

    outcomes = flip_many(counting, "objects", files, written["truth"].outcome, written["database"], memory / "flipped")
    assert outcomes["found by the audit"] > outcomes["nothing changed"]


def test_no_bit_of_a_checkpoint_or_key_flips_unnoticed(written, counting, memory):
    def files(root):
        return [*(root / "checkpoints").iterdir(), *(root / "keys").glob("*.key")]

    def judge(root):
        files = CheckpointFiles(root)
        try:
            checkpoints = [
                read_note(path.read_bytes().decode(errors="replace"), written["truth"].keys) for path in files.kept()
            ]
            signing = files.signing_key().verifier
        except TrimaranError:
            return "found by the audit", []
        return "served", [checkpoints, signing]

    assert flip_many(counting, "checkpoints", files, judge, written["database"], memory / "flipped").keys() == {
        "found by the audit"
    }


def test_no_bit_of_an_export_flips_unnoticed(written, counting, memory):
    spec = importlib.util.spec_from_file_location("verify_ledger", TOOL)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    keys = [tool.read_key(str(key)) for key in written["truth"].keys]

    def judge(root):
        found = list(tool.check_export(root / "export.jsonl", keys, {}))
        return ("found by the verifier", []) if found else ("missed", [])

    whole = memory / "whole"
    whole.mkdir()
    shutil.copy(written["export"], whole)
    assert judge(whole) == ("missed", [])
    outcomes = flip_many(counting, "export", lambda root: [root / "export.jsonl"], judge, whole, memory / "flipped")
    assert outcomes.keys() == {"found by the verifier"}
