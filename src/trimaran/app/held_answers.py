"""Holds the totals of captures, labels and answers against the rows that the capture store really has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import polars as pl

from trimaran.app.closing import BATCH, CAPTURE, DELIVERY, LABELS, SCORING, heard, kept
from trimaran.app.workspace import Workspace
from trimaran.control.reconciling import Break, Lawful, Reign, compare
from trimaran.core.canon import fingerprint
from trimaran.core.errors import Corrupt, NotFound
from trimaran.core.nouns import Balance, Entry, Ingest, ModelVersion, Turn, name_of
from trimaran.data.declaration import Definition
from trimaran.monitor import due

EARLIER = timedelta(days=3)
"""How long before the window a row may have been asked whose moment lies in it."""

_CLOSING, _MOMENT, _ID = "__closing", "__moment", "__id"


@dataclass(frozen=True)
class Books:
    """What the ledger says of a product's answers in a window: closings and turns, oldest first, each with what was before."""

    closings: Sequence[tuple[Entry, Balance]]
    turns: Sequence[Turn]
    versions: Sequence[ModelVersion]
    since: datetime | None

    def of(self, handover: str) -> list[tuple[datetime | None, Entry, Balance]]:
        """Return the closings of a hand-over in the window, each with the end of the one before it."""
        mine = [(entry, each) for entry, each in self.closings if each.handover == handover]
        starts = [None, *(each.until for _, each in mine)]
        pairs = zip(starts, mine, strict=False)
        return [(before, entry, each) for before, (entry, each) in pairs if self._within(each.until)]

    def days(self) -> list[tuple[datetime | None, Turn]]:
        """Return the turns of the window, each with the end of the one before it."""
        starts = [None, *(turn.until for turn in self.turns)]
        return [(before, turn) for before, turn in zip(starts, self.turns, strict=False) if self._within(turn.until)]

    def places(self, since: datetime | None, until: datetime) -> list[int]:
        """Return which of the closings of captures, by place, lie in (since, until]."""
        ends = [each.until for _, _, each in self.of(CAPTURE)]
        return [place for place, end in enumerate(ends) if (since is None or end > since) and end <= until]

    def _within(self, moment: datetime) -> bool:
        return self.since is None or moment > self.since


@dataclass(frozen=True)
class HeldAnswers:
    """The captures and labels of one product beside what its books say."""

    workspace: Workspace
    definition: Definition
    books: Books
    lawful: Lawful

    def captures(self) -> list[Break]:
        """Return the breaks of closed windows: predictions that are gone, came later, or were changed."""
        counted, breaks = self._counted(CAPTURE)
        if counted is None:
            return breaks
        difference = compare(counted, self._placed(CAPTURE, self._predictions, "asked_at", counted))
        gone = difference.gone.filter(~self.lawful.excuses(difference.gone))
        return [
            *breaks,
            *self._apart(CAPTURE, "predictions that were captured are gone", gone, -1),
            *self._apart(CAPTURE, "predictions came into a window after it was closed", difference.new, 1),
            *self._apart(CAPTURE, "predictions were changed after they were captured", difference.changed, 0),
        ]

    def labels(self) -> list[Break]:
        """Return the breaks of labels: gone, changed or not joined by the loop, of things never predicted, or overdue."""
        counted, breaks = self._counted(LABELS)
        if counted is not None:
            labels = self.workspace.capture_audit.labels(self._name, after=self.books.since)
            difference = compare(counted, self._placed(LABELS, labels, "joined_at", counted))
            gone = difference.gone.filter(~pl.col("who").is_in(self._taken["who"].implode()))
            breaks += [
                *self._apart(LABELS, "labels that were joined are gone", gone, -1),
                *self._apart(LABELS, "labels are there that the loop did not join", difference.new, 1),
                *self._apart(LABELS, "labels were changed after they were joined", difference.changed, 0),
            ]
        unasked = self.workspace.capture_audit.unasked(self._name)
        if unasked:
            what = "labels are of things that no version predicted"
            breaks.append(Break(handover=LABELS, what=what, expected=0, found=len(unasked), rows=unasked))
        return [*breaks, *self._overdue()]

    def deliveries(self) -> list[Break]:
        """Return the breaks between the answers that their receivers counted and those that are captured."""
        told = [(each.since, each.until, sum(each.left.values())) for _, _, each in self.books.of(DELIVERY)]
        # Before deliveries had totals of their own, a turn said how many answers its callers got.
        turns = [(before, turn) for before, turn in self.books.days() if before is not None]
        told = told or [(before, turn.until, turn.answered + turn.batch) for before, turn in turns]
        breaks = []
        for since, until, expected in told:
            found = int(_between(self._predictions, "asked_at", since, until)["heard"].sum())
            if expected and found != expected and not 0 < expected - found <= self._excused(since, until):
                rows, unnamed = self._names(self._lost_of(since, until))
                breaks.append(
                    Break(
                        handover=DELIVERY,
                        what="answers that were delivered are not those that are captured",
                        expected=expected,
                        found=found,
                        since=since,
                        until=until,
                        rows=rows,
                        unnamed=unnamed,
                    )
                )
        return breaks

    def scoring(self, reigns: Sequence[Reign]) -> list[Break]:
        """Return the breaks of what was scored: by versions nobody knows, not in the traffic then, or of another width."""
        widths = {each.number: len(each.features) for each in self.books.versions}
        breaks = []
        for (number, role), rows in self._predictions.group_by("version", "role", maintain_order=True):
            version, asked_at = int(str(number)), pl.col("asked_at")
            mine = [
                asked_at.is_between(each.since, each.until)
                for each in reigns
                if (each.version, each.role) == (version, role)
            ]
            stray = rows.filter(~pl.any_horizontal([pl.lit(value=False), *mine]))
            why = f"was not in the traffic as {role}" if version in widths else "does not exist"
            odd = rows.filter(pl.col("width") != widths.get(version, 0)) if version in widths else rows.clear()
            breaks += [
                *self._strange(SCORING, f"predictions are by {name_of(version)}, which {why} when they were asked", stray),
                *self._strange("features", f"predictions by {name_of(version)} do not have the features that it takes", odd),
            ]
        return breaks

    def asked(self) -> tuple[int, list[Break]]:
        """Return how many kept rows the loop had to ask for, and a break of those that nobody predicted.

        The loop asks for every row of a window in which it scored in batch; elsewhere callers ask for what they like.
        """
        scored = [(each.since, each.until, each.left.get(BATCH)) for _, _, each in self.books.of(SCORING)]
        scored = scored or [(before, turn.until, turn.batch) for before, turn in self.books.days()]
        windows = [(since, until) for since, until, batch in scored if batch and since is not None]
        if not windows or self.workspace.tables.version(self._address) is None:
            return 0, []
        at = pl.col(_MOMENT)
        within = pl.any_horizontal([(at > since) & (at <= until) for since, until in _joined(windows)])
        if self.lawful.trimmed is not None:
            within &= at >= self.lawful.trimmed
        rows = self._keys.filter(within)
        lost = rows.join(self._predictions, on="who", how="anti").join(self._taken, on="who", how="anti")
        if lost.is_empty():
            return rows.height, []
        what = f"rows of {self.definition.asked} were kept, and nobody predicted them"
        names, found = sorted(lost[_ID]), rows.height - lost.height
        return rows.height, [Break(handover="asked", what=what, expected=rows.height, found=found, rows=names)]

    def predicted(self) -> int:
        """Return how many ids of the asked table a caller got an answer to."""
        if self.workspace.tables.version(self._address) is None:
            return 0
        return self._keys.join(self._predictions.filter("heard"), on="who", how="semi").height

    @property
    def _name(self) -> str:
        return self.definition.name

    @property
    def _address(self) -> str:
        return f"{self._name}/{self.definition.asked}"

    @cached_property
    def _predictions(self) -> pl.DataFrame:
        since = self.books.since
        after = since - EARLIER if since is not None else None
        return heard(self.workspace.capture_audit.predictions(self._name, after=after)).sort("asked_at")

    @cached_property
    def _keys(self) -> pl.DataFrame:
        """The keys of the asked table with their fingerprints, and the moment each row is due to be asked."""
        moment = self.definition.predict_at.expression.dt.convert_time_zone("UTC")
        rows = self.workspace.tables.read(self._address).select(
            pl.col(self.definition.key).cast(pl.String).alias(_ID), moment.alias(_MOMENT)
        )
        keys = rows.unique(_ID).collect()
        return keys.with_columns(pl.Series("who", [fingerprint(name.encode()) for name in keys[_ID]], pl.Int64))

    @cached_property
    def _missing(self) -> pl.DataFrame:
        """Every prediction that was counted and is gone, lawfully or not."""
        counted, _ = self._counted(CAPTURE)
        if counted is None:
            return pl.DataFrame(
                schema={"who": pl.Int64(), "event_at": pl.Datetime("us", "UTC"), "heard": pl.Boolean(), _CLOSING: pl.Int32()}
            )
        return compare(counted, self._placed(CAPTURE, self._predictions, "asked_at", counted)).gone

    @cached_property
    def _taken(self) -> pl.DataFrame:
        """The predictions that lawful deletion took."""
        return self._missing.filter(self.lawful.excuses(self._missing))

    def _lost_of(self, since: datetime | None, until: datetime) -> pl.DataFrame:
        lost = (
            self._missing.join(self._taken, on=["who", "version"], how="anti")
            if not self._missing.is_empty()
            else self._missing
        )
        return lost.filter(pl.col("heard") & pl.col(_CLOSING).is_in(self.books.places(since, until)))

    def _excused(self, since: datetime | None, until: datetime) -> int:
        """Return how many answers of a window lawful deletion may have taken."""
        if self.books.of(CAPTURE):
            return self._taken.filter(pl.col("heard") & pl.col(_CLOSING).is_in(self.books.places(since, until))).height
        trimmed = self.lawful.trimmed
        return sum(count for _, _, count in self.lawful.spans) + (
            2**63 if trimmed is not None and trimmed > (since or until) else 0
        )

    def _overdue(self) -> list[Break]:
        """Return a break of the labels that were decided at the newest closing, by what the table held then, and not joined."""
        newest = self.books.of(LABELS)[-1:]
        for _, entry, closing in newest:
            history = self.workspace.ledger.history([Ingest], self._address)
            versions = [record.version for known, record in history if known.seq < entry.seq]
            waiting = self.workspace.capture_audit.waiting(self._name, closing.until)
            if not versions or not waiting:
                continue
            rows = self.workspace.tables.read(self._address, versions[-1])
            late = sorted(label.id for label in due(self.definition, rows, waiting, closing.until))
            if late:
                what = "labels were due and were not joined"
                return [Break(handover=LABELS, what=what, expected=0, found=len(late), until=closing.until, rows=late)]
        return []

    def _counted(self, handover: str) -> tuple[pl.DataFrame | None, list[Break]]:
        """Return the fingerprints that closings counted, with the place of each closing, and a break for what cannot be read."""
        parts, breaks = [], []
        for place, (before, _, each) in enumerate(self.books.of(handover)):
            if each.held is None or self.lawful.objects.get(each.held, each.held) is None:
                continue
            try:
                rows = kept(self.workspace.objects, each.held)
            except (NotFound, Corrupt) as error:
                what = f"the list of what was counted cannot be read ({error})"
                lost = Break(handover=handover, what=what, expected=each.entered, found=0, since=before, until=each.until)
                breaks.append(lost)
            else:
                parts.append(rows.with_columns(pl.lit(place, pl.Int32).alias(_CLOSING)))
        return (pl.concat(parts) if parts else None), breaks

    def _placed(self, handover: str, rows: pl.DataFrame, moment: str, counted: pl.DataFrame) -> pl.DataFrame:
        """Return the rows of the windows whose fingerprints were counted, with the place of each one's closing."""
        closings = self.books.of(handover)
        starts = [each.since if handover == CAPTURE else before for before, _, each in closings]
        windows = pl.DataFrame(
            {
                _CLOSING: pl.Series(range(len(closings)), dtype=pl.Int32),
                "since": pl.Series(starts, dtype=pl.Datetime("us", "UTC")),
                "until": pl.Series([each.until for _, _, each in closings], dtype=pl.Datetime("us", "UTC")),
            }
        )
        place = windows["until"].search_sorted(rows[moment], side="left").cast(pl.Int32)
        placed = rows.with_columns(place.alias(_CLOSING)).join(windows, on=_CLOSING)
        known = counted[_CLOSING].unique().implode()
        return placed.filter(
            (pl.col("since").is_null() | (pl.col(moment) > pl.col("since"))) & pl.col(_CLOSING).is_in(known)
        )

    def _apart(self, handover: str, what: str, rows: pl.DataFrame, sign: int) -> list[Break]:
        """Return a break for each closing that some rows belong to."""
        if rows.is_empty():
            return []
        closings = self.books.of(handover)
        breaks = []
        for (place,), group in rows.sort(_CLOSING).group_by(_CLOSING, maintain_order=True):
            before, _, each = closings[int(str(place))]
            names, unnamed = self._names(group)
            entered = each.entered if handover == CAPTURE else 0
            breaks.append(
                Break(
                    handover=handover,
                    what=what,
                    expected=entered if sign else 0,
                    found=entered + sign * group.height if sign else group.height,
                    since=before,
                    until=each.until,
                    rows=names,
                    unnamed=unnamed,
                )
            )
        return breaks

    def _strange(self, handover: str, what: str, rows: pl.DataFrame) -> list[Break]:
        """Return a break for predictions of which there should be none."""
        if rows.is_empty():
            return []
        names, unnamed = self._names(rows)
        return [Break(handover=handover, what=what, expected=0, found=rows.height, rows=names, unnamed=unnamed)]

    def _names(self, rows: pl.DataFrame) -> tuple[list[str], int]:
        """Return the ids behind fingerprints, in order, and how many nobody knows any more."""
        wanted = set(rows["who"])
        found = self.workspace.capture_audit.named(self._name, wanted)
        if wanted - found.keys() and self.workspace.tables.version(self._address) is not None:
            found |= dict(self._keys.filter(pl.col("who").is_in(list(wanted))).select("who", _ID).iter_rows())
        names = sorted({found[who] for who in wanted if who in found})
        return names, len(wanted - found.keys())


def _between(rows: pl.DataFrame, column: str, since: datetime | None, until: datetime) -> pl.DataFrame:
    """Return the rows with a sorted column in (since, until]."""
    first = 0 if since is None else rows[column].search_sorted(since, side="right")
    last = rows[column].search_sorted(until, side="right")
    return rows.slice(first, last - first)


def _joined(windows: Sequence[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Return windows with those that follow each other made one.

    >>> from datetime import UTC
    >>> days = [datetime(2013, 1, day, tzinfo=UTC) for day in (1, 2, 3, 5, 6)]
    >>> [(since.day, until.day) for since, until in _joined([(days[0], days[1]), (days[1], days[2]), (days[3], days[4])])]
    [(1, 3), (5, 6)]
    """
    found: list[tuple[datetime, datetime]] = []
    for since, until in windows:
        if found and found[-1][1] == since:
            found[-1] = found[-1][0], until
        else:
            found.append((since, until))
    return found
