"""The whole loop on a small product: killed anywhere it goes on where it was, and nothing acknowledged is lost."""

import os
import random
import signal
import subprocess
import time
from datetime import timedelta
from itertools import pairwise

import pytest
from playing import DAYS, PRODUCT, finish, start

from trimaran.app.reconciling import reconcile
from trimaran.app.views import Book
from trimaran.app.workspace import Workspace
from trimaran.control.state import ProductState
from trimaran.control.story import story
from trimaran.core.nouns import Balance, Turn, Verdict
from trimaran.doors.rehearsal import JOURNAL


@pytest.mark.slow
def test_every_request_is_accounted_for(whole):
    _, outcome = whole
    assert outcome["requests"] == outcome["answered"] + outcome["refused"] == DAYS * 61
    assert outcome["refused"] == DAYS
    assert outcome["lost"] == 0
    assert outcome["labelled"] + outcome["waiting"] + outcome["unknowable"] == outcome["answered"] + outcome["batch"]


@pytest.mark.slow
def test_nothing_was_served_otherwise_than_it_is_trained_on(whole):
    workspace = Workspace.existing(whole[0] / "workspace")
    watched = [workspace.ledger.read(entry.ref, Verdict) for entry in workspace.ledger.store.scan(kinds=["verdict"])]
    looks = [finding for verdict in watched for finding in verdict.findings if finding.check == "skew"]
    assert [look.reason for look in looks if look.outcome not in {"pass", "unknown"}] == []
    assert sum(look.outcome == "pass" and look.value == 0 for look in looks) >= DAYS // 2


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
    workspace = Workspace.existing(out / "workspace")
    ledger = workspace.ledger
    balances = [balance for _, balance in ledger.history([Balance])]
    handovers = {"ingest trips", "features", "training", "scoring", "capture", "delivery", "labels"}
    assert {balance.handover for balance in balances} >= handovers
    assert [balance for balance in balances if balance.missing] == []
    assert ledger.verify().count == ledger.store.head()
    assert workspace.auditor.verify(objects=True).faults == []


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
    assert reconcile(Book.open(workspace, PRODUCT)).breaks == []
    workspace.ledger.verify()
