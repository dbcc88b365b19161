"""Plays the small product's history in a process of its own, which may be killed."""

import subprocess
import sys
from pathlib import Path

import msgspec

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
