"""Tasks in this process keep the laws of an executor."""

import pytest

from trimaran.backends.local_tasks import LocalExecutor
from trimaran.testing.executor_kit import LAWS


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_local_tasks_keep_the_law(law):
    law(LocalExecutor())
