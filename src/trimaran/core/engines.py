"""What pipelines need of the world: somewhere to run steps, and somewhere to keep what came of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec

from trimaran.core.nouns import Value


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an attempt at a step: its output and the bytes of it by digest, or an error in words.

    ``lost`` says that it was not the step that failed but the place where it ran; ``read`` are the files that it opened, with
    a digest of each; ``unsteady`` what it was seen to do whose outcome may be another one next time; ``log`` what it printed,
    the middle left out where that was much; ``place`` where it ran.
    """

    output: Value | None = None
    data: dict[str, bytes] = {}
    error: str = ""
    lost: bool = False
    log: str = ""
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()
    unsteady: tuple[str, ...] = ()
    read: dict[str, str] = {}
    place: str = ""


@dataclass(frozen=True)
class Attempt:
    """One attempt at a step: ``act(call, data)`` makes of the inputs, whose bytes are in ``data``, what came of it.

    With ``captures=False`` it leaves what is printed to the engine.

    ``modules`` are the names of the project's modules that the act stands on: a worker elsewhere may not have them.
    ``timeout`` and ``memory`` (bytes) are what it may take, None for no limit.
    """

    number: int
    name: str
    act: Callable[..., Made]
    call: Any
    data: Mapping[str, bytes]
    modules: tuple[str, ...] = ()
    timeout: timedelta | None = None
    memory: int | None = None


class Engine(Protocol):
    """Where steps run.

    Law: an attempt that was started ends once, in ``wait``, whatever becomes of its worker: an act that raises, is killed,
    takes too long or too much memory, or prints without end is an error of that attempt, told in words that name which of
    these it was, and the others go on. ``stop`` ends attempts soon. What an act makes does not depend on the engine.
    """

    name: str

    def room(self) -> int:
        """Return how many more attempts may be started now."""
        ...

    def start(self, attempt: Attempt) -> None:
        """Begin an attempt; ``wait`` tells when it ended."""
        ...

    def wait(self, patience: float | None = None) -> list[tuple[int, Made]]:
        """Return attempts that ended, by number, at least one of those under way; none after ``patience`` seconds without any."""
        ...

    def stop(self, numbers: Sequence[int]) -> None:
        """End some attempts; they need not be told by ``wait``."""
        ...

    def close(self) -> None:
        """End everything and give back what the engine holds."""
        ...


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a step made under a key: its output, the run and moment it was made in, and the files it was seen to read."""

    key: str
    output: Value
    run: str
    at: datetime
    seconds: float
    read: dict[str, str] = {}
    warnings: tuple[str, ...] = ()
    unsteady: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kept:
    """A result to keep, with the bytes of its output by digest."""

    result: Result
    data: Mapping[str, bytes] = field(default_factory=dict)


class ResultStore(Protocol):
    """What steps made, by the key of everything that they depend on.

    Law: a result whose future is done is on the disk, all its bytes with it, and is found by its key from then on, in any
    process and after any crash; one that was under way is found whole or not at all. The same bytes are kept once. ``read``
    gives only bytes that have the digest asked for.
    """

    def find(self, key: str) -> list[Result]:
        """Return the results of a key, the newest first."""
        ...

    def keep(self, kept: Kept) -> Future[None]:
        """Keep a result; the future is done once it is durable, or has the error."""
        ...

    def read(self, digest: str) -> bytes:
        """Return bytes that were kept, also before they are durable; raises ``NotFound`` and ``Corrupt``."""
        ...

    def has(self, digest: str) -> bool:
        """Tell whether bytes were kept."""
        ...
