"""Objects on S3-compatible storage, named by their SHA-256; needs the extra ``s3``."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from trimaran.backends.s3_bucket import S3Bucket, Stored
from trimaran.core.canon import canonical
from trimaran.core.canon import digest as digest_of
from trimaran.core.clock import Clock, SystemClock
from trimaran.core.errors import Corrupt, Fault, InputError, NotFound, Unavailable
from trimaran.core.objects import arrive, pour, sizes_of

_DIGEST = re.compile(r"[0-9a-f]{64}")
_INLINE, _PART = 4 << 20, 16 << 20  # bytes of the largest object kept in one piece, and of a part of any other
_AT_ONCE, _PARTS_AT_ONCE = 16, 4  # requests under way: small ones wait for the network, large ones fill the memory
_TICK = timedelta(seconds=1)  # servers keep times by the second
_FRESH, _ABANDONED = timedelta(days=3), timedelta(days=7)  # parts of a broken upload: skipped when it is sent again, swept


class _Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a large object is made of: the digest and size of each part, in order."""

    parts: list[tuple[str, int]]
    form: int = 1

    @property
    def size(self) -> int:
        return sum(size for _, size in self.parts)


class S3Objects:
    """An ``ObjectStore`` below ``s3://bucket/prefix``.

    ``objects/DIGEST`` holds a small object. A large one is the list of its parts in ``whole/DIGEST``, written when all of
    ``parts/DIGEST/DIGEST-OF-THE-PART`` are there: sent again after a break, it skips those. Putting the same bytes again
    renews the time that ``before`` looks at, which servers keep by the second; two requests cannot be made one there, so
    that a ``remove`` with a ``before`` of this very moment may still take what is put during it. For ``endpoint`` and
    ``retries`` see ``S3Bucket``.
    """

    def __init__(
        self,
        url: str,
        *,
        access_key: str,
        secret_key: str,
        endpoint: str | None = None,
        region: str = "us-east-1",
        retries: int = 4,
        part: int = _PART,
        clock: Clock | None = None,
    ) -> None:
        self.bucket = S3Bucket(
            url, access_key=access_key, secret_key=secret_key, endpoint=endpoint, region=region, retries=retries
        )
        self._part = part
        self._clock = clock or SystemClock()

    def put(self, data: bytes) -> str:
        """Store bytes and return their digest once the server has them; raises ``Unavailable`` when it does not."""
        if len(data) <= min(_INLINE, self._part):
            name = digest_of(data)
            self.bucket.write(f"objects/{name}", data)  # also when it is there: as quick as asking, and it heals
            return name
        view = memoryview(data)
        slices = (bytes(view[start : start + self._part]) for start in range(0, len(data), self._part))
        manifest = _Manifest(parts=[(digest_of(part), len(part)) for part in slices])
        return self._send(digest_of(data), manifest, lambda start, size: bytes(view[start : start + size]))

    def put_all(self, values: Sequence[bytes]) -> list[str]:
        """Store values, many at once, and return their digests once the server has all; raises as ``put`` does."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(self.put, values))

    def put_files(self, paths: Sequence[Path]) -> list[str]:
        """Store files and return their digests once the server has all: small ones many at once, large ones in parts.

        Raises ``InputError`` naming every path that is no readable file, or the first that changes meanwhile, and
        ``Unavailable``; what was sent before is skipped the next time.
        """
        inline = min(_INLINE, self._part)
        small = dict.fromkeys(path for path, size in zip(paths, sizes_of(paths), strict=True) if size <= inline)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            names = dict(zip(small, pool.map(lambda path: self.put(path.read_bytes()), small), strict=True))
        for path in dict.fromkeys(paths):
            if path not in names:
                names[path] = self._put_large(path)
        return [names[path] for path in paths]

    def get(self, digest: str) -> bytes:
        """Return the bytes of a digest; raises ``NotFound``, or ``Corrupt`` when the server gives back others."""
        data = b"".join(self._blocks(digest))
        if digest_of(data) != digest:
            raise Corrupt(_changed(self.bucket.url, digest))
        return data

    def fetch(self, digest: str, path: Path) -> None:
        """Write an object to a new file; raises ``NotFound``, ``Corrupt``, and ``Conflict`` when the file is there."""
        arrive(self._blocks(digest), digest, path)

    def has(self, digest: str) -> bool:
        """Tell whether an object was put; a text that is no digest names none."""
        return self._find(digest) is not None

    def size(self, digest: str) -> int:
        """Return the bytes of an object; raises ``NotFound``."""
        found = self._find(digest)
        return found.size if found and found.key.startswith("objects/") else self._manifest(digest).size

    def digests(self, *, before: datetime | None = None) -> Iterator[str]:
        """Yield the digest of every object, but for those put at or after ``before``."""
        for folder in ("objects", "whole"):
            for found in self.bucket.scan(folder):
                if before is None or found.put + _TICK <= before:
                    yield found.key.removeprefix(f"{folder}/")

    def remove(self, digests: Sequence[str], *, before: datetime | None = None) -> int:
        """Remove objects and return how many bytes that freed; what was put at or after ``before`` is passed over."""
        names = list(dict.fromkeys(digest for digest in digests if _DIGEST.fullmatch(digest)))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            freed = sum(pool.map(lambda name: self._remove(name, before), names))
        for name in self.bucket.folders("parts"):  # of uploads that broke a week ago and were not sent again
            if self._find(name) is None:
                self._remove_parts(name, self._clock.now() - _ABANDONED)
        return freed

    def _put_large(self, path: Path) -> str:
        parts: list[tuple[str, int]] = []
        with path.open("rb") as file:
            slices = iter(lambda: file.read(self._part), b"")
            name = pour(slices, lambda part: parts.append((digest_of(part), len(part))))
        return self._send(name, _Manifest(parts=parts), lambda start, size: _slice(path, start, size))

    def _send(self, name: str, manifest: _Manifest, read: Callable[[int, int], bytes]) -> str:
        """Send the parts that are not there, then the list of them; again when a removal took some meanwhile."""
        places, start = {}, 0
        for part, size in manifest.parts:
            places[part] = (start, size)
            start += size
        for _ in range(3):
            there = self._parts(name, whole=self._find(name) is not None)
            missing = [part for part in places if there.get(part) != places[part][1]]
            with ThreadPoolExecutor(_PARTS_AT_ONCE) as pool:
                list(pool.map(lambda part: self._send_part(name, part, read(*places[part])), missing))
            self.bucket.write(f"whole/{name}", canonical(manifest))
            if self._parts(name, whole=True).keys() >= places.keys():
                return name
        message = f"object {name} could not be stored in {self.bucket.url}: its parts are removed while they are sent; try again later"
        raise Unavailable(message)

    def _send_part(self, name: str, part: str, data: bytes) -> None:
        if digest_of(data) != part:
            fault = Fault(
                what=f"the source of object {name} changed while it was stored", remedy="store it when it is still"
            )
            raise InputError("files to store", [fault])
        self.bucket.write(f"parts/{name}/{part}", data)

    def _parts(self, name: str, *, whole: bool) -> dict[str, int]:
        """Return the sizes of an object's parts; without a manifest only of those that no sweep is about to take."""
        oldest = self._clock.now() - _FRESH
        found = self.bucket.scan(f"parts/{name}")
        return {stored.key.rsplit("/", 1)[1]: stored.size for stored in found if whole or stored.put > oldest}

    def _blocks(self, digest: str) -> Iterator[bytes]:
        """Yield the bytes of an object; those of a part only when the part verifies."""
        blocks = self.bucket.stream(f"objects/{digest}") if _DIGEST.fullmatch(digest) else None
        if blocks is not None:
            yield from blocks
            return
        manifest = self._manifest(digest)
        ahead: deque[Future[bytes]] = deque()
        with ThreadPoolExecutor(_PARTS_AT_ONCE) as pool:
            for part, _ in manifest.parts:
                ahead.append(pool.submit(self._part_of, digest, part))
                if len(ahead) == _PARTS_AT_ONCE:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()

    def _part_of(self, digest: str, part: str) -> bytes:
        data = self.bucket.read(f"parts/{digest}/{part}")
        if data is None or digest_of(data) != part:
            raise Corrupt(_changed(self.bucket.url, digest))
        return data

    def _manifest(self, digest: str) -> _Manifest:
        data = self.bucket.read(f"whole/{digest}") if _DIGEST.fullmatch(digest) else None
        if data is None:
            message = f"no object {digest!r} in {self.bucket.url}; an object is named by the 64 hexadecimal digits that put returned"
            raise NotFound(message)
        try:
            return msgspec.json.decode(data, type=_Manifest)
        except msgspec.MsgspecError as error:
            raise Corrupt(_changed(self.bucket.url, digest)) from error

    def _find(self, digest: str) -> Stored | None:
        """Return what the server tells of an object, or of the list of its parts; None when it was not put."""
        if not _DIGEST.fullmatch(digest):
            return None
        return self.bucket.find(f"objects/{digest}") or self.bucket.find(f"whole/{digest}")

    def _remove(self, name: str, before: datetime | None) -> int:
        found = self._find(name)
        if found is not None and before is not None and found.put + _TICK > before:
            return 0
        freed = self.size(name) if found is not None else 0
        self.bucket.remove(f"objects/{name}", f"whole/{name}")  # the list before its parts: there is all of it, or nothing
        self._remove_parts(name, before)
        return freed

    def _remove_parts(self, name: str, before: datetime | None) -> None:
        parts = self.bucket.scan(f"parts/{name}")
        self.bucket.remove(*[found.key for found in parts if before is None or found.put + _TICK <= before])


def _changed(url: str, digest: str) -> str:
    return f"object {digest} in {url} does not have the bytes of its name any more; put the same bytes again from a copy"


def _slice(path: Path, start: int, size: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(size)
