"""Features by key in Redis or Valkey: a hash for each generation, and scripts where a step must be one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import msgspec
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from trimaran.backends.view_faults import never, overtaken, redefined
from trimaran.core.errors import Unavailable
from trimaran.core.nouns import Kept, Standing, View, Written

SECONDS = 5.0
"""How long a server may take to answer before it counts as unavailable."""

_AT_ONCE = 1_000
_STAMP = 20
_ZERO = 2**63

# What a record begins with orders it: two moments as decimals of one width, which every locale sorts alike.
_READ = """
local now = redis.call('HMGET', KEYS[1], 'generation', 'as_of')
if not now[1] then return false end
local found = {}
if #ARGV > 1 then found = redis.call('HMGET', ARGV[1] .. now[1], unpack(ARGV, 2)) end
return {now[1], now[2], found}
"""
_ADVANCE = """
local now = redis.call('HMGET', KEYS[1], 'generation', 'definition')
if now[1] ~= ARGV[2] or now[2] ~= ARGV[3] then return false end
local place, written, refused = ARGV[1] .. now[1], 0, 0
for n = 4, #ARGV, 2 do
  local held, fresh = redis.call('HGET', place, ARGV[n]), ARGV[n + 1]
  if held and string.sub(held, 1, 40) > string.sub(fresh, 1, 40) then
    refused = refused + 1
  elseif not held or string.sub(held, 1, 20) ~= string.sub(fresh, 1, 20) or string.sub(held, 41) ~= string.sub(fresh, 41) then
    redis.call('HSET', place, ARGV[n], fresh)
    written = written + 1
  end
end
return {written, refused}
"""
_SWITCH = """
local now = redis.call('HMGET', KEYS[1], 'generation', 'order')
local there = redis.call('SISMEMBER', KEYS[2], ARGV[1])
if there == 0 or (now[1] and (tonumber(now[1]) > tonumber(ARGV[1]) or now[2] > ARGV[2])) then return false end
redis.call('HSET', KEYS[1], 'generation', ARGV[1], 'order', ARGV[2], 'as_of', ARGV[3], 'definition', ARGV[4],
  'view', ARGV[5], 'sources', ARGV[6])
redis.call('HSET', KEYS[3], ARGV[7], ARGV[8])
redis.call('SADD', KEYS[4], ARGV[9])
return true
"""
_MOVE = """
local now = redis.call('HMGET', KEYS[1], 'generation', 'definition', 'order')
if now[1] ~= ARGV[1] or now[2] ~= ARGV[4] then return false end
if ARGV[2] >= now[3] then
  redis.call('HSET', KEYS[1], 'order', ARGV[2], 'as_of', ARGV[3], 'view', ARGV[5], 'sources', ARGV[6])
end
redis.call('HSET', KEYS[2], ARGV[7], ARGV[8])
return true
"""

_encode = msgspec.json.Encoder().encode
_view_of = msgspec.json.Decoder(View).decode
_written_of = msgspec.json.Decoder(Written).decode


class RedisViews:
    """A ``ViewStore`` on a server that several machines share; as durable as the server is told to be (``appendonly``).

    A read is one round trip, whatever the number of keys. A generation lies in one hash, all names of a view in one slot.
    Names begin with ``prefix``. Raises ``Unavailable`` where the server does not answer within seconds.
    """

    def __init__(self, url: str, *, prefix: str = "trimaran", password: str | None = None) -> None:
        parts = urlsplit(url)
        self._where = f"{parts.scheme}://{parts.hostname}:{parts.port or 6379}{parts.path}"
        self._prefix = prefix
        # Nothing is sent twice by the client: what is done again is done by key.
        self._redis: Any = redis.Redis.from_url(
            url,
            password=password,
            socket_timeout=SECONDS,
            socket_connect_timeout=SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._scripts = {text: self._redis.register_script(text) for text in (_READ, _ADVANCE, _SWITCH, _MOVE)}
        self._views: dict[tuple[str, str, int], View] = {}

    def refresh(self, view: View, batches: Iterable[Sequence[Kept]], *, as_of: int, sources: bytes, key: str) -> Written:
        """Make batches of records the view's new generation, in pipelines, and switch to it in one step."""
        name = self._name(view.product, view.name)
        with self._talking():
            done = self._done(name, key)
            if done is not None:
                return done
            number = int(self._redis.incr(f"{name}:numbers"))
        try:
            count = 0
            self._note(name, number)
            for batch in batches:
                count += len(batch)
                self._put(name, number, batch)
            written = Written(entered=count, written=count)
            self._switch(view, number, as_of, [sources, key, _encode(written)])
        except BaseException:
            with self._talking():
                self._remove(name, number)
            raise
        with self._talking():
            for old in sorted(map(int, self._redis.smembers(f"{name}:generations"))):
                if old < number:
                    self._remove(name, old)
        return written

    def advance(self, view: View, batches: Iterable[Sequence[Kept]], *, as_of: int, sources: bytes, key: str) -> Written:
        """Write records over those of the generation that is read, some at once, each compared where it lies."""
        name = self._name(view.product, view.name)
        with self._talking():
            done = self._done(name, key)
            if done is not None:
                return done
            number = self._redis.hget(f"{name}:current", "generation")
        if number is None:
            raise never(view.product, view.name)
        entered = written = refused = 0
        for batch in batches:
            fresh = list({record.key: record for record in batch}.values())
            for start in range(0, len(fresh), _AT_ONCE):
                part = fresh[start : start + _AT_ONCE]
                records = [piece for record in part for piece in (record.key, _packed(record))]
                told = self._run(_ADVANCE, [f"{name}:current"], [f"{name}:g:", number, view.definition, *records])
                if told is None:
                    raise redefined(view.product, view.name)
                entered, written, refused = entered + len(part), written + told[0], refused + told[1]
        result = Written(entered=entered, written=written, unchanged=entered - written - refused, refused=refused)
        said = (view.definition, _encode(view), sources, key, _encode(result))
        if not self._run(_MOVE, [f"{name}:current", f"{name}:done"], [number, _digits(as_of), as_of, *said]):
            raise redefined(view.product, view.name)
        return result

    def read(self, product: str, view: str, keys: Sequence[bytes]) -> tuple[Standing, list[Kept | None]]:
        """Return how the view stands and what it keeps of some keys, all of one generation."""
        name = self._name(product, view)
        while True:
            numbers, found, as_of = set(), [], 0
            for start in range(0, len(keys) or 1, _AT_ONCE):
                told = self._run(_READ, [f"{name}:current"], [f"{name}:g:", *keys[start : start + _AT_ONCE]])
                if told is None:
                    raise never(product, view)
                numbers.add(int(told[0]))
                as_of = int(told[1])
                found += told[2]
            if len(numbers) > 1:  # refreshed between two parts
                continue
            (number,) = numbers
            known = self._views.get((product, view, number)) or self._view(product, view, number)
            if known is not None:
                standing = Standing(view=known, generation=number, as_of=as_of)
                return standing, [_unpacked(key, data) for key, data in zip(keys, found, strict=True)]

    def standing(self, product: str) -> list[Standing]:
        """Return how each view of a product stands, by name."""
        found = []
        with self._talking():
            for view in sorted(self._redis.smembers(self._names(product))):
                said = self._redis.hgetall(f"{self._name(product, view.decode())}:current")
                if said:
                    found.append(
                        Standing(
                            view=_view_of(said[b"view"]),
                            generation=int(said[b"generation"]),
                            as_of=int(said[b"as_of"]),
                            sources=said[b"sources"],
                        )
                    )
        return found

    def scan(self, product: str, view: str) -> Iterator[Kept]:
        """Yield every record of the generation that is read, in no order, each once."""
        name = self._name(product, view)
        with self._talking():
            number = self._redis.hget(f"{name}:current", "generation")
            if number is None:
                return
            seen: set[bytes] = set()
            for key, data in self._redis.hscan_iter(f"{name}:g:{int(number)}", count=_AT_ONCE):
                record = _unpacked(key, data)
                if record is not None and key not in seen:
                    seen.add(key)
                    yield record

    def drop(self, product: str, view: str) -> int:
        """Remove a view and return how many records that took."""
        name, removed = self._name(product, view), 0
        with self._talking():
            self._redis.srem(self._names(product), view)
            self._redis.delete(f"{name}:current", f"{name}:done")
            for number in self._redis.smembers(f"{name}:generations"):
                removed += int(self._redis.hlen(f"{name}:g:{int(number)}"))
                self._remove(name, int(number))
        return removed

    def scrub(self) -> None:
        """Have the server write its log of writes anew, where it keeps one, without what was removed."""
        with self._talking():
            if self._redis.info("persistence").get("aof_enabled"):
                self._redis.bgrewriteaof()

    def _switch(self, view: View, number: int, as_of: int, said: Sequence[Any]) -> None:
        name = self._name(view.product, view.name)
        keys = [f"{name}:current", f"{name}:generations", f"{name}:done", self._names(view.product)]
        told = [number, _digits(as_of), as_of, view.definition, _encode(view), *said, view.name]
        if not self._run(_SWITCH, keys, told):
            raise overtaken(view.product, view.name)

    def _view(self, product: str, view: str, number: int) -> View | None:
        """Return what a generation is, None when it is not the newest any more."""
        with self._talking():
            generation, said = self._redis.hmget(f"{self._name(product, view)}:current", "generation", "view")
        if generation is None or int(generation) != number:
            return None
        return self._views.setdefault((product, view, number), _view_of(said))

    def _done(self, name: str, key: str) -> Written | None:
        said = self._redis.hget(f"{name}:done", key)
        return _written_of(said) if said is not None else None

    def _note(self, name: str, number: int) -> None:
        with self._talking():
            self._redis.sadd(f"{name}:generations", number)

    def _put(self, name: str, number: int, batch: Sequence[Kept]) -> None:
        with self._talking(), self._redis.pipeline(transaction=False) as pipe:
            for start in range(0, len(batch), _AT_ONCE):
                part = batch[start : start + _AT_ONCE]
                pipe.hset(f"{name}:g:{number}", mapping={record.key: _packed(record) for record in part})
            pipe.execute()

    def _remove(self, name: str, number: int) -> None:
        # The name stays listed until its records are gone: a kill between the two leaves work for the next refresh.
        self._redis.unlink(f"{name}:g:{number}")
        self._redis.srem(f"{name}:generations", number)

    def _run(self, script: str, keys: list[str], arguments: list[Any]) -> Any:
        with self._talking():
            return self._scripts[script](keys=keys, args=arguments)

    @contextmanager
    def _talking(self) -> Iterator[None]:
        try:
            yield
        except redis.RedisError as error:
            what = f"{type(error).__name__}: {error}"
            message = (
                f"the Redis at {self._where} cannot answer ({what}); nothing was acknowledged: see to it, then try again"
            )
            raise Unavailable(message) from error

    def _name(self, product: str, view: str) -> str:
        return f"{self._prefix}:{{{product}/{view}}}"

    def _names(self, product: str) -> str:
        return f"{self._prefix}:views:{product}"


def _digits(moment: int) -> str:
    return f"{moment + _ZERO:0{_STAMP}}"


def _packed(record: Kept) -> bytes:
    return f"{record.event + _ZERO:0{_STAMP}}{record.computed + _ZERO:0{_STAMP}}".encode() + record.body


def _unpacked(key: bytes, data: bytes | None) -> Kept | None:
    if data is None:
        return None
    return Kept(key, int(data[:_STAMP]) - _ZERO, int(data[_STAMP : 2 * _STAMP]) - _ZERO, data[2 * _STAMP :])
