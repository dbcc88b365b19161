"""Metric points in SQLite: the port's laws, across instances and processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from trimaran.backends.sqlite_metrics import SqliteMetrics
from trimaran.core.ports import MetricStore
from trimaran.testing import metrics_kit


@pytest.mark.parametrize("law", metrics_kit.LAWS, ids=lambda law: law.__name__)
def test_it_keeps_the_laws_of_a_metric_store(law: Callable[[MetricStore], None], tmp_path: Path) -> None:
    law(SqliteMetrics(tmp_path / "metrics.db"))


WRITER = """
import sys
from pathlib import Path
from trimaran.backends.sqlite_metrics import SqliteMetrics
from trimaran.testing.metrics_kit import points
store, who = SqliteMetrics(Path(sys.argv[1])), int(sys.argv[2])
print(sum(store.log(f"run-{who % 2}", points("loss", [1.0] * 100), key=f"{who}-{n}") for n in range(50)))
"""


def test_four_processes_lose_nothing_and_are_never_locked_out(tmp_path: Path) -> None:
    path = tmp_path / "metrics.db"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, path, str(who)], stdout=subprocess.PIPE, text=True)
        for who in range(4)
    ]
    assert [writer.communicate()[0].strip() for writer in writers] == ["5000"] * 4
    store = SqliteMetrics(path)
    assert [store.points(f"run-{n}").height for n in range(2)] == [10_000, 10_000]
