"""Nothing is written of a bundle that is not what was signed, and what is wrong with it is named."""

import io
import tarfile

import msgspec
import pytest
from house import PRODUCT

from trimaran.app.moving import bring_in, export
from trimaran.app.moving.bundle import MANIFEST, NOTE, Manifest
from trimaran.app.workspace import Workspace
from trimaran.core.canon import canonical, digest
from trimaran.core.errors import Corrupt, InputError, NotFound, Refused
from trimaran.core.ledger import SigningKey, VerifierKey


@pytest.fixture
def bundle(house, tmp_path):
    export(house, tmp_path / "one.tar", product=PRODUCT)
    return tmp_path / "one.tar"


def unpacked(path):
    with tarfile.open(path) as tar:
        return {info.name: tar.extractfile(info).read() for info in tar}


def packed(path, members, **types):
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.type = len(data), types.get(name, tarfile.REGTYPE)
            info.linkname = "/etc/passwd" if info.type == tarfile.SYMTYPE else ""
            tar.addfile(info, io.BytesIO(data))
    return path


def refused(error, bundle, into, key, match, **options):
    with pytest.raises(error, match=match):
        bring_in(bundle, into, **{"keys": [key], "actor": "mia", **options})
    assert not into.exists()


def test_every_member_is_verified(bundle, key, tmp_path):
    members = unpacked(bundle)
    for name in [each for each in members if each not in {MANIFEST, NOTE}]:
        data = members[name]
        changed = data[:-2] + bytes([data[-2] ^ 1]) + data[-1:] if len(data) > 1 else b"x"
        path = packed(tmp_path / "bad.tar", {**members, name: changed})
        refused(Corrupt, path, tmp_path / "new", key, name.replace(".", r"\."))


def test_a_manifest_that_was_changed_is_found(bundle, key, tmp_path):
    members = unpacked(bundle)
    manifest = msgspec.json.decode(members[MANIFEST], type=Manifest)
    for change in ({"head": "0" * 64}, {"size": manifest.size + 1}, {"clock": None}, {"counts": {}}):
        data = canonical(msgspec.structs.replace(manifest, **change))
        path = packed(tmp_path / "bad.tar", {**members, MANIFEST: data})
        refused(Corrupt, path, tmp_path / "new", key, "signed for another manifest")


def test_a_stranger_who_signs_anew_is_not_believed(bundle, key, tmp_path):
    members = unpacked(bundle)
    manifest = msgspec.json.decode(members[MANIFEST], type=Manifest)
    stranger = SigningKey.generate()
    forged = SigningKey(manifest.origin, stranger._seed)
    data = canonical(msgspec.structs.replace(manifest, key=str(forged.verifier)))
    note = members[NOTE].decode().partition("\n\n")[0] + "\n"
    signed = forged.sign_text(note.replace(digest(members[MANIFEST]), digest(data))).encode()
    path = packed(tmp_path / "bad.tar", {**members, MANIFEST: data, NOTE: signed})
    refused(Corrupt, path, tmp_path / "new", key, "is not signed by a key that was given")
    # Who takes the word of anybody the first time would be fooled, but not once the true origin was met.
    bring_in(bundle, tmp_path / "met", first_use=True, actor="mia")
    with pytest.raises(Corrupt, match="is not signed by a key that was given"):
        bring_in(path, tmp_path / "met", first_use=True, actor="mia", name="other")


@pytest.mark.parametrize("change", ["changed", "removed", "swapped", "another product's"])
def test_a_chain_that_was_signed_broken_is_refused(house, key, tmp_path, change):
    """Also the holder of the key cannot pass a ledger off that is none."""
    export(house, tmp_path / "one.tar", product=PRODUCT if change == "another product's" else None)
    members = unpacked(tmp_path / "one.tar")
    name = next(each for each in members if each.startswith("ledger."))
    lines = members[name].splitlines(keepends=True)
    if change == "changed":
        lines[3] = lines[3].replace(b'"actor":"trimaran"', b'"actor":"nobody"')
    elif change == "removed":
        del lines[-1]
    elif change == "swapped":
        lines[3], lines[4] = lines[4], lines[3]
    else:
        foreign = next(entry for entry in house.ledger.store.scan() if entry.subject.startswith("punctual-3"))
        from trimaran.app.moving.lines import entry_line

        lines.append(entry_line(foreign))
    signer = house.auditor._files.signing_key()
    path = packed(tmp_path / "bad.tar", resigned(members, name, b"".join(lines), signer))
    refused(Corrupt, path, tmp_path / "new", key, "entry|chain")


def resigned(members, name, data, signer):
    from trimaran.app.moving.bundle import Member, text_to_sign

    manifest = msgspec.json.decode(members[MANIFEST], type=Manifest)
    fresh = Member(f"ledger.{digest(data)}.jsonl", len(data))
    kept = [member for member in manifest.members if member.name != name]
    manifest = msgspec.structs.replace(manifest, members=sorted([*kept, fresh]))
    written = canonical(manifest)
    note = signer.sign_text(text_to_sign(manifest, digest(written))).encode()
    others = {each: members[each] for each in members if each not in {name, MANIFEST, NOTE}}
    return {MANIFEST: written, NOTE: note, **others, fresh.name: data}


def test_what_the_manifest_does_not_list_is_refused_whatever_it_is(bundle, key, tmp_path):
    members = unpacked(bundle)
    for name in ("../../evil", "/etc/cron.d/evil", "objects/" + "0" * 64, "keys/checkpoints.key"):
        path = packed(tmp_path / "bad.tar", {**members, name: b"evil"})
        refused(InputError, path, tmp_path / "new", key, "is not listed in the manifest")
    path = packed(tmp_path / "bad.tar", {**members, "link": b""}, link=tarfile.SYMTYPE)
    refused(InputError, path, tmp_path / "new", key, "link: is no plain file")
    missing = {name: data for name, data in members.items() if not name.startswith("labels")}
    refused(InputError, packed(tmp_path / "bad.tar", missing), tmp_path / "new", key, "labels.*is missing")


def test_a_table_cannot_be_sent_elsewhere(bundle, house, key, tmp_path):
    members = unpacked(bundle)
    manifest = msgspec.json.decode(members[MANIFEST], type=Manifest)
    files = manifest.tables[f"{PRODUCT}/legs"]
    first = next(iter(files.values()))
    for tables in ({f"{PRODUCT}/../../legs": files}, {"stranger/legs": files}, {f"{PRODUCT}/legs": {"../../evil": first}}):
        data = canonical(msgspec.structs.replace(manifest, tables=tables))
        path = packed(tmp_path / "bad.tar", {**members, MANIFEST: data})
        refused(InputError, path, tmp_path / "new", key, "is no table of its products|is no file of a table")


def test_whom_to_trust_must_be_said(bundle, key, tmp_path):
    refused(Refused, bundle, tmp_path / "new", key, "--trust-on-first-use", keys=[])
    other = SigningKey.generate().verifier
    refused(Refused, bundle, tmp_path / "new", key, "the key that was given is of", keys=[other])
    twin = VerifierKey(key.name, other.public)
    refused(Corrupt, bundle, tmp_path / "new", key, "is not signed by a key that was given", keys=[twin])
    assert bring_in(bundle, tmp_path / "new", first_use=True, actor="mia")[0].key == str(key)
    # Who was met is known from then on.
    assert bring_in(bundle, tmp_path / "new", actor="mia", name="guest")


def test_a_file_cut_short_or_of_another_kind_is_told(bundle, key, tmp_path):
    data = bundle.read_bytes()
    for length in (0, 100, 512, 700, 5000, len(data) // 2, len(data) - 1025):
        (tmp_path / "cut.tar").write_bytes(data[:length])
        refused(InputError, tmp_path / "cut.tar", tmp_path / "new", key, "cut short|by its header|is missing|not there")
    (tmp_path / "text.tar").write_bytes(b"hello " * 1000)
    refused(InputError, tmp_path / "text.tar", tmp_path / "new", key, "is no bundle")
    refused(NotFound, tmp_path / "none.tar", tmp_path / "new", key, "there is no file")


def test_a_later_form_is_told(bundle, key, tmp_path):
    members = unpacked(bundle)
    members[MANIFEST] = members[MANIFEST].replace(b'"form":1', b'"form":2', 1)
    refused(InputError, packed(tmp_path / "new.tar", members), tmp_path / "new", key, "the bundle has form 2")


def test_the_chain_of_a_workspace_that_was_changed_is_not_exported(house, tmp_path):
    with __import__("sqlite3").connect(house.root / "ledger.db") as connection:
        connection.execute("DROP TRIGGER entries_stay_as_written")
        connection.execute("UPDATE entries SET actor = 'nobody' WHERE seq = 3")
    with pytest.raises(Corrupt, match="nothing is taken"):
        export(Workspace(house.root), tmp_path / "x.tar")
    assert not (tmp_path / "x.tar").exists()
