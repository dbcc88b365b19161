"""Folders as trees: one object that lists the files of a folder by path and digest."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from trimaran.core.canon import plain
from trimaran.core.errors import Conflict, Corrupt, Fault, InputError
from trimaran.core.ports import ObjectStore

_BATCH, _READERS = 10_000, 16  # files handed to the store at once, and fetched at once
_LARGEST = 1 << 30  # bytes of a tree that is read: some seven million files


class Member(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of a tree: where it lies below the folder, parted by ``/``, its bytes, and whether it can be run."""

    path: str
    digest: str
    size: int
    executable: bool = False


class Tree(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A folder: its files by path, and the folders in which there is nothing."""

    members: list[Member]
    empty: list[str]
    kind: Literal["tree"] = "tree"
    form: Literal[1] = 1


class _Found(NamedTuple):
    path: str
    size: int
    changed: int
    executable: bool


def put_tree(store: ObjectStore, folder: Path) -> str:
    """Store a folder and return the digest of its tree, once all of it is durable.

    The same files under the same paths have the same digest, whatever their times, owners and order. Empty folders are
    kept. Raises ``InputError`` naming everything a tree cannot hold: links (nothing outside the folder may become part of
    it), sockets and devices, names that are not UTF-8 or mean something else elsewhere; and what changed meanwhile.

    >>> import tempfile
    >>> from trimaran.testing import MemoryObjects
    >>> store, folder = MemoryObjects(), Path(tempfile.mkdtemp())
    >>> _ = (folder / "model.onnx").write_bytes(b"a model")
    >>> [member.path for member in members(store, put_tree(store, folder))]
    ['model.onnx']
    """
    found, empty = _look(folder)
    digests: list[str] = []
    for start in range(0, len(found), _BATCH):
        batch = found[start : start + _BATCH]
        digests += store.put_files([folder / file.path for file in batch])
    changed = [file.path for file in found if _of(os.stat(f"{folder}/{file.path}"))[:2] != (file.size, file.changed)]  # noqa: PTH116  a tenth of a Path's time
    if changed:
        raise _faulty(folder, [(path, "it changed while it was stored") for path in changed])
    listed = [
        Member(path=file.path, digest=digest, size=file.size, executable=file.executable)
        for file, digest in zip(found, digests, strict=True)
    ]
    return store.put(plain(msgspec.to_builtins(Tree(members=listed, empty=empty))))


def fetch_tree(store: ObjectStore, digest: str, folder: Path) -> None:
    """Write a tree to a folder that must not be there; it appears when all of it was verified, or not at all.

    Raises ``NotFound``, ``Corrupt``, ``Conflict`` when something is there, and ``InputError`` for an object that is no
    tree or one that would write outside the folder.
    """
    tree = read_tree(store, digest)
    if os.path.lexists(folder):
        raise Conflict(_there(folder))
    aside = folder.with_name(f".{secrets.token_hex(16)}")
    aside.mkdir()
    try:
        for place in {Path(member.path).parent for member in tree.members} | {Path(path) for path in tree.empty}:
            (aside / place).mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(_READERS) as pool:
            for _ in pool.map(lambda member: _fetch(store, member, aside), tree.members):
                pass
        if os.path.lexists(folder):
            raise Conflict(_there(folder))
        aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def members(store: ObjectStore, digest: str) -> list[Member]:
    """Return the files of a tree, sorted by path; raises ``NotFound``, ``Corrupt``, and ``InputError`` for no tree."""
    return read_tree(store, digest).members


def read_tree(store: ObjectStore, digest: str) -> Tree:
    """Return a tree whose every path was checked; raises as ``members`` does."""
    if store.size(digest) > _LARGEST:
        raise _faulty(digest, [("", f"it is larger than the {_LARGEST} bytes a tree may have")])
    data = store.get(digest)
    try:
        tree = msgspec.json.decode(data, type=Tree)
    except msgspec.MsgspecError as error:
        raise InputError(
            f"object {digest}", [Fault(what="it is no tree", remedy="name one that put_tree returned")]
        ) from error
    paths = [member.path for member in tree.members]
    faults = [(path, fault) for path in (*paths, *tree.empty) if (fault := _unfit(path))]
    if paths != sorted(set(paths)) or tree.empty != sorted(set(tree.empty)):
        faults.append(("", "its paths are not sorted, each once"))
    files = set(paths)
    for path in (*paths, *tree.empty):
        parts = path.split("/")
        faults += [(path, "it lies in a file") for end in range(1, len(parts)) if "/".join(parts[:end]) in files]
    faults += [(path, "it is a file and a folder") for path in tree.empty if path in files]
    if faults:
        raise _faulty(digest, faults)
    return tree


def reached(store: ObjectStore, digest: str) -> set[str]:
    """Return every digest that a tree needs, its own among them: none may be removed while the tree is needed."""
    return {digest, *(member.digest for member in members(store, digest))}


def _look(folder: Path) -> tuple[list[_Found], list[str]]:
    """Return the files below a folder and the empty folders, sorted by path; raises ``InputError``."""
    if folder.is_symlink() or not folder.is_dir():
        raise _faulty(folder, [("", "it is no folder")])
    found: list[_Found] = []
    empty: list[str] = []
    faults: list[tuple[str, str]] = []
    waiting = [""]
    while waiting:
        place = waiting.pop()
        with os.scandir(folder / place) as scanned:
            entries = list(scanned)
        for entry in entries:
            path = f"{place}/{entry.name}" if place else entry.name
            if fault := _unfit(path) or _unkept(entry):
                faults.append((path, fault))
            elif entry.is_dir(follow_symlinks=False):
                waiting.append(path)
            else:
                found.append(_Found(path, *_of(entry.stat())))
        if place and not entries:
            empty.append(place)
    if faults:
        raise _faulty(folder, sorted(faults))
    return sorted(found), sorted(empty)


def _of(told: os.stat_result) -> tuple[int, int, bool]:
    return told.st_size, told.st_mtime_ns, bool(told.st_mode & stat.S_IXUSR)


def _unkept(entry: os.DirEntry[str]) -> str:
    if entry.is_symlink():
        return "it is a link: put what it points to in its place"
    if not (entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False)):
        return "it is neither a file nor a folder"
    return ""


def _unfit(path: str) -> str:
    """Return why a path cannot be one below a folder on every system, empty when it can."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    if path.startswith("/") or path[1:2] == ":":
        return "it is an absolute path"
    if "\\" in path or "\0" in path:
        return "its name has a character that parts paths elsewhere"
    if any(part in {"", ".", ".."} for part in path.split("/")):
        return "it leads out of the folder, or nowhere"
    return ""


def _fetch(store: ObjectStore, member: Member, folder: Path) -> None:
    path = folder / member.path
    store.fetch(member.digest, path)
    told = path.stat()
    if told.st_size != member.size:
        message = (
            f"{member.path} has {told.st_size} bytes, its tree says {member.size}; the tree was not written by put_tree"
        )
        raise Corrupt(message)
    if member.executable:
        path.chmod(told.st_mode | (told.st_mode & 0o444) >> 2)  # whoever may read it may run it


def _there(folder: Path) -> str:
    return f"{folder} is there already, and a fetched tree never replaces anything; move it away or name another"


def _faulty(what: Path | str, faults: Sequence[tuple[str, str]]) -> InputError:
    told = [Fault(where=path.encode(errors="replace").decode(), what=fault, remedy="take it out") for path, fault in faults]
    return InputError(f"tree {what}", told)
