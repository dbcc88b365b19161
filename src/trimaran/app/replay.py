"""Replays a product's history through its whole life: the clock is injected, everything else is real."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec
import polars as pl

from trimaran.app.batch import BatchScorer
from trimaran.app.callers import Callers, Reply
from trimaran.app.closing import BATCH, HTTP, Closing
from trimaran.app.feed import Feed
from trimaran.app.lifecycle import Lifecycle
from trimaran.app.reconciling import judge
from trimaran.app.turning import turn
from trimaran.backends.process_tasks import end_idle
from trimaran.core.clock import SharedClock
from trimaran.core.errors import Unavailable
from trimaran.core.nouns import Turn
from trimaran.core.ports import Progress

FACTS_BEFORE = timedelta(days=35)
"""How far back the online store is filled at the start; no window of a feature may be longer to be served right at once."""


@dataclass(frozen=True)
class Plan:
    """What to replay: from when to when, how many HTTP requests a day, who signs in which role, and the drills.

    ``planted`` are days on which a candidate is trained on shuffled labels, which must not get through; ``broken`` is how
    many faulty requests a caller sends each day, which must be refused with a reason and never answered.
    """

    start: datetime
    until: datetime
    requests: int = 165
    tick: timedelta = timedelta(hours=12)
    callers: int = 16
    signatories: Mapping[str, str] = field(default_factory=dict)
    planted: tuple[datetime, ...] = ()
    broken: int = 1
    seed: int = 13


@dataclass
class Tally:
    """What one day's callers saw."""

    requests: int = 0
    answered: int = 0
    refused: int = 0
    batch: int = 0
    failed: int = 0

    def count(self, replies: list[Reply]) -> None:
        """Count replies by what they were."""
        self.requests += len(replies)
        self.answered += sum(reply.answered for reply in replies)
        self.refused += sum(reply.refused for reply in replies)
        self.failed += sum(not reply.answered and not reply.refused for reply in replies)


class Replay:
    """Runs a plan; a replay cut short anywhere goes on from its last finished day and repeats nothing that stands."""

    def __init__(self, life: Lifecycle, feed: Feed, clock: SharedClock, plan: Plan, progress: Progress) -> None:
        self._life = life
        self._feed = feed
        self._clock = clock
        self._plan = plan
        self._progress = progress
        self._batch = BatchScorer(life.workspace, life.name)
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="asking")
        self._closing = Closing(life.workspace, life.name)

    def prepare(self) -> None:
        """Load what was known at the start, train the first version, have it approved and released."""
        life, start = self._life, self._plan.start
        if life.state.live is not None:
            return
        self._clock.set(start)
        life.declare()
        life.take_in(self._feed.timeless, source="source", key="timeless")
        life.take_in(self._feed.settled(None, start), source="history", key="history")
        self._push(self._feed.timeless, "timeless")
        self._push(self._feed.facts(start - FACTS_BEFORE, start), "history")
        life.train("first training", key="first")
        life.replicate("first training", key="segments")
        self._sign()
        life.promotion.advance(start)

    def run(self, callers: Callers) -> None:
        """Live through every day of the plan that is not finished yet."""
        days = list(self._days())
        self._progress.start("replay", len(days))
        for since, until in days:
            self._day(callers, since, until)
            self._progress.advance("replay", note=f"{until:%d %b %Y}")
        self._progress.finish("replay")
        end_idle()  # what comes now takes memory itself, and trains nothing
        judge(self._life.workspace, self._life.definition)

    def _days(self) -> Iterator[tuple[datetime, datetime]]:
        turn = self._life.state.turn
        since = turn.until if turn is not None else self._plan.start
        while since < self._plan.until:
            until = min(since + timedelta(days=1), self._plan.until)
            yield since, until
            since = until

    def _day(self, callers: Callers, since: datetime, until: datetime) -> None:
        life, tally = self._life, Tally()
        given = life.given
        chosen = self._chosen(since, until)
        tick = since
        while tick < until:
            end = min(tick + self._plan.tick, until)
            self._clock.set(end)
            self._push(self._feed.facts(tick, end), f"{end:%Y-%m-%dT%H}")
            self._ask(callers, self._feed.asked(tick, end, given), chosen, tally)
            self._sign()
            life.promotion.advance(end)
            tick = end
        self._break(callers, tally, until)
        drill = any(since < day <= until for day in self._plan.planted)
        labels = turn(life, self._feed.settled(since, until), until, source="daily delivery", drill=drill)
        self._close(tally, since, until)
        life.close(
            Turn(
                product=life.name,
                until=until,
                requests=tally.requests,
                answered=tally.answered,
                refused=tally.refused,
                batch=tally.batch,
                labels=labels,
            )
        )

    def _close(self, tally: Tally, since: datetime, until: datetime) -> None:
        """Write the control totals of the day's scoring, captures and answers."""
        answered = {HTTP: tally.answered, BATCH: tally.batch}
        self._closing.scored(since, until, answered | {"refused": tally.refused, "failed": tally.failed})
        self._closing.captures(until)
        self._closing.delivered(since, until, {"over HTTP": tally.answered, "in batch": tally.batch})

    def _ask(self, callers: Callers, rows: pl.DataFrame, chosen: pl.Series, tally: Tally) -> None:
        if rows.is_empty():
            return
        key = self._life.definition.key
        online = pl.col(key).is_in(chosen.implode())
        bodies = [msgspec.json.encode(row) for row in rows.filter(online).iter_rows(named=True)]
        self._batch.warm_up()  # meanwhile the server takes the new facts in, so that its first callers need not wait
        asking = self._beside.submit(callers.ask, bodies)
        offline = rows.filter(~online)
        answered = self._batch.score(offline)
        tally.batch += answered
        tally.failed += offline.height - answered
        replies = asking.result()
        tally.count(replies)
        lost = [reply for reply in replies if not reply.answered]
        if lost:
            raise Unavailable(
                f"{len(lost)} of {len(replies)} requests were not answered; the first: {lost[0].status} {lost[0].body}"
            )

    def _break(self, callers: Callers, tally: Tally, until: datetime) -> None:
        """Send requests as a faulty caller would: a time that is none, a missing id, a NaN, a field with a typo."""
        given = self._life.definition.given.names()
        key, time = given[0], self._life.definition.predict_at.column
        kinds: list[bytes] = [
            msgspec.json.encode({key: "broken", time: "yesterday"}),
            msgspec.json.encode({time: until.isoformat()}),
            b'{"%s": "broken", "%s": NaN}' % (key.encode(), time.encode()),
            msgspec.json.encode({key: "broken", time: until.isoformat(), "typo_of_a_field": 1}),
        ]
        start = until.toordinal()
        tally.count(callers.ask([kinds[(start + number) % len(kinds)] for number in range(self._plan.broken)]))

    def _chosen(self, since: datetime, until: datetime) -> pl.Series:
        """Return the ids of the day's rows that callers ask for one by one; the rest is scored in batch."""
        key = self._life.definition.key
        ids = self._feed.asked(since, until, [key])[key]
        return ids.sample(min(self._plan.requests, ids.len()), seed=self._plan.seed + until.toordinal())

    def _push(self, tables: Mapping[str, pl.DataFrame], occasion: str) -> None:
        for table, rows in tables.items():
            self._life.workspace.online.push(self._life.name, table, rows, key=f"{occasion}:{table}")

    def _sign(self) -> None:
        for role, person in self._plan.signatories.items():
            self._life.sign_if_awaited(role, person)
