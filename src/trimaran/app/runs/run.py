"""A run under way, as a script or notebook holds it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from concurrent.futures import Future
from functools import lru_cache
from operator import index
from pathlib import Path
from time import perf_counter_ns
from types import TracebackType
from typing import Any, Self

from trimaran.app.runs.desk import Desk, Ending
from trimaran.app.runs.log import Log
from trimaran.app.runs.things import data_used, keep_artifact, keep_figure, keep_table
from trimaran.core.author import own_traceback
from trimaran.core.errors import Conflict, Fault, InputError
from trimaran.core.nouns import Artifact, Ref, Setting

LONGEST = 200
"""Characters that a name may have."""

LONGEST_TEXT = 10_000
"""Characters that the value of a parameter or tag may have."""

_FULL = 100_000
_NAME = re.compile(rf"[^\x00-\x1f\x7f\"]{{1,{LONGEST}}}")


class ActiveRun:
    """A run that logs; made by ``tm.start_run``. Any number of threads may log to it.

    As a context manager it ends with its block, as failed where the block raised, and what is said there is on the disk when
    the block is left. Runs started inside the block are parts of it; they are on the disk when the outermost block is left.
    """

    def __init__(self, desk: Desk, log: Log, parent: ActiveRun | None) -> None:
        self._desk = desk
        self._log = log
        self._parent = parent
        self._buffer = log.buffer
        self._names: set[str] = set()
        self._parts: list[ActiveRun] = []
        self._ending: Ending | None = None
        self.inside = False
        desk.begin(log)
        if parent is not None:
            parent._parts.append(self)  # noqa: SLF001  a run's parent is a run

    def __repr__(self) -> str:
        return f"<run {self.subject}: {'under way' if self._ending is None else 'ended'}>"

    def __enter__(self) -> Self:
        self.inside = True
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.inside = False
        self.end(error)

    @property
    def name(self) -> str:
        """The run's name, unlike that of any other run of its project."""
        return self._log.name

    @property
    def subject(self) -> str:
        """The run as the record names it: project/name."""
        return self._log.subject

    @property
    def parameters(self) -> Mapping[str, Setting]:
        """What was said so far that the run was given."""
        return self._log.parameters

    @property
    def ended(self) -> bool:
        """Whether the run takes no more."""
        return self._ending is not None

    def log_metric(self, name: str, value: float, step: int | None = None) -> None:
        """Log one point of a metric: NaN and infinities too; ``step`` is one more than the last by default.

        It costs the caller about a microsecond: the point is on the disk a second later, or when the run has ended.
        """
        if name not in self._names:
            self._names.add(_named("metric", name))
        if self._ending is not None:
            raise _over(self.subject)
        self._buffer.append((name, float(value), None if step is None else index(step), perf_counter_ns()))
        if len(self._buffer) > _FULL:
            self._desk.hurry()

    def log_metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Log a point of several metrics at one step."""
        for name, value in values.items():
            self.log_metric(name, value, step)

    def log_parameters(self, values: Mapping[str, Any]) -> None:
        """Say what the run was given: numbers, texts, booleans or None; anything else stands as its ``repr``.

        A parameter is said once: another value for the same name is a ``Conflict``.
        """
        self._must_be_open()
        said = {_named("parameter", name): as_setting(name, value) for name, value in values.items()}
        known = self._log.parameters
        other = [name for name, value in said.items() if name in known and known[name] != value]
        if other:
            told = "; ".join(f"{name} is {known[name]!r}, now {said[name]!r}" for name in other)
            raise Conflict(f"run {self.subject} has these parameters with other values ({told}); start another run for them")
        known.update(said)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set words to find the run by; the newest value of a tag counts."""
        self._must_be_open()
        self._log.tags.update({_named("tag", name): _text(name, str(value)) for name, value in tags.items()})

    def log_artifact(self, what: str | Path | bytes, name: str | None = None) -> Artifact:
        """Keep a file, a folder (every file below it) or bytes, which need a name; it is on the disk when this returns."""
        self._must_be_open()
        if name is None and isinstance(what, bytes):
            raise InputError("artifact", [Fault(what="bytes have no name", remedy="give one: log_artifact(data, 'notes')")])
        return self._keep(name or Path(str(what)).resolve().name, keep_artifact(self._desk.workspace.objects, what))

    def log_figure(self, figure: Any, name: str) -> Artifact:
        """Keep a figure of Plotly or Matplotlib."""
        self._must_be_open()
        return self._keep(name, keep_figure(self._desk.workspace.objects, figure))

    def log_table(self, table: Any, name: str) -> Artifact:
        """Keep a frame of Polars or pandas."""
        self._must_be_open()
        return self._keep(name, keep_table(self._desk.workspace.objects, table))

    def log_data(self, name: str, what: Any) -> None:
        """Say which data the run used: a table's version, or a file or frame, of which the digest is kept and no copy."""
        self._must_be_open()
        self._log.data[_named("data", name)] = data_used(what)

    def end(self, error: BaseException | str | None = None) -> Ref | None:
        """End the run, as failed where an error is given, and return its entry once it is on the disk.

        A part of a run that is under way in a ``with`` returns None at once: it is on the disk when that one has ended.
        Raises ``Unavailable`` where it could not be written, and may then be called again.
        """
        if self._ending is None:
            for part in self._parts:
                part.end()
            ticks = perf_counter_ns()
            self._ending = Ending(
                self._log,
                own_traceback(error) if isinstance(error, BaseException) else error,
                self._desk.workspace.clock.now(),
                (ticks - self._log.ticks) / 1e9,
            )
            self._desk.finish(self._ending)
        if self._parent is not None and self._parent.inside:
            return None
        return self._settled()

    def _settled(self) -> Ref:
        for part in self._parts:
            part._settled()  # noqa: SLF001  a run's parts are runs
        self._parts.clear()
        ending = self._ending
        if ending is None:
            raise _over(self.subject)
        fault = ending.future.exception()
        if fault is not None:
            ending.future = Future()  # a second try is made by whoever calls again
            self._desk.finish(ending)
            raise fault
        return ending.future.result()

    def _keep(self, name: str, artifact: Artifact) -> Artifact:
        self._log.artifacts[_named("artifact", name)] = artifact
        return artifact

    def _must_be_open(self) -> None:
        if self._ending is not None:
            raise _over(self.subject)


def _over(subject: str) -> Conflict:
    return Conflict(f"run {subject} has ended and takes no more; start another one")


@lru_cache(maxsize=4096)  # a sweep says the same few names in every run
def _named(what: str, name: str) -> str:
    if not isinstance(name, str) or _NAME.fullmatch(name) is None or name != name.strip():
        remedy = f'write 1 to {LONGEST} printable characters, without " and without spaces around them'
        raise InputError(what, [Fault(what=f"{name!r} cannot be a name", remedy=remedy)])
    return name


def as_setting(name: str, value: Any) -> Setting:
    """Return a parameter's value as the record keeps it."""
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    if value is None or isinstance(value, bool | int):
        return value
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:  # a number of NumPy or a tensor of one
        return as_setting(name, value.item())
    return _text(name, value if isinstance(value, str) else repr(value))


def _text(name: str, value: str) -> str:
    if len(value) > LONGEST_TEXT:
        what = f"the value of {name!r} has {len(value):,} characters, at most {LONGEST_TEXT:,} are kept"
        raise InputError("run", [Fault(what=what, remedy="keep it with log_artifact")])
    return value
