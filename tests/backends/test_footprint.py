"""How much memory there is: the machine's, or the container's."""

import psutil

from trimaran.backends.footprint import free_memory


def test_a_container_has_what_its_group_has_left(tmp_path):
    (tmp_path / "memory.max").write_text("5000\n")
    (tmp_path / "memory.current").write_text("2000\n")
    assert free_memory(tmp_path) == 3000
    (tmp_path / "memory.current").write_text("6000\n")
    assert free_memory(tmp_path) == 0


def test_a_group_without_a_limit_and_a_machine_without_groups_have_the_machines_memory(tmp_path):
    assert 0 < free_memory(tmp_path / "none") <= psutil.virtual_memory().total
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("2000\n")
    assert 0 < free_memory(tmp_path) <= psutil.virtual_memory().total
