import math
import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import polars as pl
import pytest

import trimaran as tm
from trimaran.app.runs import desk_of
from trimaran.app.runs.desk import Desk
from trimaran.app.runs.log import Log
from trimaran.app.runs.run import ActiveRun
from trimaran.app.workspace import Workspace
from trimaran.core.errors import Conflict, InputError, Unavailable
from trimaran.core.nouns import Started, Tracked
from trimaran.core.objects import members
from trimaran.testing import Failing

NOW = datetime(2013, 7, 1, tzinfo=UTC)


def tracked(folder):
    return {entry.subject: record for entry, record in Workspace.existing(folder).ledger.history((Tracked,))}


def only(folder):
    (record,) = tracked(folder).values()
    return record


def points(folder, run):
    return Workspace.existing(folder).metrics.points(run.subject)


def script(folder, text, **more):
    file = folder / "script.py"
    file.write_text(text, encoding="utf-8")
    return subprocess.run(
        [sys.executable, str(file), str(folder / "w")], capture_output=True, text=True, check=False, **more
    )


def test_what_a_run_says_is_on_the_disk_when_its_block_is_left(tmp_path):
    with tm.start_run("fit", project="churn", workspace=tmp_path, parameters={"depth": 3}, tags={"team": "ops"}) as run:
        run.log_metric("auc", 0.71)
        run.log_metrics({"auc": 0.72, "loss": 0.4}, step=7)
    found = only(tmp_path)
    assert (found.status, found.parameters, found.tags, found.project) == (
        "finished",
        {"depth": 3},
        {"team": "ops"},
        "churn",
    )
    assert {name: (one.number, one.step, one.count) for name, one in found.metrics.items()} == {
        "auc": (0.72, 7, 2),
        "loss": (0.4, 7, 1),
    }
    assert points(tmp_path, run)["value"].to_list() == [0.71, 0.72, 0.4]
    assert Workspace.existing(tmp_path).ledger.verify().count == 1


def test_every_float_of_a_long_history_comes_back_with_its_step_and_time(tmp_path):
    values = [math.nan, math.inf, -math.inf, -0.0, 5e-324, *np.random.default_rng(1).normal(size=100_000).tolist()]
    before = datetime.now(UTC)
    with tm.start_run(workspace=tmp_path, sample=0) as run:
        for value in values:
            run.log_metric("loss", value)
    found = points(tmp_path, run)
    assert np.array_equal(found["value"].to_numpy().view("i8"), np.array(values).view("i8"))
    assert found["step"].to_list() == list(range(len(values)))
    assert found["at"].is_sorted()
    assert before <= found["at"][0] <= found["at"][-1] <= datetime.now(UTC)
    assert only(tmp_path).metrics["loss"].count == len(values) == only(tmp_path).points


def test_odd_numbers_stand_in_the_record(tmp_path):
    with tm.start_run(workspace=tmp_path, parameters={"alpha": math.inf, "n": np.int64(3), "kind": ["a"]}) as run:
        run.log_metrics({"a": math.nan, "b": math.inf, "c": -math.inf})
    found = only(tmp_path)
    assert [str(found.metrics[name].number) for name in "abc"] == ["nan", "inf", "-inf"]
    assert found.parameters == {"alpha": "inf", "n": 3, "kind": "['a']"}
    assert found.points == 0


def test_a_run_that_raised_is_kept_with_the_lines_of_its_author_only(tmp_path):
    def mine():
        np.linalg.inv(np.zeros((2, 2)))

    with pytest.raises(np.linalg.LinAlgError), tm.start_run(workspace=tmp_path):
        mine()
    found = only(tmp_path)
    assert found.status == "failed"
    assert "np.linalg.inv(np.zeros((2, 2)))" in found.error
    assert found.error.rstrip().endswith("Singular matrix")
    assert "site-packages" not in found.error
    assert "trimaran/app" not in found.error


def test_runs_inside_a_run_are_its_parts_and_stand_when_it_has_ended(tmp_path):
    with tm.start_run("sweep", project="p", workspace=tmp_path) as sweep:
        for depth in range(300):
            with tm.start_run("one", parameters={"depth": depth}) as one:
                one.log_metric("auc", depth / 300)
        assert tm.active_run() is sweep
    found = tracked(tmp_path)
    parts = [record for record in found.values() if record.parent == sweep.subject]
    assert sorted(record.parameters["depth"] for record in parts) == list(range(300))
    assert {record.project for record in parts} == {"p"}
    assert found[sweep.subject].parent is None
    assert tm.active_run() is None


def test_a_run_by_hand_is_no_part_of_the_one_before(tmp_path):
    first = tm.start_run(workspace=tmp_path)
    second = tm.start_run(workspace=tmp_path)
    first.end()
    second.end()
    assert [record.parent for record in tracked(tmp_path).values()] == [None, None]
    with pytest.raises(Conflict, match="has ended and takes no more"):
        first.log_metric("auc", 1.0)
    assert first.end() == first.end()


def test_threads_log_to_one_run(tmp_path):
    with tm.start_run(workspace=tmp_path, sample=0) as run:
        threads = [
            threading.Thread(target=lambda each=each: [run.log_metric(f"m{each}", n) for n in range(5000)])
            for each in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    counts = points(tmp_path, run).group_by("name").len().sort("name")
    assert counts.rows() == [(f"m{each}", 5000) for each in range(4)]


def test_artifacts_figures_tables_and_data_are_kept(tmp_path):
    folder = tmp_path / "made"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "model.txt").write_text("a model", encoding="utf-8")
    frame = pl.DataFrame({"x": [1, 2]})
    with tm.start_run(workspace=tmp_path / "w") as run:
        run.log_artifact(folder)
        run.log_artifact(folder / "sub" / "model.txt")
        run.log_artifact(b"bytes", "notes")
        run.log_figure(go.Figure(), "empty")
        run.log_table(frame, "table")
        run.log_table(pd.DataFrame({"x": [1, 2]}), "of pandas")
        run.log_data("frame", frame)
        run.log_data("same", pl.DataFrame({"x": [1, 2]}))
        run.log_data("other", pl.DataFrame({"x": [1, 3]}))
        run.log_data("flights", 12)
        run.log_data("file", folder / "sub" / "model.txt")
    found, objects = only(tmp_path / "w"), Workspace.existing(tmp_path / "w").objects
    assert {name: one.kind for name, one in found.artifacts.items()} == {
        "made": "folder",
        "model.txt": "file",
        "notes": "bytes",
        "empty": "figure",
        "table": "table",
        "of pandas": "table",
    }
    assert [one.path for one in members(objects, found.artifacts["made"].digest)] == ["sub/model.txt"]
    assert objects.get(found.artifacts["model.txt"].digest) == b"a model"
    assert pl.read_parquet(objects.get(found.artifacts["of pandas"].digest)).equals(frame)
    assert found.data["frame"] == found.data["same"] != found.data["other"]
    assert (found.data["flights"].version, found.data["file"].size) == (12, 7)


def test_what_cannot_be_logged_is_refused_and_says_what_to_do(tmp_path):
    with tm.start_run(workspace=tmp_path) as run:
        with pytest.raises(InputError, match="there is no file or folder"):
            run.log_artifact(tmp_path / "nothing")
        with pytest.raises(InputError, match="bytes have no name"):
            run.log_artifact(b"x")
        with pytest.raises(InputError, match="str is no figure"):
            run.log_figure("x", "x")
        with pytest.raises(InputError, match="dict is no table"):
            run.log_table({}, "x")
        with pytest.raises(InputError, match="cannot be a name"):
            run.log_metric(" auc", 1.0)
        with pytest.raises(InputError, match="at most 10,000 are kept"):
            run.log_parameters({"text": "x" * 10_001})
        run.log_parameters({"depth": 3})
        with pytest.raises(Conflict, match="depth is 3, now 4"):
            run.log_parameters({"depth": 4})
        with pytest.raises(ValueError, match="could not convert"):
            run.log_metric("auc", "much")
    with pytest.raises(InputError, match="2 faults"):
        tm.start_run("a/b", project="", workspace=tmp_path)


def test_the_code_its_uncommitted_changes_and_the_packages_are_tracked_unasked(tmp_path):
    for words in (["init", "-q"], ["config", "user.email", "a@example.com"], ["config", "user.name", "a"]):
        subprocess.run(["git", "-C", tmp_path, *words], check=True)
    text = "import sys, trimaran as tm\nwith tm.start_run(workspace=sys.argv[1]): pass\n"
    (tmp_path / "script.py").write_text("# first\n", encoding="utf-8")
    subprocess.run(["git", "-C", tmp_path, "add", "script.py"], check=True)
    subprocess.run(["git", "-C", tmp_path, "commit", "-qm", "first"], check=True)
    done = script(tmp_path, text)
    assert done.returncode == 0, done.stderr
    found, objects = only(tmp_path / "w"), Workspace.existing(tmp_path / "w").objects
    assert objects.get(found.code.source).decode() == text
    assert len(found.code.commit) == 40
    assert b"-# first" in objects.get(found.code.uncommitted)
    assert b"polars==" in objects.get(found.environment.lock)


def test_a_run_that_is_open_when_the_script_ends_is_ended_as_the_script_was(tmp_path):
    start = "import sys, trimaran as tm\nrun = tm.start_run(workspace=sys.argv[1])\nrun.log_metric('auc', 0.5)\n"
    assert script(tmp_path, start).returncode == 0
    assert script(tmp_path, start + "raise ValueError('no')\n").returncode == 1
    first, second = tracked(tmp_path / "w").values()
    assert (first.status, first.metrics["auc"].number, first.code is not None) == ("finished", 0.5, True)
    assert second.status == "failed"
    assert second.error.endswith("ValueError: no\n")


ENDLESS = """
import sys, time, trimaran as tm
run = tm.start_run("long", key="k", workspace=sys.argv[1], parameters={"depth": 3})
for step in range(500):
    run.log_metric("loss", step)
time.sleep(1.5)
print("logged", flush=True)
time.sleep(60)
"""


def killed(folder):
    file = folder / "endless.py"
    file.write_text(ENDLESS, encoding="utf-8")
    process = subprocess.Popen([sys.executable, str(file), str(folder / "w")], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "logged\n"
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    return folder / "w"


def test_what_a_killed_process_logged_until_a_second_before_is_there_and_its_key_goes_on(tmp_path):
    folder = killed(tmp_path)
    ledger = Workspace.existing(folder).ledger
    ((entry, started),) = ledger.history((Started,))
    assert not tracked(folder)
    assert started.process != os.getpid()
    assert Workspace.existing(folder).metrics.points(entry.subject, ["loss"]).height == 500
    with tm.start_run("long", key="k", workspace=folder, sample=0) as run:
        run.log_metric("loss", 500)
    assert run.subject == entry.subject
    assert points(folder, run).filter(pl.col("name") == "loss")["step"].to_list() == list(range(501))
    assert only(folder).metrics["loss"].count == 501
    with pytest.raises(Conflict, match="the run of this key has ended"):
        tm.start_run("long", key="k", workspace=folder)


def test_the_load_of_the_machine_is_sampled(tmp_path):
    with tm.start_run(workspace=tmp_path, sample=0.01) as run:
        desk = desk_of(tmp_path)
        for _ in range(3):
            desk._work()
    names = set(points(tmp_path, run)["name"])
    assert {"system/process_cpu_percent", "system/process_memory_mb", "system/cpu_percent"} <= names
    assert points(tmp_path, run).filter(pl.col("name") == "system/process_memory_mb")["value"].min() > 1


def test_a_full_disk_fails_the_end_and_a_second_try_writes_everything_once(tmp_path, monkeypatch):
    run = tm.start_run(workspace=tmp_path, sample=0)
    for step in range(10):
        run.log_metric("loss", step)
    store = desk_of(tmp_path).workspace.ledger.store
    whole = store.append
    monkeypatch.setattr(store, "append", lambda drafts: (_ for _ in ()).throw(Unavailable("the disk is full")))
    with pytest.raises(Unavailable, match="the disk is full"):
        run.end()
    monkeypatch.setattr(store, "append", whole)
    assert run.end() is not None
    assert points(tmp_path, run).height == 10
    assert only(tmp_path).points == 10


def test_a_forked_child_does_not_log_into_its_parents_run(tmp_path):
    text = """
import os, sys, trimaran as tm
with tm.start_run(workspace=sys.argv[1]) as run:
    child = os.fork()
    if child == 0:
        try:
            run.end()
        except tm.TrimaranError as error:
            print("refused" if "its child" in str(error) else error, flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""
    done = script(tmp_path, text)
    assert done.stdout == "refused\n", done.stderr
    assert only(tmp_path / "w").status == "finished"


def test_a_run_ends_though_the_disk_was_full_as_its_packages_were_first_listed(tmp_path):
    workspace = Workspace(tmp_path)
    workspace.objects = Failing(workspace.objects, "put", Unavailable("the disk is full"))
    desk = Desk(workspace)
    log = Log(project="p", name="run-1", parent=None, started=NOW, ticks=0, attempt="1", sample=0.0)
    ended = []
    thread = threading.Thread(target=lambda: ended.append(ActiveRun(desk, log, None).end()), daemon=True)
    thread.start()
    thread.join(60)
    assert [ref.subject for ref in ended] == ["p/run-1"]
