"""How much memory there is, the machine's or the container's, and how much some processes take together."""

import subprocess
import sys

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


SHARING = """
import os, signal
from trimaran.backends.footprint import PeakMemory
held = bytearray(os.urandom(1 << 20) * 300)
child = os.fork()
if child == 0:
    signal.pause()
with PeakMemory(every=0.05) as memory:
    while not memory.peak:
        pass
os.kill(child, signal.SIGKILL)
os.waitpid(child, 0)
print(memory.peak >> 20)
"""


def test_what_two_processes_share_is_counted_once():
    done = subprocess.run([sys.executable, "-c", SHARING], check=True, capture_output=True, text=True)
    assert 300 <= int(done.stdout) < 450
