"""Peers in environments of their own, made once and kept: none of their packages comes near ours."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

PLACE = Path(__file__).parent / ".peers"


def program(package: str, version: str, name: str, *also: str) -> Path | None:
    """Return a peer's program, installed into an environment of its own; None, said aloud, where it cannot be had.

    ``also`` pins what has to be installed with it, like ``feast[duckdb]==0.67.0`` or ``pandas<3``.
    """
    folder = PLACE / f"{package}-{version}"
    found = folder / "bin" / name
    if found.exists():
        return found
    print(f"installing {package} {version} …", file=sys.stderr, flush=True)
    venv.create(folder, with_pip=True, clear=True)
    command = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*command, f"{package}=={version}", *also], check=False)
    if done.returncode:
        print(f"{package} {version} could not be installed: its figures are left out", file=sys.stderr, flush=True)
        return None
    return found
