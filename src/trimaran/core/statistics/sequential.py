"""Tests that stay valid however often one looks: a mean in limits, a rate against a bound, a paired difference."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import msgspec
import numpy as np
from scipy import special

from trimaran.core.errors import Fault, InputError
from trimaran.core.nouns.judging import Measurement
from trimaran.core.statistics.samples import finite, within

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats: TypeAlias = npt.NDArray[np.float64]
    Integers: TypeAlias = npt.NDArray[np.int64]

LARGEST_BET = 0.75
"""The share of its wealth that a bet may lose at once (c in Waudby-Smith & Ramdas, where 1/2 and 3/4 are advised)."""

WORK = 2**16
"""Bets settled at once: half a megabyte for each array."""


class MeanSequence(msgspec.Struct, frozen=True, kw_only=True):
    """A confidence sequence for a mean of values in [floor, ceiling]: ``[low, high]`` holds it at all times at once.

    With probability 1 - alpha the mean lies in the interval after every row, so anyone may look, and stop, at any time.
    It holds for rows drawn independently, and for any whose conditional mean stays the same. This is the hedged capital
    process (Waudby-Smith & Ramdas, JRSS B 2024, theorem 3 with predictable plug-in bets) on ``cells`` + 1 candidate means:
    ``up`` and ``down`` are the log wealths of betting that the mean is above, below each candidate not yet refuted, the
    first of which is number ``first``. How the rows are cut into batches changes nothing. When no candidate is left, the
    mean has changed on the way (or chance alpha has struck), and ``settled`` says so.

    >>> rows = np.tile([0.2, 0.3, 0.4], 300)
    >>> state = MeanSequence().update(rows)
    >>> state.low < 0.3 < state.high, round(state.high - state.low, 2)
    (True, 0.02)
    """

    floor: float = 0.0
    ceiling: float = 1.0
    alpha: float = 0.05
    cells: int = 1000
    n: int = 0
    total: float = 0.0
    squares: float = 0.0
    first: int = 0
    up: list[float] | None = None
    down: list[float] | None = None

    def __post_init__(self) -> None:
        faults = []
        if not self.floor < self.ceiling:
            faults.append(Fault(what=f"no values lie in [{self.floor:g}, {self.ceiling:g}]", remedy="give floor < ceiling"))
        if self.cells < 1:
            faults.append(Fault(what=f"{self.cells} cells", remedy="give at least 1"))
        _raise(faults + _faults_of_alpha(self.alpha))

    @property
    def low(self) -> float:
        """The largest candidate refuted from below, or the floor."""
        return self._candidate(max(0, self.first - 1))

    @property
    def high(self) -> float:
        """The smallest candidate refuted from above, or the ceiling."""
        return self._candidate(min(self.cells, self.first + self._left))

    @property
    def settled(self) -> bool:
        """Whether every candidate is refuted: no single mean explains the rows, and more of them change nothing."""
        return self._left == 0

    @property
    def measurement(self) -> Measurement:
        """The mean so far with its always valid interval; None and a note before the first row."""
        if self.n == 0:
            return Measurement(value=None, low=self.low, high=self.high, level=1 - self.alpha, note="no rows")
        value = self.floor + (self.ceiling - self.floor) * self.total / self.n
        return Measurement(value=value, n=self.n, low=self.low, high=self.high, level=1 - self.alpha)

    def update(self, values: npt.ArrayLike) -> MeanSequence:
        """Return the state after more rows, in their order; raises ``InputError`` for a value outside the limits."""
        given = within(finite(values, "values"), self.floor, self.ceiling, "values")
        state, rows = self, (given - self.floor) / (self.ceiling - self.floor)
        while rows.size:
            size = max(16, WORK // max(1, state._left))
            state, rows = state._settle(rows[:size]), rows[size:]
        return state

    @property
    def _left(self) -> int:
        return self.cells + 1 if self.up is None else len(self.up)

    def _candidate(self, index: int) -> float:
        return self.floor + (self.ceiling - self.floor) * index / self.cells

    def _settle(self, rows: Floats) -> MeanSequence:
        candidates = np.arange(self.first, self.first + self._left) / self.cells
        up = np.zeros(self._left) if self.up is None else np.array(self.up)
        down = np.zeros(self._left) if self.down is None else np.array(self.down)
        bets, squares = self._bets(rows)
        limit = math.log(2 / self.alpha)
        up, risen = _wealth(up, rows, bets, candidates, limit)
        # Betting below a candidate is betting above its mirror image.
        down, fallen = _wealth(down, 1 - rows, bets, 1 - candidates, limit)
        # Wealth against a candidate from below falls as the candidate rises, so that the refuted are a run from each end.
        # Where the runs overlap nothing is left, and the side that came first moves ``first``, as it would row by row.
        start = int(np.count_nonzero((risen < rows.size) & (risen <= fallen)))
        stop = self._left - int(np.count_nonzero(fallen < rows.size))
        return msgspec.structs.replace(
            self,
            n=self.n + rows.size,
            total=self.total + float(rows.sum()),
            squares=squares,
            first=self.first + start,
            up=up[start:stop].tolist(),
            down=down[start:stop].tolist(),
        )

    def _bets(self, rows: Floats) -> tuple[Floats, float]:
        """Return each row's bet, made from the rows before it alone, and the squared deviations after the last row."""
        seen = np.arange(self.n + 1, self.n + rows.size + 1)
        means = (0.5 + self.total + np.cumsum(rows)) / (seen + 1)
        squares = self.squares + np.cumsum((rows - means) ** 2)
        before = np.concatenate([[self.squares], squares[:-1]])
        bets = np.sqrt(2 * math.log(2 / self.alpha) / ((0.25 + before) * np.log(1 + seen)))
        return bets, float(squares[-1])


def paired_difference(*, alpha: float = 0.05, cells: int = 2000) -> MeanSequence:
    """Return the empty confidence sequence for the mean difference of two losses in [0, 1] on the same rows.

    Update it with ``loss of the new - loss of the old``, each in [-1, 1]: below 0 the new one is better.

    >>> state = paired_difference().update(np.full(500, -0.2))
    >>> state.high < -0.15
    True
    """
    return MeanSequence(floor=-1.0, ceiling=1.0, alpha=alpha, cells=cells)


class RateTest(msgspec.Struct, frozen=True, kw_only=True):
    """Two tests of an error rate against a bound, ``below`` and ``above``, each valid however often one looks.

    If the rate is at or above the bound, ``below`` ever becomes true with probability at most alpha; if it is at or
    below the bound, the same holds of ``above``. Each is a mixture of likelihood ratios over the rates on its side, a
    test martingale at the bound (Robbins, AMS 1970; Ramdas et al., Statistical Science 2023), and only counts matter.
    Once true it stays true; both are true only of a rate that changed (or by chance), and then ``above`` should count.

    >>> test = RateTest(bound=0.01)
    >>> test.update(0, 330).below, test.update(12, 330).above
    (True, True)
    """

    bound: float
    alpha: float = 0.05
    n: int = 0
    errors: int = 0
    peak_below: float = 0.0
    peak_above: float = 0.0

    def __post_init__(self) -> None:
        faults = _faults_of_alpha(self.alpha)
        if not 0 < self.bound < 1:
            faults.append(
                Fault(what=f"an error rate of {self.bound:g} as bound", remedy="give one between 0 and 1, like 0.01")
            )
        _raise(faults)

    @property
    def below(self) -> bool:
        """Whether it is shown that the rate is below the bound."""
        return self.peak_below >= -math.log(self.alpha)

    @property
    def above(self) -> bool:
        """Whether it is shown that the rate is above the bound."""
        return self.peak_above >= -math.log(self.alpha)

    @property
    def rate(self) -> float | None:
        """The share of errors so far, None before the first row."""
        return self.errors / self.n if self.n else None

    def update(self, errors: int, n: int) -> RateTest:
        """Return the state after ``n`` more rows, ``errors`` of them errors; raises ``InputError`` for impossible counts."""
        if not 0 <= errors <= n:
            raise InputError("error rate", [Fault(what=f"{errors} errors in {n} rows", remedy="count each row once")])
        state = msgspec.structs.replace(self, errors=self.errors + errors, n=self.n + n)
        return msgspec.structs.replace(
            state,
            peak_below=max(self.peak_below, state.evidence_below()),
            peak_above=max(self.peak_above, state.evidence_above()),
        )

    def evidence_below(self) -> float:
        """Return the log evidence, now, that the rate is below the bound: how much more likely the counts are so.

        Half the weight is on a rate of 0, which decides fastest in the usual case, the other half on Jeffreys' prior.
        """
        never = -self.n * math.log1p(-self.bound) if self.errors == 0 else -math.inf
        prior = float(special.betainc(0.5, 0.5, self.bound))
        share = float(special.betainc(self.errors + 0.5, self.n - self.errors + 0.5, self.bound))
        return float(np.logaddexp(never, self._mixture(share, prior))) - math.log(2)

    def evidence_above(self) -> float:
        """Return the log evidence, now, that the rate is above the bound, with Jeffreys' prior above it."""
        prior = float(special.betaincc(0.5, 0.5, self.bound))
        share = float(special.betaincc(self.errors + 0.5, self.n - self.errors + 0.5, self.bound))
        return self._mixture(share, prior)

    def _mixture(self, share: float, prior: float) -> float:
        if share == 0:
            # The tail is below the smallest number: the counts speak wholly for the other side.
            return -math.inf
        good = self.n - self.errors
        ratio = special.betaln(self.errors + 0.5, good + 0.5) - special.betaln(0.5, 0.5)
        at_bound = self.errors * math.log(self.bound) + good * math.log1p(-self.bound)
        return float(ratio) + math.log(share) - math.log(prior) - at_bound


def _wealth(start: Floats, rows: Floats, bets: Floats, candidates: Floats, limit: float) -> tuple[Floats, Integers]:
    """Return the log wealth against each candidate after the rows, and the row that first brought it to the limit.

    That row is ``len(rows)`` where none did.
    """
    with np.errstate(divide="ignore"):
        largest = LARGEST_BET / candidates
    path = start + np.cumsum(np.log1p(np.minimum(bets[:, None], largest) * (rows[:, None] - candidates)), axis=0)
    over = path >= limit
    return path[-1], np.where(over.any(axis=0), over.argmax(axis=0), rows.size)


def _faults_of_alpha(alpha: float) -> list[Fault]:
    if 0 < alpha < 1:
        return []
    return [Fault(what=f"an error probability of {alpha:g}", remedy="give alpha between 0 and 1, like 0.05")]


def _raise(faults: list[Fault]) -> None:
    if faults:
        raise InputError("sequential test", faults)
