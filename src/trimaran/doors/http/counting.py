"""Writes what the scoring server counted into the ledger: every few minutes, and once more when it ends."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Collection, Iterable

from trimaran.core.clock import Clock
from trimaran.core.errors import TrimaranError
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import Balance
from trimaran.doors.http.metrics import Metrics

log = logging.getLogger(__name__)

SECONDS = 300.0
"""How long the server counts before it writes: what a kill may take, of refusals alone, since answers are captured."""

ACTOR, REQUESTS = "scoring server", "requests"


class Counting:
    """The control totals of one server's requests, by product: rows answered and failed, requests refused and unanswerable.

    Nothing is added to a request: the totals are the metrics, told since they were last written. What cannot be written
    is told the next time.
    """

    def __init__(self, ledger: Ledger, clock: Clock, metrics: Metrics) -> None:
        self._ledger = ledger.as_actor(ACTOR)
        self._clock = clock
        self._metrics = metrics
        self._server = secrets.token_hex(8)
        self._since = clock.now()
        self._told: dict[str, dict[str, int]] = {}
        self._written = 0

    def write(self, products: Iterable[str]) -> None:
        """Write what was counted since the last time, of the products that were asked."""
        now, number = self._clock.now(), self._written + 1
        for product in products:
            counted, before = self._metrics.requests(product), self._told.get(product, {})
            left = {where: count - before.get(where, 0) for where, count in counted.items()}
            if not any(left.values()):
                continue
            record = Balance(handover=REQUESTS, since=self._since, until=now, entered=sum(left.values()), left=left)
            key = f"balance:{product}:{REQUESTS}:{self._server}:{number}"
            try:
                self._ledger.append(record, f"{product}/{REQUESTS}", key=key)
            except TrimaranError:
                log.exception("the requests of %s could not be written; they are told the next time", product)
            else:
                self._told[product] = counted
        self._since, self._written = now, number

    async def keep(self, products: Collection[str]) -> None:
        """Write again and again until cancelled."""
        while True:
            await asyncio.sleep(SECONDS)
            await asyncio.to_thread(self.write, list(products))
