"""The flights of 2013, as the example reads them; prepared when they are not there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "flights"
DATA = ROOT / "demo" / "data"


def prepared(folder: Path = DATA) -> Path:
    """Return a folder named ``data`` with the tables of the example, written first where they are not whole."""
    subprocess.run([sys.executable, EXAMPLE / "prepare.py", folder], check=True, stdout=subprocess.DEVNULL)
    return folder
