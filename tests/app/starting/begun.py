"""How tests of this room begin a product from a table, run it and look at its file."""

import subprocess
import sys

from trimaran.app.lifecycle import Lifecycle
from trimaran.app.loading import load_file
from trimaran.app.progress import progress
from trimaran.app.running import run_once
from trimaran.app.starting import Asked, start
from trimaran.app.workspace import Workspace


def table(folder, frame, name="rides.parquet"):
    path = folder / name
    frame.write_csv(path) if name.endswith(".csv") else frame.write_parquet(path)
    return path


def run(path, folder):
    with progress() as shown:
        return run_once(Lifecycle(Workspace(folder / "workspace", actor="ana"), load_file(path), shown, path=path))


def begun(folder, frame, label, name="rides.parquet", **said):
    return start("rides", Asked(table(folder, frame, name), label, **said), folder, "ana")


def clean(path):
    for command in (["check", "--isolated"], ["format", "--isolated", "--check"]):
        # Elsewhere than here, where trimaran is what is being written.
        call = [sys.executable, "-m", "ruff", *command, path.name]
        done = subprocess.run(call, cwd=path.parent, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
