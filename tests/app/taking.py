"""A product on one source, taken in as often as a test wants."""

from datetime import UTC, datetime, timedelta

import polars as pl

from trimaran.app.lifecycle import Lifecycle
from trimaran.app.loading import load_file
from trimaran.app.progress import progress
from trimaran.app.running import take_in
from trimaran.app.workspace import Workspace, held_schemas
from trimaran.core.clock import ManualClock
from trimaran.core.nouns import Balance

START = datetime(2013, 1, 1, tzinfo=UTC)
SCHEMA = {
    "trip": pl.String(),
    "planned": pl.Datetime("us", "UTC"),
    "wind": pl.Float64(),
    "late": pl.Float64(),
    "note": pl.Int64(),
}
NOW = datetime(2013, 3, 1, tzinfo=UTC)
TEXT = """
import trimaran as tm

product = tm.Product("punctual", owner="ops-ml", predict_at="planned - 2h")
trips = product.table(SOURCE, key="trip", time="planned", name="trips")

@product.feature(trips)
def wind_now(wind):
    return wind

@product.label(trips)
def is_late(late):
    return late > 15

@product.model()
def fit(X, y):
    raise NotImplementedError

product.accept(out_of_time="10d", auc=">= 0.68")
"""


def trips(count, start=0):
    numbers = range(start, start + count)
    return pl.DataFrame(
        {
            "trip": [f"t{number}" for number in numbers],
            "planned": [START + timedelta(hours=number) for number in numbers],
            "wind": [float(number) for number in numbers],
            "late": [3.0] * count,
            "note": list(numbers),
        },
        schema=SCHEMA,
    )


class Place:
    """A product on one source, taken in as often as wanted."""

    def __init__(self, root, source):
        self.root, self.days = root, 0
        (root / "punctual.py").write_text(TEXT.replace("SOURCE", source))
        self.workspace = Workspace(root / "workspace", clock=ManualClock(NOW), actor="test")
        self.workspace.data_root = root

    def take(self):
        self.days += 1
        self.workspace.clock.set(NOW + timedelta(days=self.days))
        folder = self.workspace.root
        loaded = load_file(self.root / "punctual.py", held=lambda product: held_schemas(folder, product))
        with progress() as shown:
            (found,) = take_in(Lifecycle(self.workspace, loaded, shown), self.workspace.clock.now())
        return found

    def rows(self):
        return self.workspace.tables.read("punctual/trips").collect()

    def totals(self):
        return [balance.missing for _, balance in self.workspace.ledger.history([Balance])]


def counts(record):
    return record.rows_in, record.kept, record.refused, record.repeated
