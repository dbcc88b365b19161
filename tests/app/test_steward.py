"""The loop on a clock that the test sets: deliveries, facts, releases, watches and retraining, and what may go wrong."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread

import numpy as np
import polars as pl
import pytest

from trimaran.app.batch import BatchScorer
from trimaran.app.lifecycle import Lifecycle
from trimaran.app.loading import load_file
from trimaran.app.running import run_once
from trimaran.app.signing import decide
from trimaran.app.steward import Steward, Stewards
from trimaran.app.workspace import CLOCK, Workspace
from trimaran.control.state import ProductState
from trimaran.core.clock import ManualClock, SharedClock
from trimaran.core.nouns import Balance, Declared, Ingest, Notice, Trigger, Turn, Verdict
from trimaran.data.tables import Tables
from trimaran.testing import Failing

TEXT = """
import trimaran as tm
from sklearn.ensemble import HistGradientBoostingClassifier

product = tm.Product("punctual", owner="ops-ml", predict_at="planned - 2h")
trips = product.table("trips.parquet", key="trip", time="planned", known={"late": "done"})


@product.expect(trips)
def wind_is_possible(wind):
    return wind < 200


@product.feature(trips)
def wind_now(wind):
    return wind


@product.feature(trips, by="line", window="6h")
def recent(late):
    return late.mean()


@product.label(trips, wait="1d")
def is_late(late):
    return late > 15


@product.model()
def fit(X, y):
    return HistGradientBoostingClassifier(max_iter=10, early_stopping=False).fit(X, y)


product.accept(out_of_time="10d", auc=">= 0.6")
product.release(approve=["risk"])
product.watch(drift=True, tell="mailto:ops@example.com")
product.retrain(every="7d", min_labels=50)
"""
START = datetime(2013, 1, 1, tzinfo=UTC)
NOW = datetime(2013, 2, 14, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Quiet:
    def start(self, task, total):
        pass

    def advance(self, task, done=1, note=""):
        pass

    def finish(self, task):
        pass


def rows(count=8000):
    random = np.random.default_rng(13)
    planned = [START + timedelta(minutes=10 * row) for row in range(count)]
    wind = random.normal(10, 3, count)
    late = (random.uniform(size=count) < 1 / (1 + np.exp(12 - wind))) * 20.0
    return pl.DataFrame(
        {
            "trip": [f"t{row}" for row in range(count)],
            "planned": planned,
            "line": ["a", "b"] * (count // 2),
            "wind": wind,
            "late": late,
            "done": [moment + 3 * HOUR for moment in planned],
        }
    )


def reported(at):
    """What a source says at a moment: later trips are not in it, and of trips under way the delay is open."""
    known = pl.col("done") <= at
    return (
        rows()
        .filter(pl.col("planned") <= at + 2 * HOUR)
        .with_columns(pl.when(known).then(pl.col(name)).alias(name) for name in ("late", "done"))
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A workspace in which a first version waits for its approval."""
    folder = tmp_path_factory.mktemp("steward")
    reported(NOW).write_parquet(folder / "trips.parquet")
    (folder / "punctual.py").write_text(TEXT)
    workspace = Workspace(folder / "workspace", clock=ManualClock(NOW))
    workspace.data_root = folder
    run_once(Lifecycle(workspace, load_file(folder / "punctual.py"), Quiet()))
    return folder


class Place:
    """A copy of the trained workspace, with a steward whose words are kept."""

    def __init__(self, folder):
        self.folder = folder
        self.clock = ManualClock(NOW)
        self.workspace = Workspace(folder / "workspace", clock=self.clock)
        self.workspace.data_root = folder
        self.told = []
        self.steward = self.another()

    def another(self):
        return Steward(self.workspace, "punctual", Quiet(), self.told.append)

    def after(self, span, delivery=None):
        """Let time pass, replace the source, and do a round."""
        self.clock.set(self.clock.now() + span)
        if delivery is not None:
            delivery.write_parquet(self.folder / "trips.parquet")
        self.steward.round()

    def records(self, kind):
        return [record for _, record in self.workspace.ledger.history([kind])]

    def table(self):
        definition = load_file(self.folder / "punctual.py").definition
        return Tables(definition, self.workspace.tables, self.workspace.ledger, self.workspace.objects).frame("trips")

    def served(self):
        """The newest of each fact that servers have."""
        parts = [part for _, part in self.workspace.online.since("punctual", 0)[1]]
        return pl.concat(parts).unique("trip", keep="last", maintain_order=True)

    def head(self):
        return self.workspace.ledger.store.head()

    def release(self):
        decide(self.workspace, "punctual", "v1", "approve", role="risk", person="rita")
        self.steward.round()


@pytest.fixture
def place(trained, tmp_path):
    return Place(Path(shutil.copytree(trained, tmp_path / "place")))


def test_an_approved_version_goes_live_at_the_next_round(place):
    place.steward.round()
    assert ProductState.replay(place.workspace.ledger, "punctual").live is None
    place.release()
    assert ProductState.replay(place.workspace.ledger, "punctual").live.version.number == 1
    assert place.told == []


def test_a_new_delivery_is_taken_in_once_and_nothing_is_repeated(place):
    place.steward.round()
    before = place.table().height
    place.after(6 * HOUR, reported(NOW + 6 * HOUR))
    newest = place.records(Ingest)[-1]
    assert (newest.rows_in, newest.kept, newest.repeated) == (36, 36, 0)
    assert place.table().height == before + 36
    head = place.head()
    place.after(timedelta(minutes=1))
    place.after(timedelta(0), reported(NOW + 6 * HOUR))
    assert place.head() == head
    assert place.told == []


def test_the_ledger_is_signed_once_a_day_that_brings_something(place):
    kept = []
    for hours in (6, 12, 36):
        place.after(NOW + hours * HOUR - place.clock.now(), reported(NOW + hours * HOUR))
        kept.append([held.checkpoint.at for held in place.workspace.auditor.verify().checkpoints])
    assert kept == [[NOW + 6 * HOUR], [NOW + 6 * HOUR], [NOW + 6 * HOUR, NOW + 36 * HOUR]]
    assert place.told == []


def test_a_row_waits_until_its_last_value_is_known_and_its_facts_do_not(place):
    place.after(HOUR, reported(NOW + HOUR))
    under_way = rows().filter((pl.col("planned") <= NOW + HOUR) & (pl.col("done") > NOW + HOUR))["trip"]
    assert under_way.len() > 0
    assert not set(under_way) & set(place.table()["trip"])
    facts = place.served().filter(pl.col("trip").is_in(under_way.implode()))
    assert facts.height == under_way.len()
    assert facts["late"].null_count() == facts.height
    place.after(3 * HOUR, reported(NOW + 4 * HOUR))
    assert set(under_way) <= set(place.table()["trip"])
    assert place.served().filter(pl.col("trip").is_in(under_way.implode()))["late"].null_count() == 0


def test_a_row_whose_value_never_comes_settles_by_time_alone(place):
    stuck = reported(NOW).with_columns(
        pl.when(pl.col("planned") < NOW - 2 * HOUR).then(pl.col(name)).alias(name) for name in ("late", "done")
    )
    waiting = stuck.filter(pl.col("done").is_null() & (pl.col("planned") <= NOW))["trip"]
    place.after(timedelta(0), stuck)
    assert not set(waiting) & set(place.table()["trip"])
    place.after(timedelta(days=1))
    assert set(waiting) <= set(place.table()["trip"])


def test_only_what_is_new_is_pushed_also_after_a_restart(place):
    place.steward.round()
    mark = place.workspace.online.mark("punctual")
    place.clock.set(NOW + timedelta(seconds=1))
    place.another().round()
    place.steward.round()
    assert place.workspace.online.mark("punctual") == mark
    place.after(HOUR, reported(NOW + HOUR + timedelta(seconds=1)))
    batches = place.workspace.online.since("punctual", mark)[1]
    assert [part.height for _, part in batches] == [12]


def test_a_row_that_comes_late_is_served_however_old_its_moment(place):
    late = reported(NOW).filter(pl.col("trip") == "t6000")
    place.after(timedelta(0), reported(NOW).filter(pl.col("trip") != "t6000"))
    mark = place.workspace.online.mark("punctual")
    changed = late.with_columns(wind=pl.lit(11.5))
    place.after(HOUR, pl.concat([reported(NOW).filter(pl.col("trip") != "t6000"), changed]))
    pushed = pl.concat([part for _, part in place.workspace.online.since("punctual", mark)[1]])
    assert pushed.filter(pl.col("trip") == "t6000")["wind"].to_list() == [11.5]


def test_a_refused_row_is_refused_once_and_comes_in_when_it_is_mended(place):
    new = pl.col("trip") == "t6340"
    broken = reported(NOW + 6 * HOUR).with_columns(wind=pl.when(new).then(1048.0).otherwise("wind"))
    place.after(6 * HOUR, broken)
    assert [record.refused for record in place.records(Ingest)] == [0, 1]
    place.after(HOUR, broken.sort("trip"))
    assert [record.refused for record in place.records(Ingest)] == [0, 1]
    place.after(HOUR, reported(NOW + 6 * HOUR))
    assert [record.kept for record in place.records(Ingest)][2:] == [1]
    assert "t6340" in set(place.table()["trip"])


def test_a_broken_file_is_told_once_and_holds_nothing_else_up(place):
    good = (place.folder / "trips.parquet").read_bytes()
    place.steward.round()
    decide(place.workspace, "punctual", "v1", "approve", role="risk", person="rita")
    (place.folder / "trips.parquet").write_bytes(b"half a file")
    place.steward.round()
    place.steward.round()
    assert ProductState.replay(place.workspace.ledger, "punctual").live is not None
    assert len(place.told) == 1
    assert "trips.parquet: cannot be read" in place.told[0]
    assert [notice.to for notice in place.records(Notice) if "held up" in notice.subject] == ["mailto:ops@example.com"]
    (place.folder / "trips.parquet").write_bytes(good)
    place.after(HOUR, reported(NOW + HOUR))
    assert place.records(Ingest)[-1].kept > 0
    assert len(place.told) == 1


def test_a_file_without_a_column_is_told_by_the_columns_name(place):
    place.steward.round()
    place.after(HOUR, reported(NOW + HOUR).drop("wind"))
    assert len(place.told) == 1
    assert "column 'wind' is missing" in place.told[0]


def test_an_unexpected_error_is_told_without_what_it_says_of_the_rows(place):
    place.workspace.online = Failing(place.workspace.online, "push", ZeroDivisionError("of row 7"))
    place.after(HOUR, reported(NOW + HOUR))
    assert place.told == ["punctual: sources is held up: ZeroDivisionError, which is not expected"]


def test_a_new_declaration_is_followed_without_a_restart(place):
    place.steward.round()
    old = place.records(Declared)[-1]
    text = TEXT.replace('"risk"', '"legal"')
    source = place.workspace.objects.put(text.encode())
    place.workspace.ledger.append(
        Declared(product="punctual", owner=old.owner, source=source, policies=old.policies), "punctual"
    )
    place.steward.round()
    decide(place.workspace, "punctual", "v1", "approve", role="legal", person="lena")
    place.steward.round()
    assert ProductState.replay(place.workspace.ledger, "punctual").live is not None


def ask(place, since, until):
    """Score what callers ask for between two moments."""
    due = (pl.col("planned") - 2 * HOUR > since) & (pl.col("planned") - 2 * HOUR <= until)
    scorer = BatchScorer(place.workspace, "punctual")
    return scorer.score(rows().filter(due).select("trip", "planned", "wind", "line"))


def test_labels_are_joined_monitors_look_daily_and_a_candidate_is_trained_when_due(place):
    place.release()
    looks = [record for record in place.records(Verdict) if record.policy == "watch"]
    for day in range(1, 9):
        at = NOW + timedelta(days=day)
        ask(place, at - timedelta(days=1), at)
        place.after(timedelta(days=1), reported(at))
        place.after(timedelta(0))
    watched = [record for record in place.records(Verdict) if record.policy == "watch"]
    assert len(watched) == len(looks) + 8
    counts = place.workspace.captures.counts("punctual")
    assert counts["answered"] == 8 * 144
    assert counts["labelled"] > 7 * 144
    assert [trigger.cause for trigger in place.records(Trigger)] == ["schedule"]
    assert 2 in ProductState.replay(place.workspace.ledger, "punctual").versions
    assert sum(turn.labels for turn in place.records(Turn)) == counts["labelled"] + counts["unknowable"]
    assert [balance for balance in place.records(Balance) if balance.missing] == []
    assert place.told == []


def test_the_monitors_look_when_asked_also_before_a_day_has_passed(place):
    place.release()
    place.steward.round()
    watched = sum(record.policy == "watch" for record in place.records(Verdict))
    place.after(HOUR)
    place.steward.round(watch=True)
    assert sum(record.policy == "watch" for record in place.records(Verdict)) == watched + 1


def test_what_becomes_of_a_version_is_told_once_also_after_a_restart(place):
    place.steward.round()
    (gate,) = place.records(Notice)
    assert (gate.to, gate.subject) == ("mailto:ops@example.com", "punctual: v1, gate passed")
    assert "It waits for the approval of risk: trimaran approve v1 --role risk" in gate.text
    assert gate.about.kind == "verdict"
    decide(place.workspace, "punctual", "v1", "approve", role="risk", person="rita")
    place.after(HOUR)
    assert [notice.subject for notice in place.records(Notice)] == ["punctual: v1, gate passed", "punctual: v1 → live"]
    place.another().round()
    place.after(HOUR)
    assert len(place.records(Notice)) == 2


def test_what_is_no_news_any_more_is_not_told(place):
    place.after(timedelta(days=4))
    assert [notice.subject for notice in place.records(Notice) if "gate" in notice.subject] == []


def test_a_workspace_on_a_replayed_clock_is_left_alone(place):
    SharedClock(place.folder / "workspace" / CLOCK, NOW)
    workspace = Workspace(place.folder / "workspace")
    stewards = Stewards(workspace, Quiet(), place.told.append)
    (words,) = stewards.duties()
    assert words == (
        "this workspace lives on a replayed clock that stands at 14 Feb 2013 00:00 UTC: "
        "it is served, nothing is watched, no notice is sent"
    )
    head = place.head()
    reported(NOW + 6 * HOUR).write_parquet(place.folder / "trips.parquet")
    stewards.round()
    assert place.head() == head


def test_stewards_say_what_they_watch(place):
    (words,) = Stewards(place.workspace, Quiet(), place.told.append).duties()
    assert words == (
        f"every 1m: punctual takes in {place.folder}/trips.parquet; its monitors look once a day; it retrains on every 7d; "
        "notices go to mailto:ops@example.com (no mail server is named: write smtp and sender under [notices] into trimaran.toml)"
    )


def test_they_go_on_round_by_round_until_they_are_told_to_stop(place):
    stop, rounds = Event(), []

    class Counted(Stewards):
        def round(self, stop=None):
            rounds.append(len(rounds))
            if len(rounds) == 3:
                stop.set()
            elif len(rounds) == 2:
                raise OSError

    stewards = Counted(place.workspace, Quiet(), place.told.append, every=timedelta(milliseconds=1))
    thread = Thread(target=stewards.keep, args=(stop,))
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
    assert rounds == [0, 1, 2]
    assert place.told == ["the products cannot be looked after: OSError, which is not expected"]


def test_a_training_that_failed_is_not_tried_again_for_a_day(place):
    text = TEXT.replace("    return Hist", "    raise ValueError('no luck')\n    return Hist")
    place.release()
    old = place.records(Declared)[-1]
    source = place.workspace.objects.put(text.encode())
    record = Declared(product="punctual", owner=old.owner, source=source, policies=old.policies)
    place.workspace.ledger.append(record, "punctual")
    for day in range(1, 8):
        at = NOW + timedelta(days=day)
        ask(place, at - timedelta(days=1), at)
        place.after(timedelta(days=1), reported(at))
    failed = len(place.records(Trigger))
    assert failed == 1
    assert len(place.told) == 1
    assert "no luck" in place.told[0]
    place.after(HOUR, reported(place.clock.now() + HOUR))
    assert len(place.records(Trigger)) == failed
    place.after(timedelta(days=1), reported(place.clock.now() + timedelta(days=1)))
    assert len(place.records(Trigger)) == failed + 1
