"""Features of more data than memory allows stay within it: measured as the peak of a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

LARGER = Path(__file__).parents[3] / "benchmarks" / "features" / "larger.py"


@pytest.mark.slow
def test_three_times_the_data_that_memory_allows_are_computed_within_it(tmp_path):
    figures = tmp_path / "figures.json"
    asked = [sys.executable, LARGER, "--memory", "200", "--times", "3", "--json", figures]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    peak = json.loads(figures.read_text())[0]
    assert peak["name"] == "3 times the data of 200 MB: peak memory"
    assert 50 < peak["value"] <= peak["limit"] == 200
