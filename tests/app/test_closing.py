"""A workspace and its stores hold files open until they are closed, or collected."""

import gc
import weakref
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread

import polars as pl
import pytest

from trimaran.app.runs.finding import INDEX
from trimaran.app.workspace import CLOCK, Workspace
from trimaran.backends.sqlite_runs import SqliteRuns
from trimaran.control.queries import parse_query
from trimaran.core.clock import SharedClock
from trimaran.core.errors import NotFound
from trimaran.core.nouns import Hold, ModelVersion

NOW = datetime(2024, 1, 1, tzinfo=UTC)


def open_below(folder):
    """Return the names of the files below a folder that this process has open."""
    found = []
    for number in Path("/proc/self/fd").iterdir():
        try:
            path = str(number.readlink())
        except FileNotFoundError:  # that of the listing itself
            continue
        if path.startswith(str(folder)):
            found.append(path)
    return found


def used(workspace):
    """Open everything that a workspace can hold, and ask each store something."""
    workspace.ledger.append(Hold(reason="case 12"), "shops", key="one")
    workspace.metrics.log("run", pl.DataFrame({"name": ["loss"], "step": [1], "value": [0.5], "at": [NOW]}), key="1")
    workspace.online.push("shops", "sales", pl.DataFrame({"x": [1.0]}), key="one")
    workspace.captures.counts("shops")
    workspace.capture_audit.predictions("shops")
    with pytest.raises(NotFound):
        workspace.views.read("shops", "view", [])
    workspace.steps.find("none")
    return workspace


def test_a_closed_workspace_has_no_file_open_and_all_that_was_queued_is_there(tmp_path):
    Workspace(tmp_path / "workspace").close()
    SharedClock(tmp_path / "workspace" / CLOCK, NOW).close()
    with used(Workspace(tmp_path / "workspace")) as workspace:
        assert len(open_below(tmp_path)) > 10
        frame = pl.DataFrame({"name": ["loss"], "step": [2], "value": [0.25], "at": [NOW]})
        queued = [workspace.metrics.submit("run", frame, key=str(key)) for key in range(2, 50)]
        appended = workspace.ledger.append(Hold(reason="case 13"), "shops", key="two")
    assert open_below(tmp_path) == []
    assert all(future.done() for future in queued)
    workspace.close()
    with Workspace(tmp_path / "workspace") as again:
        assert again.metrics.points("run").height == 49
        assert again.ledger.store.head() == appended.seq


def test_the_connections_of_other_threads_are_closed_too(tmp_path):
    workspace, asked, end = Workspace(tmp_path / "workspace"), Event(), Event()

    def ask():
        workspace.ledger.store.head()
        asked.set()
        end.wait()

    thread = Thread(target=ask)
    thread.start()
    asked.wait()
    workspace.close()
    assert open_below(tmp_path) == []
    end.set()
    thread.join()


def test_the_index_of_runs_is_closed_like_a_store(tmp_path):
    with Workspace(tmp_path / "workspace") as workspace:
        with SqliteRuns(workspace.root / INDEX, workspace.ledger) as index:
            index.catch_up()
            assert index.find(parse_query("")) == (0, [])
            assert [path for path in open_below(tmp_path) if INDEX in path]
        assert [path for path in open_below(tmp_path) if INDEX in path] == []


def test_a_workspace_that_nobody_holds_is_collected_with_its_files(lived):
    def asked(root):
        workspace = Workspace(root)
        workspace.data_root = lived.data_root
        _, version = workspace.ledger.latest(ModelVersion, "rides/v1")
        assert workspace.definition(version) is workspace.definition(version)
        return weakref.ref(workspace)

    root = lived.root
    gone = asked(root)
    lived.close()
    gc.collect()
    assert gone() is None
    assert open_below(root) == []
