"""The only place that reads the environment."""

from __future__ import annotations

import os
from pathlib import Path

DEFAULT_WORKSPACE = Path(".trimaran")


def default_workspace() -> Path:
    """Return the workspace folder to use when none is named: ``TRIMARAN_WORKSPACE``, else ``.trimaran``."""
    return Path(os.environ.get("TRIMARAN_WORKSPACE") or DEFAULT_WORKSPACE)


def default_person() -> str:
    """Return who acts when nobody is named: ``TRIMARAN_PERSON``, else the log-in name, else ``somebody``."""
    return os.environ.get("TRIMARAN_PERSON") or os.environ.get("USER") or "somebody"
