"""What the moves of a product amount to: a fold over its releases, as one look saw them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trimaran.core.errors import NotFound
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import Entry, Ref, Release, Restored, Stage, Traffic, Trashed

OUT = ("refused", "rolled back", "retired")


@dataclass(frozen=True)
class History:
    """The moves of one product, oldest first; every answer is about the moment they were read."""

    product: str
    moves: Sequence[tuple[Entry, Release]]
    trashed: frozenset[int] = frozenset()

    @classmethod
    def read(cls, ledger: Ledger, product: str) -> History:
        """Return the history as the ledger has it now."""
        return cls(product, list(ledger.history([Release], product)), _trashed(ledger, product))

    @property
    def seq(self) -> int:
        """The entry a next move follows, 0 when it is the first."""
        return self.moves[-1][0].seq if self.moves else 0

    @property
    def traffic(self) -> Traffic:
        """Which versions answer."""
        return self.moves[-1][1].traffic if self.moves else Traffic()

    @property
    def used(self) -> set[Ref]:
        """The approvals that earlier moves used up."""
        return {ref for _, move in self.moves for ref in move.approvals}

    def newest(self, number: int) -> tuple[Entry, Release]:
        """Return the newest move of a version; raises ``NotFound`` when it was never staged."""
        found = next((each for each in reversed(self.moves) if each[1].number == number), None)
        if found is None:
            message = f"{self.product} v{number} was never staged; stage it first"
            raise NotFound(message)
        return found

    def stage_of(self, number: int) -> Stage | None:
        """Return the stage a version is in, None before it was staged; what another one replaced is retired."""
        if all(move.number != number for _, move in self.moves):
            return None
        if self.traffic.live == number:
            # Also one that came back because its successor was rolled back.
            return "live"
        stage = self.newest(number)[1].stage
        return "retired" if stage == "live" else stage

    def live_before(self, number: int) -> int | None:
        """Return the version that was live most recently before another and was not taken out, or into the trash, since."""
        for _, move in reversed(self.moves):
            live = move.traffic.live
            if live not in (None, number) and live not in self.trashed and self.newest(live)[1].stage not in OUT:
                return live
        return None


def _trashed(ledger: Ledger, product: str) -> frozenset[int]:
    """Return the numbers of the versions in the trash, or purged out of it."""
    found: set[str] = set()
    kinds: tuple[type[Trashed | Restored], ...] = (Trashed, Restored)
    for _, record in ledger.history(kinds):
        named = {ref.subject for ref in record.what if ref.kind == "version"}
        found = found | named if isinstance(record, Trashed) else found - named
    own = f"{product}/v"
    return frozenset(int(name.removeprefix(own)) for name in found if name.startswith(own))
