"""What is asked of an S3-compatible server, below one prefix, and what its errors mean; needs the extra ``s3``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from trimaran.core.errors import Fault, InputError, Unavailable

if TYPE_CHECKING:
    from obstore.store import S3Credential

_CODES = re.compile(r"<Code>(\w+)</Code>"), re.compile(r"status code: (\d{3})")
_KEYS = "see that TRIMARAN_S3_ACCESS_KEY and TRIMARAN_S3_SECRET_KEY are right and may read, write, list and delete there"
_REMEDIES = {
    "403": _KEYS,
    "401": _KEYS,
    "AccessDenied": _KEYS,
    "InvalidAccessKeyId": _KEYS,
    "SignatureDoesNotMatch": _KEYS,
    "InvalidBucketName": "no bucket can have this name: name one that is there",
    "NoSuchBucket": "make the bucket, or name one that is there",
}
_BLOCK = 1 << 20


class Stored(NamedTuple):
    """What the server tells of a key: the key below the prefix, its bytes and when it was written, by the second."""

    key: str
    size: int
    put: datetime


class S3Bucket:
    """Keys and bytes below ``s3://bucket/prefix``.

    Every request is tried again ``retries`` times, for a minute at most, then raises ``Unavailable``. An error of ours never
    carries the server's answer, which may repeat the access key. Nothing but the arguments counts: ``AWS_…`` variables of
    the environment change neither the server nor the keys. A process that forks must do so before its first request.
    """

    def __init__(
        self, url: str, *, access_key: str, secret_key: str, endpoint: str | None, region: str, retries: int
    ) -> None:
        bucket, self._prefix = _place(url, endpoint)
        self.url = url
        server = endpoint or f"https://s3.{region}.amazonaws.com"
        keys: S3Credential = {"access_key_id": access_key, "secret_access_key": secret_key, "expires_at": None}
        self._store = S3Store(
            bucket,
            endpoint=server,
            region=region,
            virtual_hosted_style_request=False,
            skip_signature=False,
            credential_provider=lambda: keys,
            checksum_algorithm="SHA256",  # the server refuses a body that changed on the way
            client_options={
                "allow_http": server.startswith("http://"),
                "connect_timeout": timedelta(seconds=10),
                "timeout": timedelta(minutes=2),
            },
            retry_config={
                "max_retries": retries,
                "retry_timeout": timedelta(minutes=1),
                "backoff": {"init_backoff": timedelta(milliseconds=200), "max_backoff": timedelta(seconds=5), "base": 2},
            },
        )

    def write(self, key: str, data: bytes) -> None:
        """Put bytes under a key, in one request."""
        with self._asking():
            obstore.put(self._store, self._path(key), data, use_multipart=False)

    def read(self, key: str) -> bytes | None:
        """Return the bytes of a key, None when it is not there."""
        blocks = self.stream(key)
        return None if blocks is None else b"".join(blocks)

    def stream(self, key: str) -> Iterator[bytes] | None:
        """Return the bytes of a key, a block at a time, None when it is not there."""
        try:
            with self._asking():
                found = obstore.get(self._store, self._path(key))
        except FileNotFoundError:
            return None
        return self._blocks(found)

    def find(self, key: str) -> Stored | None:
        """Return what is told of a key, None when it is not there."""
        try:
            with self._asking():
                found = obstore.head(self._store, self._path(key))
        except FileNotFoundError:
            return None
        return Stored(key, found["size"], found["last_modified"])

    def scan(self, folder: str) -> Iterator[Stored]:
        """Yield what is told of every key in a folder and below, a thousand a request."""
        with self._asking():
            for batch in obstore.list(self._store, self._path(folder)):
                for found in batch:
                    key = found["path"].removeprefix(f"{self._prefix}/" if self._prefix else "")
                    yield Stored(key, found["size"], found["last_modified"])

    def folders(self, folder: str) -> list[str]:
        """Return the names of the folders in a folder."""
        with self._asking():
            found = obstore.list_with_delimiter(self._store, self._path(folder))
        return [path.rstrip("/").rsplit("/", 1)[-1] for path in found["common_prefixes"]]

    def remove(self, *keys: str) -> None:
        """Remove keys; one that is not there is passed over."""
        if keys:
            with self._asking():
                obstore.delete(self._store, [self._path(key) for key in keys])

    def _path(self, key: str) -> str:
        return f"{self._prefix}/{key}" if self._prefix else key

    def _blocks(self, found: obstore.GetResult) -> Iterator[bytes]:
        with self._asking():
            yield from (bytes(block) for block in found.stream(min_chunk_size=_BLOCK))

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise self._unavailable("AccessDenied", str(error)) from None
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):
                raise self._unavailable("NoSuchBucket") from None
            raise
        except BaseError as error:
            raise self._unavailable("no answer", str(error)) from None

    def _unavailable(self, code: str, text: str = "") -> Unavailable:
        code = next((found[1] for pattern in _CODES if (found := pattern.search(text))), code)
        what = f"{self.url} cannot be used ({code}); nothing was acknowledged: "
        return Unavailable(what + _REMEDIES.get(code, "see that the server runs and can be reached, then do the same again"))


def _place(url: str, endpoint: str | None) -> tuple[str, str]:
    parts, faults = urlsplit(url), []
    if parts.scheme != "s3" or not parts.hostname or parts.query or "@" in parts.netloc:
        faults.append(
            Fault(what="the url of an object store names no bucket", remedy="write s3://bucket/prefix, without keys")
        )
    server = urlsplit(endpoint or "https://s3.amazonaws.com")
    if server.scheme not in {"http", "https"} or not server.hostname or "@" in server.netloc:
        faults.append(Fault(what="the endpoint is no server", remedy="write https://host:port, without keys"))
    if faults:
        raise InputError("object store", faults)
    return parts.netloc, parts.path.strip("/")
