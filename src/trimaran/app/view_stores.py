"""Which store a workspace's features by key are in: a file of it, or a Redis."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from trimaran.app.settings import OnlineSettings
from trimaran.core.config import online_password
from trimaran.core.errors import Unavailable
from trimaran.core.ports import ViewStore

VIEWS = "views.db"


def has_views(root: Path, settings: OnlineSettings) -> bool:
    """Tell, without opening it, whether a workspace may have a store of features by key."""
    return bool(settings.url) or (root / VIEWS).exists()


def open_views(root: Path, settings: OnlineSettings) -> ViewStore:
    """Return the store that the settings of a workspace's folder name; raises ``Unavailable`` without the extra ``redis``."""
    if not settings.url:
        found: ViewStore = import_module("trimaran.backends.sqlite_views").SqliteViews(root / VIEWS)
        return found
    try:
        backend = import_module("trimaran.backends.redis_views")
    except ModuleNotFoundError as error:
        message = "features by key in Redis need a library that is not installed: run `pip install 'trimaran[redis]'`"
        raise Unavailable(message) from error
    store: ViewStore = backend.RedisViews(settings.url, prefix=settings.prefix, password=online_password())
    return store
