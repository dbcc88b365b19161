import pytest

from trimaran.backends.process_steps import ProcessEngine
from trimaran.testing.engine_kit import APART, LAWS


@pytest.mark.parametrize("law", LAWS + APART, ids=lambda law: law.__name__)
def test_steps_in_processes_keep_the_law(law):
    engine = ProcessEngine(2)
    try:
        law(engine)
    finally:
        engine.close()
