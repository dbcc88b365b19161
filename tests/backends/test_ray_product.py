"""A whole product trained with its trials and the parts of its features on a real cluster of several nodes."""

import pytest

from lifts import run_lifts, write_lifts

pytestmark = pytest.mark.slow


def test_a_product_trained_on_a_cluster_is_the_one_that_this_process_makes(cluster, tmp_path):
    file = write_lifts(tmp_path)
    here, _ = run_lifts(file, tmp_path / "local", "local")
    there, tasks = run_lifts(file, tmp_path / "ray", f"ray://{cluster.address}", memory=1_300_000)
    assert [name for name in tasks if name.startswith("trial")] == [f"trial {number}" for number in range(6)]
    assert len([name for name in tasks if name.startswith("part")]) > 1
    assert there == here
