"""Cuts a text into blocks of whole records, so that a file of any size is read in the same memory."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

SIZE = 32 << 20
"""The bytes of a block: enough to keep all cores busy, and little beside any memory."""

CUT = (EOFError, OSError, zlib.error)
"""What reading a file raises that breaks off."""

MARK = b"\xef\xbb\xbf"
"""What some programs write before UTF-8."""

LONGEST = 256 << 20
"""The most bytes of a line."""

_PIECE = 1 << 20
_MOST = 4  # blocks that may pass without the end of a record
_STRAY = re.compile(rb'[^,"\r\n]"[^,"\r\n]')


class Block(NamedTuple):
    """Some whole records as they stand in the file; where they cannot be told apart, ``open``: it goes on in the file."""

    data: bytes
    open: bool = False


class Rest(io.RawIOBase):
    """What stands in a file from an open block on."""

    def __init__(self, data: bytes, file: IO[bytes]) -> None:
        self._data, self._file = memoryview(data), file

    def readable(self) -> bool:
        """Return that it is there to be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read the next bytes and return how many they are."""
        found = self._data[: len(buffer)] if self._data else self._file.read(len(buffer))
        self._data = self._data[len(found) :]
        buffer[: len(found)] = found
        return len(found)


def opened(path: Path) -> IO[bytes]:
    """Open a file for its text, unpacked where its name says that it is packed."""
    return cast("IO[bytes]", gzip.open(path)) if path.name.lower().endswith(".gz") else path.open("rb")


def blocks(file: IO[bytes], *, quoted: bool, size: int = SIZE) -> Iterator[Block]:
    r"""Yield a file in blocks; raises what reading raised once all that came before is handed out, but for a line cut off.

    With ``quoted`` a line may end inside of quotes, and is no record then.

    >>> import io
    >>> [block.data for block in blocks(io.BytesIO(b'1,"a\nb"\n2,c\n3,d'), quoted=True, size=9)]
    [b'1,"a\nb"\n', b'2,c\n3,d']
    """
    held = b""
    while True:
        before = len(held)
        held, error = _read(file, held, size - before if before < size else size)
        if error is not None:
            yield from _cut(held, quoted=quoted)[:1]
            raise error
        if len(held) == before:
            if held:
                yield Block(held)
            return
        if len(held) < size:
            continue
        marks = quoted and b'"' in held
        if marks and (_STRAY.search(held) or len(held) > _MOST * size):
            yield Block(held, open=True)
            return
        if len(held) > LONGEST:
            message = f"has a line of more than {LONGEST:,} bytes"
            raise ValueError(message)
        found = _cut(held, quoted=marks)
        if found:
            held = held[len(found[0].data) :]
            yield found[0]


def _cut(data: bytes, *, quoted: bool) -> list[Block]:
    """Return the data up to the end of its last whole record; nothing where there is none."""
    end = data.rfind(b"\n")
    if quoted:
        quotes = data.count(b'"', 0, end + 1)
        while end >= 0 and quotes % 2:
            before = data.rfind(b"\n", 0, end)
            quotes -= data.count(b'"', before + 1, end + 1)
            end = before
    return [Block(data[: end + 1])] if end >= 0 else []


def _read(file: IO[bytes], held: bytes, size: int) -> tuple[bytes, Exception | None]:
    """Return what is held and as many bytes more, and what kept them from being read; a packed file loses none before that."""
    pieces, any_file = [held] if held else [], cast("Any", file)
    read = any_file.read1 if isinstance(any_file, gzip.GzipFile) else any_file.read
    most = _PIECE if isinstance(any_file, gzip.GzipFile) else size
    try:
        while size > 0 and (piece := read(min(size, most))):
            pieces.append(piece)
            size -= len(piece)
    except CUT as error:
        return b"".join(pieces), error
    return b"".join(pieces), None
