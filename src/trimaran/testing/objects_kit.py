"""The laws of ``ObjectStore``; each takes an empty store."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from trimaran.core.canon import digest
from trimaran.core.clock import SystemClock
from trimaran.core.errors import Conflict, InputError, NotFound
from trimaran.core.ports import ObjectStore
from trimaran.testing.laws import BrokenLaw, holds, refuses


def bytes_come_back_by_their_sha256(store: ObjectStore) -> None:
    """Name bytes by their digest, empty ones as well."""
    for data in (b"", b"a model", bytes(range(256)) * 5000):
        name = store.put(data)
        holds(name == digest(data), "put returns the SHA-256")
        holds(store.has(name) and store.get(name) == data, "get returns what was put")


def the_same_bytes_again_change_nothing(store: ObjectStore) -> None:
    """Once or often is the same."""
    holds(store.put(b"x") == store.put(b"x") and store.get(digest(b"x")) == b"x", "putting again is harmless")


def a_digest_never_put_is_not_found(store: ObjectStore) -> None:
    """Nor is a text that is no digest, wherever it would lead."""
    store.put(b"x")
    for name in (digest(b"never"), "", "ab", "../../etc/passwd", digest(b"x").upper(), digest(b"x") + "\n"):
        holds(not store.has(name), "has says no for what was never put")
        refuses(NotFound, lambda name=name: store.get(name), "what was never put is NotFound")  # type: ignore[misc]


def concurrent_puts_of_the_same_bytes_agree(store: ObjectStore) -> None:
    """Every writer succeeds, and one object stands."""
    data = b"the same" * 10_000
    with ThreadPoolExecutor(8) as pool:
        names = set(pool.map(lambda _: store.put(data), range(16)))
    holds(names == {digest(data)} and store.get(digest(data)) == data, "concurrent puts agree")


def a_removal_spares_what_was_put_since(store: ObjectStore) -> None:
    """Remove what is older than a moment, and nothing that was put again after it."""
    old, again = store.put(b"old"), store.put(b"put again")
    moment = SystemClock().now()
    while set(store.digests(before=moment)) != {old, again}:  # stores keep times by a tick: of the kernel, or a second
        time.sleep(0.02)
        moment = SystemClock().now()
    time.sleep(0.02)
    store.put(b"put again")
    young = store.put(b"young")
    holds(
        list(store.digests(before=moment)) == [old] and set(store.digests()) == {old, again, young},
        "digests tells them apart",
    )
    holds(store.remove([old, again, young], before=moment) == len(b"old"), "only what is old goes")
    holds(not store.has(old) and store.has(again) and store.has(young), "what was put since stays")
    holds(
        store.remove([again, young, old]) == len(b"put againyoung"),
        "without a moment all go, and the missing is passed over",
    )


def files_come_back_in_the_order_they_went(store: ObjectStore) -> None:
    """Store small and large files, the same one twice, and write each to a file again."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        contents = [b"%d" % number * (number + 1) for number in range(40)] + [b"", b"large" * 2_000_000, b"", b"0"]
        paths = [folder / str(number) for number in range(len(contents))]
        for path, data in zip(paths, contents, strict=True):
            path.write_bytes(data)
        names = store.put_files([*paths, paths[3]])
        holds(
            names == [digest(data) for data in [*contents, contents[3]]], "put_files returns the SHA-256 of each, in order"
        )
        holds(store.put_files(paths) == names[:-1] and store.put_files([]) == [], "again, and nothing, are harmless")
        for number, (wanted, data) in enumerate(zip(names, contents, strict=False)):
            store.fetch(wanted, folder / f"back-{number}")
            holds((folder / f"back-{number}").read_bytes() == data, "fetch gives the file back")
            holds(store.has(wanted) and store.get(wanted) == data, "so does get")
            holds(store.size(wanted) == len(data), "size is the number of bytes")
        listed = list(store.digests())
        holds(sorted(listed) == sorted(set(names)), "digests names every object, once")
        holds(store.remove([names[5], names[41], digest(b"never"), "no digest"]) == len(contents[5] + contents[41]), "freed")
        holds(set(store.digests()) == set(listed) - {names[5], names[41]}, "what was removed is gone, and only that")
        refuses(NotFound, lambda: store.get(names[5]), "what was removed is NotFound")
        holds(store.put_files(paths)[5] == names[5] and store.get(names[5]) == contents[5], "and can be put again")


def many_values_come_back_in_the_order_they_went(store: ObjectStore) -> None:
    """Store small and large values at once, one of them twice, and one that is there."""
    values = [b"%d" % number * (number + 1) for number in range(40)] + [b"", b"large" * 2_000_000, b"", b"0"]
    before = store.put(values[7])
    names = store.put_all(values)
    holds(names == [digest(value) for value in values], "put_all returns the SHA-256 of each, in order")
    holds(names[7] == before and store.put_all(values[:3]) == names[:3], "what is there is harmless")
    holds(store.put_all([]) == [], "so is nothing")
    holds([store.get(name) for name in names] == values, "get gives every value back")
    holds(sorted(store.digests()) == sorted(set(names)), "digests names every object, once")


def a_path_that_is_no_file_is_refused(store: ObjectStore) -> None:
    """Name every one of them, and store nothing."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "there").write_bytes(b"there")
        try:
            store.put_files([folder / "there", folder / "gone", folder])
        except InputError as error:
            holds([fault.where for fault in error.faults] == [str(folder / "gone"), str(folder)], "every fault is told")
        else:
            raise BrokenLaw("a path that is no file is refused")
    holds(list(store.digests()) == [], "and nothing was stored")


def fetch_writes_only_new_files(store: ObjectStore) -> None:
    """Leave a file that is there alone, and nothing behind for an object that is not."""
    wanted = store.put(b"an object")
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "there").write_bytes(b"there")
        refuses(Conflict, lambda: store.fetch(wanted, folder / "there"), "a file that is there is not replaced")
        refuses(NotFound, lambda: store.fetch(digest(b"never"), folder / "new"), "what was never put is NotFound")
        refuses(NotFound, lambda: store.fetch("../../etc/passwd", folder / "new"), "nor is what is no digest")
        refuses(InputError, lambda: store.fetch(wanted, folder / "no" / "new"), "a folder that is not there is told")
        holds([path.name for path in folder.iterdir()] == ["there"], "nothing is left behind")
        holds((folder / "there").read_bytes() == b"there", "nor changed")


def concurrent_puts_of_the_same_files_agree(store: ObjectStore) -> None:
    """Store the same files from several threads, beside readers."""
    with TemporaryDirectory() as name:
        paths = [Path(name) / str(number) for number in range(30)]
        for number, path in enumerate(paths):
            path.write_bytes(b"%d" % (number % 10) * 1000)
        with ThreadPoolExecutor(4) as pool:
            names = list(pool.map(lambda _: store.put_files(paths), range(4)))
            holds(all(each == names[0] for each in names), "concurrent puts agree")
            read = list(pool.map(store.get, names[0]))
        holds(read == [path.read_bytes() for path in paths], "and all can be read")
        holds(len(list(store.digests())) == 10, "each is there once")


LAWS: tuple[Callable[[ObjectStore], None], ...] = (
    bytes_come_back_by_their_sha256,
    the_same_bytes_again_change_nothing,
    a_digest_never_put_is_not_found,
    concurrent_puts_of_the_same_bytes_agree,
    a_removal_spares_what_was_put_since,
    files_come_back_in_the_order_they_went,
    many_values_come_back_in_the_order_they_went,
    a_path_that_is_no_file_is_refused,
    fetch_writes_only_new_files,
    concurrent_puts_of_the_same_files_agree,
)
