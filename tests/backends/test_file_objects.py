"""Objects in files: the port's laws, and what a disk, a killed writer and a crowd can do to them."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimaran.backends.file_objects import FileObjects
from trimaran.core.canon import digest as digest_of
from trimaran.core.errors import Corrupt, NotFound, Unavailable
from trimaran.core.objects import BLOCK
from trimaran.core.ports import ObjectStore
from trimaran.testing import objects_kit


def files(folder: Path, contents: list[bytes]) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = [folder / str(number) for number in range(len(contents))]
    for path, data in zip(paths, contents, strict=True):
        path.write_bytes(data)
    return paths


def pack_of(root: Path) -> Path:
    (pack,) = (path for path in (root / "packs").iterdir() if path.is_file())
    return pack


@pytest.mark.parametrize("law", objects_kit.LAWS, ids=lambda law: law.__name__)
def test_it_keeps_the_laws_of_an_object_store(law: Callable[[ObjectStore], None], tmp_path: Path) -> None:
    law(FileObjects(tmp_path / "objects"))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=60))
def test_any_files_come_back_to_another_store_on_the_same_folder(contents):
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        digests = FileObjects(root / "objects").put_files(files(root / "from", contents))
        assert [FileObjects(root / "objects").get(digest) for digest in digests] == contents


def test_a_changed_file_is_corrupt_until_the_same_bytes_are_put_again(tmp_path: Path) -> None:
    store = FileObjects(tmp_path)
    name = store.put(b"a model")
    (tmp_path / name[:2] / name[2:]).write_bytes(b"a modal")
    with pytest.raises(Corrupt, match="restore it"):
        store.get(name)
    with pytest.raises(Corrupt, match="restore it"):
        store.fetch(name, tmp_path / "fetched")
    assert not (tmp_path / "fetched").exists()
    assert store.get(store.put(b"a model")) == b"a model"


def test_a_changed_large_file_is_healed_by_putting_it_again(tmp_path: Path) -> None:
    store, (source,) = FileObjects(tmp_path / "objects"), files(tmp_path / "from", [b"large" * BLOCK])
    (name,) = store.put_files([source])
    (store.root / name[:2] / name[2:]).write_bytes(b"larve" * BLOCK)
    with pytest.raises(Corrupt):
        store.fetch(name, tmp_path / "fetched")
    assert store.put_files([source]) == [name]
    store.fetch(name, tmp_path / "fetched")


def test_every_flipped_bit_of_a_pack_is_told_and_healed(tmp_path: Path) -> None:
    store, contents = FileObjects(tmp_path / "objects"), [b"object %d" % number for number in range(20)]
    paths = files(tmp_path / "from", contents)
    names = store.put_files(paths)
    pack = pack_of(store.root)
    whole = pack.read_bytes()
    for place in range(len(whole)):
        pack.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        told, fresh = 0, FileObjects(store.root)
        for name, data in zip(names, contents, strict=True):
            try:
                assert fresh.get(name) == data
            except Corrupt:
                told += 1
        assert told, f"the flip in byte {place} was not told"
    assert FileObjects(store.root).put_files(paths) == names  # the index as well as one object is broken now
    healed = FileObjects(store.root)
    pack.write_bytes(whole)
    assert [healed.get(name) for name in names] == contents


def test_an_object_changed_in_its_pack_is_healed_by_putting_it_again(tmp_path: Path) -> None:
    store, contents = FileObjects(tmp_path / "objects"), [b"object %d" % number for number in range(20)]
    paths = files(tmp_path / "from", contents)
    names = store.put_files(paths)
    pack = pack_of(store.root)
    pack.write_bytes(pack.read_bytes().replace(b"object 7", b"object 8"))
    with pytest.raises(Corrupt, match="put the same bytes again"):
        store.get(names[7])
    assert store.put_files(paths) == names
    assert [store.get(name) for name in names] == contents
    assert sorted(store.digests()) == sorted(names)


def test_a_pack_that_cannot_be_listed_is_told_and_hides_no_other_object(tmp_path: Path) -> None:
    store = FileObjects(tmp_path / "objects")
    names = store.put_files(files(tmp_path / "from", [b"object %d" % number for number in range(20)]))
    pack_of(store.root).write_bytes(b"torn")
    fresh = FileObjects(store.root)
    for act in (lambda: fresh.get(names[0]), lambda: list(fresh.digests()), lambda: fresh.remove([names[0]])):
        with pytest.raises(Corrupt, match="does not verify"):
            act()
    assert fresh.get(fresh.put(b"another")) == b"another"


def test_small_files_share_a_pack_and_are_there_once(tmp_path: Path) -> None:
    store, contents = FileObjects(tmp_path / "objects"), [b"object %03d" % number for number in range(100)]
    paths = files(tmp_path / "from", contents)
    names = store.put_files(paths)
    FileObjects(store.root).put_files(paths)
    assert sum(path.is_file() for path in store.root.rglob("*")) <= 2  # the pack and a lock
    other = FileObjects(store.root)
    assert other.remove(names[:50]) == sum(map(len, contents[:50]))
    assert sorted(store.digests()) == sorted(names[50:])  # this store had opened the pack that is gone
    assert [store.get(name) for name in names[50:]] == contents[50:]
    assert contents[3] not in pack_of(store.root).read_bytes()
    with pytest.raises(NotFound):
        store.get(names[3])
    assert other.remove(names) == sum(map(len, contents[50:]))
    assert not any(path.is_file() for path in (store.root / "packs").iterdir())


def test_a_removal_spares_files_put_again_in_a_pack(tmp_path: Path) -> None:
    store, contents = FileObjects(tmp_path / "objects"), [b"%d" % number for number in range(40)]
    names = store.put_files(files(tmp_path / "from", contents))
    os.utime(pack_of(store.root), (0, 0))
    moment = objects_kit.SystemClock().now()
    time.sleep(0.02)
    assert sorted(store.digests(before=moment)) == sorted(names)
    assert store.remove(names[:2], before=moment) == 2  # what is left keeps its age
    assert len(list(store.digests(before=moment))) == 38
    store.put_files(files(tmp_path / "again", contents[2:20]))
    assert list(store.digests(before=moment)) == []
    assert store.remove(names, before=moment) == 0
    assert len(list(store.digests())) == 38


def test_nothing_temporary_is_left_behind(tmp_path: Path) -> None:
    name = FileObjects(tmp_path).put(b"a model")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / name[:2] / name[2:]]


def test_a_failed_write_leaves_nothing_and_says_so(tmp_path: Path) -> None:
    store = FileObjects(tmp_path)
    name = FileObjects(tmp_path / "elsewhere").put(b"a model")
    (tmp_path / name[:2]).write_bytes(b"a file where a folder must be")
    with pytest.raises(Unavailable, match="nothing was recorded"):
        store.put(b"a model")
    assert not store.has(name)


def test_what_a_dead_writer_left_is_thrown_away_after_a_day_and_not_before(tmp_path: Path) -> None:
    FileObjects(tmp_path).put(b"a model")
    old, young = tmp_path / ".new" / "old", tmp_path / ".new" / "young"
    for path, age in ((old, 90_000), (young, 80_000)):
        path.write_bytes(b"half an obj")
        os.utime(path, (time.time() - age, time.time() - age))
    store = FileObjects(tmp_path)
    store.put(b"another")
    assert (old.exists(), young.exists()) == (False, True)
    assert len(list(store.digests())) == 2


WRITER = """
import sys
from pathlib import Path
from trimaran.backends.file_objects import FileObjects
store = FileObjects(Path(sys.argv[1]))
paths = sorted(Path(sys.argv[2]).iterdir())
print("ready", flush=True)
while True:
    store.put_files(paths)
    print("stored", flush=True)
    store.remove(list(store.digests()))
"""


@pytest.mark.parametrize("wait", [0.0, 0.004, 0.01, 0.03, 0.06, 0.1])
def test_a_killed_writer_leaves_nothing_that_can_be_read_wrongly(tmp_path: Path, wait: float) -> None:
    contents = [os.urandom(3000) for _ in range(200)] + [os.urandom(3 * BLOCK)]
    paths = files(tmp_path / "from", contents)
    command = [sys.executable, "-c", WRITER, str(tmp_path / "objects"), str(tmp_path / "from")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        time.sleep(wait)
        writer.send_signal(signal.SIGKILL)
    store, wanted = FileObjects(tmp_path / "objects"), {digest_of(data): data for data in contents}
    for name in store.digests():
        assert store.get(name) == wanted[name]
    assert [store.get(name) for name in store.put_files(paths)] == contents


CROWD = """
import sys
from pathlib import Path
from trimaran.backends.file_objects import FileObjects
store, paths = FileObjects(Path(sys.argv[1])), sorted(Path(sys.argv[2]).iterdir())
for _ in range(10):
    names = store.put_files(paths)
    assert [store.get(name) for name in names] == [path.read_bytes() for path in paths]
    assert store.put(paths[0].read_bytes()) == names[0]
"""


def test_processes_that_put_the_same_files_agree(tmp_path: Path) -> None:
    contents = [os.urandom(1000) for _ in range(40)] + [os.urandom(BLOCK + 1)]
    files(tmp_path / "from", contents)
    command = [sys.executable, "-c", CROWD, str(tmp_path / "objects"), str(tmp_path / "from")]
    crowd = [subprocess.Popen(command) for _ in range(4)]
    assert [each.wait() for each in crowd] == [0, 0, 0, 0]
    assert sorted(FileObjects(tmp_path / "objects").digests()) == sorted(map(digest_of, contents))


BOUNDED = r"""
import re, sys
from pathlib import Path
from trimaran.backends.file_objects import FileObjects
store = FileObjects(Path(sys.argv[1]))
def peak():  # rusage tells the parent's where that was larger
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])
before = peak()
(name,) = store.put_files([Path(sys.argv[2])])
store.fetch(name, Path(sys.argv[3]))
print(name, peak() - before)
"""


def test_a_large_file_passes_in_bounded_memory(tmp_path: Path) -> None:
    source = tmp_path / "large"
    with source.open("wb") as file:
        file.truncate(400 << 20)  # sparse: what is read of it is zeros
        file.write(b"at the start")
    command = [sys.executable, "-c", BOUNDED, str(tmp_path / "objects"), str(source), str(tmp_path / "back")]
    name, grown = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    with source.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == name
    assert (tmp_path / "back").stat().st_size == 400 << 20
    print(f"{grown} KB")
    assert 0 < int(grown) < 64 << 10, f"it took {grown} KB more"
