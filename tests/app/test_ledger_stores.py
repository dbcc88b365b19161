"""A workspace whose settings say so keeps its ledger on PostgreSQL, and everything else where it was."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from trimaran.app.settings import SETTINGS
from trimaran.app.workspace import Workspace
from trimaran.core.errors import InputError, NotFound
from trimaran.core.nouns import Notice

PRODUCT = """
import polars as pl
from sklearn.linear_model import LogisticRegression

import trimaran as tm

product = tm.Product("punctual", owner="ops-ml", predict_at="planned - 2h")
trips = product.table("trips.parquet", key="trip", time="planned", known={"late": "done"})


@product.feature(trips)
def wind_now(wind):
    return wind


@product.label(trips, wait="1d")
def is_late(late):
    return late > 15


@product.model()
def fit(X, y):
    return LogisticRegression().fit(X, y)


product.accept(out_of_time="30d", auc=">= 0.6")
"""


def settings(root, url):
    root.mkdir()
    (root / SETTINGS).write_text(f'[ledger]\nurl = "{url}"\n', encoding="utf-8")
    return root


def trimaran(*arguments, **environment):
    script = "import sys; from trimaran.doors.cli.main import main; sys.argv[0] = 'trimaran'; main()"
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def write_trips(folder):
    start = datetime(2013, 1, 1, tzinfo=UTC)
    planned = [start + timedelta(minutes=30 * n) for n in range(3600)]
    wind = [float(n * 7919 % 40) for n in range(3600)]
    rows = {"trip": [f"t{n}" for n in range(3600)], "planned": planned, "wind": wind}
    late = [speed + n * 31 % 11 - 8 for n, speed in enumerate(wind)]
    done = [moment + timedelta(hours=1) for moment in planned]
    pl.DataFrame(rows | {"late": late, "done": done}).write_parquet(folder / "trips.parquet")


@pytest.mark.slow
def test_a_product_is_run_and_audited_with_its_ledger_on_postgresql(tmp_path, postgres_server, postgres_url):
    write_trips(tmp_path)
    (tmp_path / "punctual.py").write_text(PRODUCT)
    user, secret = "runner", "tests-runner-password"
    postgres_server.execute(f"CREATE ROLE {user} LOGIN PASSWORD '{secret}'")
    postgres_server.execute(f"GRANT ALL ON SCHEMA {postgres_url.rpartition('%3D')[2]} TO {user}")
    root = settings(tmp_path / "workspace", postgres_url.replace("trimaran@", f"{user}@"))
    trimaran("run", tmp_path / "punctual.py", "--workspace", root, TRIMARAN_LEDGER_PASSWORD=secret)
    assert not (root / "ledger.db").exists()
    kinds = dict(postgres_server.execute("SELECT kind, count(*) FROM entries GROUP BY kind", postgres_url))
    assert kinds["version"] == kinds["run"] == 1
    assert kinds["verdict"] >= 1
    told = json.loads(trimaran("audit", "verify", "--json", "--workspace", root, TRIMARAN_LEDGER_PASSWORD=secret))
    assert sum(kinds.values()) in {told.get("count"), told.get("entries"), told.get("size")}, told
    assert not [path for path in root.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]


def test_a_workspace_with_its_ledger_on_postgresql_is_found_again(tmp_path, postgres_url):
    root = settings(tmp_path / "workspace", postgres_url)
    ref = Workspace(root).ledger.append(Notice(product="p", to="me", subject="s", text="t"), "p")
    again = Workspace.existing(root)
    assert again.ledger.read(ref, Notice).text == "t"
    assert not (root / "ledger.db").exists()


def test_a_folder_with_two_ledgers_is_refused(tmp_path):
    root = tmp_path / "workspace"
    Workspace(root)
    (root / SETTINGS).write_text('[ledger]\nurl = "postgresql://nobody@127.0.0.1:1/db"\n', encoding="utf-8")
    with pytest.raises(InputError, match="has a ledger of its own"):
        Workspace.existing(root)


def test_a_folder_without_ledger_and_settings_is_no_workspace(tmp_path):
    with pytest.raises(NotFound, match="no workspace"):
        Workspace.existing(tmp_path)
    assert list(Path(tmp_path).iterdir()) == []
