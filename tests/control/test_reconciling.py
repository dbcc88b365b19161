"""What a break is, what deletion by the rules excuses, and who might answer when."""

from datetime import UTC, datetime, timedelta

import polars as pl

from trimaran.control.reconciling import GRACE, Break, Lawful, findings, missteps, reigns
from trimaran.core.nouns import SEGMENTED, Erasing, Purged, Traffic, Trimmed

NOON = datetime(2013, 7, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def gone(*hours):
    return pl.DataFrame({"event_at": [NOON + hour * HOUR for hour in hours]}, schema={"event_at": pl.Datetime("us", "UTC")})


def erasing(product="p", count=1):
    return Erasing(
        product=product,
        column="id",
        person="f" * 64,
        salt="0" * 64,
        reason="asked to",
        rows={},
        versions={"trips": {3: 2}},
        captured={"predictions": count},
        first=NOON,
        last=NOON + HOUR,
        replaced={"a": "b"},
    )


def test_an_erasure_excuses_as_many_rows_of_its_time_as_it_took_and_none_when_more_are_gone():
    lawful = Lawful.told("p", [erasing(count=2)])
    assert lawful.excuses(gone(0, 1, 5)).to_list() == [True, True, False]
    assert lawful.excuses(gone(0, 0.5, 1)).to_list() == [False, False, False]
    assert Lawful.told("p", [erasing(count=2), erasing(count=1)]).excuses(gone(0, 0.5, 1)).all()


def test_a_retention_rule_excuses_everything_before_its_moment():
    early = Trimmed(product="p", store="captures", rule="age", before=NOON, rows={})
    late = Trimmed(product="p", store="captures", rule="age", before=NOON + HOUR, rows={})
    assert Lawful.told("p", [late, early]).excuses(gone(-9, 0.5, 1)).to_list() == [True, True, False]
    assert not Lawful.told("q", [late, early]).excuses(gone(-9)).any()


def test_rows_and_objects_of_deletion_are_added_up_for_one_product():
    purged = Purged(what=[], objects=["c"], freed=1)
    lawful = Lawful.told("p", [erasing(), erasing(), erasing("q"), purged])
    assert (lawful.rows, lawful.objects) == ({"trips": {3: 4}}, {"a": "b", "c": None})


def test_a_version_answers_from_its_move_to_the_next_one_and_a_moment_longer():
    moves = [
        (NOON, Traffic(live=1)),
        (NOON + HOUR, Traffic(live=1, canary=2, percent=5)),
        (NOON + 2 * HOUR, Traffic(live=2)),
    ]
    found = reigns(moves, [], NOON + 9 * HOUR)
    assert (1, "live", NOON, NOON + HOUR + GRACE) in found
    assert (2, "live", NOON + 2 * HOUR, NOON + 9 * HOUR + GRACE) in found
    assert {(one.version, one.role) for one in found if one.since == NOON + HOUR} == {
        (1, "live"),
        (1, "shadow"),
        (2, "canary"),
        (2, "shadow"),
    }
    assert [one for one in found if (one.version, one.role) == (1, "shadow") and one.since != NOON + HOUR] == []


def commits(*rows):
    schema = {"version": pl.Int64, "key": pl.String, "changed": pl.Boolean, "rows": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def test_a_misstep_is_told_once_and_not_again_at_every_later_version():
    log = commits((0, "a", True, 5), (1, None, True, 4), (2, "b", True, 7), (3, None, False, 7))
    assert [(step.version, step.expected, step.found) for step in missteps({0: 5, 2: 3}, log)] == [(1, 5, 4)]


def test_a_log_that_was_cleaned_up_begins_with_all_that_came_before():
    assert missteps({0: 5, 4: 3, 5: 1}, commits((4, "b", True, 8), (5, "c", True, 9))) == []


def test_a_finding_fails_on_a_break_is_unknown_on_a_doubt_and_names_the_rows():
    lost = Break(handover="labels", what="labels are gone", expected=3, found=1, rows=["x"], unnamed=1)
    found = {one.check: one for one in findings({"labels": 3, "capture": 9, "training": 1}, [lost], {"training": "no code"})}
    assert {name: one.outcome for name, one in found.items()} == {
        "balance labels": "fail",
        "balance capture": "pass",
        "balance training": "unknown",
    }
    assert found["balance labels"].reason == "labels are gone (3 expected, 1 found): x"
    assert (lost.difference, lost.concerned) == (-2, 2)


def test_nobody_might_answer_before_the_first_move():
    assert reigns([], [], NOON) == []


def test_a_segments_model_answers_from_its_wave_on_and_the_live_version_is_its_shadow():
    own = SEGMENTED + 1
    moves = [(NOON, Traffic(live=1)), (NOON + 5 * HOUR, Traffic(live=2))]
    waves = [(NOON + HOUR, {"JFK": own}), (NOON + 3 * HOUR, {})]
    found = reigns(moves, waves, NOON + 9 * HOUR)
    assert (own, "live", NOON + HOUR, NOON + 3 * HOUR + GRACE) in found
    assert [one.since for one in found if one.version == own] == [NOON + HOUR]
    assert [one.version for one in found if one.role == "shadow"] == [1]
