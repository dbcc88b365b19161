"""The watch over one version: everything its policy declares, in one look."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import numpy as np
import polars as pl

from trimaran.core.nouns import Finding, Measurement, ModelVersion
from trimaran.core.tasks import NUMBERS, Task
from trimaran.data.declaration import Definition
from trimaran.data.profiles import Profile
from trimaran.monitor import decay, drift, estimation, latency, numerics, skew, staleness
from trimaran.monitor.decay import Quality
from trimaran.monitor.drift import Movement
from trimaran.monitor.estimation import TOLD, Estimated, Reconciled
from trimaran.monitor.latency import QUANTILES, Latency
from trimaran.monitor.numerics import Numerics
from trimaran.monitor.rows import STANDARD_WINDOWS, Windows, answered, between, labelled, matrix, settled
from trimaran.monitor.skew import Skew

WATCHED = ("id", "version", "role", "mode", "event_at", "score", "seconds", "label", "probabilities", "group", "features")
"""The columns of captured rows that a watch looks at."""
_OF_QUALITY = ("auc", "brier", "log_loss", "accuracy", "ece", "value")


class Details(msgspec.Struct, frozen=True, kw_only=True):
    """All that one look saw, for charts and for the evidence of the verdict; what the policy does not declare is empty."""

    product: str
    version: int
    at: datetime
    drift: list[Movement]
    quality: Quality
    estimated: Estimated | None
    reconciled: Reconciled | None
    numerics: Numerics | None
    latency: list[Latency]
    skew: Skew | None = None


def read_details(data: bytes) -> Details:
    """Return the details that a look left; raises ``msgspec.MsgspecError`` for bytes that are none."""
    return msgspec.convert(_lifted(msgspec.json.decode(data)), Details)


def near(definition: Definition, now: datetime, windows: Windows = STANDARD_WINDOWS) -> datetime:
    """Return the event time from which captured rows are enough for a watch in most cases: see ``suffices``."""
    return min(now - max(windows.drift, windows.recent), settled(definition, now) - windows.quality)


def suffices(
    definition: Definition, number: int, frame: pl.DataFrame, now: datetime, windows: Windows = STANDARD_WINDOWS
) -> bool:
    """Return whether rows from ``near`` on hold enough labels of a version; if not, rows from ``reach`` on are needed."""
    horizon = settled(definition, now)
    return decay.trailing(answered(frame, number), horizon, definition.task, windows) > horizon - windows.longest


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """The findings of one look, in the order of the policy, and what they rest on."""

    findings: list[Finding]
    details: Details


def watch(
    definition: Definition,
    version: ModelVersion,
    profile: Profile,
    accepted: Measurement | None,
    frame: pl.DataFrame,
    now: datetime,
    compared: Skew | None = None,
    windows: Windows = STANDARD_WINDOWS,
) -> Watched:
    """Look at one version as its product's policy declares.

    ``frame`` holds captured rows from ``reach(definition, now)`` on, with their features at least over ``windows.drift``;
    ``accepted`` is the version's value of the decay rule's measure, with its interval, when it was accepted; ``compared``
    is what its features were held against in the tables. Findings: drift, decay, estimate, numerics, skew, stale, and p50 or
    p99 where the gate requires them.
    """
    policy, task, horizon = definition.watch, definition.task, settled(definition, now)
    mine = answered(frame, version.number)
    week = between(mine, now - windows.drift, now)
    point = decay.quality(mine, task, decay.trailing(mine, horizon, task, windows), horizon)
    findings: list[Finding] = []
    moved: list[Movement] = []
    if policy.drift:
        truth = labelled(between(mine, horizon - windows.drift, horizon), task)["label"].to_numpy()
        moved = drift.movements(profile, version.features, matrix(week, version.features), _scores(week), truth)
        findings.append(drift.judge(moved))
    if policy.decay is not None:
        findings.append(decay.judge(policy.decay, point, accepted, windows))
    estimated = reconciled = None
    if policy.estimate:
        estimated = estimation.estimate(mine, profile.calibration, task, now - windows.quality, now)
        reconciled = estimation.against(mine, profile.calibration, task, point)
        findings.append(estimation.judge(estimated, [reconciled], policy.decay, accepted))
    counted = (
        _counted(profile, version.features, between(week, now - windows.recent, now), task) if policy.numerics else None
    )
    if counted is not None:
        findings.append(numerics.judge(counted))
    if compared is not None:
        findings.append(skew.judge(compared))
    if policy.stale is not None:
        findings.append(staleness.judge(version.tested_to, policy.stale, now))
    speeds = latency.latencies(between(answered(frame), now - windows.recent, now), windows.recent)
    findings += [
        latency.judge(rule, speeds, version.number) for rule in definition.acceptance.rules if rule.measure in QUANTILES
    ]
    details = Details(
        product=definition.name,
        version=version.number,
        at=now,
        drift=moved,
        quality=point,
        estimated=estimated,
        reconciled=reconciled,
        numerics=counted,
        latency=speeds,
        skew=compared,
    )
    return Watched(findings=findings, details=details)


def _counted(profile: Profile, names: list[str], day: pl.DataFrame, task: Task) -> Numerics:
    scores = day["score"].fill_null(float("nan")).to_numpy()
    return numerics.count(profile, names, matrix(day, names), scores, numbers=task.kind in NUMBERS)


def _scores(rows: pl.DataFrame) -> np.ndarray:
    return rows["score"].drop_nulls().drop_nans().to_numpy()


def _lifted(said: Any) -> Any:
    """Return details as they are written now: at first every measure had a field of its own, those of a yes or no."""
    if not isinstance(said, dict):
        return said
    changed = {}
    for part, names in (("quality", _OF_QUALITY), ("estimated", TOLD["binary"])):
        held = said.get(part)
        if isinstance(held, dict) and "measures" not in held:
            changed[part] = {**held, "measures": {name: held[name] for name in names if name in held}}
    return {**said, **changed}
