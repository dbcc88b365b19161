"""Prints what a model a segment costs over the bare fits of the same models, on the same cores, in the same run.

The floor fits the very models, each on its own ready rows, spread over as many processes, and keeps nothing. Ours
has features computed, models stored durably with profile, evidence, author's test, gate, run and version, and every one
held against the pooled model. Both pools of processes are warm before the clock starts.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # what all benchmarks share

import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import numpy as np
import polars as pl
import psutil
from threadpoolctl import threadpool_limits

from figures import Figure, arguments, report
from trimaran.app.computing import open_computing
from trimaran.app.loading import load_product
from trimaran.app.segments import replicate_product
from trimaran.app.settings import ComputingSettings
from trimaran.app.workspace import Workspace
from trimaran.backends.process_tasks import ProcessExecutor, cores
from trimaran.build import Job, Snapshot, Source, Trainer
from trimaran.control.gates import judge_candidate
from trimaran.control.state import ProductState, subject_of
from trimaran.core.clock import ManualClock
from trimaran.data.declaration import Definition

SEGMENTS, ROWS, TESTED, FEW = 1000, 1000, 200, 100
LIMIT, FLAT = 1.3, 1.1
START, DAYS, WINDOW = datetime(2024, 1, 1, tzinfo=UTC), 60, 10
BATCH = 16
"""Fits that a process of the floor is handed together."""

PRODUCT = """
import trimaran as tm
from {module} import {model}

product = tm.Product("shops", owner="ops", predict_at="at")
sales = product.table("sales.parquet", key="sale", time="at", known={{"returned": "told"}})
{features}
@product.label(sales, wait="1h")
def back(returned):
    return returned > 0

@product.model()
def fit(X, y):
    return {make}.fit(X.to_numpy(), y)

product.accept(out_of_time="10d", auc=">= 0.5", minimum=100)
product.release(approve=[])
product.replicate(by="shop", minimum=200, tested=50)
"""
FEATURE = """
@product.feature(sales)
def f{n}(x{n}):
    return x{n}
"""
MODELS = {
    "gradient boosting": ("sklearn.ensemble", "HistGradientBoostingClassifier", "HistGradientBoostingClassifier()"),
    "logistic regression": ("sklearn.linear_model", "LogisticRegression", "LogisticRegression(max_iter=500)"),
}
WIDTH = 8


class Quiet:
    """Shows nothing."""

    def start(self, task: str, total: int) -> None:
        """Show nothing."""

    def advance(self, task: str, done: int = 1, note: str = "") -> None:
        """Show nothing."""

    def finish(self, task: str) -> None:
        """Show nothing."""


@dataclass
class Memory:
    """How many bytes this process had, look by look, while it was watched."""

    seen: list[int] = field(default_factory=list)

    def watch(self, stop: threading.Event) -> None:
        """Look ten times a second."""
        process = psutil.Process()
        while not stop.wait(0.1):
            self.seen.append(process.memory_info().rss)

    def figures(self, said: str, before: int) -> list[Figure]:
        """Return by how much it grew, and the most of the second half of the looks beside the most of the first."""
        half = len(self.seen) // 2
        first, second = max(self.seen[:half]), max(self.seen[half:])
        return [
            Figure(name=f"{said}: memory meanwhile", value=(max(first, second) - before) / 1e6, unit="MB"),
            Figure(name=f"{said}: most memory, second half over first", value=second / first, unit="", limit=FLAT),
        ]


def table(segments: int) -> pl.DataFrame:
    """Return the sales of so many shops: rows to train on, and rows of the last days to test on, each shop with a twist."""
    random = np.random.default_rng(0)
    each = ROWS + TESTED
    features = random.normal(size=(segments * each, WIDTH)).astype(np.float32)
    shop = np.repeat(np.arange(segments), each)
    twist = random.normal(size=segments)[shop]
    truth = features[:, 0] + twist * features[:, 1] + random.normal(size=segments * each) > 0
    early = (DAYS - WINDOW) * 86_400
    seconds = np.tile(
        np.concatenate([np.linspace(0, early - 7200, ROWS), np.linspace(early, DAYS * 86_400 - 7200, TESTED)]), segments
    ) + random.integers(0, 3600, segments * each)
    at = pl.Series(seconds.astype(np.int64) * 1_000_000).cast(pl.Duration("us")) + START
    return pl.DataFrame(
        {
            "sale": pl.Series(np.arange(segments * each)).cast(pl.String),
            "shop": pl.Series(shop).cast(pl.String),
            "at": at,
            "told": at + timedelta(minutes=30),
            "returned": truth.astype(np.int64),
            **{f"x{n}": features[:, n] for n in range(WIDTH)},
        }
    )


def processor() -> float:
    """Return the seconds of processors that this process and those that it started have taken."""
    own = psutil.Process()
    return sum(sum(one.cpu_times()[:2]) for one in [own, *own.children(recursive=True)])


def imported(module: str) -> str:
    """Import what the work of a segment needs, so that no process starts cold."""
    import_module("trimaran.backends.skops_format")
    return import_module(module).__name__


def bare(fits: list[tuple[Any, Any]], fit: Callable[[Any, Any], Any]) -> tuple[float, float]:
    """Return the seconds of the fits alone, on ready rows, in as many processes, and those of processors."""

    def fitted(rows: list[tuple[Any, Any]]) -> int:
        with threadpool_limits(limits=1):
            for features, labels in rows:
                fit(features, labels)
        return len(rows)

    pool = ProcessExecutor(cores())
    list(pool.map(fitted, [("warm", fits[:2])] * 4 * cores()))
    list(pool.map(imported, [("warm", "trimaran.build.segments")] * 4 * cores()))
    tasks = [("fits", fits[place : place + BATCH]) for place in range(0, len(fits), BATCH)]
    began = time.perf_counter()
    worked = processor()
    list(pool.map(fitted, tasks))
    return time.perf_counter() - began, processor() - worked


@dataclass
class Shop:
    """A product over a table, in a workspace of its own on the disk."""

    workspace: Workspace
    trainer: Trainer
    definition: Definition
    text: str
    snapshot: Snapshot

    @classmethod
    def open(cls, folder: Path, model: str, frame: pl.DataFrame) -> Shop:
        """Open a fresh workspace, and train the pooled model."""
        folder.mkdir()
        frame.head(5).write_parquet(folder / "sales.parquet")
        module, name, make = MODELS[model]
        features = "".join(FEATURE.format(n=n) for n in range(WIDTH))
        text = PRODUCT.format(module=module, model=name, make=make, features=features)
        loaded = load_product(text, root=folder)
        workspace = Workspace(folder / "workspace", clock=ManualClock(START + timedelta(days=DAYS)))
        trainer = Trainer(
            objects=workspace.objects,
            ledger=workspace.ledger,
            clock=workspace.clock,
            native=workspace.native,
            compiled=workspace.compiled,
            progress=Quiet(),
            computing=open_computing(workspace.root, ComputingSettings()),
        )
        snapshot = Snapshot({"sales": frame}, {"sales": 0}, START + timedelta(days=DAYS))
        return cls(workspace, trainer, loaded.definition, loaded.text, snapshot)

    def replicated(self, key: str) -> tuple[float, dict[str, int]]:
        """Return the seconds of a replication and what its segments came to."""
        job = Job(cause="benchmark", key=key, source=Source(self.text))
        state = ProductState.replay(self.workspace.ledger, self.definition.name)
        began = time.perf_counter()
        found = replicate_product(
            self.workspace, self.trainer, self.definition, self.snapshot, job, state=state, suggest=lambda _: None
        )
        return time.perf_counter() - began, found.record.fates

    def pool(self, frame: pl.DataFrame) -> None:
        """Train the pooled model on some of the rows, and let it pass: it is what every segment is held against."""
        few = replace(self.snapshot, frames={"sales": frame})
        job = Job(cause="benchmark", key="pooled", source=Source(self.text))
        made = self.trainer.train(self.definition, few, job)
        verdict = judge_candidate(self.definition, made.evidence, made.version.native, refs=[made.ref])
        self.workspace.ledger.append(verdict, subject_of(made.version))


def measured(folder: Path, model: str, segments: int) -> list[Figure]:
    """Return what segments cost beside the bare fits, in time and in memory of this process."""
    frame = table(segments)
    shop = Shop.open(folder / f"{model}-{segments}".replace(" ", "-"), model, frame)
    shop.pool(frame.filter(pl.col("shop").cast(pl.Int64) < 20))
    training = shop.trainer.sets.make(shop.definition, shop.snapshot).train
    places = training.asked.select("shop").with_row_index().group_by("shop", maintain_order=True).agg("index")["index"]
    fits = [(training.features[rows.to_numpy()], training.labels[rows.to_numpy()]) for rows in places]
    floor, floor_worked = bare(fits, shop.definition.model.function)
    del fits, training, places
    memory, stop = Memory(), threading.Event()
    before = psutil.Process().memory_info().rss
    watcher = threading.Thread(target=memory.watch, args=(stop,))
    watcher.start()
    worked = processor()
    seconds, fates = shop.replicated("many")
    worked = processor() - worked
    stop.set()
    watcher.join()
    print(f"{model}, {segments} segments: {fates}", file=sys.stderr, flush=True)
    said = f"{segments:,} segments of {ROWS:,} rows, {model}"
    floor_name = f"the bare fits, {cores()} processes"
    figures = [
        Figure(name=said, value=seconds, unit="s", floor=floor, floor_name=floor_name),
        Figure(name=f"{said}: times the bare fits", value=seconds / floor, unit="", limit=LIMIT if model == "gradient boosting" else None),
        Figure(name=f"{said}: a segment over its fit, on one core", value=1000 * cores() * (seconds - floor) / segments, unit="ms"),
        Figure(name=f"{said}: of processors", value=worked, unit="s", floor=floor_worked, floor_name="the bare fits"),
    ]  # fmt: skip
    return [*figures, *memory.figures(said, before)]


def main() -> int:
    """Measure and print; return 1 when a promise was not kept."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--segments", type=int, default=SEGMENTS)
    parser.add_argument("--model", choices=[*MODELS], default=None)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as name:
        for model in [given.model] if given.model else MODELS:
            figures += measured(Path(name), model, given.segments)
    return report(figures, given.json)


if __name__ == "__main__":
    sys.exit(main())
