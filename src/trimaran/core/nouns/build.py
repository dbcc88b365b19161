"""Records of building: code, runs and model versions."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import msgspec

from trimaran.core.nouns.record import Record, Ref

SCHEMAS = "schemas"
"""The name of a run's artifact with the columns that its tables had."""


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """The code a run used: the product file's own text, and the repository around it with its uncommitted changes."""

    source: str
    commit: str | None = None
    uncommitted: str | None = None


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run happened: interpreter, platform, and the object that lists every installed package with its version.

    ``trimaran`` is the digest of the platform's own code, which its version alone does not name; None where it was not kept.
    """

    python: str
    platform: str
    lock: str
    trimaran: str | None = None


class Run(Record, frozen=True, kw_only=True, tag="run"):
    """One training run, tracked without being asked. Subject: product/run-name.

    ``data`` maps a table to its version; ``parameters`` are those given to ``fit``; ``metrics`` are plain numbers;
    ``artifacts`` map a name to an object's digest; ``cause`` says why it ran; ``shuffled`` that its training labels were
    permuted, on purpose. ``until`` is the moment up to which rows were used; None in runs of the first form.
    """

    form: ClassVar[int] = 2

    name: str
    cause: str
    code: Code
    environment: Environment
    data: dict[str, int]
    parameters: dict[str, float | int | str | bool | None]
    seed: int
    started: datetime
    ended: datetime
    seconds: float
    metrics: dict[str, float | None] = {}
    artifacts: dict[str, str] = {}
    trials: int = 0
    shuffled: bool = False
    until: datetime | None = None
    error: str | None = None


class ModelVersion(Record, frozen=True, kw_only=True, tag="version"):
    """A trained model that may be judged and released. Subject: product/vN (product[segment]/vN for a segment's model).

    ``native`` and ``compiled`` are object digests (skops and ONNX); ``features`` is the order of the model's inputs;
    ``profile`` is the object with the training data's profile, the reference of every drift check; ``suggested`` is the
    object with the Python text of the automated features it uses.
    """

    product: str
    number: int
    run: Ref
    native: str
    compiled: str | None
    features: list[str]
    profile: str
    code: str
    suggested: str | None
    segment: str | None = None
    trained_from: datetime
    trained_to: datetime
    tested_from: datetime
    tested_to: datetime
    rows: int

    @property
    def name(self) -> str:
        """The version as people write it, like ``v3``."""
        return f"v{self.number}"
