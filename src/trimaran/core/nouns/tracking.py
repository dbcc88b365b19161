"""Records of runs that somebody tracks without a product: a script, a notebook, a trial of a tuning."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Literal

import msgspec

from trimaran.core.nouns.build import Code, Environment
from trimaran.core.nouns.record import Record

Setting = float | int | str | bool | None
"""The value of a parameter."""

_ODD = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


class Reading(msgspec.Struct, frozen=True, array_like=True):
    """The newest point of a metric, and how many points it has; ``at`` in microseconds since 1970.

    What JSON has no number for stands as ``nan``, ``inf`` or ``-inf``.

    >>> Reading.of(float("inf"), step=3, at=0, count=1)
    Reading(value='inf', step=3, at=0, count=1)
    >>> Reading.of(float("inf"), step=3, at=0, count=1).number
    inf
    """

    value: float | Literal["nan", "inf", "-inf"]
    step: int
    at: int
    count: int

    @property
    def number(self) -> float:
        """The value as the float it was."""
        return _ODD[self.value] if isinstance(self.value, str) else float(self.value)

    @classmethod
    def of(cls, value: float, *, step: int, at: int, count: int) -> Reading:
        """Return the reading of any float."""
        if math.isfinite(value):
            return cls(value, step, at, count)
        return cls("nan" if math.isnan(value) else "inf" if value > 0 else "-inf", step, at, count)


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """Something a run made: the object that holds it, what it is, and its bytes.

    ``kind`` is ``bytes``, ``file``, ``folder`` (a tree of files), ``figure`` (Plotly's JSON), ``image`` (PNG) or ``table``
    (Parquet).
    """

    digest: str
    kind: Literal["bytes", "file", "folder", "figure", "image", "table"]
    size: int


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """Data that a run used: the version of a table of the workspace, or the digest of a file's or a frame's content."""

    version: int | None = None
    digest: str | None = None
    rows: int | None = None
    size: int | None = None


class Started(Record, frozen=True, kw_only=True, tag="started"):
    """A run that was under way: who looks later and finds no end knows by the process whether it still runs. Subject: project/name.

    ``process`` is the number of the process on ``host`` and ``born`` when that process began, in seconds since 1970.
    """

    project: str
    name: str
    parent: str | None = None
    started: datetime
    host: str
    process: int
    born: float
    attempt: str


class Tracked(Record, frozen=True, kw_only=True, tag="tracked"):
    """A run that ended, whole. Subject: project/name.

    ``parent`` is the subject of the run it is a part of. ``points`` is how many points the metric store has of it: with 0,
    each metric has one point, its reading. ``error`` is the traceback of the author's own lines where it failed.
    """

    project: str
    name: str
    status: Literal["finished", "failed"]
    started: datetime
    ended: datetime
    seconds: float
    parent: str | None = None
    parameters: dict[str, Setting] = {}
    metrics: dict[str, Reading] = {}
    tags: dict[str, str] = {}
    artifacts: dict[str, Artifact] = {}
    data: dict[str, Used] = {}
    points: int = 0
    code: Code | None = None
    environment: Environment | None = None
    error: str | None = None

    @property
    def subject(self) -> str:
        """What the entry is about."""
        return f"{self.project}/{self.name}"
