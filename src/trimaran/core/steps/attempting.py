"""One attempt at a step, wherever it runs: inputs in, the author's function called, the output out as bytes."""

from __future__ import annotations

import hashlib
import io
import os
import random
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_origin

from trimaran.core.author import user_code_error
from trimaran.core.canon import digest
from trimaran.core.engines import Made
from trimaran.core.errors import TrimaranError
from trimaran.core.nouns import Value
from trimaran.core.steps.conducting import unconducted
from trimaran.core.steps.passing import PassingFolder
from trimaran.core.steps.step import Step
from trimaran.core.steps.values import Values
from trimaran.core.steps.watching import Watch

LOG_LIMIT = 32_000
"""The most characters of each end of what a step prints that are kept."""


@dataclass(frozen=True)
class Call:
    """A call of a step: its stored inputs by parameter, and the seed that Python's and NumPy's own generators get."""

    step: Step
    inputs: Mapping[str, Value]
    seed: int
    values: Values


def attempt(call: Call, data: Mapping[str, bytes], *, captures: bool = True) -> Made:
    """Make one attempt and return what came of it; nothing is raised but ``KeyboardInterrupt``.

    What is printed goes into the log, unless somebody else ``captures`` it.
    """
    log, began, parent = Log(), time.perf_counter(), os.getpid()
    watch = Watch()
    with _captured(log, captures=captures), PassingFolder() as folder:
        try:
            with _seeded(call.seed), unconducted(), watch:
                made = _called(call, data, folder)
            stored = call.values.store(made)
            error = _wrong_type(call.step, made)
        except KeyboardInterrupt:
            raise
        except TrimaranError as caught:
            stored, error = None, f"{call.step.name}: {caught}"
        except BaseException as caught:  # noqa: BLE001  the boundary to the author's code, which may also call sys.exit
            stored, error = None, told(call.step.name, caught)
        if os.getpid() != parent:
            os._exit(0)  # a copy of this process that the step made and left running
    seconds = time.perf_counter() - began
    if stored is None or error:
        return Made(error=error, log=log.text(), seconds=seconds)
    return Made(
        output=stored.value,
        data=stored.data,
        log=log.text(),
        seconds=seconds,
        warnings=stored.warnings,
        unsteady=tuple(watch.unsteady),
        read={path: found for path in watch.read if (found := file_digest(path))},
    )


def told(name: str, error: BaseException) -> str:
    """Return in words what a step raised, with the author's lines only; what is missing on this machine is named."""
    if isinstance(error, ModuleNotFoundError):
        where = f"Python {sys.version.split()[0]} of {os.uname().nodename}"
        return f"{name}: the module {error.name!r} is not installed where the step ran ({where}); install it there"
    if isinstance(error, MemoryError):
        return f"{name}: it asked for more memory than there is; give it less at once, or more memory"
    return str(user_code_error(name, error))


def file_digest(path: str) -> str:
    """Return the digest of a file's content, 32 hexadecimal characters, empty where it is none that can be read."""
    try:
        with Path(path).open("rb") as file:
            seen = digest(file.read()) if os.fstat(file.fileno()).st_size < _WHOLE else _in_blocks(file)
    except OSError:
        return ""
    return seen[:32]


class Log(io.TextIOBase):
    """Takes what is printed and keeps both ends of it, so that any amount passes in bounded memory."""

    def __init__(self, limit: int = LOG_LIMIT) -> None:
        self._limit = limit
        self._head: list[str] = []
        self._tail = ""
        self._room = limit
        self._left = 0

    def writable(self) -> bool:
        """Tell that it can be written to."""
        return True

    def write(self, text: str) -> int:
        """Take a text."""
        head, rest = text[: self._room], text[self._room :]
        if head:
            self._head.append(head)
            self._room -= len(head)
        if rest:
            whole = self._tail + rest
            self._left += max(len(whole) - self._limit, 0)
            self._tail = whole[-self._limit :]
        return len(text)

    def text(self) -> str:
        """Return what is kept, with a line that says how much is left out."""
        between = f"\n… {self._left:,} characters left out …\n" if self._left else ""
        return "".join(self._head) + between + self._tail


_WHOLE = 1 << 20


def _in_blocks(file: Any) -> str:
    return hashlib.file_digest(file, "sha256").hexdigest()


def _called(call: Call, data: Mapping[str, bytes], folder: PassingFolder) -> Any:
    inputs = {name: call.values.load(value, data.__getitem__, folder) for name, value in call.inputs.items()}
    return call.step.function(**inputs)


def _wrong_type(step: Step, made: Any) -> str:
    wanted = step.hints.get("return", Any)
    kind = type(None) if wanted is None else get_origin(wanted) or wanted
    if kind is Any or not isinstance(kind, type) or isinstance(made, kind) or (kind is float and isinstance(made, int)):
        return ""
    return f"{step.name}: it gave a {type(made).__name__}, but says {kind.__name__} ({step.where}); correct one of the two"


@contextmanager
def _captured(log: Log, *, captures: bool) -> Iterator[None]:
    if not captures:
        yield
        return
    with redirect_stdout(log), redirect_stderr(log):
        yield


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Give Python's and NumPy's own generators a seed, and take it back: the same key draws the same numbers."""
    before, numpy = random.getstate(), sys.modules.get("numpy")
    random.seed(seed)
    kept = numpy.random.get_state() if numpy is not None else None
    if numpy is not None:
        numpy.random.seed(seed % 2**32)
    try:
        yield
    finally:
        random.setstate(before)
        if numpy is not None:
            with suppress(ValueError):
                numpy.random.set_state(kept)
