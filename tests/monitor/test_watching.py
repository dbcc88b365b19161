"""One look says all that the policy declares."""

from dataclasses import replace
from datetime import timedelta

import msgspec
import polars as pl
import pytest

from trimaran.core.canon import canonical
from trimaran.core.errors import InputError
from trimaran.core.nouns import Measurement
from trimaran.data.declaration import Watch
from trimaran.data.profiles import Profile
from trimaran.monitor import read_details, watch

ACCEPTED = Measurement(value=0.80, low=0.79, high=0.81, n=8000, level=0.95)


@pytest.fixture
def profile(world):
    return world.profile()


def outcomes(watched):
    return {finding.check: finding.outcome for finding in watched.findings}


def test_a_calm_month_passes_in_everything(definition, version, world, profile):
    watched = watch(definition, version, profile, ACCEPTED, world.frame(9000, 33), world.start)
    checks = ["drift", "decay", "estimate", "numerics", "stale", "p99"]
    assert outcomes(watched) == dict.fromkeys(checks, "pass")


def test_details_hold_what_the_charts_need_and_can_be_kept(definition, version, world, profile):
    details = watch(definition, version, profile, ACCEPTED, world.frame(9000, 33), world.start).details
    assert len(details.drift) == 6
    assert details.quality.measures["auc"].low < details.quality.measures["auc"].value < details.quality.measures["auc"].high
    assert details.reconciled.inside
    assert details.numerics.n == details.latency[0].n
    assert read_details(canonical(details)) == details


def test_details_of_the_first_form_still_read(definition, version, world, profile):
    details = watch(definition, version, profile, ACCEPTED, world.frame(9000, 33), world.start).details
    said = msgspec.json.decode(canonical(details))
    for part in ("quality", "estimated"):
        said[part] |= said[part].pop("measures")
    assert read_details(msgspec.json.encode(said)) == details


def test_a_stored_profile_serves_like_the_fresh_one(definition, version, world, profile):
    frame = world.frame(9000, 33, shift=0.5)
    stored = msgspec.json.decode(canonical(profile), type=Profile)
    fresh = watch(definition, version, profile, ACCEPTED, frame, world.start)
    assert watch(definition, version, stored, ACCEPTED, frame, world.start) == fresh


def test_a_shift_and_a_decay_are_told_apart(definition, version, world, profile):
    shifted = watch(definition, version, profile, ACCEPTED, world.frame(9000, 33, shift=0.8), world.start)
    assert (outcomes(shifted)["drift"], outcomes(shifted)["decay"]) == ("fail", "pass")
    decayed = outcomes(watch(definition, version, profile, ACCEPTED, world.frame(9000, 33, twist=0.8), world.start))
    assert (decayed["decay"], decayed["estimate"]) == ("fail", "warn")


def test_a_version_is_as_old_as_its_newest_tested_row(definition, version, world, profile):
    stale = watch(definition, version, profile, ACCEPTED, world.frame(0, 33), world.start).findings[-2]
    assert (stale.check, stale.value) == ("stale", 10.0)


def test_labels_that_came_early_do_not_count_before_the_others(definition, version, world, profile):
    frame = world.frame(9000, 33)
    young = pl.col("event_at") >= world.start - timedelta(days=2, hours=2)
    early = frame.with_columns(label=pl.when(young).then(0.0).otherwise("label"))
    seen = watch(definition, version, profile, ACCEPTED, early, world.start)
    assert seen.details.quality == watch(definition, version, profile, ACCEPTED, frame, world.start).details.quality


def test_only_the_answers_of_the_version_count(definition, version, world, profile):
    frame = world.frame(9000, 33)
    noise = world.frame(9000, 33, shift=3.0, twist=1.0)
    mixed = pl.concat(
        [
            frame,
            noise.with_columns(role=pl.lit("shadow")),
            noise.with_columns(version=pl.lit(2, pl.Int32), features=pl.lit([1.0], pl.List(pl.Float64))),
        ]
    )
    alone = watch(definition, version, profile, ACCEPTED, frame, world.start)
    both = watch(definition, version, profile, ACCEPTED, mixed, world.start)
    assert both.findings == alone.findings
    assert [latency.version for latency in both.details.latency] == [1, 2]


def test_what_is_not_declared_is_not_judged(definition, version, world, profile):
    silent = replace(
        definition,
        watch=Watch(drift=False, estimate=False, numerics=False),
        acceptance=replace(definition.acceptance, rules=()),
    )
    watched = watch(silent, version, profile, None, world.frame(9000, 33).drop("features"), world.start)
    assert watched.findings == []
    assert watched.details.quality.n > 1000


def test_a_new_version_without_answers_is_unknown_and_not_at_fault(definition, version, world, profile):
    seen = outcomes(watch(definition, version, profile, ACCEPTED, world.frame(0, 33), world.start))
    assert seen == dict.fromkeys(["drift", "decay", "estimate", "numerics", "p99"], "unknown") | {"stale": "pass"}


def test_rows_of_other_features_than_the_versions_are_refused(definition, version, world, profile):
    other = msgspec.structs.replace(version, features=["wind"])
    with pytest.raises(InputError, match="hold 4 features, the model has 1"):
        watch(definition, other, profile, ACCEPTED, world.frame(9000, 33), world.start)


def test_failed_answers_are_counted_and_spoil_nothing_else(definition, version, world, profile):
    frame = world.frame(9000, 33)
    broken = frame.with_columns(score=pl.when(pl.int_range(pl.len()) % 10 > 0).then("score"))
    seen = outcomes(watch(definition, version, profile, ACCEPTED, broken, world.start))
    assert seen.pop("numerics") == "fail"
    assert set(seen.values()) == {"pass"}
