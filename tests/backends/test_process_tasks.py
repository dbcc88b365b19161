"""Tasks in processes keep the laws of an executor, and one that dies takes only its own task with it."""

import os
import signal

import psutil
import pytest

from trimaran.backends.process_tasks import ProcessExecutor, end_idle
from trimaran.core.errors import Lost
from trimaran.testing.executor_kit import LAWS


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_tasks_in_processes_keep_the_law(law):
    law(ProcessExecutor(2))


def test_tasks_run_in_other_processes():
    found = set(ProcessExecutor(2).map(lambda _: os.getpid(), [(str(number), number) for number in range(8)]))
    assert os.getpid() not in found


def test_processes_that_are_kept_can_be_ended_and_start_again_when_there_is_work():
    tasks = [(str(number), number) for number in range(8)]
    end_idle()  # whether any are kept or not
    first = set(ProcessExecutor(2).map(lambda _: os.getpid(), tasks))
    end_idle()
    assert not any(psutil.pid_exists(each) and psutil.Process(each).status() != psutil.STATUS_ZOMBIE for each in first)
    assert not first & set(ProcessExecutor(2).map(lambda _: os.getpid(), tasks))


def test_a_task_that_kills_its_process_is_named_and_the_next_ones_run(tmp_path):
    def deadly(number):
        if number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    made = []
    with pytest.raises(Lost, match="task 1: its process was killed 2 times"):
        made.extend(ProcessExecutor(2).map(deadly, [(f"task {number}", number) for number in range(3)]))
    assert made in ([], [0])
    assert list(ProcessExecutor(2).map(deadly, [("task 2", 2)])) == [2]


def test_a_task_whose_process_was_killed_from_outside_is_run_again(tmp_path):
    def once(number):
        mark = tmp_path / "was"
        if number == 1 and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    assert list(ProcessExecutor(2).map(once, [(f"task {number}", number) for number in range(4)])) == [0, 1, 2, 3]
