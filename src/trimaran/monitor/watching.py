"""The watch over one version: everything its policy declares, in one look."""

from __future__ import annotations

from datetime import datetime

import msgspec
import numpy as np
import polars as pl

from trimaran.core.nouns import Finding, Measurement, ModelVersion
from trimaran.data.declaration import Definition
from trimaran.data.profiles import Profile
from trimaran.monitor import decay, drift, estimation, latency, numerics, staleness
from trimaran.monitor.decay import Quality
from trimaran.monitor.drift import Movement
from trimaran.monitor.estimation import Estimated, Reconciled
from trimaran.monitor.latency import QUANTILES, Latency
from trimaran.monitor.numerics import Numerics
from trimaran.monitor.rows import STANDARD_WINDOWS, Windows, answered, between, labelled, matrix, settled


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


def near(definition: Definition, now: datetime, windows: Windows = STANDARD_WINDOWS) -> datetime:
    """Return the event time from which captured rows are enough for a watch in most cases: see ``suffices``."""
    return min(now - max(windows.drift, windows.recent), settled(definition, now) - windows.quality)


def suffices(
    definition: Definition, number: int, frame: pl.DataFrame, now: datetime, windows: Windows = STANDARD_WINDOWS
) -> bool:
    """Return whether rows from ``near`` on hold enough labels of a version; if not, rows from ``reach`` on are needed."""
    horizon = settled(definition, now)
    return decay.trailing(answered(frame, number), horizon, windows) > horizon - windows.longest


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
    windows: Windows = STANDARD_WINDOWS,
) -> Watched:
    """Look at one version as its product's policy declares.

    ``frame`` holds captured rows from ``reach(definition, now)`` on, with their features at least over ``windows.drift``;
    ``accepted`` is the version's value of the decay rule's measure, with its interval, when it was accepted. Findings:
    drift, decay, estimate, numerics, stale, and p50 or p99 where the gate requires them.
    """
    policy = definition.watch
    mine = answered(frame, version.number)
    week = between(mine, now - windows.drift, now)
    horizon = settled(definition, now)
    since = decay.trailing(mine, horizon, windows)
    point = decay.quality(mine, definition.value, since, horizon)
    findings: list[Finding] = []
    moved: list[Movement] = []
    if policy.drift:
        truth = labelled(between(mine, horizon - windows.drift, horizon))["label"].to_numpy()
        moved = drift.movements(profile, version.features, matrix(week, version.features), _scores(week), truth)
        findings.append(drift.judge(moved))
    if policy.decay is not None:
        findings.append(decay.judge(policy.decay, point, accepted, windows))
    estimated = reconciled = None
    if policy.estimate:
        estimated = estimation.estimate(mine, profile.calibration, definition.value, now - windows.quality, now)
        reconciled = estimation.against(mine, profile.calibration, definition.value, point)
        findings.append(estimation.judge(estimated, [reconciled], policy.decay, accepted))
    counted = None
    if policy.numerics:
        day = between(week, now - windows.recent, now)
        scores = day["score"].fill_null(float("nan")).to_numpy()
        counted = numerics.count(profile, version.features, matrix(day, version.features), scores)
        findings.append(numerics.judge(counted))
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
    )
    return Watched(findings=findings, details=details)


def _scores(rows: pl.DataFrame) -> np.ndarray:
    return rows["score"].drop_nulls().drop_nans().to_numpy()
