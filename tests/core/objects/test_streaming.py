"""Bytes on their way through: one digest however they are cut, and a file that appears whole or not at all."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimaran.core.errors import Conflict, Corrupt, InputError
from trimaran.core.objects import arrive, pour, sizes_of


@given(st.lists(st.binary(max_size=30)))
def test_the_digest_is_that_of_all_blocks_and_all_are_written(blocks):
    written = []
    assert pour(iter(blocks), written.append) == hashlib.sha256(b"".join(blocks)).hexdigest()
    assert b"".join(written) == b"".join(blocks)


@pytest.mark.parametrize("failing", [0, 1, 5])
def test_a_write_that_fails_is_told(failing):
    def write(block):
        if block == b"%d" % failing:
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        pour((b"%d" % number for number in range(8)), write)


def test_a_file_arrives_whole_or_not_at_all(tmp_path):
    wanted = hashlib.sha256(b"a model").hexdigest()
    for blocks in ([b"a modal"], [b"a ", b"modal"], [], [b"a model", b"!"]):
        with pytest.raises(Corrupt):
            arrive(blocks, wanted, tmp_path / "new")
    with pytest.raises(InputError, match="make it first"):
        arrive([b"a model"], wanted, tmp_path / "no" / "new")
    assert list(tmp_path.iterdir()) == []
    arrive([b"a ", b"model"], wanted, tmp_path / "new")
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("new", "link"):
        with pytest.raises(Conflict):
            arrive([b"a model"], wanted, tmp_path / name)
    assert {path.name for path in tmp_path.iterdir()} == {"new", "link"}
    assert (tmp_path / "new").read_bytes() == b"a model"


def test_a_file_that_came_meanwhile_is_not_replaced(tmp_path):
    def blocks():
        (tmp_path / "new").write_bytes(b"somebody else's")
        yield b"a model"

    with pytest.raises(Conflict):
        arrive(blocks(), hashlib.sha256(b"a model").hexdigest(), tmp_path / "new")
    assert (tmp_path / "new").read_bytes() == b"somebody else's"
    assert len(list(tmp_path.iterdir())) == 1


def test_every_path_that_is_no_file_is_named(tmp_path):
    (tmp_path / "there").write_bytes(b"")
    sizes_of([tmp_path / "there"])
    with pytest.raises(InputError) as caught:
        sizes_of([tmp_path, tmp_path / "there", tmp_path / "gone"])
    assert [fault.where for fault in caught.value.faults] == [str(tmp_path), str(tmp_path / "gone")]
