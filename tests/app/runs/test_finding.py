import math
import os
from datetime import UTC, datetime

import pytest
from litestar.testing import TestClient

import trimaran as tm
from trimaran.app.runs import Finder, compare_runs, importance
from trimaran.app.workspace import Workspace
from trimaran.backends.sqlite_runs import SqliteRuns
from trimaran.build import Choice, Trial, Tuning
from trimaran.control.queries import parse_query
from trimaran.core.clock import ManualClock, SystemClock
from trimaran.core.errors import InputError, NotFound
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import Code, Environment, Reading, Run, Started, Tracked
from trimaran.doors.dashboard.app import make_app
from trimaran.testing import MemoryLedger

NOON = datetime(2013, 7, 1, 12, tzinfo=UTC)


def record(number, **more):
    fields = {
        "project": "p",
        "name": f"r{number}",
        "status": "finished",
        "started": NOON.replace(minute=number),
        "ended": NOON.replace(minute=number, second=30),
        "seconds": 30.0,
        "parameters": {"depth": number, "kind": "even" if number % 2 == 0 else "odd", "deep": number > 5, "none": None},
        "metrics": {"auc": Reading.of(number / 10, step=0, at=0, count=1)},
        "tags": {"team": "ops" if number < 5 else "crm"},
    }
    return Tracked(**{**fields, **more})


@pytest.fixture
def ledger():
    made = Ledger(MemoryLedger(), ManualClock(NOON), "ada")
    for number in range(10):
        one = record(number)
        made.append(one, one.subject, key=one.name)
    return made


@pytest.fixture
def index(ledger, tmp_path):
    found = SqliteRuns(tmp_path / "runs.db", ledger)
    found.catch_up()
    return found


def asked(index, text):
    total, rows = index.find(parse_query(text))
    assert total >= len(rows)
    return [row.name for row in rows]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("metrics.auc >= 0.7", ["r9", "r8", "r7"]),
        ("metrics.auc >= 0.7 order by metrics.auc", ["r7", "r8", "r9"]),
        ("params.depth <= 1", ["r1", "r0"]),
        ('params.kind = "even" and tags.team = "ops"', ["r4", "r2", "r0"]),
        ('params.kind != "even" and not tags.team = "ops"', ["r9", "r7", "r5"]),
        ("params.deep = true", ["r9", "r8", "r7", "r6"]),
        ("params.depth in (3, 5)", ["r5", "r3"]),
        ('tags.team contains "CR" and metrics.auc < 0.7', ["r6", "r5"]),
        ('name = "r3" or name = "r4"', ["r4", "r3"]),
        ('started >= "2013-07-01T12:08"', ["r9", "r8"]),
        ('project = "p" order by params.depth desc limit 2', ["r9", "r8"]),
        ("exists params.none and seconds < 31 limit 1", ["r9"]),
        ("not exists ended", []),
        ('error contains "x" or not error contains "x" limit 1', ["r9"]),
    ],
)
def test_a_question_finds_the_runs_it_is_about(index, text, names):
    assert asked(index, text) == names


def test_text_of_a_question_never_becomes_sql(index, ledger):
    assert asked(index, "tags.team = 'ops\\' OR 1=1 --'") == []
    assert asked(index, 'metrics."auc\' OR 1=1" > 0') == []
    assert len(asked(index, "")) == 10


def test_the_index_follows_the_ledger_and_can_be_thrown_away(index, ledger, tmp_path):
    one = record(
        11, metrics={"loss": Reading.of(math.nan, step=0, at=0, count=1), "x": Reading.of(math.inf, step=0, at=0, count=1)}
    )
    ledger.append(one, one.subject, key=one.name)
    assert "r11" not in asked(index, "")
    index.catch_up()
    assert asked(index, "")[0] == "r11"
    assert asked(index, "metrics.x > 1e300") == ["r11"]
    assert index.names("metrics") == ["auc", "loss", "x"]
    again = SqliteRuns(tmp_path / "other.db", ledger)
    again.catch_up()
    assert repr(again.find(parse_query(""))) == repr(index.find(parse_query("")))


def test_an_index_of_another_ledger_is_made_anew(index, tmp_path):
    other = Ledger(MemoryLedger(), ManualClock(NOON), "ada")
    one = record(3, name="only")
    other.append(one, one.subject)
    moved = SqliteRuns(tmp_path / "runs.db", other)
    moved.catch_up()
    assert asked(moved, "") == ["only"]
    emptied = SqliteRuns(tmp_path / "runs.db", Ledger(MemoryLedger(), ManualClock(NOON), "ada"))
    emptied.catch_up()
    assert asked(emptied, "") == []


def test_a_run_whose_process_is_gone_was_cut_off_and_one_that_lives_is_running(index, ledger):
    import socket

    import psutil

    for name, process, born in (
        ("gone", 2**22 - 3, 1.0),
        ("here", os.getpid(), psutil.Process().create_time()),
        ("again", os.getpid(), 1.0),
    ):
        begun = Started(
            project="p", name=name, started=NOON, host=socket.gethostname(), process=process, born=born, attempt="a"
        )
        ledger.append(begun, f"p/{name}")
    away = Started(project="p", name="away", started=NOON, host="elsewhere", process=1, born=1.0, attempt="a")
    ledger.append(away, "p/away")
    index.catch_up()
    assert sorted(asked(index, "status = 'cut off'")) == ["again", "gone"]
    assert sorted(asked(index, "status = 'running'")) == ["away", "here"]
    done = record(20, name="gone")
    ledger.append(done, done.subject, key="gone")
    index.catch_up()
    assert asked(index, "status = 'cut off'") == ["again"]


def test_trainings_of_products_are_found_beside_runs(index, ledger):
    training = Run(
        name="run-1",
        cause="first",
        code=Code(source="s"),
        environment=Environment(python="3", platform="x", lock="l"),
        data={"flights": 3},
        parameters={"depth": 3},
        seed=1,
        started=NOON,
        ended=NOON,
        seconds=1.0,
        metrics={"auc": 0.99, "none": None},
        error=None,
    )
    ledger.append(training, "flight-delay/run-1")
    index.catch_up()
    assert asked(index, 'kind = "training" and metrics.auc > 0.9 and tags.cause = "first"') == ["run-1"]


def test_a_run_is_found_by_its_name_or_how_that_begins(tmp_path):
    with tm.start_run("fit", workspace=tmp_path) as run:
        run.log_metric("auc", 0.5)
    with tm.start_run("fit", workspace=tmp_path) as other:
        pass
    finder = Finder(Workspace.existing(tmp_path))
    assert (
        finder.one(run.subject).subject == finder.one(run.name).subject == finder.one(run.name[:-1]).subject == run.subject
    )
    with pytest.raises(NotFound, match="may mean 2 runs"):
        finder.one("fit")
    with pytest.raises(NotFound, match=f"there is no run 'nobody' .*{other.subject}, {run.subject}"):
        finder.one("nobody")


@pytest.fixture
def sweep(tmp_path):
    with tm.start_run("sweep", project="p", workspace=tmp_path):
        for depth in range(12):
            with tm.start_run("one", parameters={"depth": depth, "noise": depth * 7 % 5, "same": 1}) as run:
                run.log_metric("auc", depth / 12)
    return tmp_path


def test_found_runs_give_a_frame_and_charts(sweep):
    found = tm.runs("metrics.auc > 0.4", workspace=sweep)
    assert (len(found), found.total) == (7, 7)
    frame = found.frame()
    assert frame["params.depth"].to_list() == [11, 10, 9, 8, 7, 6, 5]
    assert frame["metrics.auc"].max() == 11 / 12
    chart = found.figure("parallel").to_dict()
    said = [one["text"] for one in chart["layout"]["annotations"]]
    assert [name for name in said if name in {"depth", "noise", "same", "auc"}] == ["depth", "noise", "auc"]
    assert len(chart["data"]) == 7
    assert chart["data"][-1]["y"][0] == chart["data"][-1]["y"][-1] == 1
    assert "metrics.auc" in found._repr_html_()
    assert found[0].points("auc")["value"].to_list() == [11 / 12]
    with pytest.raises(NotFound, match="there is no chart 'pie'; there are: parallel"):
        found.figure("pie")
    with pytest.raises(NotFound, match="none of these runs has the metric 'loss'; choose from: auc"):
        found.figure("parallel", "loss")


def test_the_parameter_that_made_the_metric_matters_most(sweep):
    rows = tm.runs("exists metrics.auc", workspace=sweep).rows
    found = importance(rows, "auc")
    assert found.runs == 12
    assert set(found.shares) == {"depth", "noise"}
    assert found.shares["depth"] > 0.8
    with pytest.raises(InputError, match="too few to tell"):
        importance(rows[:5], "auc")


def test_only_the_outermost_runs_are_listed_without_a_question(sweep):
    finder = Finder(Workspace.existing(sweep))
    assert [row.parent for row in finder.find(parts=False).runs] == [None]
    assert finder.find().total == 13
    assert finder.detail(finder.find(parts=False).runs[0].subject).parts == 12


def test_runs_side_by_side_say_what_differs(sweep):
    finder = Finder(Workspace.existing(sweep))
    names = [row.subject for row in finder.find("exists metrics.auc order by params.depth limit 2").runs]
    found = compare_runs(finder, names)
    lines = {line.name: line for line in found.parameters}
    assert lines["depth"].values == [0, 1]
    assert lines["same"].same
    assert not lines["depth"].same
    assert [line.values for line in found.metrics] == [[0.0, 1 / 12]]
    assert found.packages == []


def test_curves_of_a_long_history_are_drawn_with_their_extremes(tmp_path):
    with tm.start_run(workspace=tmp_path, sample=0) as run:
        for step in range(100_000):
            run.log_metric("loss", 5.0 if step == 31_415 else math.nan if step == 7 else 1 / (step + 1))
    chart = tm.runs(workspace=tmp_path)[0].figure("loss").to_dict()["data"][0]
    assert len(chart["x"]) <= 2000
    assert max(value for value in chart["y"] if value is not None) == 5.0
    assert chart["x"][0] == 0
    assert chart["x"][-1] == 99_999


def test_a_ledger_on_postgresql_is_searched_alike(postgres_url, tmp_path):
    from trimaran.backends.postgres_ledger import PostgresLedger

    ledger = Ledger(PostgresLedger(postgres_url), SystemClock(), "ada")
    for number in range(10):
        one = record(number)
        ledger.append(one, one.subject, key=one.name)
    index = SqliteRuns(tmp_path / "runs.db", ledger)
    index.catch_up()
    assert asked(index, "metrics.auc >= 0.7 and params.depth < 9") == ["r8", "r7"]


def test_a_training_shows_its_trials_and_why_its_parameters_were_chosen(tmp_path):
    trials = [
        Trial(number=0, parameters={"depth": 3}, value=0.70, seconds=1.0, low=0.68, high=0.72),
        Trial(number=1, parameters={"depth": 4}, value=None, seconds=1.0, error="no"),
        Trial(number=2, parameters={"depth": 5}, value=0.74, seconds=1.0, low=0.72, high=0.76),
    ]
    choice = Choice(number=2, value=0.74, low=0.72, high=0.76, equals=0, worked=2, default=0.70)
    workspace = Workspace(tmp_path)
    kept = workspace.objects.put(
        Tuning(parameters={"depth": 5}, trials=trials, choice=choice, stopped="the budget of 1m was spent").encode()
    )
    training = Run(
        name="run-1",
        cause="first",
        code=Code(source="s"),
        environment=Environment(python="3", platform="x", lock="l"),
        data={"flights": 3},
        parameters={"depth": 5},
        seed=1,
        started=NOON,
        ended=NOON,
        seconds=1.0,
        metrics={"auc": 0.73},
        artifacts={"trials": kept},
        trials=3,
    )
    workspace.ledger.append(training, "flight-delay/run-1")
    (found,) = tm.runs('kind = "training"', workspace=tmp_path)
    chart = found.figure("trials").to_dict()
    line, dots, failed = chart["data"]
    assert line["y"] == [0.70, 0.74]
    assert list(dots["marker"]["size"]) == [7, 13]
    assert failed["x"] == [1]
    assert (chart["layout"]["shapes"][0]["y0"], chart["layout"]["shapes"][0]["y1"]) == (0.72, 0.76)
    with TestClient(make_app(workspace, secret="s" * 32), base_url="http://127.0.0.1:8500") as client:
        page = client.get("/runs/flight-delay/run-1").text
    assert "trial 2 is the best of 2: auc 0.7400 (95 %: 0.7200 to 0.7600); +0.0400 against the defaults" in page
    assert "the budget of 1m was spent" in page
    assert found.points("auc")["value"].to_list() == [0.73]
