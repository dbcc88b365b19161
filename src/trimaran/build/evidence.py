"""Everything a gate looks at about one candidate, as one stored value."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from trimaran.core.canon import canonical
from trimaran.core.errors import Corrupt
from trimaran.core.nouns import Measurement
from trimaran.core.ports import ObjectStore
from trimaran.core.tasks import Kind

SMALL = "(small)"
"""The slice of all values with too few rows to be judged one by one."""


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """The quality where a column has one value; intervals are widened for the number of slices looked at."""

    column: str
    value: str
    rows: int
    measures: dict[str, Measurement]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The live version on the same rows; ``differences`` are the candidate's measures minus its, with paired intervals."""

    number: int
    measures: dict[str, Measurement]
    differences: dict[str, Measurement]


class AgainstNaive(msgspec.Struct, frozen=True, kw_only=True):
    """The naive forecast ``feature`` on the ``rows`` of the window where it is known, ``missing`` on the others.

    ``measure`` is what models are compared on; ``value`` and ``naive`` are the candidate's and the forecast's on those very
    rows, ``difference`` the candidate's minus the forecast's with its paired interval.
    """

    feature: str
    rows: int
    missing: int
    measure: str
    value: Measurement
    naive: Measurement
    difference: Measurement


class TestResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a test of the specification went: ``share`` of the rows must hold; ``failure`` tells the first that did not."""

    name: str
    rows: int
    held: int
    share: float
    failure: str = ""

    @property
    def passed(self) -> bool:
        """Whether enough rows held; a test that saw no row did not pass."""
        return self.rows > 0 and self.held >= self.share * self.rows


class Parity(msgspec.Struct, frozen=True, kw_only=True):
    """The compiled model against the native one on ``rows`` real rows.

    ``difference`` is the greatest between two scores (of numbers: in standard deviations of the scores), ``flips`` the share
    of answers that differ; both are None when there is no compiled form, and ``note`` says why. Only a compiled form that
    ``holds`` is served.
    """

    rows: int
    difference: float | None
    flips: float | None
    holds: bool
    note: str = ""


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds the scorer takes for one row, over real rows, of the ``form`` that is served."""

    form: str
    p50: Measurement
    p99: Measurement


class Numerics(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the scores are numbers to rely on.

    ``broken`` counts rows whose scores can be no answer, like NaN or a probability above 1; ``alone`` is the greatest
    difference between a row's score alone and in a batch, in the unit of ``Parity.difference``; ``flips`` is the share of
    answers that noise of ``noise`` times each value turns.
    """

    rows: int
    broken: int
    alone: float
    noise: float
    flips: float


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """The quality of one week of the window, from ``start``: its mean label, and the measure models are compared on."""

    start: datetime
    rows: int
    label_rate: float
    measures: dict[str, Measurement]


class Reliability(msgspec.Struct, frozen=True, kw_only=True):
    """One point of the calibration curve: the mean score of some rows and their mean label.

    Of several classes the score is the probability of the likeliest, and the label whether it was the true one.
    """

    score: float
    rate: float
    rows: int


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured of a candidate on the out-of-time window, whose rows nothing was fitted or chosen on.

    ``measures`` are named as in ``core.checks.MEASURES``; ``live`` is None while nothing is live; ``roc`` holds (false
    positive rate, true positive rate) of a yes-or-no label; ``importance`` is how much of ``goal``, the measure models are
    compared on, is lost when a feature's values are shuffled. ``confusion`` counts rows by true class, then by likeliest.
    ``naive`` is None where no naive forecast is declared.
    ``elsewhere`` says that it was not trained here, ``trained_until`` up to when it was, as its maker says.
    """

    rows: int
    tested_from: datetime
    tested_to: datetime
    threshold: float | None
    measures: dict[str, Measurement]
    slices: list[Slice]
    live: Comparison | None
    tests: list[TestResult]
    parity: Parity
    latency: Latency
    numerics: Numerics
    weeks: list[Period]
    roc: list[tuple[float, float]]
    calibration: list[Reliability]
    importance: dict[str, float]
    task: Kind = "binary"
    goal: str = "auc"
    classes: list[str] = []
    confusion: list[list[int]] = []
    elsewhere: bool = False
    trained_until: datetime | None = None
    naive: AgainstNaive | None = None


class Together(msgspec.Struct, frozen=True, kw_only=True):
    """All answers of a replicated product on the out-of-time window: own models where they passed, the pooled one elsewhere.

    ``live`` is the pooled version alone on the same rows.
    """

    rows: int
    measures: dict[str, Measurement]
    slices: list[Slice]
    live: Comparison


def write_evidence(objects: ObjectStore, evidence: Evidence) -> str:
    """Store evidence and return its digest."""
    return objects.put(canonical(evidence))


def read_evidence(objects: ObjectStore, digest: str) -> Evidence:
    """Return stored evidence; raises ``NotFound`` for an unknown digest, ``Corrupt`` for an object that is none."""
    try:
        return msgspec.convert(_lifted(msgspec.json.decode(objects.get(digest))), Evidence)
    except msgspec.MsgspecError as error:
        raise Corrupt(f"object {digest} is not evidence: {error}; pass the digest a verdict or a run names") from error


def _lifted(said: Any) -> Any:
    """Return evidence as it is written now: at first every product was yes or no, and AUC the one measure compared."""
    if not isinstance(said, dict):
        return said
    weeks = [
        {**week, "measures": {"auc": week["auc"]}} if isinstance(week, dict) and "auc" in week else week
        for week in said.get("weeks", [])
    ]
    live = said.get("live")
    if isinstance(live, dict) and "auc_difference" in live:
        live = {**live, "differences": {"auc": live["auc_difference"]}}
    return {**said, "weeks": weeks, "live": live}
