"""Whether a model is served what it was trained on: features as captured against the same ones computed from the tables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec
import numpy as np
import polars as pl
from scipy import special

from trimaran.core.canon import fingerprint
from trimaran.core.nouns import Finding, Measurement, ModelVersion
from trimaran.core.statistics import adjusted_p_values, proportion
from trimaran.data.declaration import Definition
from trimaran.data.features import FeatureEngine, lookback
from trimaran.monitor.rows import answered, between, matrix, settled

_LOOK = timedelta(days=1)


class SkewRule(msgspec.Struct, frozen=True, kw_only=True):
    """What is out of order: a feature that differs in more than a ``bound`` of the rows.

    A feature is, when so many differing rows would be too unlikely at the bound itself: by the exact binomial test
    (Clopper and Pearson, Biometrika 1934) at the false discovery ``rate`` over all features (Benjamini-Hochberg), so that
    a look at many features rings no more often than one at a single feature. ``sample`` rows are compared in a look, and
    below ``minimum`` nothing is said. Two values are the same when both are missing or they agree to a relative
    ``tolerance``: a model reads float32.
    """

    sample: int = 200
    minimum: int = 50
    bound: float = 0.01
    rate: float = 0.05
    tolerance: float = 1e-6


STANDARD_RULE = SkewRule()


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """In how many rows of a look one feature was not what the tables say; one such row, with both values."""

    feature: str
    share: Measurement
    id: str | None = None
    served: float | None = None
    trained: float | None = None


class Skew(msgspec.Struct, frozen=True, kw_only=True):
    """What one look compared: ``n`` answered rows with since <= event time < until, ``unmatched`` others have no row in the table."""

    since: datetime
    until: datetime
    n: int
    unmatched: int
    features: list[Difference]


def compare(
    definition: Definition,
    version: ModelVersion,
    frame: pl.DataFrame,
    tables: Mapping[str, pl.DataFrame],
    now: datetime,
    rule: SkewRule = STANDARD_RULE,
) -> Skew:
    """Compute the features of a sample of answered rows again, from the tables, and hold them against the captured ones.

    ``frame`` holds captured rows with their features. Looked at is the newest day whose labels are final: by then the
    tables have everything that was known when the rows were asked for, whenever it came in. The sample is chosen by the
    hash of the ids, so that the same look gives the same rows. Only the part of each table that the features can see is
    read. The definition must be the one that the version was trained by.
    """
    until = settled(definition, now)
    since = until - _LOOK
    mine = between(answered(frame, version.number), since, until).unique("id", maintain_order=True)
    order = pl.Series([fingerprint(each.encode()) for each in mine["id"]], dtype=pl.Int64)
    sample = mine[order.arg_sort()[: rule.sample]]
    key = definition.key
    known = (
        tables[definition.asked].with_columns(pl.col(key).cast(pl.String)).filter(pl.col(key).is_in(sample["id"].implode()))
    )
    asked = sample.select(pl.col("id").alias(key), pl.col("features").alias(_SERVED)).join(
        known.unique(key, keep="last"), on=key, how="inner", maintain_order="left"
    )
    served = matrix(asked.select(pl.col(_SERVED).alias("features")), version.features)
    trained = _recomputed(definition, version, asked.drop(_SERVED), tables)
    return Skew(
        since=since,
        until=until,
        n=asked.height,
        unmatched=sample.height - asked.height,
        features=[
            _difference(name, asked[key], served[:, place], trained[:, place], rule)
            for place, name in enumerate(version.features)
        ],
    )


def judge(skew: Skew, rule: SkewRule = STANDARD_RULE) -> Finding:
    """Return the finding "skew": it fails when a feature is not what training would have made of it, and names each."""
    worst = max(skew.features, key=lambda each: each.share.value or 0.0, default=None)
    if worst is None or skew.n < rule.minimum:
        reason = f"only {skew.n} answered rows are in the tables by now, at least {rule.minimum} are needed"
        return Finding(check="skew", outcome="unknown", reason=reason)
    wrong = _wrong(skew, rule)
    differing = [each for each in skew.features if each.share.value]
    if wrong:
        reason = "; ".join(map(_told, wrong))
    elif differing:
        reason = f"{skew.n} answers compared with the tables, within {rule.bound:.0%}: " + "; ".join(map(_told, differing))
    else:
        reason = f"{skew.n} answers had the very features that training makes of the same rows"
    return Finding(
        check="skew",
        outcome="fail" if wrong else "pass",
        reason=reason,
        value=worst.share.value,
        bound=rule.bound,
        measurement=worst.share,
    )


_SERVED = "__served"


def _recomputed(
    definition: Definition, version: ModelVersion, asked: pl.DataFrame, tables: Mapping[str, pl.DataFrame]
) -> np.ndarray:
    engine = FeatureEngine(definition.features, definition.tables, definition.asked, definition.predict_at)
    moments = asked.select(definition.predict_at.expression.alias("at"))["at"]
    history = {name: engine.prepare(name, _seen(definition, name, tables[name], moments)) for name in engine.needs}
    found = engine.compute(asked, history).select(pl.col(version.features).cast(pl.Float32).fill_null(float("nan")))
    return found.to_numpy().astype(np.float64)


def _seen(definition: Definition, name: str, rows: pl.DataFrame, moments: pl.Series) -> pl.DataFrame:
    """Return the rows of a table that the features of some moments can see."""
    table = definition.tables[name]
    reach = lookback(definition.features, table)
    first, last = moments.min(), moments.max()
    if table.time is None or reach.newest or not isinstance(first, datetime) or not isinstance(last, datetime):
        return rows
    return rows.filter(pl.col(table.time).is_between(first - reach.longest, last))


def _wrong(skew: Skew, rule: SkewRule) -> list[Difference]:
    counts = [round((each.share.value or 0.0) * skew.n) for each in skew.features]
    chances = adjusted_p_values([float(special.bdtrc(count - 1, skew.n, rule.bound)) for count in counts])
    return [each for each, chance in zip(skew.features, chances.tolist(), strict=True) if chance <= rule.rate]


def _difference(name: str, ids: pl.Series, served: np.ndarray, trained: np.ndarray, rule: SkewRule) -> Difference:
    same = np.isclose(served, trained, rtol=rule.tolerance, atol=0.0, equal_nan=True)
    share = proportion(int(np.count_nonzero(~same)), same.size)
    if same.all():
        return Difference(feature=name, share=share)
    place = int(np.argmin(same))
    return Difference(
        feature=name, share=share, id=ids[place], served=_finite(served[place]), trained=_finite(trained[place])
    )


def _finite(value: np.float64) -> float | None:
    return float(value) if np.isfinite(value) else None


def _told(each: Difference) -> str:
    share = f"{each.share.value:.1%}" if each.share.value is not None else "some"
    return (
        f"{each.feature} was served otherwise than it is trained on in {share} of rows, "
        f"such as {each.id}: {_number(each.served)} instead of {_number(each.trained)}"
    )


def _number(value: float | None) -> str:
    return "no value" if value is None else f"{value:.6g}"
