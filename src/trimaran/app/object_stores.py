"""Which store a workspace's objects are in: a folder of it, or one on S3 behind a cache."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from trimaran.app.settings import SETTINGS, ObjectsSettings
from trimaran.backends.file_objects import FileObjects
from trimaran.core.config import s3_keys
from trimaran.core.errors import Fault, InputError, Unavailable
from trimaran.core.ports import ObjectStore

CACHE = "object-cache"


def open_objects(root: Path, settings: ObjectsSettings) -> ObjectStore:
    """Return the store that the settings of a workspace's folder name.

    Raises ``InputError`` naming every key that the environment does not say, and ``Unavailable`` without the extra ``s3``.
    """
    if not settings.url:
        return FileObjects(root / "objects")
    access_key, secret_key = s3_keys()
    if access_key is None or secret_key is None:
        wanted = {"TRIMARAN_S3_ACCESS_KEY": access_key, "TRIMARAN_S3_SECRET_KEY": secret_key}
        remedy = f"set it to the key for {settings.url}, or take [objects] out of {root / SETTINGS}"
        faults = [Fault(where=name, what="it is not set", remedy=remedy) for name, said in wanted.items() if said is None]
        raise InputError("environment", faults)
    try:
        backend = import_module("trimaran.backends.s3_objects")
    except ModuleNotFoundError as error:
        message = f"objects in {settings.url} need a library that is not installed: run `pip install 'trimaran[s3]'`"
        raise Unavailable(message) from error
    far: ObjectStore = backend.S3Objects(
        settings.url,
        access_key=access_key,
        secret_key=secret_key,
        endpoint=settings.endpoint or None,
        region=settings.region,
    )
    if settings.cache_bytes == 0:
        return far
    cached = import_module("trimaran.backends.cached_objects")
    near: ObjectStore = cached.CachedObjects(far, root / CACHE, limit=settings.cache_bytes)
    return near
