"""Modules beside a product go along with what is sent elsewhere, and are gone there afterwards."""

import sys

import pytest

from trimaran.app.beside import bind
from trimaran.app.computing import accompanied, open_computing
from trimaran.app.settings import ComputingSettings
from trimaran.app.travelling import Accompanied
from trimaran.backends.local_tasks import LocalExecutor
from trimaran.backends.process_tasks import ProcessExecutor
from trimaran.testing.executor_kit import LAWS

TEXTS = {"gusts/__init__.py": "from gusts.deep import LEAST\n", "gusts/deep.py": "LEAST = {}\n"}


def texts(least):
    return {name: text.format(least) for name, text in TEXTS.items()}


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_an_accompanied_executor_keeps_the_law(law):
    law(Accompanied(LocalExecutor(), texts(1)))


@pytest.mark.parametrize("executor", [LocalExecutor(), ProcessExecutor(1)], ids=["local", "processes"])
def test_a_function_finds_the_modules_of_its_own_product_and_leaves_none_behind(executor):
    def asks(number):
        import gusts

        return number + gusts.LEAST

    def named(_):
        import sys

        return [name for name in sys.modules if name.startswith("gusts")]

    for least in (10, 20):
        assert list(Accompanied(executor, texts(least)).map(asks, [("one", 1), ("two", 2)])) == [1 + least, 2 + least]
    assert list(executor.map(named, [("one", 1)])) == [[]]
    with pytest.raises(ModuleNotFoundError):
        list(executor.map(asks, [("one", 1)]))
    assert not any(type(finder).__module__.startswith("trimaran") for finder in sys.meta_path)


@pytest.mark.parametrize("engine", ["processes:2", None])
def test_whoever_makes_the_models_of_segments_has_the_modules_too(tmp_path, engine):
    def asks(number):
        import gusts

        return number + gusts.LEAST

    means = open_computing(tmp_path, ComputingSettings(workers=2), engine)
    together = accompanied(means, bind("import gusts\n", texts(10)))
    for executor in (together.trials, together.segments):
        assert list(executor.map(asks, [("one", 1)])) == [11]
    assert accompanied(means, "no modules") is means
