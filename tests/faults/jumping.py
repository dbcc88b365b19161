"""Processes whose clocks jump back and forth, and what must hold of the times in the ledger they write."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise

from judging import NOON

from trimaran.control.standing import standing
from trimaran.core.clock import Clock, to_micros
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import Notice, Release, Traffic

PRODUCT = "p"
MODEL = "ab" * 32
LOOKS = 40


class JumpingClock:
    """Goes on by seconds, and now and then back or forward by up to three hours."""

    def __init__(self, dice: random.Random) -> None:
        self._dice, self._now = dice, NOON

    def now(self) -> datetime:
        """Return the moment this clock is at."""
        jump = self._dice.uniform(-10_800, 10_800) if self._dice.random() < 0.3 else self._dice.uniform(0, 5)
        self._now += timedelta(seconds=jump)
        return self._now

    def micros(self) -> int:
        """Return the moment this clock is at in microseconds."""
        return to_micros(self.now())


def write(opening: Callable[[Clock], Ledger], seed: int, processes: int, writes: int) -> None:
    """Let processes write moves and notices side by side, each by its own clock."""
    opening(JumpingClock(random.Random(seed)))
    children = []
    for number in range(processes):
        child = os.fork()
        if child == 0:
            try:
                ledger = opening(JumpingClock(random.Random(f"{seed} {number}")))
                for place in range(writes):
                    ledger.append(_record(number, place, writes), PRODUCT, key=f"{number} {place}")
            finally:
                os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)


def _record(number: int, place: int, writes: int) -> Release | Notice:
    if place % 2:
        return Notice(product=PRODUCT, to="olga", subject=f"{number} {place}", text="")
    traffic = Traffic(percent=float(number * writes + place))  # says which move it was
    return Release(product=PRODUCT, number=1, model=MODEL, stage="canary", traffic=traffic, reason="test")


def judge(opening: Callable[[Clock], Ledger], seed: int, wanted: int) -> dict[str, list[str]]:
    """Return what was lost, and which times are out of order or answer wrongly what held at a moment."""
    dice = random.Random(seed)
    ledger = opening(JumpingClock(dice))
    entries = list(ledger.store.scan())
    lost = [f"{wanted - len(entries)} of {wanted} entries"] if len(entries) != wanted else []
    wrong = [
        f"entry {after.seq} is before entry {before.seq}" for before, after in pairwise(entries) if after.at < before.at
    ]
    ledger.verify()
    for _ in range(LOOKS):
        moment = dice.choice(entries).at + timedelta(seconds=dice.choice((-1, 0, 1)))
        until = [entry for entry in entries if entry.at <= moment]
        if list(ledger.store.scan(until=moment)) != entries[: len(until)]:
            wrong.append(f"what stood at {moment} is no beginning of the ledger")
        moves = [entry for entry in until if entry.kind == "release"]
        held = ledger.read(moves[-1], Release).traffic if moves else Traffic()
        if standing(ledger, PRODUCT, moment).traffic != held:
            wrong.append(f"the standing at {moment} is not that of the newest move until then")
    return {"lost": lost, "doubled": [], "dangling": wrong}
