"""Objects in files: the port's laws, and what a disk can do to them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from trimaran.backends.file_objects import FileObjects
from trimaran.core.errors import Corrupt, Unavailable
from trimaran.core.ports import ObjectStore
from trimaran.testing import objects_kit


@pytest.mark.parametrize("law", objects_kit.LAWS, ids=lambda law: law.__name__)
def test_it_keeps_the_laws_of_an_object_store(law: Callable[[ObjectStore], None], tmp_path: Path) -> None:
    law(FileObjects(tmp_path / "objects"))


def test_a_changed_file_is_corrupt(tmp_path: Path) -> None:
    store = FileObjects(tmp_path)
    name = store.put(b"a model")
    (tmp_path / name[:2] / name[2:]).write_bytes(b"a modal")
    with pytest.raises(Corrupt, match="restore it"):
        store.get(name)


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
