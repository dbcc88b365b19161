"""What the views say of a small, known life."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import polars as pl
import pytest

from trimaran.app.views import (
    Book,
    Card,
    ProductView,
    Summary,
    VersionView,
    newest_entries,
    notices,
    only_product,
    portfolio,
    product_view,
    quality,
    summary,
    totals,
    version_view,
)
from trimaran.app.workspace import Workspace
from trimaran.control.worth import outcomes
from trimaran.core.clock import ManualClock
from trimaran.core.errors import Corrupt, NotFound
from trimaran.core.nouns import Balance, Declared, Release, Traffic
from trimaran.core.statistics import auc
from trimaran.data.declaration import Value
from trimaran.monitor import settled


@pytest.fixture(scope="module")
def workspace(told_workspace):
    return Workspace.existing(told_workspace)


@pytest.fixture(scope="module")
def view(workspace):
    return product_view(Book.open(workspace, "punctual"))


def test_a_card_tells_what_is_live_what_waits_and_what_drifted(workspace):
    (card,) = portfolio(workspace)
    assert (card.product, card.owner, card.live, card.candidate, card.candidate_stage) == (
        "punctual",
        "ops-ml",
        "v1",
        "v3",
        "staging",
    )
    assert card.since == datetime(2013, 3, 1, tzinfo=UTC)
    assert card.approvals == 1
    assert card.drift in {"warn", "fail"}
    assert "wind_now" in card.drift_reason
    assert card.last.sort == "approval"


def test_a_card_shows_what_the_newest_watch_measured(workspace):
    (card,) = portfolio(workspace)
    rows = workspace.captures.frame("punctual", since=card.quality_since, until=card.quality_until)
    known = rows.filter(pl.col("label").is_not_null())
    (worth,) = outcomes(Value(true_positive=42, false_positive=-5), known.with_columns(all=1), ["all"])["worth"]
    assert card.quality.n == known.height
    assert card.value == pytest.approx(worth)
    assert card.estimated.value is not None


def test_a_card_reads_neither_answers_nor_the_authors_file(own_workspace, monkeypatch):
    (own_workspace / "captures.db").unlink()
    (own_workspace / "data-root").write_text(str(own_workspace / "gone"))
    (before,) = portfolio(Workspace.existing(own_workspace))
    assert before.live == "v1"
    assert before.quality.value > 0.5


def test_an_empty_workspace_has_no_card(tmp_path):
    assert portfolio(Workspace(tmp_path / "empty")) == []


def test_every_view_survives_json(workspace, view):
    book = Book.open(workspace, "punctual")
    for value, kind in (
        (view, ProductView),
        (portfolio(workspace), list[Card]),
        (summary(Book.open(workspace, "punctual")), Summary),
        (version_view(book, "v2"), VersionView),
    ):
        assert msgspec.json.encode(msgspec.json.decode(msgspec.json.encode(value), type=kind)) == msgspec.json.encode(value)


def test_the_loop_has_its_eleven_stations_in_order(view):
    names = "Data Features Training Gate Approvals Release Serving Capture Labels Monitors Retraining"
    assert [station.name for station in view.stations] == names.split()
    states = {station.name: station.status for station in view.stations}
    assert states["Approvals"] == "waiting"
    assert states["Monitors"] in {"waiting", "alarm"}
    assert states["Serving"] == "ok"
    assert all(station.text and station.figure for station in view.stations)


def test_versions_say_what_became_of_them_and_why(view):
    rows = {row.name: row for row in view.versions}
    assert {name: row.fate for name, row in rows.items()} == {"v1": "live", "v2": "refused", "v3": "waiting"}
    assert rows["v2"].reasons == ["auc is 0.55 where >= 0.68 is required"]
    assert rows["v1"].reasons == ["the gate passed, dora and rosa approved"]
    assert rows["v3"].quality == pytest.approx(0.84)


def test_open_approvals_name_the_roles_still_lacking(view):
    (waiting,) = view.approvals
    assert (waiting.version, waiting.lacking) == ("v3", ["risk"])
    assert [(one.person, one.role) for one in waiting.given] == [("dora", "domain")]


def test_realised_quality_is_what_the_monitor_measures_of_the_period(workspace):
    book = Book.open(workspace, "punctual")
    month = quality(book, "month")[1]
    rows = workspace.captures.frame("punctual", since=month.start, until=month.end).filter(pl.col("label").is_not_null())
    assert month.name == "Apr 2013"
    assert month.labelled == rows.height
    days = rows["event_at"].dt.epoch("d").to_numpy()
    assert month.realised == auc(rows["label"].to_numpy(), rows["score"].to_numpy(), 0.95, days)
    assert (month.accepted, month.alarm) == pytest.approx((0.82, 0.79))
    assert month.estimated.low < month.estimated.value < month.estimated.high


def test_a_week_without_final_labels_is_estimated_and_not_realised(view):
    newest = view.weeks[-1]
    assert newest.realised.value is None
    assert newest.estimated.value is not None


def test_labels_that_came_before_their_time_do_not_count_as_realised(workspace):
    book = Book.open(workspace, "punctual")
    horizon = settled(book.definition, book.now)
    final = book.answered.filter((pl.col("event_at") < horizon) & pl.col("label").is_not_null()).height
    counted = sum(week.realised.n for week in quality(book, "week"))
    assert counted == final
    assert sum(week.labelled for week in quality(book, "week")) == book.answered["label"].count() >= final


def test_the_totals_from_the_rows_at_hand_are_those_of_the_store(workspace, view):
    assert msgspec.to_builtins(view.flow) == dict(workspace.captures.counts("punctual"))


def test_the_alarm_lies_below_what_was_accepted_by_the_declared_margin(view):
    (level,) = view.levels
    assert level.accepted == pytest.approx(0.82)
    assert level.alarm == pytest.approx(0.79)


def test_drift_is_flagged_where_the_wind_rose_and_nowhere_before(view):
    wind = [week for week in view.drift if week.column == "wind_now"]
    assert {week.outcome for week in wind if week.start < datetime(2013, 4, 20, tzinfo=UTC)} == {"pass"}
    assert wind[-1].outcome in {"warn", "fail"}
    assert wind[-1].psi > 1
    assert {week.outcome for week in view.drift if week.column == "load_now"} == {"pass"}


def test_worth_counts_each_labelled_decision_once(view):
    total = sum(month.labelled for month in view.worth)
    assert total == view.flow.labelled
    for month in view.worth:
        parts = month.true_positive + month.false_positive + month.true_negative + month.false_negative
        assert parts == month.labelled
        assert month.worth == 42 * month.true_positive - 5 * month.false_positive


def test_control_totals_balance_and_a_broken_one_is_named(own_workspace):
    workspace = Workspace.existing(own_workspace)
    assert summary(Book.open(workspace, "punctual")).balanced
    lost = Balance(
        handover="labels", since=None, until=datetime(2013, 5, 14, tzinfo=UTC), entered=7400, left={"labelled": 7000}
    )
    workspace.ledger.append(lost, "punctual/labels")
    found = summary(Book.open(workspace, "punctual"))
    assert (found.balanced, found.broken) == (False, ["labels"])
    (labels,) = [total for total in totals(Book.open(workspace, "punctual")) if total.name == "labels"]
    assert (labels.missing, labels.entered, labels.closings) == (400, 7400, 2)
    stations = {station.name: station for station in product_view(Book.open(workspace, "punctual")).stations}
    assert stations["Capture"].status == "alarm"


def test_the_summary_names_the_verified_chain_and_refuses_a_broken_one(workspace, own_workspace):
    found = summary(Book.open(workspace, "punctual"))
    assert (found.entries, found.chain) == (workspace.ledger.verify().count, workspace.ledger.verify().head)
    assert found.asked.requests == found.asked.answered + found.asked.refused == 101
    assert found.flow.answered == found.flow.labelled + found.flow.waiting + found.flow.unknowable
    other = Workspace.existing(own_workspace)
    entry = other.ledger.store.get(5)
    tampered = msgspec.structs.replace(entry, subject="punctual/v9")
    with pytest.raises(Corrupt):
        tampered.verify(entry.previous)


def test_a_version_that_another_replaced_is_retired_from_the_moment_it_was(own_workspace):
    workspace = Workspace.existing(own_workspace)
    state = Book.open(workspace, "punctual").state.versions[3]
    move = Release(
        product="punctual", number=3, model=state.version.native, stage="live", traffic=Traffic(live=3), reason="passed"
    )
    workspace.ledger.append(move, "punctual")
    view = product_view(Book.open(workspace, "punctual"))
    assert {row.name: row.fate for row in view.versions} == {"v1": "released", "v2": "refused", "v3": "live"}
    (live,) = [span for span in view.spans if (span.version, span.stage) == ("v1", "live")]
    assert live.end == datetime(2013, 5, 14, tzinfo=UTC)
    assert [level.version for level in view.levels] == ["v1", "v3"]


def test_a_roll_back_gives_the_place_back_to_the_version_before(own_workspace):
    clock = ManualClock(datetime(2013, 5, 14, tzinfo=UTC))
    workspace = Workspace(own_workspace, clock=clock)
    model = Book.open(workspace, "punctual").state.versions[3].version.native
    for day, stage, traffic in (
        (15, "canary", Traffic(live=1, canary=3, percent=25.0)),
        (16, "live", Traffic(live=3)),
        (18, "rolled back", Traffic(live=1)),
    ):
        clock.set(datetime(2013, 5, day, tzinfo=UTC))
        move = Release(product="punctual", number=3, model=model, stage=stage, traffic=traffic, reason=f"day {day}")
        workspace.ledger.append(move, "punctual")
    clock.set(datetime(2013, 5, 20, tzinfo=UTC))
    view = product_view(Book.open(workspace, "punctual"))
    live = [(span.version, span.percent, span.start.day, span.end.day) for span in view.spans if span.stage == "live"]
    assert live == [("v1", 100, 1, 15), ("v1", 75, 15, 16), ("v3", 100, 16, 18), ("v1", 100, 18, 20)]
    assert [level.version for level in view.levels] == ["v1", "v3", "v1"]
    assert {row.name: row.fate for row in view.versions} == {"v1": "live", "v2": "refused", "v3": "rolled back"}


def test_a_version_view_holds_findings_evidence_and_moves(workspace):
    view = version_view(Book.open(workspace, "punctual"), "2")
    (gate,) = view.verdicts
    assert [finding.outcome for finding in gate.findings] == ["pass", "fail", "pass"]
    assert view.evidence.roc[-1] == (1.0, 1.0)
    assert [move.stage for move in view.moves] == ["staging", "refused"]
    assert view.lacking == []


def test_an_unknown_version_is_answered_with_those_there_are(workspace):
    with pytest.raises(NotFound, match="v1, v2, v3"):
        version_view(Book.open(workspace, "punctual"), "v9")


def test_the_product_may_be_left_out_where_there_is_one_and_not_where_there_are_two(own_workspace):
    workspace = Workspace.existing(own_workspace)
    assert only_product(workspace, None) == "punctual"
    with pytest.raises(NotFound, match="choose with --product from: punctual"):
        only_product(workspace, "tardy")
    workspace.ledger.append(Declared(product="tardy", owner="ops-ml", source="0" * 64, policies={}), "tardy")
    with pytest.raises(NotFound, match="punctual, tardy"):
        only_product(workspace, None)


def test_a_definition_that_cannot_be_loaded_leaves_the_view_and_says_so(own_workspace):
    (own_workspace / "data-root").write_text(str(Path(own_workspace) / "gone"))
    view = product_view(Book.open(Workspace.existing(own_workspace), "punctual"))
    assert view.worth == view.weeks == []
    assert "cannot be loaded" in view.faults[0]
    assert view.versions


def test_notices_and_entries_are_listed_newest_last(workspace):
    (told,) = notices(Book.open(workspace, "punctual"))
    assert told.subject == "wind_now drifted"
    lines = newest_entries(workspace, 3)
    assert [line.seq for line in lines] == [33, 34, 35]
    (approval,) = newest_entries(workspace, 1, product="punctual", kinds=["approval"])
    assert msgspec.json.decode(approval.record)["person"] == approval.actor == "dora"
