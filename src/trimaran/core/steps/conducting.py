"""A pipeline written as a function: each step that it calls is run, or served, as a step, and gives back its value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import msgspec

from trimaran.core.author import user_code_error
from trimaran.core.errors import TrimaranError, UserCodeError
from trimaran.core.nouns import Fate, StepRun, Value

if TYPE_CHECKING:
    from trimaran.core.steps.step import Step

Caller = Callable[["Step", Mapping[str, Any]], tuple[StepRun, Any]]
"""Runs one step with its arguments by name, and returns what became of it, and its value where it made one."""

_conductor: ContextVar[Conductor | None] = ContextVar("conductor", default=None)


class Conductor:
    """Runs the steps that a function calls, one after the other, and keeps what became of each."""

    def __init__(self, call: Caller) -> None:
        self._call = call
        self.told: list[StepRun] = []
        self.edges: dict[str, list[str]] = {}
        self._makers: dict[str, str] = {}

    def go(self, function: Callable[..., Any], given: Mapping[str, Any]) -> str:
        """Call a function of steps and return its error, empty where it ended well."""
        token = _conductor.set(self)
        try:
            function(**given)
        except UserCodeError as error:
            return str(error)
        except TrimaranError:
            raise
        except Exception as error:  # noqa: BLE001  the boundary to the author's code
            return str(user_code_error(function.__name__, error))
        finally:
            _conductor.reset(token)
        return ""

    def run(self, step: Step, given: Mapping[str, Any]) -> Any:
        """Run one step and return its value; raises ``UserCodeError`` where it fails."""
        told, made = self._call(step, given)
        sources = [self._makers[value.digest] for value in told.inputs.values() if value.digest in self._makers]
        self.edges[step.name] = list(dict.fromkeys([*self.edges.get(step.name, []), *sources]))
        self.told.append(told)
        if told.output is None:
            raise UserCodeError(told.error)
        if _telling(told.output):
            self._makers[told.output.digest] = step.name
        return made

    def steps(self) -> list[StepRun]:
        """Return what became of every call; those of a step that was called several times are numbered."""
        counts: dict[str, int] = {}
        for one in self.told:
            counts[one.name] = counts.get(one.name, 0) + 1
        found, places = [], dict.fromkeys(counts, 0)
        for one in self.told:
            place = places[one.name]
            places[one.name] += 1
            if counts[one.name] > 1 and place == 0:
                found.append(_whole([each for each in self.told if each.name == one.name]))
            found.append(msgspec.structs.replace(one, item=place) if counts[one.name] > 1 else one)
        return found


def conducted() -> Conductor | None:
    """Return who runs the steps that are called here, None where calling one is calling its function."""
    return _conductor.get()


@contextmanager
def unconducted() -> Iterator[None]:
    """Let a step that calls another call its function."""
    token = _conductor.set(None)
    try:
        yield
    finally:
        _conductor.reset(token)


def _telling(value: Value) -> bool:
    """Tell whether a value says by itself where it comes from: a short one may come from anywhere."""
    return value.form != "json" or bool(value.leaves) or value.size > _SHORT


_SHORT = 8


def _whole(calls: list[StepRun]) -> StepRun:
    fates = {one.fate for one in calls}
    fate: Fate = "failed" if "failed" in fates else "ran" if "ran" in fates else "cached"
    error = next((one.error for one in calls if one.error), "")
    return StepRun(
        name=calls[0].name, fate=fate, seconds=sum(one.seconds for one in calls if one.fate == "ran"), error=error
    )
