"""Files below ``s3://bucket/prefix``, listed and copied; needs the extra ``s3``."""

from __future__ import annotations

from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from trimaran.core.config import s3_keys, s3_server
from trimaran.core.errors import Fault, InputError, Unavailable
from trimaran.data.sources.files import S3, Found, chosen

if TYPE_CHECKING:
    from obstore.store import S3Credential

_MAGIC = "*?["


class Bucket:
    """What one ``s3://`` place holds, with the keys and the server that the environment names."""

    def __init__(self, place: str) -> None:
        parts = urlsplit(place)
        access, secret = s3_keys()
        wanted = {"TRIMARAN_S3_ACCESS_KEY": access, "TRIMARAN_S3_SECRET_KEY": secret}
        faults = [
            Fault(what="it is not set", where=name, remedy=f"set it to the key for {S3}{parts.hostname}")
            for name, said in wanted.items()
            if said is None
        ]
        if not parts.hostname or "@" in parts.netloc:
            faults.append(Fault(what="the place names no bucket, or has keys in it", remedy="write s3://bucket/prefix"))
        if access is None or secret is None or faults:
            raise InputError("source", faults)
        endpoint, region = s3_server()
        server = endpoint or f"https://s3.{region}.amazonaws.com"
        self._bucket, self._path = parts.netloc, place.removeprefix(f"{S3}{parts.netloc}").lstrip("/")
        self._place = place
        keys: S3Credential = {"access_key_id": access, "secret_access_key": secret, "expires_at": None}
        self._store = S3Store(
            self._bucket,
            endpoint=server,
            region=region,
            virtual_hosted_style_request=False,
            skip_signature=False,
            credential_provider=lambda: keys,
            client_options={"allow_http": server.startswith("http://"), "connect_timeout": timedelta(seconds=10)},
            retry_config={"max_retries": 3, "retry_timeout": timedelta(minutes=1)},
        )
        self.options = {
            "aws_access_key_id": access,
            "aws_secret_access_key": secret,
            "aws_endpoint_url": server,
            "aws_region": region,
            "aws_allow_http": str(server.startswith("http://")).lower(),
        }

    def find(self) -> list[Found]:
        """Return the files of the place: one key, those that match a pattern, or all below a prefix."""
        fixed = min((self._path.find(one) for one in _MAGIC if one in self._path), default=len(self._path))
        prefix = self._path if fixed == len(self._path) else self._path[:fixed].rpartition("/")[0]
        try:
            if fixed == len(self._path) and prefix and not prefix.endswith("/"):
                try:
                    meta = obstore.head(self._store, prefix)
                    return [self._found(meta["path"], meta["size"], meta["e_tag"])]
                except FileNotFoundError:
                    pass
            listed = [one for batch in obstore.list(self._store, prefix or None) for one in batch]
        except FileNotFoundError:
            return []
        except BaseError as error:
            raise self._unavailable(error) from None
        seen = {one["path"]: one for one in listed}
        if fixed == len(self._path):
            below = prefix.rstrip("/")
            names = [
                f"{below}/{name}" if below else name for name in chosen([key.removeprefix(f"{below}/") for key in seen])
            ]
        else:
            names = sorted(key for key in seen if fnmatchcase(key, self._path))
        return [self._found(name, seen[name]["size"], seen[name]["e_tag"]) for name in names]

    def fetch(self, address: str, path: Path) -> None:
        """Copy one file to a path, in bounded memory; raises ``Unavailable``."""
        try:
            found = obstore.get(self._store, address.removeprefix(f"{S3}{self._bucket}/"))
            with path.open("wb") as file:
                for block in found.stream(min_chunk_size=1 << 20):
                    file.write(bytes(block))
        except (BaseError, OSError) as error:
            raise self._unavailable(error) from None

    def _found(self, key: str, size: int, mark: str | None) -> Found:
        address = f"{S3}{self._bucket}/{key}"
        return Found(address, address, size, mark or "")

    def _unavailable(self, error: Exception) -> Unavailable:
        return Unavailable(
            f"{self._place} cannot be read ({type(error).__name__}); see that the server runs, the bucket is there, and "
            "TRIMARAN_S3_ACCESS_KEY and TRIMARAN_S3_SECRET_KEY may list and read it"
        )
