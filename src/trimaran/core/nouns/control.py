"""Records of control: approvals, triggers, notices, refusals and the steps of the loop."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from trimaran.core.nouns.record import Record, Ref


class Declared(Record, frozen=True, kw_only=True, tag="declared"):
    """A product file as it was declared: the object with its text, and its policies as data. Subject: product.

    ``schemas`` is the object with the columns its tables had; None where it was declared before they were kept.
    """

    form: ClassVar[int] = 2

    product: str
    owner: str
    source: str
    policies: dict[str, str]
    schemas: str | None = None


class Approval(Record, frozen=True, kw_only=True, tag="approval"):
    """One person's decision on one version, in one role. Subject: product/vN."""

    product: str
    number: int
    model: str
    role: str
    person: str
    decision: Literal["approve", "refuse"]
    note: str = ""


class Trust(Record, frozen=True, kw_only=True, tag="trust"):
    """A person's decision to let one pickle be loaded, or no more, by the digest of its file. Subject: pickle:digest.

    A pickle runs what its maker wrote when it is loaded: only a worker process does so, and only on such a decision.
    """

    file: str
    decision: Literal["trust", "revoke"]
    person: str
    reason: str


class Trigger(Record, frozen=True, kw_only=True, tag="trigger"):
    """Something that starts retraining: the cause, in words, and the entry it was seen in. Subject: product."""

    product: str
    cause: str
    detail: str
    seen_in: Ref | None = None


class Notice(Record, frozen=True, kw_only=True, tag="notice"):
    """A message for a person. Subject: product."""

    product: str
    to: str
    subject: str
    text: str
    about: Ref | None = None


class Dispatch(Record, frozen=True, kw_only=True, tag="dispatch"):
    """One attempt to bring a notice to its target: that it began, or how it ended. Subject: product.

    ``begun`` keeps other senders from the notice up to ``until``, for whoever began may have been killed; ``failed`` is tried
    again from ``until`` on; ``given up`` is not. ``reason`` is the receiver's receipt, or what stood in the way.
    """

    product: str
    notice: Ref
    attempt: int
    outcome: Literal["begun", "sent", "failed", "given up"]
    reason: str = ""
    until: datetime | None = None
    sender: str = ""


class Turn(Record, frozen=True, kw_only=True, tag="turn"):
    """One finished turn of the loop: everything due up to ``until`` was done. Subject: product.

    ``requests`` were sent over HTTP, ``answered`` got a prediction, ``refused`` a clear fault; ``batch`` rows were scored
    without HTTP; ``labels`` were joined.
    """

    product: str
    until: datetime
    requests: int = 0
    answered: int = 0
    refused: int = 0
    batch: int = 0
    labels: int = 0
