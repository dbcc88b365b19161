"""One person's rows are gone from every byte of a workspace; everything else stays as it was."""

import io
import itertools
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import msgspec
import polars as pl
import pytest

from trimaran.app.barring import SALT, Barred, person_digest, salt_of
from trimaran.app.erasing import Erasure, column_of, definition_of
from trimaran.app.reconciling import reconcile
from trimaran.app.steward import Steward
from trimaran.app.trashing import hold, release
from trimaran.app.views import Book
from trimaran.app.workspace import Workspace
from trimaran.core.errors import InputError, NotFound, Refused
from trimaran.core.nouns import CAPTURED, Declared, Erased, Erasing, Ingest, ModelVersion
from trimaran.data.sketches import by_column, read_sketch

KILLER = Path(__file__).parent / "eraser.py"


def texts(root):
    """Return every readable form of every file of a folder: its bytes, what is compressed in it, the values of its databases."""
    files = [(path, path.read_bytes()) for path in sorted(root.rglob("*")) if path.is_file()]
    yield from files
    for path, data in files:
        if data[:4] == b"PAR1":
            yield path, repr(pl.read_parquet(io.BytesIO(data)).rows()).encode()
        elif zipfile.is_zipfile(io.BytesIO(data)):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                yield from ((path, archive.read(name)) for name in archive.namelist())
        elif path.suffix == ".db":
            yield from ((path, value) for value in values(path))


def values(path):
    with closing(sqlite3.connect(path)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for value in itertools.chain.from_iterable(connection.execute(f"SELECT * FROM {name}")):
                yield value if isinstance(value, bytes) else str(value).encode()


def found(root, words):
    patterns = re.compile(b"|".join(re.escape(word.encode()) for word in words))
    return sorted({str(path.relative_to(root)) for path, data in texts(root) if patterns.search(data)})


def erasure(workspace, quiet, person):
    return Erasure(workspace, "rides", "rider", person, quiet)


def test_the_person_is_everywhere_before(lived, person, their_rides):
    places = " ".join(found(lived.root, [person]))
    for place in ("captures", "objects", "online.db", "served.log", "tables/rides/rides", "tables/rides/riders"):
        assert (place in places) == (place != "captures"), f"{place}: {places}"
    assert "captures.db" in found(lived.root, their_rides)


def test_a_dry_run_says_where_the_rows_are_and_changes_nothing(lived, quiet, person):
    before = {path: path.read_bytes() for path in lived.root.rglob("*") if path.is_file() and ".db" not in path.name}
    kept = lived.ledger.store.head(), lived.captures.frame("rides").height, lived.online.mark("rides")
    plan = erasure(lived, quiet, person).plan()
    assert plan.rows["table rides"] == sum(plan.versions["rides"].values()) > 100
    assert plan.rows["table riders"] == 1
    assert {"online rides", "online riders", "captures", "labels", "objects", "logs"} < plan.rows.keys()
    assert plan.rows["logs"] == 3
    assert {"rides/v1", "rides/v2"} <= set(plan.models)
    assert len(plan.sources) == 2
    assert {path: path.read_bytes() for path in before} == before
    assert kept == (lived.ledger.store.head(), lived.captures.frame("rides").height, lived.online.mark("rides"))
    assert not (lived.root / SALT).exists()


def test_no_byte_of_the_person_is_left(lived, quiet, person, their_rides):
    done = erasure(lived, quiet, person).erase("they asked")
    assert found(lived.root, [person, *their_rides]) == []
    assert not [line for line in done.left if "object " in line or "entries " in line], done.left


def test_what_stays_is_what_it_was(lived, quiet, person):
    before = {name: lived.tables.version(f"rides/{name}") for name in ("rides", "riders")}
    rows = {version: lived.tables.read("rides/rides", version).collect() for version in range(before["rides"] + 1)}
    captured = lived.captures.frame("rides", columns=CAPTURED)
    plan = erasure(lived, quiet, person).plan()
    erasure(lived, quiet, person).erase("they asked")
    assert {name: lived.tables.version(f"rides/{name}") for name in before} == before
    for version, kept in rows.items():
        assert lived.tables.read("rides/rides", version).collect().equals(kept.filter(pl.col("rider") != person))
    assert lived.captures.frame("rides", columns=CAPTURED).height == captured.height - plan.rows["captures"]


def test_the_ledger_the_totals_and_the_objects_agree_afterwards(lived, quiet, person):
    assert not reconcile(Book.open(lived, "rides")).breaks
    erasure(lived, quiet, person).erase("they asked")
    lived.ledger.verify()
    assert not reconcile(Book.open(lived, "rides")).breaks
    ((_, intent),) = lived.ledger.history([Erasing])
    assert len(intent.replaced) >= 2
    for old, new in intent.replaced.items():
        assert lived.objects.get(old) == lived.objects.get(new)
    records = [record for _, record in lived.ledger.history([Ingest]) if record.quarantine is not None]
    refused = pl.concat(pl.read_parquet(io.BytesIO(lived.objects.get(each.quarantine.rows))) for each in records)
    assert refused.height == 1
    for _, version in lived.ledger.history([ModelVersion]):
        assert lived.scorer(version) is not None


def test_the_certificate_holds_no_name_and_names_the_models(lived, quiet, person):
    done = erasure(lived, quiet, person).erase("they asked")
    entry = lived.ledger.store.get(done.entry)
    certificate = lived.ledger.read(entry, Erased)
    intent = lived.ledger.read(certificate.intents[0], Erasing)
    assert entry.actor == "ada"
    assert intent.person == certificate.person == person_digest(salt_of(lived), "rider", person)
    assert intent.person != person_digest(b"", "rider", person)
    assert intent.reason == "they asked"
    assert {ref.subject for ref in intent.models} >= {"rides/v1", "rides/v2"}
    assert any("rides/v1" in line and "not untrained" in line for line in certificate.left)
    assert (lived.root / SALT).stat().st_mode & 0o077 == 0


def test_nobody_is_erased_under_a_hold_and_a_released_hold_holds_nothing(lived, quiet, person):
    hold(lived, "rides/riders", "case 12")
    with pytest.raises(Refused, match=r"rides/riders .*case 12"):
        erasure(lived, quiet, person).erase("they asked")
    assert found(lived.root / "tables", [person])
    release(lived, "rides/riders")
    erasure(lived, quiet, person).erase("they asked")
    with pytest.raises(NotFound, match="nothing to erase"):
        erasure(lived, quiet, person).erase("again")


def test_what_the_source_still_says_is_not_taken_in_again(lived, quiet, person, their_rides):
    steward = Steward(lived, "rides", quiet, pytest.fail)
    steward.round()
    erasure(lived, quiet, person).erase("they asked")
    for each in (steward, Steward(lived, "rides", quiet, pytest.fail)):
        lived.clock.set(lived.clock.now() + timedelta(hours=1))
        for source in lived.data_root.glob("*.parquet"):
            os.utime(source)  # so that it is read again
        each.round(watch=True)
        assert found(lived.root, [person, *their_rides]) == []
    rows = pl.DataFrame({"rider": [person, "rider-001", None]})
    assert Barred(lived, "rides").without(rows)["rider"].to_list() == ["rider-001", None]
    (lived.root / SALT).unlink()
    with pytest.raises(NotFound, match="bring the file back"):
        Barred(lived, "rides")


def test_a_ride_is_erased_by_its_key_alone(lived, quiet, person, their_rides):
    plan = Erasure(lived, "rides", "ride", "ride-06501x", quiet).plan()
    assert plan.rows == {"table rides": 1, "online rides": 1, "captures": 1, "labels": 1, "objects": 1} | {
        name: plan.rows[name] for name in plan.rows if name == "online rides"
    }
    Erasure(lived, "rides", "ride", "ride-06501x", quiet).erase("they asked")
    assert found(lived.root, ["ride-06501x"]) == []
    assert found(lived.root, [person])


def test_profiles_are_taken_anew_without_the_person(lived, quiet, person):
    def profiles():
        records = [record for _, record in lived.ledger.history([Ingest], "rides/rides") if record.profile]
        return pl.concat([read_sketch(lived.objects.get(record.profile)) for record in records])

    before, theirs = profiles(), erasure(lived, quiet, person).plan().rows["table rides"]
    assert by_column(before)["rider"].column().distinct == 51
    erasure(lived, quiet, person).erase("they asked")
    after = profiles()
    assert after.filter(column="wind")["rows"].sum() == before.filter(column="wind")["rows"].sum() - theirs
    assert by_column(after)["rider"].column().distinct == 50
    kept = lived.tables.read("rides/rides").collect()
    assert by_column(after)["wind"].column().mean == pytest.approx(kept["wind"].mean())


def test_only_columns_that_name_somebody_are_taken(lived, quiet):
    for column in ("wind", "planned", "shoe size"):
        with pytest.raises(InputError, match="choose one of: ride, rider, trips"):
            Erasure(lived, "rides", column, "1", quiet)
    definition = definition_of(lived, "rides")
    assert (column_of(definition, None), column_of(definition, "riders")) == ("ride", "rider")
    with pytest.raises(InputError, match="rides, riders"):
        column_of(definition, "shoes")


def test_what_cannot_be_changed_is_said(lived, quiet, person):
    note = Declared(product="rides", owner=person, source=lived.objects.put(person.encode()), policies={})
    text = lived.products()["rides"].source
    lived.ledger.append(note, "elsewhere")
    lived.ledger.append(msgspec.structs.replace(note, source=text), "rides")
    done = erasure(lived, quiet, person).erase("they asked")
    assert any(f"object {note.source}" in line and "elsewhere" in line for line in done.left)
    assert any("entries" in line and "never changed" in line for line in done.left)
    assert person not in " ".join(done.left)


def killed_at(root, person, number):
    environment = {name: value for name, value in os.environ.items() if name != "TRIMARAN_WORKSPACE"}
    command = [sys.executable, str(KILLER), str(root), person, str(number)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.mark.slow
def test_killed_anywhere_it_is_completed_by_the_same_command(lived_once, tmp_path, person, their_rides, quiet):
    def copy(name):
        return Path(shutil.copytree(lived_once, tmp_path / name)) / "workspace"

    total = int(killed_at(copy("counted"), person, 0).stdout)
    for number in sorted({1, *range(total // 6, total, total // 6), total - 2}):
        root = copy(f"killed-{number}")
        assert killed_at(root, person, number).returncode == -9
        workspace = Workspace(root, actor="ada")
        workspace.data_root = root.parent
        for version in range(workspace.tables.version("rides/rides") + 1):
            kept = workspace.tables.read("rides/rides", version).collect()
            whole = Workspace(lived_once / "workspace").tables.read("rides/rides", version).collect()
            others = pl.col("rider") != person
            assert kept.filter(others).sort("ride").equals(whole.filter(others).sort("ride")), f"killed at {number}"
        again = Erasure(workspace, "rides", "rider", person, quiet)
        if not again.plan().empty:
            again.erase("they asked")
        assert found(root, [person, *their_rides]) == [], f"killed at {number}"
        assert not reconcile(Book.open(workspace, "rides")).breaks, f"killed at {number}"
        assert len(list(workspace.ledger.history([Erased]))) == 1, f"killed at {number}"
        workspace.ledger.verify()
