"""Records of release and serving: stages, traffic, predictions and labels."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from trimaran.core.nouns.record import Record, Ref

Stage = Literal["staging", "shadow", "canary", "live", "retired", "refused", "rolled back"]
Role = Literal["live", "canary", "shadow"]
Mode = Literal["http", "batch"]


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """Which versions answer now: ``live`` answers all but ``percent`` of requests, ``canary`` those, ``shadow`` none."""

    live: int | None = None
    canary: int | None = None
    percent: float = 0.0
    shadow: int | None = None


class Release(Record, frozen=True, kw_only=True, tag="release"):
    """One move of a version to a stage, with the proof it moved on. Subject: product.

    Every move states the whole traffic split it leaves behind, so that the newest move before a moment says what
    was live then. ``proof`` is a passing verdict bound to ``model`` (none for a retirement or a roll-back, which name
    their ``reason``); ``approvals`` are used up by the move that names them.
    """

    product: str
    number: int
    model: str
    stage: Stage
    traffic: Traffic
    reason: str
    proof: Ref | None = None
    approvals: list[Ref] = []


class Alias(Record, frozen=True, kw_only=True, tag="alias"):
    """A name that people gave to a version, like ``champion``; the newest one says where it points now.

    Subject: product/name (product[segment]/name). ``number`` is the version's, None where the name was taken away.
    """

    product: str
    name: str
    number: int | None
    segment: str | None = None
    reason: str = ""


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of one version, captured before it is acknowledged.

    ``id`` is the caller's id of the thing predicted, and with ``version`` the idempotency key; ``event_at`` is the
    moment the answer holds for (predict_at); ``score`` is None when the version failed to answer; ``features`` are the model's inputs in its own order; ``notes`` are the
    defaults that were used. ``probabilities`` are those of each of several classes, whose likeliest one's is then the score.
    ``seconds`` is the time from request to answer. ``group`` names the rows that it was ranked among, empty where nothing is.
    """

    id: str
    product: str
    version: int
    role: Role
    mode: Mode
    event_at: datetime
    asked_at: datetime
    score: float | None
    features: list[float | None]
    notes: list[str] = []
    seconds: float = 0.0
    caller: str = ""
    probabilities: list[float] = []
    group: str = ""


CAPTURED = (
    "id",
    "version",
    "role",
    "mode",
    "event_at",
    "asked_at",
    "score",
    "seconds",
    "notes",
    "label",
    "known_at",
    "joined_at",
    "probabilities",
    "group",
    "features",
)
"""What a capture store knows of a prediction and its label, by the names of its columns."""


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """The truth about one predicted thing; ``value`` None means it will never be known (a cancelled flight)."""

    id: str
    product: str
    value: float | None
    known_at: datetime
    joined_at: datetime
