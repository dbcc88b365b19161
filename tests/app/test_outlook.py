"""Where the quality of the live version is heading: in days from now, in words, on the page and in the terminal."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from trimaran.app import figures
from trimaran.app.views import Book, outlook, product_view
from trimaran.app.workspace import CLOCK, Workspace
from trimaran.core.clock import SharedClock
from trimaran.core.nouns import Label, Prediction
from trimaran.doors.cli.main import run

FIRST = datetime(2013, 3, 4, tzinfo=UTC)
DAYS, A_DAY = 70, 100


def answers(root, fall):
    """Let v1 have answered for ten weeks in which its scores tell ever less: each week the share that is chance grows by ``fall``."""
    for file in root.glob("captures.db*"):
        file.unlink()
    random, predictions, labels = np.random.default_rng(5), [], []
    for day in range(DAYS):
        score = random.beta(0.7, 0.7, A_DAY)
        known = random.uniform(size=A_DAY) >= fall * day / 7
        late = random.uniform(size=A_DAY) < np.where(known, score, score.mean())
        for row in range(A_DAY):
            name, at = f"{day}-{row}", FIRST + timedelta(days=day, hours=6, minutes=5 * row)
            told = {"id": name, "product": "punctual"}
            predictions.append(
                Prediction(
                    **told,
                    version=1,
                    role="live",
                    mode="http",
                    event_at=at,
                    asked_at=at,
                    score=float(score[row]),
                    features=[10.0, 0.5],
                    seconds=0.001,
                )
            )
            labels.append(Label(**told, value=float(late[row]), known_at=at + timedelta(hours=10), joined_at=at))
    workspace = Workspace(root)
    workspace.captures.record(predictions)
    workspace.captures.join(labels)
    SharedClock(root / CLOCK).set(FIRST + timedelta(days=DAYS + 2))
    return Book.open(Workspace(root), "punctual")


@pytest.fixture
def falling(own_workspace):
    return answers(own_workspace, 0.03)


def test_a_fall_is_told_with_the_day_and_the_interval_from_now_on(falling):
    seen = outlook(falling)
    assert (seen.version, seen.measure, seen.alarm) == ("v1", "auc", pytest.approx(0.79))
    assert seen.days.value == 0  # the first weeks were good; the last ones are below the alarm
    assert seen.words.startswith("v1 is below its alarm of 0.7900 auc by now, by a straight line through")
    assert len(seen.weeks) == 10


def test_the_days_are_counted_from_now_and_lead_to_the_day_where_the_drawn_line_meets_the_alarm(own_workspace):
    seen = outlook(answers(own_workspace, 0.016))
    assert seen.days.value is not None, seen.words
    book = Book.open(Workspace(own_workspace), "punctual")
    assert seen.meets == book.now + timedelta(days=seen.days.value)
    assert seen.days.low < seen.days.value < seen.days.high
    assert seen.words.startswith(f"in {seen.days.value:.0f} days v1 will be below its alarm")
    moments = [mark.at.timestamp() for mark in seen.line]
    at_meeting = np.interp(seen.meets.timestamp(), moments, [mark.value for mark in seen.line])
    assert at_meeting == pytest.approx(seen.alarm, abs=1e-6)
    assert all(mark.low < mark.value < mark.high for mark in seen.line)


def test_a_level_quality_has_no_day_and_says_why(told_workspace):
    seen = outlook(Book.open(Workspace.existing(told_workspace), "punctual"))
    assert seen.days.value is None
    assert seen.meets is None
    assert seen.line == []
    assert seen.words.startswith("when v1 will be below its alarm cannot be told: the trend is not significant")


def test_the_figure_shows_weeks_line_and_alarm(own_workspace):
    book = answers(own_workspace, 0.016)
    drawn = {trace.name: trace for trace in figures.outlook(product_view(book)).data}
    seen = outlook(book)
    assert len(drawn["v1 by week, with 95 % interval"].x) == len(seen.weeks)
    assert list(drawn["the line through the weeks"].y) == [mark.value for mark in seen.line]
    assert drawn["alarm"].y[0] == pytest.approx(0.79)


def test_without_a_live_version_there_is_no_outlook(own_workspace):
    book = Book.open(Workspace(own_workspace), "punctual")
    book.state.traffic = type(book.state.traffic)()
    assert outlook(book) is None
    view = product_view(book)
    assert view.outlook is None
    assert len(figures.outlook(view).data) == 0


def test_the_terminal_says_it_too(own_workspace, capsys):
    seen = outlook(answers(own_workspace, 0.016))
    assert run(["quality", "--workspace", str(own_workspace)]) == 0
    assert seen.words in " ".join(capsys.readouterr().out.split())
    assert run(["quality", "--workspace", str(own_workspace), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["outlook"]["days"]["value"] == pytest.approx(seen.days.value)
