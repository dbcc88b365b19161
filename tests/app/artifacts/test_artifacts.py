"""A product as one file: the same bytes for the same inputs, every byte covered, and the same model elsewhere."""

import json
import os
import random
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from lifts import write_lifts
from trimaran.app.artifacts import build_artifact, load_named, packed, read_artifact
from trimaran.app.lifecycle import Lifecycle
from trimaran.app.loading import load_file
from trimaran.app.progress import progress
from trimaran.app.running import run_once
from trimaran.app.workspace import Workspace
from trimaran.core.canon import digest
from trimaran.core.errors import Conflict, Corrupt, InputError, NotFound
from trimaran.core.nouns import Run
from trimaran.doors.cli.main import run


def git(folder, *words):
    who = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
    when = {"GIT_AUTHOR_DATE": "2024-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2024-01-01T00:00:00Z"}
    done = subprocess.run(
        ["git", "-C", folder, *words], capture_output=True, text=True, check=True, env=os.environ | who | when
    )
    return done.stdout.strip()


@pytest.fixture
def product(tmp_path):
    folder = tmp_path / "first"
    folder.mkdir()
    return write_lifts(folder)


@pytest.fixture
def tracked(product):
    git(product.parent, "init", "-q")
    git(product.parent, "add", "lifts.py", "heaving.py")
    git(product.parent, "commit", "-qm", "Lifts")
    return product


@pytest.fixture
def artifact(product, tmp_path):
    return build_artifact(product, tmp_path / "dist")


def test_the_same_inputs_give_the_same_bytes_at_another_time_and_in_another_folder(tracked, tmp_path):
    (tracked.parent / "heaving.py").write_text((tracked.parent / "heaving.py").read_text() + "\nMOST = 10\n")
    one, told = build_artifact(tracked, tmp_path / "one")
    there = tmp_path / "elsewhere" / "deep"
    shutil.copytree(tracked.parent, there)
    for name in ("lifts.py", "heaving.py", "lifts.parquet"):
        os.utime(there / name, (1, 1))
    git(there, "config", "diff.noprefix", "true")
    git(there, "config", "core.abbrev", "40")
    two, _ = build_artifact(there / "lifts.py", tmp_path / "two")
    assert one.name == two.name == f"lifts-{told.about.version}.product.tar"
    assert one.read_bytes() == two.read_bytes()
    assert digest(one.read_bytes()) == told.digest


def test_another_process_builds_the_same_bytes(tracked, tmp_path):
    one, _ = build_artifact(tracked, tmp_path / "one")
    command = [str(Path(sys.executable).parent / "trimaran"), "build", str(tracked), "--out", str(tmp_path / "two")]
    subprocess.run(command, check=True, env=os.environ | {"PYTHONHASHSEED": "7"})
    assert (tmp_path / "two" / one.name).read_bytes() == one.read_bytes()


def test_a_change_of_any_input_gives_another_artifact(tracked, tmp_path):
    seen = {build_artifact(tracked, tmp_path / "0")[1].about.version}
    for name, old, new in (("lifts.py", "trials=6", "trials=7"), ("heaving.py", "LEAST = 0", "LEAST = -1")):
        path = tracked.parent / name
        path.write_text(path.read_text().replace(old, new))
        seen.add(build_artifact(tracked, tmp_path / str(len(seen)))[1].about.version)
    assert len(seen) == 3


def test_it_holds_the_code_that_is_reached_also_within_functions_and_nothing_else(product, tmp_path):
    text = product.read_text().replace(
        "    return model_of(", "    from rarely import used\n\n    used()\n    return model_of("
    )
    product.write_text(text)
    (product.parent / "rarely.py").write_text("import deeper.still\n\ndef used():\n    return deeper.still.ONE\n")
    (product.parent / "deeper").mkdir()
    (product.parent / "deeper" / "__init__.py").write_text("")
    (product.parent / "deeper" / "still.py").write_text("ONE = 1\n")
    (product.parent / "unrelated.py").write_text("SECRET = 1\n")
    _, found = build_artifact(product, tmp_path / "dist")
    assert sorted(found.code) == ["deeper/__init__.py", "deeper/still.py", "heaving.py", "lifts.py", "rarely.py"]
    assert found.members["environment.lock"].decode().startswith("# python 3.")
    assert "\npolars==" in found.members["environment.lock"].decode()


def test_the_provenance_is_an_in_toto_statement_of_every_member_with_the_commit_and_what_was_not_committed(
    tracked, tmp_path
):
    path = tracked.parent / "heaving.py"
    path.write_text(path.read_text() + "MOST = 10\n")
    _, found = build_artifact(tracked, tmp_path / "dist")
    told = found.provenance
    assert told["_type"] == "https://in-toto.io/Statement/v1"
    assert told["predicateType"] == "https://slsa.dev/provenance/v1"
    assert {one["name"]: one["digest"]["sha256"] for one in told["subject"]} == {
        name: digest(data)
        for name, data in found.members.items()
        if name not in {"artifact.json", "SHA256SUMS", "provenance.json"}
    }
    (repository,) = [
        one for one in told["predicate"]["buildDefinition"]["resolvedDependencies"] if one["name"] == "repository"
    ]
    assert repository["digest"] == {"gitCommit": git(tracked.parent, "rev-parse", "HEAD")}
    assert repository["annotations"] == {"clean": False, "untracked": [], "folder": ""}
    assert b"+MOST = 10" in found.members["uncommitted.diff"]
    assert "trimaran" in {one["name"] for one in told["predicate"]["buildDefinition"]["resolvedDependencies"]}


def test_every_changed_removed_or_added_byte_is_found(artifact, tmp_path):
    path, _ = artifact
    whole = path.read_bytes()
    chance, changed = random.Random(4), tmp_path / "changed.product.tar"
    # Every byte of the first headers and of what an artifact says of itself, and some of all.
    start = whole.index(b"artifact.json")
    places = {*range(600), *range(start, start + 1_100), *(chance.randrange(len(whole)) for _ in range(600)), len(whole) - 1}
    for place in sorted(places):
        other = bytearray(whole)
        other[place] ^= 1 << chance.randrange(8)
        changed.write_bytes(other)
        with pytest.raises((Corrupt, InputError)):
            read_artifact(changed)
    for other in (whole[:-1], whole[:-512], whole[: len(whole) // 2], whole + b"\0", whole + bytes(512), whole + whole, b""):
        changed.write_bytes(other)
        with pytest.raises((Corrupt, InputError)):
            read_artifact(changed)


def test_one_that_was_made_again_around_changed_code_has_another_digest(artifact, tmp_path):
    path, found = artifact
    members = {name: data for name, data in found.members.items() if name != "SHA256SUMS"}
    members["product/heaving.py"] += b"import os\n"
    forged = tmp_path / "forged.product.tar"
    forged.write_bytes(packed(members))
    with pytest.raises(Corrupt, match=r"artifact\.json does not fit its members"):
        read_artifact(forged)
    assert read_artifact(path, digest_=found.digest).digest == found.digest
    assert read_artifact(path, digest_=f"sha256:{found.digest}").digest == found.digest
    with pytest.raises(Corrupt, match="it is another artifact, or was changed"):
        read_artifact(path, digest_="0" * 64)


@pytest.mark.parametrize("name", ["../outside.py", "/etc/passwd", "product/../../x.py"])
def test_an_archive_with_a_member_outside_of_it_is_refused(artifact, tmp_path, name):
    _, found = artifact
    forged = tmp_path / "forged.product.tar"
    forged.write_bytes(packed({**{key: one for key, one in found.members.items() if key != "SHA256SUMS"}, name: b"x"}))
    with pytest.raises(Corrupt, match="which no artifact does"):
        read_artifact(forged)


def test_it_unpacks_with_tar_and_verifies_with_sha256sum(artifact, tmp_path):
    path, _ = artifact
    (tmp_path / "unpacked").mkdir()
    with tarfile.open(path) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    done = subprocess.run(["sha256sum", "--strict", "--quiet", "-c", "SHA256SUMS"], cwd=tmp_path / "unpacked", check=False)
    assert done.returncode == 0
    shutil.copy(path.parent.parent / "first" / "lifts.parquet", tmp_path / "unpacked" / "product")
    assert load_file(tmp_path / "unpacked" / "product" / "lifts.py").definition.name == "lifts"


def trained(loaded, folder, data, path=None):
    workspace = Workspace(folder)
    workspace.data_root = data
    with progress() as shown:
        state, _ = run_once(Lifecycle(workspace, loaded, shown, path=path))
    (made,) = [record for _, record in workspace.ledger.history((Run,))]
    return state.version, made


def test_an_artifact_trains_the_very_model_of_its_file_and_the_record_has_its_commit(tracked, tmp_path):
    path, _ = build_artifact(tracked, tmp_path / "far" / "away")
    data = tracked.parent
    here, plain = trained(load_file(tracked), tmp_path / "w1", data, tracked)
    there, packed_ = trained(load_named(path, root=data), tmp_path / "w2", data)
    assert (there.native, there.compiled) == (here.native, here.compiled)
    assert packed_.code == plain.code
    assert packed_.code.commit == git(data, "rev-parse", "HEAD")


def test_the_commands_build_verify_check_and_run_it(product, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(["build", str(product), "--version", "1.4.0", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["path"] == "dist/lifts-1.4.0.product.tar"
    path, said = told["path"], told["digest"]
    assert run(["build", path, "--verify", "--digest", said]) == 0
    assert "lifts 1.4.0, owned by ops: verified" in capsys.readouterr().out
    given = ["--data", str(product.parent), "--workspace", str(tmp_path / "w")]
    assert run(["run", path, *given, "--digest", "0" * 64]) == 1
    assert "another artifact, or was changed" in capsys.readouterr().err
    assert not (tmp_path / "w").exists()
    assert run(["run", path, *given, "--digest", said]) == 0
    assert run(["check", path, "--data", str(product.parent)]) == 0
    assert run(["test", path, "--data", str(product.parent), "--rows", "2000"]) == 0
    broken = bytearray((tmp_path / path).read_bytes())
    broken[700] ^= 1
    (tmp_path / path).write_bytes(broken)
    capsys.readouterr()
    assert run(["build", path, "--verify"]) == 1
    assert "get it again" in capsys.readouterr().err
    assert run(["run", path, *given]) == 1


def test_what_cannot_be_built_or_read_is_told(product, tmp_path, capsys):
    build_artifact(product, tmp_path / "dist", version="1")
    product.write_text(product.read_text() + "\n# another\n")
    with pytest.raises(Conflict, match="is there already and holds something else"):
        build_artifact(product, tmp_path / "dist", version="1")
    with pytest.raises(InputError, match="cannot be in a file's name"):
        build_artifact(product, tmp_path / "dist", version="../1")
    with pytest.raises(InputError, match="is an artifact already"):
        build_artifact(tmp_path / "dist" / "lifts-1.product.tar", tmp_path / "dist")
    with pytest.raises(NotFound, match="no artifact"):
        read_artifact(tmp_path / "none.product.tar")
    (tmp_path / "text.product.tar").write_text("not a tar")
    with pytest.raises(InputError, match="no archive"):
        read_artifact(tmp_path / "text.product.tar")
    with pytest.raises(InputError, match="is no artifact"):
        load_named(product, digest="0" * 64)
    assert run(["build", str(product), "--digest", "0" * 64]) == 2
    assert run(["build", str(product.parent / "none.py")]) == 2


def test_a_contract_travels_with_the_product_and_must_be_where_its_data_is(product, tmp_path):
    contract = product.parent / "contracts" / "lifts.yaml"
    contract.parent.mkdir()
    assert run(["contract", "infer", str(product.parent / "lifts.parquet"), "--out", str(contract)]) == 0
    product.write_text(
        product.read_text().replace('time="due", known', 'time="due", contract="contracts/lifts.yaml", known')
    )
    path, found = build_artifact(product, tmp_path / "dist")
    assert "contracts/lifts.yaml" in found.code
    assert load_named(path, root=product.parent).definition.tables["lifts"].contract is not None
    bare = tmp_path / "bare"
    bare.mkdir()
    shutil.copy(product.parent / "lifts.parquet", bare)
    with pytest.raises(InputError, match=r"the contract of lifts, contracts/lifts\.yaml, is not in"):
        load_named(path, root=bare)
