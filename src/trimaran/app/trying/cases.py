"""What came of trying a product: a case for each thing that was tried, with the author's own traceback where one failed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Literal, TypeVar

import msgspec

from trimaran.core.errors import TrimaranError, UserCodeError

Outcome = Literal["pass", "warn", "fail", "skip"]
Group = Literal["definition", "contract", "feature", "model", "pipeline"]
GROUPS: tuple[Group, ...] = ("definition", "contract", "feature", "model", "pipeline")
T = TypeVar("T")


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was tried: ``said`` is one line, ``trace`` the rest of what went wrong, the author's lines among it."""

    group: Group
    name: str
    outcome: Outcome
    said: str = ""
    trace: str = ""
    seconds: float = 0.0


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was tried of a product, on how many rows of each table, and how long it took."""

    product: str
    file: str
    cases: list[Case]
    rows: dict[str, int]
    seconds: float
    seed: int

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return not any(case.outcome == "fail" for case in self.cases)

    @property
    def counts(self) -> dict[Outcome, int]:
        """How many cases ended how."""
        return dict(Counter(case.outcome for case in self.cases))


class Warned(Exception):
    """Raised by what is tried to pass with a warning."""


class Cases:
    """Tries one thing after the other; what fails is a case, and the others go on."""

    def __init__(self) -> None:
        self.found: list[Case] = []

    def add(
        self, group: Group, name: str, outcome: Outcome, said: str = "", *, trace: str = "", seconds: float = 0.0
    ) -> None:
        """Write a case down."""
        self.found.append(Case(group=group, name=name, outcome=outcome, said=said, trace=trace, seconds=seconds))

    def attempt(self, group: Group, name: str, act: Callable[[], T], say: Callable[[T], str] = lambda _: "") -> T | None:
        """Try an act and return what it makes, None where it failed; ``say`` tells it in one line."""
        began = time.perf_counter()
        try:
            made = act()
            said = say(made)
        except Warned as warned:
            self.add(group, name, "warn", str(warned), seconds=time.perf_counter() - began)
            return None
        except TrimaranError as error:
            self.failed(group, name, error, time.perf_counter() - began)
            return None
        self.add(group, name, "pass", said, seconds=time.perf_counter() - began)
        return made

    def failed(self, group: Group, name: str, error: TrimaranError, seconds: float = 0.0) -> None:
        """Write an error down as a case: its first line, and what follows."""
        first, _, rest = str(error).partition("\n")
        if isinstance(error, UserCodeError) and rest:
            # The last line of a traceback says what was raised.
            first = f"{first.removesuffix('; mend it and run again:')}: {rest.rstrip().splitlines()[-1].strip()}"
        self.add(group, name, "fail", first, trace=rest.rstrip("\n"), seconds=seconds)
