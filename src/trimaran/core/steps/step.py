"""A step: a plain function with what is said of how it runs."""

from __future__ import annotations

import functools
import inspect
import re
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, overload

from trimaran.core.durations import parse_duration
from trimaran.core.errors import DefinitionError, Fault, InputError
from trimaran.core.steps.conducting import conducted

Source = Any
"""A step, the name of one, or a list of values."""

_RETRIES = re.compile(r"(\d+)(?: from (\S+))?")
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?(MB|GB|TB)")
_SIZES = {"MB": 10**6, "GB": 10**9, "TB": 10**12}
_SECOND = timedelta(seconds=1)
_LONGEST = timedelta(minutes=5)
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True)
class Conduct:
    """How a step runs, and when its result may be served again.

    A failed attempt is made again ``retries`` times, after ``pause``, each time twice as long. An attempt may take
    ``timeout`` and ``memory`` bytes. ``files`` and ``environment`` are read by it; a ``fresh`` result may be served again for
    so long, whatever it read; ``steady`` says that what it reads of the clock, chance or network does not change its result.
    """

    retries: int = 0
    pause: timedelta = _SECOND
    timeout: timedelta | None = None
    memory: int | None = None
    files: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    fresh: timedelta | None = None
    steady: bool = False

    def wait(self, attempt: int) -> timedelta:
        """Return how long to wait after a failed attempt, the first of which is 1.

        >>> [Conduct().wait(attempt).seconds for attempt in (1, 2, 3)]
        [1, 2, 4]
        """
        return min(self.pause * float(2 ** (attempt - 1)), _LONGEST)


class Step:
    """A function of a pipeline; calling it calls the function, with no pipeline and no workspace.

    ``each`` maps a parameter to the step, the name of a step or the list whose values it takes one after the other.
    """

    def __init__(self, function: Callable[..., Any], conduct: Conduct, each: Mapping[str, Source]) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.name: str = function.__name__
        self.conduct = conduct
        self.each = each

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Call the function; inside a pipeline that is written as a function, run the step."""
        conductor = conducted()
        if conductor is None:
            return self.function(*arguments, **named)
        given = inspect.signature(self.function).bind(*arguments, **named)
        given.apply_defaults()
        return conductor.run(self, given.arguments)

    def __repr__(self) -> str:
        return f"step {self.name}({', '.join(self.parameters)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Step, (self.function, self.conduct, dict(self.each))

    @functools.cached_property
    def parameters(self) -> dict[str, inspect.Parameter]:
        """The parameters of the function, by name."""
        return dict(inspect.signature(self.function).parameters)

    @functools.cached_property
    def hints(self) -> dict[str, Any]:
        """The types that the function gives for its parameters and, as ``return``, its result; none where they cannot be read."""
        try:
            return typing.get_type_hints(self.function)
        except Exception:  # noqa: BLE001  a name that only a type checker knows
            return {}

    @property
    def where(self) -> str:
        """The file and line of the function."""
        code = getattr(inspect.unwrap(self.function), "__code__", None)
        return f"{Path(code.co_filename).name}:{code.co_firstlineno}" if code is not None else self.name


@overload
def step(function: Callable[..., Any], /) -> Step: ...


@overload
def step(
    *,
    each: Mapping[str, Source] | None = None,
    retries: int | str = 0,
    timeout: str | None = None,
    memory: str | None = None,
    reads: Iterable[str | Path] = (),
    fresh: str | None = None,
    steady: bool = False,
) -> Callable[[Callable[..., Any]], Step]: ...


def step(
    function: Callable[..., Any] | None = None,
    /,
    *,
    each: Mapping[str, Source] | None = None,
    retries: int | str = 0,
    timeout: str | None = None,
    memory: str | None = None,
    reads: Iterable[str | Path] = (),
    fresh: str | None = None,
    steady: bool = False,
) -> Any:
    """Make a function a step of a pipeline; it stays a plain function.

    A parameter named like another step takes its output. ``each={"segment": segments}`` runs the step once for each value
    of the step ``segments`` and makes a list of what comes out. ``retries`` is a number, or ``"3 from 500ms"``; ``timeout`` a
    duration and ``memory`` a size such as ``2GB``. ``reads`` names files and, as ``$NAME``, environment variables whose content
    counts. A result of a step that reads the clock, chance or the network is not served again, unless it stays ``fresh`` for
    a time, or the step is ``steady`` all the same. Raises ``DefinitionError`` with every fault.

    >>> @step
    ... def doubled(x=1):
    ...     return 2 * x
    >>> doubled(4)
    8
    """
    said = {"retries": retries, "timeout": timeout, "memory": memory, "fresh": fresh}
    if function is None:
        return lambda given: _made(given, said, each or {}, tuple(map(str, reads)), steady=steady)
    return _made(function, said, each or {}, tuple(map(str, reads)), steady=steady)


def _made(
    function: Callable[..., Any],
    said: Mapping[str, Any],
    each: Mapping[str, Source],
    reads: tuple[str, ...],
    *,
    steady: bool,
) -> Step:
    faults: list[Fault] = []
    read: dict[str, Any] = {}
    for name, parse in (("retries", _retries), ("timeout", _duration), ("memory", _size), ("fresh", _duration)):
        try:
            read[name] = parse(said[name])
        except (ValueError, TypeError, InputError) as error:
            remedy = {"retries": 'write 3, or "3 from 500ms"', "memory": 'write "500MB" or "2GB"'}.get(
                name, 'write "30s" or "5m"'
            )
            faults.append(Fault(where=name, what=str(error) or f"{said[name]!r} cannot be read", remedy=remedy))
    for one in inspect.signature(function).parameters.values():
        if one.kind not in _NAMED:
            remedy = "give it plain parameters with names: a name is an edge"
            faults.append(Fault(where=one.name, what=f"{one} cannot be an edge", remedy=remedy))
    unknown = [name for name in each if name not in inspect.signature(function).parameters]
    faults += [
        Fault(where=f"each[{name!r}]", what="there is no parameter of this name", remedy="name one") for name in unknown
    ]
    if faults:
        raise DefinitionError(f"step {getattr(function, '__name__', function)}", faults)
    count, pause = read["retries"]
    conduct = Conduct(
        retries=count,
        pause=pause,
        timeout=read["timeout"],
        memory=read["memory"],
        files=tuple(one for one in reads if not one.startswith("$")),
        environment=tuple(one[1:] for one in reads if one.startswith("$")),
        fresh=read["fresh"],
        steady=steady,
    )
    return Step(function, conduct, each)


def _retries(said: int | str) -> tuple[int, timedelta]:
    found = _RETRIES.fullmatch(str(said))
    if found is None:
        message = f"{said!r} is no number of retries"
        raise ValueError(message)
    return int(found[1]), _duration(found[2]) or _SECOND


def _duration(said: str | None) -> timedelta | None:
    return None if said is None else parse_duration(said)


def _size(said: str | None) -> int | None:
    if said is None:
        return None
    found = _SIZE.fullmatch(said.strip())
    if found is None:
        message = f"{said!r} is not a size"
        raise ValueError(message)
    return round(float(found[1]) * _SIZES[found[2]])
