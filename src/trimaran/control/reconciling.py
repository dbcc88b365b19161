"""Judges control totals against what the stores hold: what a break is, what deletion by the rules excuses, and the verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

import msgspec
import polars as pl

from trimaran.core.checks import Rule, require
from trimaran.core.nouns import (
    SEGMENTED,
    Erasing,
    Finding,
    Measurement,
    Purged,
    Record,
    Role,
    Traffic,
    Trimmed,
    Vacuumed,
)

BALANCE = "balance"
"""The policy that verdicts of a reconciliation are by."""

GRACE = timedelta(minutes=1)
"""How long after a move a server may still answer as it did before: it looks before each batch, and a batch takes a while."""

NAMED = 10
"""How many rows a sentence names; a break holds all of them."""

_PLACES = ("who", "version")
_State = TypeVar("_State")


class Break(msgspec.Struct, frozen=True, kw_only=True):
    """One disagreement of a hand-over's totals with what a store holds.

    ``rows`` are the ids or keys concerned, all of them; ``unnamed`` counts those of which only a fingerprint is known.
    """

    handover: str
    what: str
    expected: int
    found: int
    since: datetime | None = None
    until: datetime | None = None
    rows: list[str] = []
    unnamed: int = 0

    @property
    def difference(self) -> int:
        """How many more were found than expected."""
        return self.found - self.expected

    @property
    def concerned(self) -> int:
        """How many rows are concerned, as far as rows can be told."""
        return len(self.rows) + self.unnamed

    def __str__(self) -> str:
        few = ", ".join(self.rows[:NAMED])
        more = f" and {self.concerned - NAMED:,} more" if self.concerned > NAMED else ""
        named = f": {few}{more}" if few else ""
        return f"{self.what} ({self.expected:,} expected, {self.found:,} found){named}"


class Step(NamedTuple):
    """One version of a table that is not what its delivery says; ``expected`` and ``found`` count its rows."""

    version: int
    key: str | None
    expected: int
    found: int


class Reign(NamedTuple):
    """From when to when a version might answer in a role."""

    version: int
    role: Role
    since: datetime
    until: datetime


class Difference(NamedTuple):
    """Rows counted before that are gone, rows that were never counted, and rows that have changed since; fingerprints all."""

    gone: pl.DataFrame
    new: pl.DataFrame
    changed: pl.DataFrame


class Lawful(msgspec.Struct, frozen=True, kw_only=True):
    """What deletion by the rules took, as far as its records tell.

    ``trimmed`` is the event time before which no captures are left; ``spans`` are the event times and numbers of erased
    predictions; ``rows`` counts erased rows by table and version; ``vacuumed`` are the versions of each table that can be
    read no more; ``objects`` maps those that were replaced to what holds their rows now, and those that were purged to None.
    """

    trimmed: datetime | None = None
    spans: list[tuple[datetime, datetime, int]] = []
    rows: dict[str, dict[int, int]] = {}
    vacuumed: dict[str, set[int]] = {}
    objects: dict[str, str | None] = {}

    @classmethod
    def told(cls, product: str, records: Iterable[Record]) -> Lawful:
        """Return what the records of deletion say about a product."""
        trimmed: datetime | None = None
        spans: list[tuple[datetime, datetime, int]] = []
        rows: dict[str, dict[int, int]] = {}
        vacuumed: dict[str, set[int]] = {}
        objects: dict[str, str | None] = {}
        for record in records:
            match record:
                case Trimmed() if record.product == product and record.store == "captures":
                    trimmed = max(filter(None, [trimmed, record.before]))
                case Erasing() if record.product == product:
                    if record.first is not None and record.last is not None:
                        spans.append((record.first, record.last, record.captured.get("predictions", 0)))
                    for table, versions in record.versions.items():
                        taken = rows.setdefault(table, {})
                        for version, count in versions.items():
                            taken[version] = taken.get(version, 0) + count
                    objects.update(record.replaced)
                case Vacuumed() if record.product == product:
                    vacuumed.setdefault(record.table, set()).update(record.versions)
                case Purged():
                    objects.update(dict.fromkeys(record.objects))
                case _:
                    pass
        return cls(trimmed=trimmed, spans=spans, rows=rows, vacuumed=vacuumed, objects=objects)

    def excuses(self, gone: pl.DataFrame) -> pl.Series:
        """Return which of the predictions that are gone (with their event_at) were lawfully deleted.

        An erasure tells how many rows it took and of which time, not which: as many or fewer are taken for them.
        """
        at = pl.col("event_at")
        trimmed = at < self.trimmed if self.trimmed is not None else pl.lit(value=False)
        within = pl.any_horizontal([pl.lit(value=False), *(at.is_between(first, last) for first, last, _ in self.spans)])
        seen = gone.select(trimmed=trimmed, erased=within & ~trimmed)
        enough = int(seen["erased"].sum()) <= sum(count for _, _, count in self.spans)
        return seen["trimmed"] | seen["erased"] if enough else seen["trimmed"]


def compare(counted: pl.DataFrame, found: pl.DataFrame) -> Difference:
    """Return what differs between fingerprints that were counted and those found now, by who, version and what.

    >>> counted = pl.DataFrame({"who": [1, 2, 3], "version": 1, "what": [7, 7, 7]})
    >>> found = pl.DataFrame({"who": [2, 3, 4], "version": 1, "what": [7, 8, 7]})
    >>> [frame["who"].to_list() for frame in compare(counted, found)]
    [[1], [4], [3]]
    """
    places = [name for name in _PLACES if name in counted.columns]
    both = found.join(counted.select(*places, counted="what"), on=places)
    return Difference(
        gone=counted.join(found, on=places, how="anti"),
        new=found.join(counted, on=places, how="anti"),
        changed=both.filter(pl.col("what") != pl.col("counted")),
    )


def missteps(kept: Mapping[int, int], commits: pl.DataFrame) -> list[Step]:
    """Return the versions of a table that did not add the rows that deliveries say they kept in it.

    ``commits`` are those of ``TableStore.commits``. A version that no delivery made may tidy up, and change no row.

    >>> commits = pl.DataFrame({"version": [0, 1], "key": ["a", None], "changed": [True, True], "rows": [5, 4]})
    >>> missteps({0: 5}, commits)
    [Step(version=1, key=None, expected=5, found=4)]
    """
    steps, before = [], 0
    first = commits["version"].min() if not commits.is_empty() else None
    for version, key, changed, rows in commits.select("version", "key", "changed", "rows").iter_rows():
        # A log that was cleaned up begins in the middle: its first version is all that came until then.
        expected = (
            sum(count for known, count in kept.items() if known <= version)
            if version == first
            else before + kept.get(version, 0)
        )
        foreign = version not in kept and changed
        if rows != expected or foreign:
            steps.append(Step(version, key, expected, rows))
        before = rows
    return steps


def reigns(
    moves: Sequence[tuple[datetime, Traffic]], waves: Sequence[tuple[datetime, Mapping[str, int]]], now: datetime
) -> list[Reign]:
    """Return when each version might answer in which role, by the traffic that each move left behind; the newest lasts to now.

    While a canary runs, whichever of it and the live version is not heard scores in the shadow. ``waves`` are the versions
    by segment that each wave left in service: these answer for their segments, and the live version scores in their shadow.
    """
    found = []
    for since, until, traffic in _lasting(moves, now):
        roles: list[tuple[int | None, Role]] = [
            (traffic.live, "live"),
            (traffic.canary, "canary"),
            (traffic.canary, "shadow"),
            (traffic.live if traffic.canary is not None else None, "shadow"),
            (traffic.shadow, "shadow"),
        ]
        found += [Reign(version, role, since, until + GRACE) for version, role in roles if version is not None]
    for since, until, seats in _lasting(waves, now):
        found += [Reign(version, "live", since, until + GRACE) for version in set(seats.values())]
        shadowed = [each for each in found if each.role == "live" and each.since < until and each.until > since]
        found += [each._replace(role="shadow") for each in shadowed if seats and each.version <= SEGMENTED]
    return found


def _lasting(states: Sequence[tuple[datetime, _State]], now: datetime) -> list[tuple[datetime, datetime, _State]]:
    """Return from when to when each state lasted."""
    ends = [*(moment for moment, _ in states[1:]), now]
    return [
        (since, until, state) for (since, state), until in zip(states, ends, strict=False)
    ]  # no state has an end too many


def findings(handovers: Mapping[str, int], breaks: Sequence[Break], doubts: Mapping[str, str]) -> list[Finding]:
    """Return one finding a hand-over: it passes when everything was looked at and nothing disagrees.

    ``handovers`` says how many things entered each, ``doubts`` of which something could not be looked at, and why.

    >>> [finding.outcome for finding in findings({"labels": 3, "training": 2}, [], {"training": "no code"})]
    ['pass', 'unknown']
    """
    names = dict.fromkeys([*handovers, *(one.handover for one in breaks), *doubts])
    return [
        _finding(name, handovers.get(name, 0), [one for one in breaks if one.handover == name], doubts.get(name, ""))
        for name in names
    ]


def _finding(handover: str, entered: int, breaks: Sequence[Break], doubt: str) -> Finding:
    rule, check = Rule("breaks", "<=", 0), f"{BALANCE} {handover}"
    if doubt and not breaks:
        return require(rule, Measurement(value=None, note=doubt), check=check)
    judged = require(rule, Measurement(value=len(breaks), n=entered), check=check)
    more = [f"and {len(breaks) - NAMED} more breaks"] if len(breaks) > NAMED else []
    told = "; ".join([*map(str, breaks[:NAMED]), *more])
    return msgspec.structs.replace(judged, reason=told or f"all {entered:,} that entered are where the totals say")
