"""Modules of PyTorch are adopted, and its losses and those of Keras logged, in an environment that has both."""

import os
import subprocess
from pathlib import Path

import pytest

import trimaran

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / ".torch" / "bin" / "python"

needs_torch = pytest.mark.skipif(
    not PYTHON.exists(),
    reason="NO PYTORCH: there is no .torch; `make torch` makes it, and these tests hand its modules to adopt",
)


@needs_torch
@pytest.mark.slow
@pytest.mark.parametrize(
    "chosen", [["tests/app/registry/with_torch.py"], ["tests/app/runs/test_autologging.py", "-k", "torch or keras"]], ids=str
)
def test_where_pytorch_is_installed(chosen):
    source = str(Path(trimaran.__file__).parents[1])
    command = [PYTHON, "-m", "pytest", "-n", "0", "-q", "-rs", *chosen]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": source, "KERAS_BACKEND": "torch"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert "skipped" not in done.stdout
