"""The scoring server's application: plain rows, the Open Inference Protocol, and what it counted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, KeysView, Mapping, Sequence
from time import perf_counter
from typing import Any, Protocol
from urllib.parse import unquote

import msgspec

from trimaran.core.errors import Fault, InputError, NotFound, Unavailable
from trimaran.core.nouns import SEGMENTED, name_of
from trimaran.deploy import MAX_BYTES, Answer, Batch, Batcher, Dataplane, RequestReader, Row, TooLarge
from trimaran.doors.http.errors import Problem, WrongMethod, told
from trimaran.doors.http.features import FeatureDoor
from trimaran.doors.http.inference import answers_out, metadata, rows_in
from trimaran.doors.http.metrics import Metrics

ROUTES = (
    "POST /predict/{product}",
    "POST /features/{product}",
    "GET /v2",
    "GET /v2/health/live",
    "GET /v2/health/ready",
    "GET /v2/models/{product}",
    "GET /v2/models/{product}/ready",
    "POST /v2/models/{product}/infer",
    "GET /metrics",
)

_JSON = [("content-type", "application/json")]
_TEXT = [("content-type", "text/plain; version=0.0.4; charset=utf-8")]
_OK, _UNAVAILABLE = 200, 503
_encode = msgspec.json.Encoder().encode

Reply = tuple[int, Any]


class Scope(Protocol):
    """What RSGI tells of a request."""

    method: str
    path: str
    headers: Mapping[str, str]


class Transport(Protocol):
    """What RSGI reads a request from and writes its response to."""

    def __call__(self) -> Awaitable[bytes]:
        """Return the whole body."""
        ...

    def __aiter__(self) -> Any:
        """Yield the body in parts."""
        ...

    def response_bytes(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        """Send the response."""
        ...


class Predicted(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One answer on the wire; ``error`` stands where there is no score.

    ``decision`` is there of a yes or no, ``class`` and ``probabilities`` of several classes, and of a ranking the ``rank``
    among the rows of the group in the request.
    """

    id: str
    score: float | None
    decision: bool | msgspec.UnsetType | None = msgspec.UNSET
    choice: str | msgspec.UnsetType | None = msgspec.field(default=msgspec.UNSET, name="class")
    probabilities: Mapping[str, float] | msgspec.UnsetType = msgspec.UNSET
    rank: int | msgspec.UnsetType = msgspec.UNSET
    version: str
    notes: Sequence[str]
    error: Problem | None = None


class Predictions(msgspec.Struct, frozen=True):
    """The answers to a list of rows, in its order."""

    predictions: list[Predicted]


class Served:
    """One product as the application serves it."""

    def __init__(self, plane: Dataplane, metrics: Metrics) -> None:
        self.plane = plane
        self.name = plane.product
        self._metrics = metrics
        self.batcher = Batcher(plane, saw=self._saw)

    async def read(self, read: Callable[[RequestReader], Any]) -> Any:
        """Return what a reader makes of a request; refuses only by the reader of the newest release."""
        reader = self.plane.reader
        try:
            return read(reader)
        except InputError:
            # The release may have moved to a version that is asked differently; loading it takes a while.
            await asyncio.to_thread(self.plane.refresh)
            if self.plane.reader is reader:
                raise
            return read(self.plane.reader)

    async def answer(self, rows: Sequence[Row]) -> list[Answer]:
        """Return durable answers, and count them."""
        started = perf_counter()
        answers = await self.batcher.ask(rows)
        self._metrics.seconds.add(self.name, perf_counter() - started)
        for each in answers:
            outcome = "answered" if each.score is not None else "failed"
            self._metrics.rows.add(self.name, _counted_as(each.version), each.role, outcome)
        return answers

    def _saw(self, batch: Batch) -> None:
        self._metrics.batches.add(self.name, len(batch.rows))
        if batch.non_finite:
            self._metrics.non_finite.add(self.name, n=batch.non_finite)


class ScoringApp:
    """An RSGI application that scores the rows of some products.

    ``find`` opens the dataplane of a product that was released after the start; it raises ``NotFound``. Not ready while
    it drains; every request that is under way then is still answered. ``features`` answers what features some keys have.
    """

    def __init__(self, planes: Mapping[str, Dataplane], find: Callable[[str], Dataplane], features: FeatureDoor) -> None:
        self.metrics = Metrics()
        self.draining = False
        self._served = {name: Served(plane, self.metrics) for name, plane in planes.items()}
        self._find = find
        self._features = features
        self._finding = asyncio.Lock()
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def __rsgi__(self, scope: Scope, transport: Transport) -> None:
        """Answer one request."""
        self._under_way += 1
        self._idle.clear()
        headers = _JSON
        try:
            status, body = await self._route(scope, transport)
            if isinstance(body, str):
                headers, sent = _TEXT, body.encode()
            else:
                sent = _encode(body)
        except Exception as error:  # noqa: BLE001  the door: whatever happens inside, the caller is told in one shape
            status, wrong = told(error)
            headers = [*_JSON, ("allow", error.allowed)] if isinstance(error, WrongMethod) else _JSON
            sent = _encode(wrong)
            self.metrics.refused.add(self._product_of(scope.path), wrong.error.type)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()
        transport.response_bytes(status, headers, sent)

    @property
    def products(self) -> KeysView[str]:
        """The names of the products that are served, also those that come to be."""
        return self._served.keys()

    async def drained(self, limit: float) -> bool:
        """Wait until no request is under way, for at most some seconds; return whether none is."""
        try:
            async with asyncio.timeout(limit):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def keep_fresh(self) -> None:
        """Keep every product that is served from the start up to date, between its requests, until cancelled."""
        await asyncio.gather(*(served.batcher.keep_fresh() for served in self._served.values()))

    def close(self) -> None:
        """Let the scoring threads end."""
        for served in self._served.values():
            served.batcher.close()

    async def _route(self, scope: Scope, transport: Transport) -> Reply:
        match scope.path.split("/")[1:]:
            case ["predict", product]:
                _only("POST", scope)
                return await self._predict(await self._product(product), await _body(scope, transport))
            case ["features", product]:
                _only("POST", scope)
                return _OK, await self._features.answer(unquote(product), await _body(scope, transport))
            case ["v2", "models", product, "infer"]:
                _only("POST", scope)
                return await self._infer(await self._product(product), await _body(scope, transport))
            case ["v2", "models", product, *rest] if rest in ([], ["ready"]):
                _only("GET", scope)
                return await self._described(await self._product(product), ready=bool(rest))
            case path:
                return self._told(scope, path)

    def _told(self, scope: Scope, path: Sequence[str]) -> Reply:
        """Answer what needs no product."""
        replies: dict[str, Callable[[], Reply]] = {
            "v2": lambda: (_OK, {"name": "trimaran", "extensions": []}),
            "v2/health/live": lambda: (_OK, {"live": True}),
            "v2/health/ready": lambda: (_UNAVAILABLE if self.draining else _OK, {"ready": not self.draining}),
            "metrics": lambda: (_OK, self.metrics.text() + self._features.text()),
        }
        reply = replies.get("/".join(path))
        if reply is None:
            raise NotFound(f"there is nothing at {scope.path[:100]!r}; there are: {', '.join(ROUTES)}")
        _only("GET", scope)
        return reply()

    async def _predict(self, served: Served, body: bytes) -> Reply:
        request = await served.read(lambda reader: reader.read(body))
        answers = await served.answer(request.rows)
        failed = sum(each.score is None for each in answers)
        if failed == len(answers):
            self.metrics.in_vain.add(served.name)
            raise Unavailable(answers[0].error)
        predicted = [_predicted(each) for each in answers]
        return _OK, Predictions(predicted) if request.many else predicted[0]

    async def _infer(self, served: Served, body: bytes) -> Reply:
        name, rows = await served.read(lambda reader: rows_in(served.name, reader, body))
        return _OK, answers_out(served.name, name, await served.answer(rows))

    async def _described(self, served: Served, *, ready: bool) -> Reply:
        lineup = await asyncio.to_thread(served.plane.refresh)
        if ready:
            return _OK, {"name": served.name, "ready": lineup.live is not None}
        return _OK, metadata(served.name, lineup.live, lineup.reader, lineup.task(lineup.live))

    async def _product(self, quoted: str) -> Served:
        name = quoted if quoted in self._served else unquote(quoted)
        if name not in self._served:
            async with self._finding:
                if name not in self._served:
                    plane = await asyncio.to_thread(self._find, name)
                    self._served[name] = Served(plane, self.metrics)
        return self._served[name]

    def _product_of(self, path: str) -> str:
        # Only names that are known: a caller must not be able to grow the metrics.
        return next((unquote(part) for part in path.split("/") if unquote(part) in self._served), "")


async def _body(scope: Scope, transport: Transport) -> bytes:
    length = scope.headers.get("content-length")
    if length is not None and length.isdecimal():
        if int(length) > MAX_BYTES:
            raise _too_large(f"a body of {length[:20]} bytes")
        return await transport()
    parts, size = [], 0
    async for part in transport:
        size += len(part)
        if size > MAX_BYTES:
            raise _too_large("the body goes on after that")
        parts.append(part)
    return b"".join(parts)


def _too_large(what: str) -> TooLarge:
    fault = Fault(what=f"{what}: at most {MAX_BYTES} bytes are taken", remedy="send fewer rows at once")
    return TooLarge("request", [fault])


def _only(method: str, scope: Scope) -> None:
    if scope.method != method:
        raise WrongMethod(scope.method[:20], scope.path[:100], method)


def _predicted(answer: Answer) -> Predicted:
    return Predicted(
        id=answer.id,
        score=answer.score,
        decision=answer.decision if answer.kind == "binary" else msgspec.UNSET,
        choice=answer.choice if answer.kind == "multiclass" else msgspec.UNSET,
        probabilities=msgspec.UNSET if answer.probabilities is None else answer.probabilities,
        rank=msgspec.UNSET if answer.rank is None else answer.rank,
        version=name_of(answer.version),
        notes=answer.notes,
        error=Problem("unavailable", answer.error) if answer.error else None,
    )


def _counted_as(version: int) -> str:
    # A thousand segments would be a thousand series: which model answered is captured, and said in the answer.
    return "segments" if version > SEGMENTED else name_of(version)
