"""A cache in front of an object store: bounded, verified, shared, and never the truth."""

import os
import subprocess
import sys
import threading

import pytest

from trimaran.backends.cached_objects import CachedObjects
from trimaran.backends.file_objects import FileObjects
from trimaran.core.errors import Corrupt, NotFound, Unavailable
from trimaran.testing import MemoryObjects, objects_kit


class Far(MemoryObjects):
    """A far store that counts what is read of it, and can be down."""

    def __init__(self):
        super().__init__()
        self.reads, self.down = 0, False

    def put(self, data):
        self.asked()
        return super().put(data)

    def get(self, digest):
        self.asked()
        self.reads += 1
        return super().get(digest)

    def has(self, digest):
        self.asked()
        return super().has(digest)

    def asked(self):
        if self.down:
            raise Unavailable("the far store is down")


@pytest.mark.parametrize("limit", [0, 10, 1 << 30])
@pytest.mark.parametrize("law", objects_kit.LAWS, ids=lambda law: law.__name__)
def test_it_keeps_the_laws_of_an_object_store(law, limit, tmp_path):
    law(CachedObjects(MemoryObjects(), tmp_path, limit=limit))


def test_what_was_put_or_read_is_not_downloaded_again(tmp_path):
    far = Far()
    other = far.put(b"put elsewhere")
    store = CachedObjects(far, tmp_path / "cache", limit=100)
    name = store.put(b"put here")
    for number in range(3):
        assert store.get(name) == b"put here"
        assert store.get(other) == b"put elsewhere"
        store.fetch(other, tmp_path / f"fetched-{number}")
    assert far.reads == 1
    fetched = CachedObjects(far, tmp_path / "cache-of-fetched", limit=100)
    fetched.fetch(other, tmp_path / "once")
    fetched.fetch(other, tmp_path / "twice")
    assert far.reads == 2
    assert (tmp_path / "twice").read_bytes() == b"put elsewhere"


def test_a_put_that_the_far_store_did_not_take_is_no_put(tmp_path):
    far = Far()
    store, far.down = CachedObjects(far, tmp_path, limit=100), True
    with pytest.raises(Unavailable):
        store.put(b"x")
    assert store.held() == 0


def test_a_copy_stands_in_while_the_far_store_is_down_and_never_after_a_removal(tmp_path):
    far = Far()
    store = CachedObjects(far, tmp_path / "cache", limit=100)
    name = store.put(b"x")
    far.down = True
    assert store.get(name) == b"x"
    store.fetch(name, tmp_path / "fetched")
    far.down = False
    far.remove([name])  # by another machine
    with pytest.raises(NotFound):
        store.get(name)
    far.down = True
    with pytest.raises(Unavailable):
        store.get(name)


def test_a_changed_copy_is_fetched_again(tmp_path):
    far = Far()
    store = CachedObjects(far, tmp_path / "cache", limit=100)
    name = store.put(b"the bytes")
    for act in (
        lambda: store.get(name),
        lambda: store.fetch(name, tmp_path / "fetched") or (tmp_path / "fetched").read_bytes(),
    ):
        (tmp_path / "cache" / name).write_bytes(b"the bites")
        assert act() == b"the bytes"
        assert (tmp_path / "cache" / name).read_bytes() == b"the bytes"
    assert far.reads == 2


def test_a_far_object_that_changed_is_not_kept(tmp_path):
    far = FileObjects(tmp_path / "far")
    name = far.put(b"the bytes")
    (far.root / name[:2] / name[2:]).write_bytes(b"the bites")
    store = CachedObjects(far, tmp_path / "cache", limit=100)
    with pytest.raises(Corrupt):
        store.get(name)
    with pytest.raises(Corrupt):
        store.fetch(name, tmp_path / "fetched")
    assert store.held() == 0


def test_the_longest_unread_goes_first_and_the_bound_holds(tmp_path):
    far = Far()
    store = CachedObjects(far, tmp_path, limit=100)
    names = [store.put(b"%d" % number * 30) for number in range(3)]
    for age, name in enumerate(names):
        os.utime(tmp_path / name, (age, age))
    store.get(names[0])
    store.put(b"a" * 30)
    assert store.held() <= 100
    far.reads = 0
    store.get(names[0])
    assert far.reads == 0
    store.get(names[1])
    assert far.reads == 1
    large = store.put(b"b" * 101)
    assert store.get(large) == b"b" * 101
    assert store.held() <= 100
    assert store.get(names[0])
    assert far.reads == 2


def test_a_smaller_limit_holds_from_the_start_and_dead_copies_are_thrown_away(tmp_path):
    store = CachedObjects(Far(), tmp_path, limit=1000)
    for number in range(20):
        store.put(b"%02d" % number * 20)
    old, young = tmp_path / ".old", tmp_path / ".young"
    old.write_bytes(b"half a copy")
    young.write_bytes(b"half a copy")
    os.utime(old, (0, 0))
    assert CachedObjects(Far(), tmp_path, limit=100).held() <= 100
    assert (old.exists(), young.exists()) == (False, True)


def test_a_total_that_was_lost_or_half_written_is_counted_anew(tmp_path):
    store = CachedObjects(Far(), tmp_path, limit=100)
    for said in ("", "many"):
        (tmp_path / ".total").write_text(said)
        for number in range(10):
            store.put(b"%d%s" % (number, said.encode()) * 20)
            assert store.held() <= 100


def test_threads_that_read_while_others_throw_away_get_the_bytes(tmp_path):
    store = CachedObjects(Far(), tmp_path, limit=300)
    contents = [b"%03d" % number * 10 for number in range(40)]
    names = [store.put(data) for data in contents]
    wrong = []

    def read(seed):
        for step in range(200):
            number = (seed * 7 + step * 13) % 40
            if store.get(names[number]) != contents[number]:
                wrong.append(number)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert store.held() <= 300


CROWD = """
import sys
from pathlib import Path
from trimaran.backends.cached_objects import CachedObjects
from trimaran.backends.file_objects import FileObjects
root, seed = Path(sys.argv[1]), int(sys.argv[2])
store = CachedObjects(FileObjects(root / "far"), root / "cache", limit=5000)
for step in range(150):
    data = b"%03d" % ((seed * 31 + step * 7) % 60) * 100
    assert store.get(store.put(data)) == data
    assert store.held() <= 5000, store.held()
"""


def test_processes_share_a_cache_and_its_bound(tmp_path):
    crowd = [subprocess.Popen([sys.executable, "-c", CROWD, str(tmp_path), str(seed)]) for seed in range(4)]
    assert [each.wait() for each in crowd] == [0, 0, 0, 0]
