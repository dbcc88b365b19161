"""Tracks runs with MLflow into SQLite, in process, and prints what they cost; run by runs.py in MLflow's own environment."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from mlflow.entities import Metric, Param
from mlflow.tracking import MlflowClient


def main(folder: Path, count: int, points: int) -> None:
    """Print, as JSON: runs a second, microseconds a point, and the milliseconds of a search of these runs."""
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiment = client.create_experiment("bench", artifact_location=str(folder / "artifacts"))
    client.create_run(experiment)
    began = time.perf_counter()
    for number in range(count):
        run = client.create_run(experiment).info.run_id
        now = int(time.time() * 1000)
        metrics = [Metric(f"m{place}", number / count, now, 0) for place in range(9)]
        metrics.append(Metric("auc", number / count, now, 0))
        params = [Param(f"p{place}", str(number)) for place in range(9)]
        params.append(Param("depth", str(number % 10)))
        client.log_batch(run, metrics=metrics, params=params)
        client.set_terminated(run)
    runs = count / (time.perf_counter() - began)
    run = client.create_run(experiment).info.run_id
    began = time.perf_counter()
    for step in range(points):
        client.log_metric(run, "loss", 1 / (step + 1), step=step)
    point = (time.perf_counter() - began) / points * 1e6
    began = time.perf_counter()
    found = client.search_runs([experiment], "metrics.auc > 0.8 and params.depth = '3'", max_results=100)
    search = (time.perf_counter() - began) * 1000
    print(json.dumps({"runs": runs, "point": point, "search": search, "found": len(found)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
