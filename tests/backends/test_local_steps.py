import pytest

from trimaran.backends.local_steps import LocalEngine
from trimaran.testing.engine_kit import LAWS


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_steps_in_this_process_keep_the_law(law):
    law(LocalEngine())
