"""The laws of ``CaptureStore``; each takes an empty store."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import msgspec
import polars as pl

from trimaran.core.errors import InputError
from trimaran.core.nouns import CAPTURED, Label, Prediction, Role
from trimaran.core.ports import CaptureStore
from trimaran.testing.laws import holds, refuses

NOON = datetime(2013, 7, 1, 12, 0, 0, 123456, tzinfo=UTC)
MOMENT = pl.Datetime("us", "UTC")
SCHEMA = {
    "id": pl.String(),
    "version": pl.Int32(),
    "role": pl.String(),
    "mode": pl.String(),
    "event_at": MOMENT,
    "asked_at": MOMENT,
    "score": pl.Float64(),
    "seconds": pl.Float64(),
    "notes": pl.List(pl.String()),
    "label": pl.Float64(),
    "known_at": MOMENT,
    "joined_at": MOMENT,
    "probabilities": pl.List(pl.Float64()),
    "group": pl.String(),
    "features": pl.List(pl.Float64()),
}


def prediction(name: str, *, version: int = 1, role: Role = "live", hours: int = 0, width: int = 3) -> Prediction:
    """Return a prediction whose second feature is missing and whose times have microseconds."""
    features = [0.1 * n if n != 1 else None for n in range(width)]
    return Prediction(
        id=name,
        product="p",
        version=version,
        role=role,
        mode="http",
        event_at=NOON + timedelta(hours=hours),
        asked_at=NOON,
        score=0.1 + version / 10,
        features=features,
        notes=["wind: default", 'a "quoted" ✈'] if version == 2 else [],
        seconds=0.25,
        caller="kit",
    )


def label(name: str, value: float | None = 1.0) -> Label:
    """Return a label of the product of the kit."""
    return Label(id=name, product="p", value=value, known_at=NOON + timedelta(days=1), joined_at=NOON + timedelta(days=2))


def predictions_come_back_as_they_were(store: CaptureStore) -> None:
    """Every field, by (id, version), for the ids asked for and one product."""
    classed = msgspec.structs.replace(prediction("a", version=2, role="shadow"), probabilities=[0.1, 0.7, 0.2])
    ranked = msgspec.structs.replace(prediction("c", version=3), group="search ✈")
    captured = [prediction("a"), classed, ranked, prediction("b"), prediction("c", width=0)]
    holds(store.record(captured) == 5, "record counts the new rows")
    found = store.answers("p", ["a", "c", "never"])
    holds(found == {(p.id, p.version): p for p in captured if p.id != "b"}, "answers returns the captured predictions")
    holds(store.answers("q", ["a"]) == {} and store.answers("p", []) == {}, "another product has none of them")


def a_prediction_is_written_once(store: CaptureStore) -> None:
    """Change and count nothing for a repeat, in one call or in two."""
    holds(store.record([prediction("a"), prediction("a")]) == 1, "a repeat in one call is one row")
    changed = msgspec.structs.replace(prediction("a"), score=0.9)
    holds(store.record([changed, prediction("b")]) == 1, "a repeat is not counted")
    holds(store.answers("p", ["a"])["a", 1] == prediction("a"), "the first answer stands")


def a_label_is_written_once(store: CaptureStore) -> None:
    """Also one that says that the truth will never be known."""
    store.record([prediction("a"), prediction("b")])
    holds(store.join([label("a"), label("b", None)]) == 2, "join counts the new rows")
    holds(store.join([label("a", 0.0), label("b", 1.0)]) == 0, "a second truth is not counted")
    holds(store.frame("p")["label"].to_list() == [1.0, None], "the first truth stands")


def the_frame_joins_labels_and_keeps_types(store: CaptureStore) -> None:
    """One row a prediction, whatever was labelled; labels of what was never asked do not show."""
    store.record([prediction("a", hours=1), prediction("b"), prediction("b", version=2, hours=2, width=5)])
    store.join([label("b", 0.0), label("never asked")])
    frame = store.frame("p", columns=CAPTURED)
    holds(dict(frame.schema) == SCHEMA, f"columns and types are {SCHEMA}")
    some = store.frame("p", columns=["features", "label", "id"])
    holds(some.equals(frame.select("id", "label", "features")), "only what is asked for comes, in the order of all columns")
    holds(store.frame("p").equals(frame.drop("features")), "by default all but the features")
    by_row = {(row["id"], row["version"]): row for row in frame.to_dicts()}
    holds(by_row["b", 2]["notes"] == prediction("b", version=2).notes, "notes come back")
    holds(by_row["b", 2]["features"] == prediction("b", width=5).features, "features come back in order, null where missing")
    holds(by_row["a", 1]["label"] is None and by_row["a", 1]["known_at"] is None, "a waiting label is null")
    holds(
        by_row["b", 1]["label"] == 0.0 and by_row["b", 1]["known_at"] == label("b").known_at, "a label joins every version"
    )
    holds(by_row["a", 1]["event_at"] == NOON + timedelta(hours=1), "moments keep microseconds and zone")


def vectors_of_different_widths_stay_with_their_rows(store: CaptureStore) -> None:
    """Keep each version's own number of features, in whatever order the rows come."""
    widths = [5, 3, 0, 3, 5, 4]
    store.record([prediction(f"{n}", hours=n, width=width) for n, width in enumerate(widths)])
    found = dict(store.frame("p", columns=CAPTURED).select("id", "features").iter_rows())
    wanted = {f"{n}": prediction("", width=width).features for n, width in enumerate(widths)}
    holds(found == wanted, "features stay with their row")


def the_frame_is_cut_at_event_time(store: CaptureStore) -> None:
    """Bounds are since <= event_at < until; an empty frame has its columns too."""
    store.record([prediction(f"{hour}", hours=hour) for hour in range(4)])
    cut = store.frame("p", since=NOON + timedelta(hours=1), until=NOON + timedelta(hours=3))
    holds(sorted(cut["id"]) == ["1", "2"], "the lower bound is in, the upper is out")
    holds(dict(store.frame("q", columns=CAPTURED).schema) == SCHEMA, "an empty frame has the same columns and types")


def the_mark_tells_other_predictions_apart(store: CaptureStore) -> None:
    """Give the number of predictions of a window, and another mark when one more or another one is there."""
    store.record([prediction(f"{hour}", hours=hour) for hour in range(5)])
    since, until = NOON + timedelta(hours=1), NOON + timedelta(hours=4)
    first = store.mark("p", since=since, until=until)
    holds(first[0] == 3, f"1 <= hour < 4 are three: {first}")
    holds(store.mark("q", since=since, until=until)[0] == 0, "another product has none of them")
    store.join([label("1")])
    store.record([prediction("later", hours=4), prediction("2", hours=2)])
    holds(store.mark("p", since=since, until=until) == first, "labels, repeats and rows outside change nothing")
    store.erase("p", ["2"])
    store.record([prediction("new", hours=2)])
    other = store.mark("p", since=since, until=until)
    holds(other[0] == 3 and other != first, f"as many, but others: {other}")


def counts_balance(store: CaptureStore) -> None:
    """Answered ids are labelled, waiting or unknowable; shadow answers nobody."""
    names = ("a", "b", "c")
    store.record([prediction(name) for name in names])
    store.record([prediction("a", version=2, role="canary"), prediction("d", version=2, role="shadow")])
    store.join([label("a"), label("b", None), label("never asked")])
    wanted = {"predictions": 5, "answered": 3, "labelled": 1, "waiting": 1, "unknowable": 1}
    holds(dict(store.counts("p")) == wanted, "totals balance")
    holds(dict(store.counts("q")) == dict.fromkeys(wanted, 0), "a product without predictions has zeros")
    holds(dict(store.counts("p", since=NOON)) == wanted, "the bound itself counts")
    later = store.counts("p", since=NOON + timedelta(seconds=1))
    holds(dict(later) == dict.fromkeys(wanted, 0), "nothing before the bound counts")


def ids_wait_until_they_have_a_label(store: CaptureStore) -> None:
    """Name each once, shadows included, from a moment on; one that will never be known waits no more."""
    store.record([prediction(name, hours=hours) for hours, name in enumerate(("a", "b", "c", "d"))])
    store.record([prediction("c", version=2, role="shadow", hours=2)])
    store.join([label("b"), label("d", None)])
    holds(sorted(store.waiting("p", since=NOON)) == ["a", "c"], "those without a label wait")
    holds(store.waiting("p", since=NOON + timedelta(hours=1)) == ["c"], "those predicted before the bound are left out")
    holds(store.waiting("q", since=NOON) == [], "another product has none")


def the_tally_counts_each_version(store: CaptureStore) -> None:
    """Shadows count, and labels that are known; other products do not."""
    holds(store.tally("p") == {}, "an empty store has no tally")
    names = ("a", "b", "c")
    rows = [prediction(name, version=version) for version in (1, 2) for name in names[: version + 1]]
    store.record([*rows, msgspec.structs.replace(prediction("a", version=3), product="another")])
    store.join([label("a"), label("b", None)])
    told = dict(store.tally("p"))
    holds(told == {1: (2, 1), 2: (3, 1)}, f"the tally is {told}")


def numbers_that_are_none_are_refused(store: CaptureStore) -> None:
    """Refuse a score or a label that is no number, and all else of its call."""
    bad = msgspec.structs.replace(prediction("b"), score=float("nan"))
    refuses(InputError, lambda: store.record([prediction("a"), bad]), "a score must be a number")
    refuses(InputError, lambda: store.join([label("a", float("nan"))]), "a label must be a number or null")
    holds(store.counts("p")["predictions"] == 0, "nothing of a refused call stands")


def a_version_that_failed_to_answer_has_no_score(store: CaptureStore) -> None:
    """Capture a failure, and do not count it as an answer."""
    failed = msgspec.structs.replace(prediction("a"), score=None)
    store.record([failed, prediction("b")])
    holds(store.answers("p", ["a"]) == {("a", 1): failed}, "a failure comes back as one")
    holds(store.frame("p").sort("id")["score"].to_list() == [None, prediction("b").score], "its score is null")
    holds(store.counts("p")["predictions"] == 2 and store.counts("p")["answered"] == 1, "a failure is no answer")


def threads_record_without_loss(store: CaptureStore) -> None:
    """Every row of every thread is there, each counted once."""
    with ThreadPoolExecutor(8) as pool:
        new = list(pool.map(lambda n: store.record([prediction(f"{n % 100}")]), range(200)))
    holds(sum(new) == 100 == store.counts("p")["predictions"], "each row counts as new once")


def ids_are_erased_whole(store: CaptureStore) -> None:
    """Remove every version's prediction and the label of some ids of one product, and say beforehand what that is."""
    store.record([prediction("a"), prediction("a", version=2, role="shadow", hours=3), prediction("b"), prediction("c")])
    store.record([msgspec.structs.replace(prediction("a"), product="q")])
    store.join([label("a"), label("c", None), label("never asked")])
    wanted = {"predictions": 3, "answered": 2, "labelled": 1, "waiting": 0, "unknowable": 1, "labels": 2}
    counts, first, last = store.removable("p", ids=["a", "c", "x"])
    holds(dict(counts) == wanted, f"totals of some ids: {counts}")
    holds((first, last) == (NOON, NOON + timedelta(hours=3)), "the first and last event come along")
    parts = [store.weight("p", ids=[each]) for each in "acx"]
    holds(
        store.weight("p", ids=["a", "c", "x"]) == sum(parts) and parts[0] > parts[1] > parts[2] == 0, "each has its weight"
    )
    holds(store.erase("p", ["a", "c", "x"]) == 5, "erase counts predictions and labels")
    holds(store.weight("p", ids=["a", "c"]) == 0, "what is gone weighs nothing")
    holds(store.frame("p")["id"].to_list() == ["b"] and store.answers("p", ["a"]) == {}, "they are gone, others stay")
    holds(store.frame("q")["id"].to_list() == ["a"], "another product's stay")
    holds(store.erase("p", ["a", "c"]) == 0, "a repeat finds nothing")
    holds(dict(store.removable("p", ids=["a"])[0]) == dict.fromkeys(wanted, 0), "nothing is left to remove")


def the_oldest_are_trimmed_in_parts(store: CaptureStore) -> None:
    """Remove what lies before a moment, with its labels, never more than a part at a time."""
    store.record([prediction(f"{hour}", hours=hour) for hour in range(5)])
    store.join([label("0"), label("4")])
    bound = NOON + timedelta(hours=3)
    holds(store.removable("p", before=bound)[0]["predictions"] == 3, "the bound itself stays")
    holds(store.weight("p", before=bound) == store.weight("p", ids=["0", "1", "2"]) > 0, "old or named, they weigh the same")
    first = store.trim("p", bound, limit=2)
    holds(first["predictions"] == 2 and first["labelled"] == 1 and first["labels"] == 1, f"totals of a part: {first}")
    holds(store.frame("p")["id"].to_list() == ["2", "3", "4"], "the oldest went first")
    holds(store.trim("p", bound, limit=2)["predictions"] == 1, "the next part is the rest")
    holds(store.trim("p", bound, limit=2)["predictions"] == 0, "then nothing is left to do")
    holds(store.frame("p")["label"].to_list() == [None, 1.0], "what is younger stays, with its label")


LAWS: tuple[Callable[[CaptureStore], None], ...] = (
    predictions_come_back_as_they_were,
    a_prediction_is_written_once,
    a_label_is_written_once,
    the_frame_joins_labels_and_keeps_types,
    vectors_of_different_widths_stay_with_their_rows,
    the_frame_is_cut_at_event_time,
    the_mark_tells_other_predictions_apart,
    counts_balance,
    ids_wait_until_they_have_a_label,
    the_tally_counts_each_version,
    numbers_that_are_none_are_refused,
    a_version_that_failed_to_answer_has_no_score,
    threads_record_without_loss,
    ids_are_erased_whole,
    the_oldest_are_trimmed_in_parts,
)
