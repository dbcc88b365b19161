"""Folders as trees: what comes back, what is refused, and that nothing is ever half there."""

import os
import stat
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimaran.core.canon import canonical
from trimaran.core.canon import digest as digest_of
from trimaran.core.errors import Conflict, InputError, NotFound
from trimaran.core.objects import Member, Tree, fetch_tree, members, put_tree, reached
from trimaran.testing import MemoryObjects

names = st.text(st.characters(codec="utf-8", exclude_characters="/\\\0:"), min_size=1, max_size=8).filter(
    lambda name: name not in {".", ".."} and len(name.encode()) < 100
)
contents = st.one_of(st.binary(max_size=50), st.tuples(st.binary(max_size=20)))  # a tuple: it can be run
folders = st.recursive(
    st.dictionaries(names, contents, max_size=4),
    lambda inner: st.dictionaries(names, st.one_of(contents, inner), max_size=4),
)


def write(folder, wanted):
    folder.mkdir()
    for name, content in wanted.items():
        path = folder / name
        if isinstance(content, dict):
            write(path, content)
        else:
            path.write_bytes(content[0] if isinstance(content, tuple) else content)
            path.chmod(0o755 if isinstance(content, tuple) else 0o644)


def read(folder):
    found = {}
    for path in folder.iterdir():
        if path.is_dir():
            found[path.name] = read(path)
        else:
            data = path.read_bytes()
            found[path.name] = (data,) if path.stat().st_mode & stat.S_IXUSR else data
    return found


@settings(max_examples=60, deadline=None)
@given(folders)
def test_any_folder_comes_back_and_has_one_digest(wanted):
    store = MemoryObjects()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        write(root / "a", wanted)
        digest = put_tree(store, root / "a")
        fetch_tree(store, digest, root / "b")
        assert read(root / "b") == wanted
        assert put_tree(MemoryObjects(), root / "b") == digest
        assert sorted(path.name for path in root.iterdir()) == ["a", "b"]
        assert reached(store, digest) == set(store.digests())


def test_the_stored_form_is_canonical_json(tmp_path):
    write(tmp_path / "a", {"run.sh": (b"#!",), "empty": {"inner": {}}, "z": {"a": b"x"}})
    store = MemoryObjects()
    stored = store.get(put_tree(store, tmp_path / "a"))
    assert stored == canonical(msgspec.json.decode(stored))
    assert stored.decode() == (
        '{"empty":["empty/inner"],"form":1,"kind":"tree","members":['
        f'{{"digest":"{digest_of(b"#!")}","executable":true,"path":"run.sh","size":2}},'
        f'{{"digest":"{digest_of(b"x")}","executable":false,"path":"z/a","size":1}}]}}'
    )


def test_everything_a_tree_cannot_hold_is_told_at_once(tmp_path):
    folder = tmp_path / "a"
    write(folder, {"fine": b"", "inner": {}})
    (folder / "link").symlink_to("/etc/passwd")
    (folder / "inner" / "up").symlink_to(tmp_path)
    (folder / "back\\slash").write_bytes(b"")
    (folder / "c:drive").write_bytes(b"")
    os.mkfifo(folder / "pipe")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff")).write_bytes(b"")
    store = MemoryObjects()
    with pytest.raises(InputError) as caught:
        put_tree(store, folder)
    assert {fault.where for fault in caught.value.faults} == {"back\\slash", "c:drive", "inner/up", "link", "pipe", "?"}
    assert list(store.digests()) == []
    with pytest.raises(InputError, match="no folder"):
        put_tree(store, folder / "link")


def test_a_file_that_changes_while_it_is_stored_is_refused(tmp_path):
    write(tmp_path / "a", {"moving": b"before"})

    class Slow(MemoryObjects):
        def put_files(self, paths):
            digests = super().put_files(paths)
            paths[0].write_bytes(b"afterwards")
            return digests

    with pytest.raises(InputError, match="moving: it changed"):
        put_tree(Slow(), tmp_path / "a")


EVIL = ["../out", "/etc/out", "a/../../out", "a//b", "a/.", "..", "", "c:out", "a\\..\\out", "nul\0"]


@pytest.mark.parametrize("empty", [False, True])
@pytest.mark.parametrize("path", EVIL)
def test_a_forged_tree_writes_nothing(tmp_path, path, empty):
    store = MemoryObjects()
    member = Member(path=path, digest=store.put(b"evil"), size=4)
    forged = store.put(canonical(Tree(members=[] if empty else [member], empty=[path] if empty else [])))
    with pytest.raises(InputError):
        fetch_tree(store, forged, tmp_path / "deep" / "b")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("paths", "empty"),
    [(["b", "a"], []), (["a", "a"], []), (["a", "a/b"], []), (["a"], ["a"]), (["a"], ["a/b"]), ([], ["b", "a"])],
)
def test_a_tree_that_is_not_one_folder_is_refused(paths, empty):
    store = MemoryObjects()
    one = store.put(b"")
    tree = Tree(members=[Member(path=path, digest=one, size=0) for path in paths], empty=empty)
    with pytest.raises(InputError):
        members(store, store.put(canonical(tree)))


def test_an_object_that_is_no_tree_is_told(tmp_path):
    store = MemoryObjects()
    with pytest.raises(InputError, match="no tree"):
        fetch_tree(store, store.put(b"a model"), tmp_path / "b")
    with pytest.raises(NotFound):
        fetch_tree(store, digest_of(b"never"), tmp_path / "b")


def test_a_folder_that_is_there_is_left_alone(tmp_path):
    store = MemoryObjects()
    write(tmp_path / "a", {"one": b"1"})
    digest = put_tree(store, tmp_path / "a")
    write(tmp_path / "b", {})
    with pytest.raises(Conflict, match="never replaces"):
        fetch_tree(store, digest, tmp_path / "b")
    assert read(tmp_path / "b") == {}


def test_a_tree_with_a_missing_file_leaves_nothing(tmp_path):
    store = MemoryObjects()
    write(tmp_path / "a", {"one": b"1", "two": b"2"})
    digest = put_tree(store, tmp_path / "a")
    store.remove([digest_of(b"2")])
    with pytest.raises(NotFound):
        fetch_tree(store, digest, tmp_path / "b")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
