"""A small real life with people in it: rides of riders, some refused, some answered, one of whom will ask to be erased."""

import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from trimaran.app.batch import BatchScorer
from trimaran.app.lifecycle import Lifecycle
from trimaran.app.loading import load_file
from trimaran.app.running import run_once
from trimaran.app.steward import Steward
from trimaran.app.workspace import CLOCK, Workspace
from trimaran.core.clock import ManualClock, SharedClock

sys.path.append(str(Path(__file__).parent))  # what tests of this room share

RIDES = """
import trimaran as tm
from sklearn.ensemble import HistGradientBoostingClassifier

product = tm.Product("rides", owner="ops-ml", predict_at="planned - 2h")
rides = product.table("rides.parquet", key="ride", time="planned", known={"late": "done"})
riders = product.table("riders.parquet", key="rider")


@product.expect(rides)
def wind_is_possible(wind):
    return wind < 200


@product.feature(rides)
def wind_now(wind):
    return wind


@product.feature(riders, on="rider")
def trips_before(trips):
    return trips


@product.label(rides, wait="1d")
def is_late(late):
    return late > 15


@product.model()
def fit(X, y):
    return HistGradientBoostingClassifier(max_iter=10, early_stopping=False).fit(X, y)


product.accept(out_of_time="10d", auc=">= 0.6")
product.release(shadow="0h", steps=[100], hold="0h", approve=[])
product.watch(drift=True)
product.retrain(every="2d", min_labels=10)
"""
PERSON = "zoë-Q7Z9X"
BEGUN = datetime(2013, 1, 1, tzinfo=UTC)
RUN = datetime(2013, 2, 14, tzinfo=UTC)
DAYS = 5
HOUR = timedelta(hours=1)


class Quiet:
    """Progress that nobody watches."""

    def start(self, task, total):
        pass

    def advance(self, task, done=1, note=""):
        pass

    def finish(self, task):
        pass


@pytest.fixture
def quiet():
    """Progress that nobody watches."""
    return Quiet()


def histories(count=7500):
    """Return every ride and rider; each fortieth ride is the person's, two of whose rides have an impossible wind."""
    random = np.random.default_rng(13)
    planned = [BEGUN + timedelta(minutes=10 * row) for row in range(count)]
    wind = random.normal(10, 3, count)
    late = (random.uniform(size=count) < 1 / (1 + np.exp(12 - wind))) * 20.0
    people = np.array([f"rider-{n:03}" for n in random.integers(0, 50, count)], dtype=object)
    people[::40] = PERSON
    wind[[400, 6440, 777]] = 999.0
    rides = pl.DataFrame(
        {
            "ride": [f"ride-{row:05}x" for row in range(count)],
            "planned": planned,
            "rider": pl.Series(people, dtype=pl.String),
            "wind": wind,
            "late": late,
            "done": [moment + 3 * HOUR for moment in planned],
        }
    )
    riders = pl.DataFrame({"rider": [*(f"rider-{n:03}" for n in range(50)), PERSON], "trips": range(51)})
    return rides, riders


def report(folder, at):
    """Write what the sources say at a moment: later rides are not in them, and of those under way the delay is open."""
    rides, riders = histories()
    known = pl.col("done") <= at
    seen = rides.filter(pl.col("planned") <= at + 2 * HOUR).with_columns(
        pl.when(known).then(pl.col(name)).alias(name) for name in ("late", "done")
    )
    seen.write_parquet(folder / "rides.parquet")
    riders.write_parquet(folder / "riders.parquet")


@pytest.fixture(scope="session")
def rides():
    """What the rides are made of, for tests that begin a life of their own."""
    return SimpleNamespace(text=RIDES, begin=RUN, histories=histories, report=report)


@pytest.fixture(scope="session")
def lived_once(tmp_path_factory):
    """The folder of a life of some days, with a workspace whose clock stands at its end; only copies are written to."""
    folder = tmp_path_factory.mktemp("lived")
    (folder / "rides.py").write_text(RIDES)
    report(folder, RUN)
    clock = ManualClock(RUN)
    workspace = Workspace(folder / "workspace", clock=clock)
    workspace.data_root = folder
    run_once(Lifecycle(workspace, load_file(folder / "rides.py"), Quiet()))
    steward, scorer = Steward(workspace, "rides", Quiet(), pytest.fail), BatchScorer(workspace, "rides")
    for day in range(1, DAYS + 1):
        now = RUN + timedelta(days=day)
        rides = histories()[0]
        asked = rides.filter(pl.col("planned").is_between(now - 22 * HOUR, now + 2 * HOUR, closed="right"))
        clock.set(now - HOUR)
        scorer.score(asked.select("ride", "planned", "rider", "wind").filter(pl.col("wind") < 200))
        clock.set(now)
        report(folder, now)
        steward.round(watch=day == DAYS)
    (workspace.root / "served.log").write_text(
        "\n".join(["ride-06400x", "ride-06401x", f"asked by {PERSON}", "ride-06440x"]) + "\n"
    )
    workspace.close()
    SharedClock(workspace.root / CLOCK, RUN + timedelta(days=DAYS)).close()
    return folder


@pytest.fixture
def lived(lived_once, tmp_path):
    """A workspace with that life, to write to; its sources lie beside it."""
    folder = Path(shutil.copytree(lived_once, tmp_path / "lived"))
    with Workspace(folder / "workspace", actor="ada") as workspace:
        workspace.data_root = folder
        yield workspace


@pytest.fixture
def live_on():
    """Let a day pass in a workspace with that life: its sources say more, and its steward does a round."""

    def day(workspace):
        now = workspace.clock.now() + timedelta(days=1)
        report(workspace.data_root, now)
        workspace.clock.set(now)
        Steward(workspace, "rides", Quiet(), pytest.fail).round(watch=True)

    return day


@pytest.fixture
def person():
    """The value of ``rider`` that names one person, in letters that need more than a byte."""
    return PERSON


@pytest.fixture
def their_rides():
    """The ids of the person's rides, those that were refused among them."""
    return histories()[0].filter(pl.col("rider") == PERSON)["ride"].to_list()
