"""Records of building: code, runs and model versions."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import msgspec

from trimaran.core.nouns.record import Record, Ref

SCHEMAS = "schemas"
"""The name of a run's artifact with the columns that its tables had."""


SEGMENTED = 1_000_000
"""Models of segments are numbered from here, by product: a number then means one model, whoever captured it."""


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


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column that a model is asked with: its name and its type, as Polars calls it."""

    name: str
    type: str


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """What a version is asked and what it answers.

    ``given`` is what a caller sends, ``inputs`` what the model itself takes, in its order; ``answer`` says what comes back
    in words, and ``classes`` what it is the probability of.
    """

    given: list[Column]
    inputs: list[Column]
    answer: str
    classes: list[str]


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where a model that was trained elsewhere came from.

    ``sort`` is what it came as, ``source`` the name it had there (a label: nothing opens it), ``files`` the digest of each
    file it was made of, by the file's place, and ``said`` what the source says of itself. ``trained_until`` is the newest
    moment of which it was trained, as its maker says, None where nobody said; ``notes`` are what was seen on the way.
    """

    sort: str
    source: str
    files: dict[str, str]
    said: dict[str, str]
    trained_until: datetime | None = None
    notes: list[str]


class ModelVersion(Record, frozen=True, kw_only=True, tag="version"):
    """A model that may be judged and released. Subject: product/vN (product[segment]/sN for a segment's model).

    ``native`` and ``compiled`` are object digests; ``kept_as`` is the form that ``native`` is in, ``compiled`` is ONNX.
    ``features`` is the order of the model's inputs; ``profile`` is the object with the training data's profile, the
    reference of every drift check; ``suggested`` is the object with the Python text of the automated features it uses;
    ``example`` is the object with a row to ask, made of middle values, and its answer. ``origin`` is that of a model
    that was trained elsewhere: then the ``trained_from`` and ``trained_to`` are those of the rows that it was profiled on.
    """

    form: ClassVar[int] = 2

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
    kept_as: str = "skops"
    signature: Signature | None = None
    example: str | None = None
    origin: Origin | None = None

    @property
    def name(self) -> str:
        """The version as people write it, like ``v3``, or ``s3`` of a segment's model."""
        return name_of(self.number)


def name_of(number: int) -> str:
    """Return how people write the version of a number.

    >>> name_of(3), name_of(SEGMENTED + 3)
    ('v3', 's3')
    """
    return f"v{number}" if number <= SEGMENTED else f"s{number - SEGMENTED}"
