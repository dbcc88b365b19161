"""Records of pipelines: one entry a run, and what its sheet says of every step."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from trimaran.core.nouns.record import Record

Fate = Literal["ran", "cached", "failed", "skipped", "cancelled"]
"""What became of a step."""


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of the things that a step's result depends on: its digest, and its value in words where it is short and no secret."""

    digest: str
    said: str = ""


class Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A stored value: in which form, the digest of its bytes, and how many they are.

    ``leaves`` are the values that a container holds, in order; ``note`` says in words what it is; ``seal`` vouches for a
    pickle that this workspace itself made it.
    """

    form: str
    digest: str
    size: int
    note: str = ""
    leaves: tuple[Value, ...] = ()
    seal: str = ""


class StepRun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step in one run of a pipeline; ``item`` numbers it where it was run for each of several.

    ``parts`` are what its result depends on and ``key`` the digest of them, empty where it was not asked; ``since`` names
    the run that its result was first made in; ``uncached`` says why a result may not be served again.
    """

    name: str
    fate: Fate
    item: int | None = None
    key: str = ""
    parts: dict[str, Part] = {}
    inputs: dict[str, Value] = {}
    output: Value | None = None
    seconds: float = 0.0
    attempts: int = 0
    since: str = ""
    log: str = ""
    error: str = ""
    warnings: tuple[str, ...] = ()
    uncached: tuple[str, ...] = ()
    place: str = ""


class StepSheet(msgspec.Struct, frozen=True, kw_only=True):
    """Every step of a run, and the small values among those that went in and out, by digest."""

    steps: tuple[StepRun, ...]
    values: dict[str, bytes]


class PipelineStarted(Record, frozen=True, kw_only=True, tag="begun"):
    """A run of a pipeline that was under way: who finds no end knows by the process whether it still runs. Subject: pipeline/run-name.

    ``edges`` are those of the steps as far as they are known before; ``process`` is the number of the process on ``host``
    and ``born`` when that process began, in seconds since 1970.
    """

    name: str
    pipeline: str
    engine: str
    started: datetime
    edges: dict[str, list[str]]
    host: str
    process: int
    born: float


class PipelineRun(Record, frozen=True, kw_only=True, tag="pipeline"):
    """One run of a pipeline. Subject: pipeline/run-name.

    ``sheet`` is the object that tells every step; ``edges`` map a step to the steps whose outputs it takes; ``fates`` count
    the steps by what became of them; ``file`` is the object with the text of the file it is declared in, None in a notebook.
    """

    name: str
    pipeline: str
    engine: str
    started: datetime
    ended: datetime
    seconds: float
    parameters: dict[str, str]
    edges: dict[str, list[str]]
    fates: dict[str, int]
    sheet: str
    path: str = ""
    file: str | None = None
    error: str | None = None
