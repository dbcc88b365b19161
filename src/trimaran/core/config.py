"""The only place that reads the environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

DEFAULT_WORKSPACE = Path(".trimaran")


_instead: ContextVar[Path | None] = ContextVar("workspace", default=None)


@contextmanager
def workspace_instead(folder: Path) -> Iterator[None]:
    """Let a folder be the workspace where none is named: what an author's code tracks while it is tried leaves no trace."""
    token = _instead.set(folder)
    try:
        yield
    finally:
        _instead.reset(token)


def default_workspace() -> Path:
    """Return the workspace folder to use when none is named: ``TRIMARAN_WORKSPACE``, else ``.trimaran``."""
    instead = _instead.get()
    if instead is not None:
        return instead
    return Path(os.environ.get("TRIMARAN_WORKSPACE") or DEFAULT_WORKSPACE)


def default_person() -> str:
    """Return who acts when nobody is named: ``TRIMARAN_PERSON``, else the log-in name, else ``somebody``."""
    return os.environ.get("TRIMARAN_PERSON") or os.environ.get("USER") or "somebody"


def ledger_password() -> str | None:
    """Return the password of the ledger's database: ``TRIMARAN_LEDGER_PASSWORD``, else None (PostgreSQL's ``~/.pgpass`` holds)."""
    return os.environ.get("TRIMARAN_LEDGER_PASSWORD") or None


def online_password() -> str | None:
    """Return the password of the Redis that features by key are in: ``TRIMARAN_ONLINE_PASSWORD``, None where it is not set."""
    return os.environ.get("TRIMARAN_ONLINE_PASSWORD") or None


def mail_password() -> str | None:
    """Return the password of the mail server: ``TRIMARAN_SMTP_PASSWORD``, None where it is not set."""
    return os.environ.get("TRIMARAN_SMTP_PASSWORD") or None


def s3_keys() -> tuple[str | None, str | None]:
    """Return the keys to the object store: ``TRIMARAN_S3_ACCESS_KEY`` and ``TRIMARAN_S3_SECRET_KEY``, None where not said."""
    return os.environ.get("TRIMARAN_S3_ACCESS_KEY") or None, os.environ.get("TRIMARAN_S3_SECRET_KEY") or None


def s3_server() -> tuple[str | None, str]:
    """Return the server that ``s3://`` sources are on (``TRIMARAN_S3_ENDPOINT``, else Amazon's) and ``TRIMARAN_S3_REGION``."""
    return os.environ.get("TRIMARAN_S3_ENDPOINT") or None, os.environ.get("TRIMARAN_S3_REGION") or "us-east-1"


def secret(name: str) -> str | None:
    """Return the variable that a source or a target of notices names as the place of its secret, None where it is not set."""
    return os.environ.get(name) or None


def silence_ray() -> None:
    """Keep Ray from reporting its use to its makers, unless ``RAY_USAGE_STATS_ENABLED`` is set."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")


ENVIRONMENT = ("os.environ", "os.getenv")
"""By what names code reads the environment."""


def variable(name: str) -> str | None:
    """Return an environment variable that a step reads, None where it is not set."""
    return os.environ.get(name)


def is_environment(value: object) -> bool:
    """Tell whether a value is the environment itself, all variables of it."""
    return value is os.environ
