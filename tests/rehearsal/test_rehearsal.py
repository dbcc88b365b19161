"""The whole loop on a small product: killed anywhere it goes on where it was, and nothing acknowledged is lost."""

import os
import random
import signal
import subprocess
import sys
import time
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from trimaran.app.workspace import Workspace
from trimaran.control.state import ProductState
from trimaran.control.story import story
from trimaran.core.nouns import Balance, Turn
from trimaran.doors.rehearsal import JOURNAL

PRODUCT = "trips"
HERE = Path(__file__).parent
DAYS = 9
SCRIPT = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from trimaran.app.replay import Plan
from trimaran.app.progress import progress
from trimaran.doors.rehearsal import Stage, rehearse

product, data, out, days = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
plan = Plan(start=datetime(2024, 2, 1, tzinfo=UTC), until=datetime(2024, 2, 1 + days, tzinfo=UTC), requests=60,
            signatories={"risk": "rita"}, planted=(datetime(2024, 2, 2, tzinfo=UTC),))
with progress() as shown:
    rehearse(Stage(product, data, out), plan, shown)
"""


def start(history, out):
    command = [sys.executable, "-c", SCRIPT, str(HERE / "trips.py"), str(history), str(out), str(DAYS)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


def finish(history, out):
    process = start(history, out)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors.decode()[-3000:]
    return msgspec.json.decode((out / "summary.json").read_bytes())


@pytest.fixture(scope="session")
def whole(history, tmp_path_factory):
    """A rehearsal that nobody disturbed."""
    out = tmp_path_factory.mktemp("whole")
    return out, finish(history, out)


@pytest.mark.slow
def test_every_request_is_accounted_for(whole):
    _, outcome = whole
    assert outcome["requests"] == outcome["answered"] + outcome["refused"] == DAYS * 61
    assert outcome["refused"] == DAYS
    assert outcome["lost"] == 0
    assert outcome["labelled"] + outcome["waiting"] + outcome["unknowable"] == outcome["answered"] + outcome["batch"]


@pytest.mark.slow
def test_the_loop_releases_on_proof_and_stops_what_was_planted(whole):
    out, _ = whole
    workspace = Workspace.existing(out / "workspace")
    state = ProductState.replay(workspace.ledger, PRODUCT)
    drilled = [
        version for version in state.versions.values() if "on purpose" in workspace.ledger.read(version.version.run).cause
    ]
    assert [version.stage for version in drilled] == ["refused"]
    assert state.live is not None
    assert state.live.passed("gate")
    assert set(state.segments) == {"north", "south"}
    assert any("labels shuffled" in event.text for event in story(workspace.ledger, PRODUCT))


@pytest.mark.slow
def test_a_retrained_version_went_through_shadow_and_canary(whole):
    out, _ = whole
    state = ProductState.replay(Workspace.existing(out / "workspace").ledger, PRODUCT)
    second = [version for number, version in state.versions.items() if number > 1 and version.stage in {"live", "retired"}]
    assert second
    assert [move.stage for _, move in second[0].moves] == ["staging", "shadow", "canary", "live"]


@pytest.mark.slow
def test_all_control_totals_balance_and_the_chain_is_whole(whole):
    out, _ = whole
    ledger = Workspace.existing(out / "workspace").ledger
    balances = [balance for _, balance in ledger.history([Balance])]
    assert {balance.handover for balance in balances} >= {"ingest trips", "training", "labels"}
    assert [balance for balance in balances if balance.missing] == []
    assert ledger.verify().count == ledger.store.head()


@pytest.mark.slow
def test_killed_at_random_points_it_goes_on_and_loses_nothing(history, whole, tmp_path):
    seed = int(os.environ.get("TRIMARAN_FAULT_SEED", str(time.time_ns() % 10_000)))
    kills = int(os.environ.get("TRIMARAN_FAULT_KILLS", "4"))
    print(f"seed {seed}, {kills} kills")
    moments = random.Random(seed)
    for _ in range(kills):
        process = start(history, tmp_path)
        try:
            process.wait(timeout=moments.uniform(2.0, 14.0))
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    outcome = finish(history, tmp_path)
    _, undisturbed = whole
    workspace = Workspace.existing(tmp_path / "workspace")
    acknowledged = set((tmp_path / "workspace" / JOURNAL).read_text().split())
    frame = workspace.captures.frame(PRODUCT)
    heard = frame.filter(frame["role"] != "shadow")
    assert acknowledged <= set(heard["id"])
    assert heard["id"].is_duplicated().sum() == 0
    assert outcome["lost"] == 0
    for name in ("requests", "answered", "refused", "batch", "labelled", "waiting", "unknowable"):
        assert outcome[name] == undisturbed[name], name
    turns = [turn.until for _, turn in workspace.ledger.history([Turn], PRODUCT)]
    assert turns == sorted(set(turns))
    assert all(after - before == timedelta(days=1) for before, after in pairwise(turns))
    assert [balance for _, balance in workspace.ledger.history([Balance]) if balance.missing] == []
    workspace.ledger.verify()
