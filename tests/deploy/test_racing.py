"""Two processes move the same version at once: one wins, the other hears of it and decides anew; the same move is one move."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import shop

from trimaran.backends.sqlite_ledger import SqliteLedger
from trimaran.core.clock import ManualClock
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import Release

RACER = Path(__file__).parent / "racer.py"


@pytest.fixture
def race(tmp_path):
    ledger = Ledger(SqliteLedger(tmp_path / "ledger.db"), ManualClock(shop.NOON), "trimaran")
    shop.release(ledger, 2)
    shop.release(ledger, 1)

    def run(*acts):
        names = [f"racer-{number}" for number in range(len(acts))]
        commands = [[sys.executable, str(RACER), str(tmp_path), *each] for each in zip(names, acts, strict=True)]
        racers = [subprocess.Popen(command, stdout=subprocess.PIPE) for command in commands]
        while not all((tmp_path / f"{name}.ready").exists() for name in names):
            assert all(racer.poll() is None for racer in racers)
            time.sleep(0.01)
        (tmp_path / "go").touch()
        said = [racer.communicate(timeout=60)[0] for racer in racers]
        return [json.loads(each) for each in said], [record for _, record in ledger.history([Release], "parcels")][2:]

    return run


def test_of_two_different_moves_one_wins_and_the_other_decides_anew(race):
    told, moves = race("roll_back", "retire")
    (lost,) = [each for each in told if each["conflict"]]
    (won,) = [each for each in told if not each["conflict"]]
    assert "release of parcels moved on" in lost["conflict"]
    assert "read it again and decide anew" in lost["conflict"]
    assert won["seq"] == 3
    # What was rolled back may still be retired; what was retired has nothing left to roll back.
    if moves[0].stage == "rolled back":
        assert (lost["seq"], [move.stage for move in moves]) == (4, ["rolled back", "retired"])
    else:
        assert "it is in retired and answers nothing" in lost["refused"]
        assert [move.stage for move in moves] == ["retired"]


def test_the_same_move_by_two_processes_is_one_move(race):
    told, moves = race("roll_back", "roll_back", "roll_back")
    assert [each["conflict"] for each in told] == [None, None, None]
    assert {each["seq"] for each in told} == {3}
    assert [move.stage for move in moves] == ["rolled back"]
