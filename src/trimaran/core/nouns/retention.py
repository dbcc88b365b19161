"""Records of deletion: what is in the trash, what is held, and what was removed for good, by whom and why."""

from __future__ import annotations

from datetime import datetime

from trimaran.core.nouns.record import Record, Ref


class Trashed(Record, frozen=True, kw_only=True, tag="trashed"):
    """Things put into the trash: hidden, whole and restorable until a purge. Subject: that of the first of them.

    A version goes with the run that made it.
    """

    what: list[Ref]
    reason: str


class Restored(Record, frozen=True, kw_only=True, tag="restored"):
    """Things taken out of the trash again. Subject: that of the first of them."""

    what: list[Ref]
    reason: str = ""


class Hold(Record, frozen=True, kw_only=True, tag="hold"):
    """A legal hold: nothing of a subject, or below it, is trashed, purged, trimmed or erased. Subject: what is held."""

    reason: str


class Unhold(Record, frozen=True, kw_only=True, tag="unhold"):
    """The end of every hold on a subject. Subject: what was held."""

    reason: str = ""


class Purged(Record, frozen=True, kw_only=True, tag="purged"):
    """Objects about to be removed for good; written before the first byte goes. Subject: ``purge``.

    ``what`` was in the trash and cannot be restored any more; ``breaks`` says in words what that ends; ``freed`` is the
    number of bytes that the objects took.
    """

    what: list[Ref]
    objects: list[str]
    freed: int
    breaks: list[str] = []


class Trimmed(Record, frozen=True, kw_only=True, tag="trimmed"):
    """Rows of a store whose time was over by a rule, written before the first goes. Subject: product/store.

    ``rows`` counts what leaves, by kind, of everything before ``before``: of captures as ``CaptureStore.counts`` does.
    """

    product: str
    store: str
    rule: str
    before: datetime
    rows: dict[str, int]


class Vacuumed(Record, frozen=True, kw_only=True, tag="vacuumed"):
    """Versions of a table that can be read no more, written before the first of their files goes. Subject: product/table.

    ``files`` were read by no version that is kept, and had ``freed`` bytes; ``breaks`` says in words what ended with them.
    """

    product: str
    table: str
    rule: str
    versions: list[int]
    files: int
    freed: int
    breaks: list[str] = []


class Erasing(Record, frozen=True, kw_only=True, tag="erasing"):
    """The intent to erase one person's rows, written before the first row goes. Subject: product.

    ``person`` is a keyed digest of column and value, which nobody can turn back or guess without the salt; ``salt`` is the
    digest of that salt, which lies beside the ledger and not in it. ``rows`` counts by store what was found; ``versions``
    maps a table to the data versions that brought rows, and how many each; ``captured`` counts captures as
    ``CaptureStore.counts`` does, of event times from ``first`` to ``last``; ``replaced`` maps each object that held rows to
    the one without them; ``models`` were trained on the rows and are not untrained.
    """

    product: str
    column: str
    person: str
    salt: str
    reason: str
    rows: dict[str, int]
    versions: dict[str, dict[int, int]]
    captured: dict[str, int] = {}
    first: datetime | None = None
    last: datetime | None = None
    replaced: dict[str, str] = {}
    models: list[Ref] = []


class Erased(Record, frozen=True, kw_only=True, tag="erased"):
    """The certificate that an erasure was done, and of what it did not reach. Subject: product.

    ``intents`` say what was erased: one, and one more for each time that it was cut short and found yet other rows.
    ``left`` says in words where the value still stands, and why it was left there.
    """

    product: str
    intents: list[Ref]
    person: str
    left: list[str] = []
