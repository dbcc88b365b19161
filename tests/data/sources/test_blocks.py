"""Blocks end between records, wherever their size falls, and a file that breaks off loses nothing before that."""

import gzip
from io import BytesIO

import pytest

from trimaran.data.sources import blocks as rooms
from trimaran.data.sources.blocks import CUT, Rest, blocks


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_records_with_line_ends_in_quotes_come_once_and_whole(rows):
    data = b"".join(b'%d,"a\n""b\n"\n' % number for number in range(rows))
    for size in range(1, 40):
        found = list(blocks(BytesIO(data), quoted=True, size=size))
        closed = [block.data for block in found if not block.open]
        assert all(block.count(b'"') % 2 == 0 and block.endswith(b"\n") for block in closed)
        assert data.startswith(b"".join(block.data for block in found))
        if size > 12:  # a record and a half are never more than four blocks
            assert b"".join(closed) == data


def test_quotes_that_follow_no_rule_leave_the_block_open_and_the_rest_can_be_read():
    file = BytesIO(b'1,5" pipe\n2,b\n3,c\n')
    (block,) = blocks(file, quoted=True, size=12)
    assert block.open
    assert Rest(block.data, file).read() == file.getvalue()


def test_an_archive_that_breaks_off_is_read_to_its_last_whole_line():
    lines = b"".join(b"%d\n" % (number * 7919 % 100_003) for number in range(100_000))
    got = []
    with gzip.open(BytesIO(gzip.compress(lines)[:-20])) as file, pytest.raises(CUT):
        got.extend(block.data for block in blocks(file, quoted=False, size=1000))
    assert lines.startswith(b"".join(got))
    assert len(lines) - sum(map(len, got)) < 10_000
    assert got[-1].endswith(b"\n")


def test_a_line_without_an_end_is_not_read_for_ever():
    with pytest.raises(ValueError, match="a line of more than"):
        list(blocks(BytesIO(b"x" * (rooms.LONGEST + 100)), quoted=False, size=1 << 26))
