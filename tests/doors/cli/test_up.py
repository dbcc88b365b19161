"""trimaran up as processes: it answers, follows approvals and deliveries, and ends when it is told to."""

import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event

import numpy as np
import polars as pl
import pytest

from receivers import MailHost
from trimaran.app.workspace import Workspace
from trimaran.core.nouns import Dispatch, Ingest, Notice, Release
from trimaran.doors.cli.main import run

CODE = "from trimaran.doors.cli.main import main; main()"
PATIENCE = 60.0
TEXT = """
import trimaran as tm
from sklearn.linear_model import LogisticRegression

product = tm.Product("punctual", owner="ops-ml", predict_at="planned - 2h")
trips = product.table("trips.parquet", key="trip", time="planned", known={"late": "done"})


@product.feature(trips)
def wind_now(wind):
    return wind


@product.label(trips, wait="2d")
def is_late(late):
    return late > 15


@product.model()
def fit(X, y):
    return LogisticRegression().fit(X, y)


product.accept(out_of_time="10d", auc=">= 0.68")
product.release(approve=["risk"])
"""


def rows(count):
    random = np.random.default_rng(13)
    planned = [datetime(2013, 1, 1, tzinfo=UTC) + timedelta(minutes=7 * row) for row in range(count)]
    wind = random.normal(10, 3, count)
    late = (random.uniform(size=count) < 1 / (1 + np.exp(12 - wind))) * 20.0
    found = {"trip": [f"t{row}" for row in range(count)], "planned": planned, "wind": wind, "late": late}
    return pl.DataFrame(found | {"done": [moment + timedelta(hours=3) for moment in planned]})


@contextmanager
def up(*options):
    """Run ``trimaran up`` until the block is over; it must then end well by itself."""
    command = [sys.executable, "-u", "-c", CODE, "up", "--port", "0", "--dashboard-port", "0", *map(str, options)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
            process.terminate()
            assert process.wait(timeout=PATIENCE) == 0, process.stderr.read()
        finally:
            process.kill()


def said(process):
    lines = []
    while not lines or "stop with Ctrl-C" not in lines[-1]:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        lines.append(line.rstrip())
    return lines


def until(found):
    """Ask until there is an answer: the processes asked live on the machine's clock."""
    pause = Event()
    for _ in range(int(PATIENCE / 0.1)):
        if found():
            return
        pause.wait(0.1)
    pytest.fail("it did not happen in time")


def status(url, body=None):
    request = urllib.request.Request(url, data=body, headers={"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.mark.slow
def test_from_a_run_over_an_approval_to_answers_and_a_new_delivery(tmp_path, capsys):
    rows(9000).write_parquet(tmp_path / "trips.parquet")
    (tmp_path / "punctual.py").write_text(TEXT)
    place = tmp_path / "workspace"
    assert run(["run", str(tmp_path / "punctual.py"), "--workspace", str(place)]) == 0
    workspace = Workspace.existing(place)
    asked = {"trip": "new", "planned": datetime.now(UTC).isoformat(), "wind": 20.0}
    with up("--workspace", place, "--every", "1") as process:
        scoring, dashboard, watches = said(process)[:3]
        url = scoring.removeprefix("predictions").strip()
        assert watches.startswith("every 1s: punctual takes in")
        assert status(url, json.dumps(asked).encode())[0] == 503  # nothing is live yet
        assert run(["approve", "v1", "--role", "risk", "--person", "rita", "--workspace", str(place)]) == 0
        until(lambda: workspace.ledger.latest(Release, "punctual")[1].stage == "live")
        code, body = status(url, json.dumps(asked).encode())
        assert code == 200, body
        assert json.loads(body)["score"] > 0.9
        assert ("new", 1) in workspace.captures.answers("punctual", ["new"])
        assert status(f"{dashboard.split()[1]}/products/punctual")[0] == 200
        rows(9100).write_parquet(tmp_path / "new.parquet")
        (tmp_path / "new.parquet").replace(tmp_path / "trips.parquet")
        until(lambda: workspace.ledger.latest(Ingest, "punctual/trips")[1].kept == 100)
    for line in (url, dashboard.split()[1]):
        with pytest.raises(OSError, match="refused"):
            urllib.request.urlopen(line, timeout=5)
    capsys.readouterr()


@pytest.mark.slow
def test_a_product_file_is_declared_and_a_missing_version_is_said(tmp_path):
    rows(50).write_parquet(tmp_path / "trips.parquet")
    (tmp_path / "punctual.py").write_text(TEXT)
    with up(tmp_path / "punctual.py", "--workspace", tmp_path / "workspace") as process:
        assert said(process)[0].startswith("predictions  http://127.0.0.1:")
    assert list(Workspace.existing(tmp_path / "workspace").products()) == ["punctual"]


@pytest.mark.slow
def test_a_server_that_ends_by_itself_ends_the_whole_and_is_named(own_workspace):
    with up("--workspace", own_workspace) as process:
        assert "lives on a replayed clock" in " ".join(said(process))
        children = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=True)
        subprocess.run(["kill", "-9", children.stdout.split()[0]], check=True)
        assert process.wait(timeout=PATIENCE) == 2
        assert "server has ended" in process.stderr.read()
        process.returncode = 0  # this end was wanted


def test_a_port_that_is_taken_is_named(own_workspace, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert run(["up", "--workspace", str(own_workspace), "--dashboard-port", str(port), "--port", "0"]) == 2
    assert f"127.0.0.1:{port} cannot be listened on" in capsys.readouterr().err


@pytest.mark.slow
def test_a_notice_is_brought_to_its_address_once_and_the_list_says_so(tmp_path, capsys, monkeypatch):
    host = MailHost(login=("trimaran", "hunter2"))
    monkeypatch.setenv("TRIMARAN_SMTP_PASSWORD", "hunter2")
    rows(300).write_parquet(tmp_path / "trips.parquet")
    (tmp_path / "punctual.py").write_text(TEXT + 'product.watch(tell="mailto:ops@example.com")\n')
    place = tmp_path / "workspace"
    place.mkdir()
    (place / "trimaran.toml").write_text(
        f'[notices]\nsmtp = "smtp://trimaran@127.0.0.1:{host.port}"\nsender = "trimaran@example.com"\n'
    )
    host.replies = {"RCPT": "451 the disk is full"}
    with up(tmp_path / "punctual.py", "--workspace", place, "--every", "1") as process:
        assert "notices go to mailto:ops@example.com" in " ".join(said(process))
        workspace = Workspace.existing(place)
        notice = Notice(product="punctual", to="mailto:ops@example.com", subject="punctual: drift", text="PSI is 1.9")
        ref = workspace.ledger.append(notice, "punctual", key="notice:1")
        until(lambda: workspace.ledger.latest(Dispatch, "punctual") is not None)
        until(lambda: workspace.ledger.latest(Dispatch, "punctual")[1].outcome == "failed")
    assert run(["notices", "--workspace", str(place), "--json"]) == 0
    (waiting,) = json.loads(capsys.readouterr().out)
    assert waiting["state"] == "waiting"
    assert waiting["reason"].endswith("refused the address: 451 the disk is full")
    host.replies = {}
    with up("--workspace", place, "--every", "1") as process:
        said(process)
        until(lambda: workspace.ledger.latest(Dispatch, "punctual")[1].outcome == "sent")
    host.leave()
    ((mail, recipients, _),) = host.mails
    assert (mail["Subject"], recipients) == ("punctual: drift", ["ops@example.com"])
    assert mail["Message-ID"] == f"<{ref.digest[:40]}@trimaran>"
    assert run(["notices", "--workspace", str(place)]) == 0
    assert "1 sent" in capsys.readouterr().out
    assert b"hunter2" not in b"".join(path.read_bytes() for path in place.rglob("*") if path.is_file())
